/** Parts that several pages have: heads, facts, commands, errors. */

import { fill, h, iconButton, toast } from "./dom.js";
import { count } from "./format.js";

/** Return the element for a page's content, emptied. */
export function content(...children) {
  const holder = document.getElementById("content");
  holder.setAttribute("aria-busy", "false");
  return fill(holder, ...children);
}

/** Show what went wrong instead of a page. */
export function showFailure(error) {
  content(
    h(
      "div",
      { class: "notice", role: "alert" },
      h("p", { text: error.message }),
      error.hint && h("p", { text: error.hint }),
    ),
  );
}

/** Set the title of the page. */
export function setTitle(text) {
  document.title = `${text} · midiprism`;
}

/** Return the head of a page: name, a line below it, and actions. */
export function head(title, below, ...actions) {
  return h(
    "header",
    { class: "head" },
    h("div", { class: "head-text" }, h("h1", { text: title }), below && h("p", {}, below)),
    h("div", { class: "actions" }, actions),
  );
}

/** Return a section with a heading. */
export const section = (title, ...children) =>
  h("section", { class: "section" }, h("h2", { text: title }), children);

/** Return big facts beside each other: pairs of label and text; those without a text are left out. */
export function chips(pairs) {
  const shown = pairs.filter(([, text]) => text !== null && text !== undefined && text !== "");
  return h(
    "dl",
    { class: "chips" },
    shown.map(([label, text]) => h("div", { class: "chip" }, h("dt", { text: label }), h("dd", { text }))),
  );
}

/** Return a list of facts as the server gives them. */
export function factList(facts) {
  return h(
    "dl",
    { class: "facts" },
    facts.map((fact) =>
      h(
        "div",
        { class: "fact", title: fact.description ?? "" },
        h("dt", { text: fact.label }),
        h("dd", { text: factText(fact) }),
      ),
    ),
  );
}

function factText({ label, value, text, unit }) {
  const shown = Number.isInteger(value) && value >= 10_000 ? count(value) : String(text);
  return unit && !label.endsWith(unit) ? `${shown} ${unit}` : shown;
}

/** Return figures in a row: pairs of label and text. */
export function figures(pairs) {
  return h(
    "dl",
    { class: "figures" },
    pairs
      .filter(([, text]) => text !== "" && text !== null && text !== undefined)
      .map(([label, text]) => h("div", {}, h("dt", { text: label }), h("dd", { text }))),
  );
}

/** Return a command line with a button that copies it. */
export function command(text) {
  return h(
    "div",
    { class: "command" },
    h("code", { text, tabindex: "0" }),
    iconButton("copy", "Copy the command", () => copyText(text, "Command copied")),
  );
}

/** Copy a text, and say so. */
export async function copyText(text, message) {
  try {
    await navigator.clipboard.writeText(text);
    toast(message);
  } catch {
    toast(`The browser does not let this page copy. Here it is: ${text}`, { isError: true });
  }
}
