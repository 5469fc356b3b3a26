// Keys: a control with data-key is its own; `/` searches, `g` and a letter goes to a screen, `?` explains, arrows move between the map's touchpoints.
let going = 0;

function writing(target) {
  return target.closest?.("input, select, textarea, [contenteditable]");
}

function search() {
  const field = document.querySelector("input[type=search]");
  if (field) { field.focus(); field.select(); } else { location.href = document.querySelector("[data-go=p]").href; }
}

function neighbour(cell, [x, y]) {
  const here = cell.getBoundingClientRect();
  const distance = (box) => Math.abs(box.left - here.left) + Math.abs(box.top - here.top);
  return [...document.querySelectorAll(".map .cell")]
    .map((other) => [other, other.getBoundingClientRect()])
    .filter(([, box]) => x ? Math.abs(box.top - here.top) < 3 && (box.left - here.left) * x > 3 : Math.abs(box.left - here.left) < 3 && (box.top - here.top) * y > 3)
    .sort((a, b) => distance(a[1]) - distance(b[1]))[0]?.[0];
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
  const arrow = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
  const cell = document.activeElement?.closest(".map .cell");
  if (arrow && cell) {
    const next = neighbour(cell, arrow);
    if (next) { event.preventDefault(); next.focus(); next.scrollIntoView({ block: "nearest", inline: "center" }); }
  } else if (event.key === "/") { event.preventDefault(); search(); }
  else if (event.key === "?") { event.preventDefault(); document.getElementById("help").togglePopover(); }
  else if (event.key === "g") { going = Date.now(); }
  else if (Date.now() - going < 1200) {
    going = 0;
    const place = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (place) { event.preventDefault(); location.href = place.href; }
  } else {
    const own = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (own) { event.preventDefault(); own.click(); }
  }
});
