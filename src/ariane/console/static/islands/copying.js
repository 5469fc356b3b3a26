// <share-link> copies the address, which holds the whole state of the screen; <copy-text> what its button carries.
class Copies extends HTMLElement {
  connectedCallback() { this.addEventListener("click", this); }
  text() { return location.href; }
  async handleEvent() {
    const button = this.querySelector("button"), said = button.querySelector("span"), before = button.dataset.said ??= said.textContent;
    try { await navigator.clipboard.writeText(this.text(button)); } catch { return prompt(before, this.text(button)); }
    said.textContent = button.dataset.done;
    clearTimeout(this.later);
    this.later = setTimeout(() => { said.textContent = before; }, 1800);
  }
}
customElements.define("share-link", Copies);
customElements.define("copy-text", class extends Copies { text(button) { return button.dataset.text; } });
