// The drawer opens when htmx has filled it, or at once when the address asks for it; closing takes it out of the address.
let opener = null;

const drawer = () => document.getElementById("drawer");

function open() {
  const panel = drawer();
  if (!panel.matches(":popover-open")) panel.showPopover();
  panel.querySelector("[data-focus]")?.focus();
}

document.addEventListener("htmx:before:request", (event) => {
  const source = event.detail.ctx?.sourceElement;
  if (source?.getAttribute("hx-target") === "#drawer" && !drawer().contains(source)) opener = source;
});

document.addEventListener("htmx:after:swap", (event) => {
  const target = event.detail.ctx?.target ?? event.target;
  if (target?.id === "drawer") open();
});

document.addEventListener("toggle", (event) => {
  if (event.target.id !== "drawer" || event.newState !== "closed") return;
  const address = new URL(location.href);
  if (address.searchParams.has("open")) {
    address.searchParams.delete("open");
    history.replaceState(history.state, "", address);
  }
  if (opener?.isConnected) opener.focus();
  opener = null;
}, true);

if (drawer()?.querySelector("[data-focus]")) open();
