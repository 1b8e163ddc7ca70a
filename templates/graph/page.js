"use strict";
const nodes = JSON.parse(document.getElementById("data").textContent);
const canvas = document.getElementById("canvas");
const svg = canvas.querySelector("svg");
const panel = document.getElementById("details");
const search = document.getElementById("search");
const boxes = nodes.map((_, at) => document.getElementById("n" + at));
const edges = [...svg.querySelectorAll(".edge")];
const down = nodes.map(() => []);
nodes.forEach((node, at) => node.up.forEach((up) => down[up].push(at)));

// Names and reasons come from files: they are only ever text.
function make(tag, parent, text, kind) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  parent.append(element);
  return element;
}

function fact(list, name, value) {
  if (value === null || value === undefined || value.length === 0) return;
  make("dt", list, name);
  const cell = make("dd", list);
  [].concat(value).forEach((text) => make(name === "Image" ? "code" : "div", cell, text));
}

function links(title, list) {
  if (list.length === 0) return;
  make("h3", panel, title);
  const row = make("div", panel, undefined, "links");
  list.forEach((at) => {
    const button = make("button", row, nodes[at].name, nodes[at].class);
    button.type = "button";
    button.addEventListener("click", () => choose(at, true));
  });
}

function steps(node) {
  make("h3", panel, node.steps.length === 1 ? "Step" : "Steps");
  const list = make("ul", panel, undefined, "steps");
  node.steps.forEach((step) => {
    const item = make("li", list, undefined, step.class);
    const line = make("div", item);
    make("code", line, step.id);
    make("span", line, step.word, "word");
    const numbers = [step.took, step.size].filter((text) => text !== null).join(", ");
    [step.reason, numbers].filter((text) => text !== "").forEach((text) => make("small", item, text));
  });
}

function choose(at, bring) {
  const node = nodes[at];
  boxes.forEach((box, other) => box.classList.toggle("chosen", other === at));
  svg.classList.add("choosing");
  edges.forEach((edge) => {
    const near = Number(edge.dataset.from) === at || Number(edge.dataset.to) === at;
    edge.classList.toggle("near", near);
  });
  panel.replaceChildren();
  make("h2", panel, node.name);
  make("span", panel, node.word, "badge " + node.class);
  const facts = make("dl", panel);
  fact(facts, "Size", node.size);
  fact(facts, "Duration", node.took);
  fact(facts, "Packages", node.packages === null ? null : String(node.packages));
  fact(facts, "Image", node.references);
  fact(facts, "Built on", node.bases);
  steps(node);
  links("Needs", node.up);
  links("Needed by", down[at]);
  history.replaceState(null, "", "#" + encodeURIComponent(node.name));
  if (bring) {
    boxes[at].scrollIntoView({ block: "center", inline: "center" });
    boxes[at].focus({ preventScroll: true });
  }
}

boxes.forEach((box, at) => {
  box.addEventListener("click", () => choose(at, false));
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose(at, false);
    }
  });
});

// Looking for some: by name, or by state.
let state = null;
function find() {
  const wanted = search.value.trim().toLowerCase();
  const found = nodes.map((node) =>
    node.name.toLowerCase().includes(wanted) && (state === null || node.class === state));
  svg.classList.toggle("searching", wanted !== "" || state !== null);
  boxes.forEach((box, at) => box.classList.toggle("found", found[at]));
  return found.indexOf(true);
}
search.addEventListener("input", find);
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && find() >= 0) choose(find(), true);
  if (event.key === "Escape") { search.value = ""; find(); }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  }
});
const counts = [...document.querySelectorAll(".count")];
counts.forEach((button) => button.addEventListener("click", () => {
  state = state === button.dataset.state ? null : button.dataset.state;
  counts.forEach((other) => other.setAttribute("aria-pressed", String(other.dataset.state === state)));
  const first = find();
  if (state !== null && first >= 0) boxes[first].scrollIntoView({ block: "center", inline: "nearest" });
}));

// Larger and smaller, around the point that is looked at.
const [width, height] = [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height];
let scale = 1;
function zoom(to, x, y) {
  const next = Math.min(3, Math.max(0.05, to));
  const [left, top] = [(canvas.scrollLeft + x) / scale, (canvas.scrollTop + y) / scale];
  scale = next;
  svg.setAttribute("width", String(width * scale));
  svg.setAttribute("height", String(height * scale));
  canvas.scrollTo(left * scale - x, top * scale - y);
}
const middle = (factor) => zoom(scale * factor, canvas.clientWidth / 2, canvas.clientHeight / 2);
document.getElementById("in").addEventListener("click", () => middle(1.25));
document.getElementById("out").addEventListener("click", () => middle(0.8));
document.getElementById("fit").addEventListener("click", () =>
  zoom(Math.min(canvas.clientWidth / width, canvas.clientHeight / height, 1), 0, 0));
// At first all layers, if they can be read then.
zoom(Math.min(1, Math.max(0.75, canvas.clientWidth / width)), 0, 0);
canvas.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  const area = canvas.getBoundingClientRect();
  zoom(scale * Math.exp(-event.deltaY / 300), event.clientX - area.left, event.clientY - area.top);
}, { passive: false });

// page.html#nginx opens that one.
function linked() {
  let name = "";
  try { name = decodeURIComponent(location.hash.slice(1)); } catch { return; }
  const at = nodes.findIndex((node) => node.name === name);
  if (at >= 0) choose(at, true);
}
window.addEventListener("hashchange", linked);
linked();
