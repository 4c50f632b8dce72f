/** The box for queries: completion, and errors where they are. */

import { getJson } from "../api.js";
import { fill, h } from "../dom.js";
import { count } from "../format.js";

const TYPING_MS = 140;

/** Fires `query` with `detail: {query, isTyping}` when what is asked for changes, and `leave` on arrow down. */
export class QueryBox extends EventTarget {
  #choices = [];
  #span = null;
  #at = -1;
  #timer = null;
  #request = null;

  constructor(holder) {
    super();
    this.input = h("input", {
      id: "query",
      type: "search",
      class: "query-input",
      role: "combobox",
      autocomplete: "off",
      spellcheck: "false",
      autocapitalize: "off",
      enterkeyhint: "search",
      "aria-label": "Search tracks",
      "aria-expanded": "false",
      "aria-controls": "query-choices",
      "aria-autocomplete": "list",
      "aria-describedby": "query-message",
      placeholder: "Search: moon  family:bass  key:Dm  bpm:85..95",
    });
    this.mirror = h("div", { class: "query-mirror", "aria-hidden": "true" });
    this.list = h("ul", {
      id: "query-choices",
      class: "query-choices",
      role: "listbox",
      "aria-label": "Completions",
      hidden: true,
    });
    this.message = h("p", { id: "query-message", class: "query-message", role: "status" });
    fill(holder, h("div", { class: "query-frame" }, this.mirror, this.input, this.list), this.message);
    this.#listen();
  }

  get query() {
    return this.input.value.trim();
  }

  /** Set the text, without asking for anything. */
  setQuery(query) {
    this.input.value = query;
    this.#close();
    this.showError(null);
  }

  /** Mark what is wrong with the query, and say it; null for nothing. */
  showError(error) {
    this.input.setAttribute("aria-invalid", String(Boolean(error)));
    this.message.classList.toggle("is-error", Boolean(error));
    if (!error) {
      this.mirror.replaceChildren();
      this.message.textContent = "";
      return;
    }
    const text = this.input.value;
    const start = error.start ?? 0;
    const end = Math.max(start + 1, error.end ?? text.length);
    fill(this.mirror, text.slice(0, start), h("mark", { text: text.slice(start, end) || " " }), text.slice(end));
    this.mirror.scrollLeft = this.input.scrollLeft;
    this.message.textContent = [error.message, error.hint].filter(Boolean).join(" ");
  }

  /** Show words below the box that are no error. */
  showHint(text) {
    if (!this.message.classList.contains("is-error")) this.message.textContent = text;
  }

  #listen() {
    const { input } = this;
    input.addEventListener("input", () => {
      this.showError(null);
      clearTimeout(this.#timer);
      // A field without its value yet is no error.
      if (!/[:,]$/u.test(this.query)) this.#timer = setTimeout(() => this.#ask(true), TYPING_MS);
      this.#complete();
    });
    input.addEventListener("keydown", (event) => this.#key(event));
    input.addEventListener("scroll", () => (this.mirror.scrollLeft = input.scrollLeft));
    input.addEventListener("blur", () => setTimeout(() => this.#close(), 120));
    input.addEventListener("search", () => this.#ask(false));
  }

  #ask(isTyping) {
    clearTimeout(this.#timer);
    this.dispatchEvent(new CustomEvent("query", { detail: { query: this.query, isTyping } }));
  }

  #key(event) {
    const isOpen = !this.list.hidden;
    if (event.key === "ArrowDown" && isOpen) this.#move(1);
    else if (event.key === "ArrowUp" && isOpen) this.#move(-1);
    else if (event.key === "ArrowDown") this.dispatchEvent(new Event("leave"));
    else if (event.key === "Escape" && isOpen) this.#close();
    else if ((event.key === "Enter" || event.key === "Tab") && isOpen && this.#at >= 0)
      this.#take(this.#choices[this.#at]);
    else if (event.key === "Enter") {
      this.#close();
      this.#ask(false);
    } else return;
    event.preventDefault();
  }

  async #complete() {
    this.#request?.abort();
    const { signal } = (this.#request = new AbortController());
    try {
      const answer = await getJson("/api/complete", { q: this.input.value, at: this.input.selectionStart }, signal);
      this.#span = [answer.start, answer.end];
      this.#choices = answer.choices.slice(0, 10);
      this.#show();
    } catch (error) {
      if (error.name !== "AbortError") this.#close();
    }
  }

  #show() {
    this.#at = -1;
    const typed = this.input.value.slice(...this.#span);
    const isDone = this.#choices.length === 1 && this.#choices[0].text === typed;
    if (!this.#choices.length || isDone || document.activeElement !== this.input) return this.#close();
    fill(
      this.list,
      this.#choices.map((choice, index) =>
        h(
          "li",
          {
            id: `choice-${index}`,
            role: "option",
            class: "query-choice",
            "aria-selected": "false",
            onpointerdown: (event) => {
              event.preventDefault();
              this.#take(choice);
            },
          },
          h("span", { text: choice.text }),
          h("small", { text: choice.label && choice.label !== choice.text ? choice.label : "" }),
          h("small", {
            class: "figure",
            text: choice.count === null || choice.count === undefined ? "" : count(choice.count),
          }),
        ),
      ),
    );
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
  }

  #move(step) {
    this.#at = (this.#at + step + this.#choices.length) % this.#choices.length;
    [...this.list.children].forEach((item, index) =>
      item.setAttribute("aria-selected", String(index === this.#at)),
    );
    this.input.setAttribute("aria-activedescendant", `choice-${this.#at}`);
  }

  #take(choice) {
    const [start, end] = this.#span;
    const isField = choice.text.endsWith(":");
    const rest = this.input.value.slice(end);
    const text = choice.text + (isField || rest.startsWith(" ") ? "" : " ");
    this.input.value = this.input.value.slice(0, start) + text + rest;
    const caret = start + text.length;
    this.input.setSelectionRange(caret, caret);
    this.#close();
    clearTimeout(this.#timer);
    if (isField) this.#complete();
    else this.#ask(true);
  }

  #close() {
    this.#request?.abort();
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }
}
