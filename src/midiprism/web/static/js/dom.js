/** Builds elements. Text is only ever set as text, so names from files cannot become markup. */

/**
 * Return a new element. `properties` has attributes, `class`, `text`, `data` (an object), and handlers such as
 * `onclick`; values of null and false are left out. Children are elements or texts.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name === "className" ? "class" : name, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** Return a new SVG element, as `h` does. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child);
  }
}

/** Return an icon of the sprite, hidden from screen readers. */
export function icon(name) {
  const use = svg("use", { href: `/static/icons.svg#${name}` });
  return svg("svg", { class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true" }, use);
}

/** Replace what is in an element. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** Return a button with an icon, and a label for all who do not see it. */
export function iconButton(name, label, onclick, properties = {}) {
  return h(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...properties },
    icon(name),
  );
}

let announcer = null;

/** Have screen readers say a text. */
export function announce(text) {
  announcer ??= document.getElementById("announcer");
  if (announcer) announcer.textContent = text;
}

/** Show a short message at the edge of the page for some seconds, and announce it. */
export function toast(text, { isError = false } = {}) {
  announce(text);
  const shown = h("div", { class: isError ? "toast toast-error" : "toast", text });
  document.body.append(shown);
  setTimeout(() => shown.remove(), isError ? 7000 : 3500);
}

/** Open a dialog that has these parts and a button that closes it; it is removed once it is closed. */
export function openDialog(dialog, ...parts) {
  fill(
    dialog,
    ...parts,
    h(
      "div",
      { class: "dialog-end" },
      h("button", { type: "button", class: "button", text: "Cancel", onclick: () => dialog.close() }),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
