// <live-feed src>: puts each line the server streams at the top, keeps 200, and can be paused.
const KEPT = 200;

customElements.define("live-feed", class extends HTMLElement {
  connectedCallback() {
    this.lines = this.querySelector("[data-lines]");
    this.waiting = [];
    this.button = this.querySelector("[data-pause]");
    this.button.addEventListener("click", () => this.pause(this.button.getAttribute("aria-pressed") !== "true"));
    this.source = new EventSource(this.getAttribute("src"));
    this.source.addEventListener("line", (event) => this.paused ? this.hold(event.data) : this.put(event.data));
    this.source.addEventListener("tally", (event) => { this.querySelector("[data-tally]").textContent = event.data; });
    addEventListener("pagehide", () => this.source.close(), { once: true });
  }
  disconnectedCallback() { this.source?.close(); }
  hold(line) { this.waiting.push(line); this.waiting.splice(0, this.waiting.length - KEPT); this.say(); }
  put(line) {
    this.querySelector("[data-empty]")?.remove();
    const box = document.createElement("template");
    box.innerHTML = line;
    const item = box.content.firstElementChild;
    item.classList.add("new");
    this.lines.prepend(item);
    while (this.lines.children.length > KEPT) this.lines.lastElementChild.remove();
  }
  pause(on) {
    this.paused = on;
    this.button.setAttribute("aria-pressed", String(on));
    if (!on) { this.waiting.forEach((line) => this.put(line)); this.waiting = []; }
    this.say();
  }
  say() {
    const { on, off } = this.button.dataset, more = this.waiting.length ? ` (${this.waiting.length} ${this.dataset.more})` : "";
    this.button.querySelector("span").textContent = this.paused ? off + more : on;
  }
});
