// <share-link>: copies the address, which holds the whole state of the screen.
customElements.define("share-link", class extends HTMLElement {
  connectedCallback() { this.addEventListener("click", this); }
  async handleEvent() {
    const button = this.querySelector("button"), said = button.querySelector("span"), before = button.dataset.said ??= said.textContent;
    try { await navigator.clipboard.writeText(location.href); } catch { return prompt(before, location.href); }
    said.textContent = button.dataset.done;
    clearTimeout(this.later);
    this.later = setTimeout(() => { said.textContent = before; }, 1800);
  }
});
