// <live-feed src>: puts each line the server streams at the top, keeps 200, can be paused, and follows its address.
const KEPT = 200;

customElements.define("live-feed", class extends HTMLElement {
  static observedAttributes = ["src"];
  connectedCallback() {
    this.waiting = [];
    this.addEventListener("click", (event) => {
      const button = event.target.closest("[data-pause]");
      if (button) this.pause(button.getAttribute("aria-pressed") !== "true");
    });
    addEventListener("pagehide", () => this.source?.close(), { once: true });
    this.listen();
  }
  disconnectedCallback() { this.source?.close(); }
  attributeChangedCallback(_name, before, after) { if (this.isConnected && before !== null && before !== after) { this.waiting = []; this.paused = false; this.listen(); } }
  get button() { return this.querySelector("[data-pause]"); }
  listen() {
    this.source?.close();
    this.source = new EventSource(this.getAttribute("src"));
    this.source.addEventListener("line", (event) => this.paused ? this.hold(event.data) : this.put(event.data));
    this.source.addEventListener("tally", (event) => { this.querySelector("[data-tally]").textContent = event.data; });
  }
  hold(line) { this.waiting.push(line); this.waiting.splice(0, this.waiting.length - KEPT); this.say(); }
  put(line) {
    this.querySelector("[data-empty]")?.remove();
    const box = document.createElement("template"), lines = this.querySelector("[data-lines]");
    box.innerHTML = line;
    const item = box.content.firstElementChild;
    item.classList.add("new");
    lines.prepend(item);
    globalThis.htmx?.process(item);
    while (lines.children.length > KEPT) lines.lastElementChild.remove();
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
