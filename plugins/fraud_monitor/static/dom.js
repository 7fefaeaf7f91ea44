// Elements from code: texts are always set as text, never as markup.

export function h(tag, attributes = {}, ...children) {
  const namespace = SVG.has(tag) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
  const element = document.createElementNS(namespace, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style")
      for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

const SVG = new Set(["svg", "circle", "line", "rect", "text", "g"]);

export function announce(text) {
  document.getElementById("live").textContent = text;
}

export function card(title, body, note) {
  return h("section", { class: "card" }, h("h2", {}, title), note && h("p", { class: "quiet" }, note), body);
}

export function empty(title, text) {
  return h("div", { class: "empty" }, h("p", { class: "empty-title" }, title), h("p", { class: "quiet" }, text));
}

// A figure with its name and what it means.
export function tile(title, figure, ...more) {
  return h("section", { class: "card" }, h("h2", {}, title), h("p", { class: "figure-big" }, figure), ...more);
}

export function quiet(...text) {
  return h("p", { class: "quiet" }, ...text);
}

export function pill(text, kind) {
  return h("span", { class: `pill ${kind}` }, text);
}

// A table whose columns say how they read and align: {title, show(row), number}.
export function table(columns, rows, caption) {
  const head = columns.map((column) => h("th", { scope: "col", class: column.number ? "number" : null }, column.title));
  const body = rows.map((row) =>
    h(
      "tr",
      {},
      columns.map((column) => h("td", { class: column.number ? "number" : null }, column.show(row))),
    ),
  );
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "unseen" }, caption), h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)),
  );
}
