/** Searches that are saved under a name, which `@name` stands for in queries. */

import { getJson, send } from "../api.js";
import { fill, h, iconButton, openDialog, toast } from "../dom.js";

const NAME = "[A-Za-z0-9_\\-]{1,64}";

/** The list of saved searches. Fires `query` with the query of one that is chosen as its detail. */
export class SavedSearches extends EventTarget {
  constructor(holder) {
    super();
    this.holder = holder;
  }

  /** Show what is saved now. */
  async show() {
    let searches = [];
    try {
      searches = await getJson("/api/searches");
    } catch {
      // The counts below are of use without them.
    }
    this.holder.hidden = searches.length === 0;
    fill(
      this.holder,
      h("h2", { text: "Saved searches" }),
      h(
        "ul",
        { class: "facet-values" },
        searches.map((one) => this.#row(one)),
      ),
    );
  }

  #row({ name, query }) {
    const choose = () => this.dispatchEvent(new CustomEvent("query", { detail: query }));
    return h(
      "li",
      { class: "saved-search" },
      h(
        "button",
        { type: "button", class: "facet-value", title: query, onclick: choose },
        h("span", { class: "facet-label", text: `@${name}` }),
      ),
      iconButton("remove", `Delete the search ${name}`, () => this.#change("DELETE", `/api/searches/${name}`)),
    );
  }

  /** Ask for a name, and save a query under it. */
  save(query) {
    const input = h("input", {
      type: "text",
      required: true,
      pattern: NAME,
      "aria-label": "Name of the search",
      placeholder: "slow-pianos",
    });
    const dialog = h("dialog", { "aria-labelledby": "dialog-title" });
    openDialog(
      dialog,
      h("h2", { id: "dialog-title", text: "Save the search" }),
      h("p", {
        class: "muted",
        text: "From now on @name stands for it, here and in midiprism list. A name has letters, digits, - and _.",
      }),
      h(
        "form",
        { method: "dialog", onsubmit: () => this.#change("POST", "/api/searches", { name: input.value, query }) },
        input,
        h("button", { class: "button button-main", text: "Save" }),
      ),
    );
  }

  async #change(method, path, body) {
    try {
      await send(method, path, body);
    } catch (error) {
      toast(error.message, { isError: true });
    }
    await this.show();
  }
}
