/** Counts beside a search. A click on a value puts its term into the query, or takes it out. */

import { fill, h } from "../dom.js";
import { count, shortCount } from "../format.js";
import { histogram } from "./histogram.js";
import { fieldOf, hasField, hasTerm, tokenize, toggled, withOnly, withoutField } from "./query_text.js";

const SHOWN = 8;

/** Fires `query` with the new query as its detail. */
export class Facets extends EventTarget {
  #opened = new Set();

  constructor(holder) {
    super();
    this.holder = holder;
  }

  /** Show facets of a query. */
  show(facets, query) {
    const focused = document.activeElement?.dataset?.key;
    fill(
      this.holder,
      facets.filter((facet) => facet.counts.length).map((facet) => this.#section(facet, query)),
    );
    if (focused) this.holder.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  #ask(query) {
    this.dispatchEvent(new CustomEvent("query", { detail: query }));
  }

  #section(facet, query) {
    const isChosen = hasField(query, facet.name);
    const clear = h("button", {
      type: "button",
      class: "text-button",
      text: "clear",
      "aria-label": `Clear ${facet.label}`,
      hidden: !isChosen,
      onclick: () => this.#ask(withoutField(query, facet.name)),
    });
    const content = facet.is_histogram ? this.#histogram(facet, query) : this.#values(facet, query);
    return h("section", { class: "facet" }, h("h2", {}, h("span", { text: facet.label }), clear), content);
  }

  #values(facet, query) {
    const isOpen = this.#opened.has(facet.name);
    const chosen = facet.counts.filter((one) => hasTerm(query, one.term));
    const others = facet.counts.filter((one) => !chosen.includes(one));
    const counts = [...chosen, ...others];
    const shown = isOpen ? counts : counts.slice(0, Math.max(SHOWN, chosen.length));
    const most = Math.max(1, ...counts.map((one) => one.count));
    const list = h(
      "ul",
      { class: "facet-values" },
      shown.map((one) => this.#value(facet, one, query, most)),
    );
    if (counts.length <= shown.length && !isOpen) return list;
    const word = isOpen ? "fewer" : `${counts.length - shown.length} more`;
    const more = h("button", {
      type: "button",
      class: "text-button facet-more",
      text: word,
      "aria-expanded": String(isOpen),
      "aria-label": `${word} values of ${facet.label}`,
      onclick: () => {
        this.#opened[isOpen ? "delete" : "add"](facet.name);
        const section = this.#section(facet, query);
        more.closest(".facet").replaceWith(section);
        section.querySelector(".facet-more")?.focus();
      },
    });
    return h("div", {}, list, more);
  }

  #value(facet, one, query, most) {
    const isOn = hasTerm(query, one.term);
    const share = h("i", { class: "facet-share" });
    share.style.width = `${(100 * one.count) / most}%`;
    return h(
      "li",
      {},
      h(
        "button",
        {
          type: "button",
          class: "facet-value",
          "aria-pressed": String(isOn),
          data: { key: `${facet.name} ${one.term}` },
          title: one.label,
          onclick: () => this.#ask(toggled(query, facet.name, one.term)),
        },
        share,
        h("span", { class: "facet-label", text: one.label }),
        h("span", { class: "figure", text: shortCount(one.count), title: count(one.count) }),
      ),
    );
  }

  #histogram(facet, query) {
    const range = rangeOf(query, facet.name);
    const isIn = (one) =>
      range !== null && (one.end ?? Infinity) > range[0] && (one.value ?? -Infinity) <= range[1];
    return histogram(facet, isIn, (first, last) => {
      if (!first) return this.#ask(withoutField(query, facet.name));
      const low = first.term.slice(first.term.indexOf(":") + 1).split("..")[0];
      const high = last.term
        .slice(last.term.indexOf(":") + 1)
        .split("..")
        .at(-1);
      this.#ask(withOnly(query, facet.name, `${facet.name}:${low}..${high}`));
    });
  }
}

/** Return the ends of the range that a query has in a field, or null. */
function rangeOf(query, field) {
  for (const { text, isComma } of tokenize(query)) {
    if (isComma || fieldOf(text) !== field) continue;
    const value = text.slice(text.indexOf(":") + 1);
    const [low, high] = value.includes("..") ? value.split("..") : [value, value];
    return [low === "" ? -Infinity : parseFloat(low), high === "" ? Infinity : parseFloat(high)];
  }
  return null;
}
