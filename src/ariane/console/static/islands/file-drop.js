// <file-drop data-to>: sends the chosen or dropped file as it is, shows how far it is, and goes where the answer says.
customElements.define("file-drop", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", (event) => this.send(event.target.files[0]));
    for (const name of ["dragover", "dragleave", "drop"]) this.addEventListener(name, (event) => {
      event.preventDefault();
      this.toggleAttribute("data-over", name === "dragover");
      if (name === "drop") this.send(event.dataTransfer.files[0]);
    });
  }
  send(file) {
    if (!file) return;
    const bar = this.querySelector("progress"), problem = this.querySelector("[role=alert]"), sending = new XMLHttpRequest();
    bar.hidden = false;
    problem.hidden = true;
    const address = new URL(this.dataset.to, location.href);
    address.searchParams.set("name", file.name);
    sending.upload.addEventListener("progress", (event) => { if (event.lengthComputable) bar.value = event.loaded / event.total; });
    sending.addEventListener("loadend", () => {
      let said = {};
      try { said = JSON.parse(sending.responseText); } catch { /* the server is gone: said below */ }
      if (sending.status === 201) { location.href = said.href; return; }
      bar.hidden = true;
      problem.hidden = false;
      problem.textContent = said.message ?? sending.statusText ?? "×";
    });
    sending.open("POST", address);
    sending.send(file);
  }
});
