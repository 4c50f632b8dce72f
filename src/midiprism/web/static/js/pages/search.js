/** The search page. Its address is the query. */

import { getWhenMade, takeFirstAnswer } from "../api.js";
import { addToCollection } from "../collection_dialog.js";
import { fill, h, icon } from "../dom.js";
import { count } from "../format.js";
import { pendingNote } from "../pending.js";
import { player } from "../player/player.js";
import { Facets } from "../search/facets.js";
import { QueryBox } from "../search/query_box.js";
import { hasField, sortedBy, sortOf, withoutField } from "../search/query_text.js";
import { SavedSearches } from "../search/saved_searches.js";
import { COLUMNS, fillTrackRow, nameOf, newTrackRow, rowHeight, showPlaying } from "../search/track_rows.js";
import { VirtualList } from "../search/virtual_list.js";

const PREFETCH_MS = 90;

export async function start() {
  const page = new SearchPage();
  const shown = page.open(queryOfAddress(), history.state?.selected ?? -1, takeFirstAnswer());
  page.saved.show();
  await shown;
}

const isPlaying = (track) => track !== null && player.isPlaying(`track ${track.digest}`);
const markPlaying = (row, track) => showPlaying(row, nameOf(track), isPlaying(track));
const queryOfAddress = () => new URLSearchParams(location.search).get("q") ?? "";

class SearchPage {
  #query = "";
  #request = null;
  #isTyping = false;
  #prefetchTimer = null;

  constructor() {
    this.box = new QueryBox(document.getElementById("query-box"));
    this.facets = new Facets(document.getElementById("facets"));
    this.saved = new SavedSearches(document.getElementById("saved-searches"));
    this.counter = document.getElementById("results-count");
    this.list = new VirtualList(document.getElementById("results"), {
      label: "Tracks",
      header: this.#header(),
      rowHeight,
      newRow: newTrackRow,
      fillRow: (row, data) => fillTrackRow(row, data, isPlaying(data)),
      fetchPage: async (offset, limit, signal) =>
        (await getWhenMade("/api/search", { q: this.#query, offset, limit, facets: 0 }, signal)).tracks,
    });
    this.#buildTools();
    this.#listen();
  }

  /** Show a query, with a row selected if one was; `answer` is what it finds, if that is known. */
  async open(query, selected = -1, answer = null) {
    this.box.setQuery(query);
    await this.#show(query, answer);
    if (selected >= 0) this.list.select(selected);
  }

  #header() {
    const head = (name, title, field) =>
      h(
        "span",
        { role: "columnheader", class: name },
        field
          ? h("button", {
              type: "button",
              class: "sort-button",
              tabindex: "-1",
              text: title,
              data: { field },
              onclick: () => this.#ask(sortedBy(this.#query, field)),
            })
          : h("span", { class: "visually-hidden", text: title }),
      );
    const columns = COLUMNS.map(([field, title, name]) => head(name, title, field));
    return h(
      "div",
      { role: "rowgroup", class: "list-head-group" },
      h(
        "div",
        { class: "list-head", role: "row" },
        head("cell-play", "Play"),
        columns,
        head("cell-thumb", "Notes of the track"),
      ),
    );
  }

  #buildTools() {
    const toggle = document.getElementById("facets-toggle");
    toggle.addEventListener("click", () => {
      const isOpen = toggle.parentElement.classList.toggle("is-open");
      toggle.setAttribute("aria-expanded", String(isOpen));
    });
    const tool = (name, text, onclick) =>
      h("button", { type: "button", class: "button", disabled: true, onclick }, icon(name), text);
    const chosen = () => this.list.dataAt(this.list.selected);
    this.rowTools = [
      tool("song", "Similar tracks", () => this.#ask(`like:${chosen().digest.slice(0, 16)}`)),
      tool("add", "Add to collection", () => addToCollection([chosen().digest])),
    ];
    this.saveButton = tool("save", "Save search", () => this.saved.save(this.#query));
    fill(document.getElementById("results-tools"), this.saveButton, this.rowTools);
  }

  #listen() {
    this.box.addEventListener("query", ({ detail }) => this.#ask(detail.query, detail.isTyping));
    this.box.addEventListener("leave", () => this.#enterList());
    this.facets.addEventListener("query", ({ detail }) => this.#ask(detail));
    this.saved.addEventListener("query", ({ detail }) => this.#ask(detail));
    this.list.addEventListener("select", ({ detail }) => this.#selected(detail));
    this.list.addEventListener("open", ({ detail }) => (location.href = `/tracks/${detail.data.digest}`));
    this.list.addEventListener("play", ({ detail }) => player.toggle(player.itemOfRow(detail.data)));
    this.list.addEventListener("failure", ({ detail }) => this.#fail(detail));
    player.addEventListener("change", () => this.list.eachRow(markPlaying));
    addEventListener("popstate", (event) => this.open(queryOfAddress(), event.state?.selected ?? -1));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.target.closest("input, select, dialog")) return;
      event.preventDefault();
      this.box.input.select();
    });
  }

  #enterList() {
    if (!this.list.total) return;
    this.list.element.focus();
    if (this.list.selected < 0) this.list.select(0);
  }

  /** Ask for another query. While someone types, one entry of the history is enough. */
  #ask(query, isTyping = false) {
    if (!isTyping) this.box.setQuery(query);
    if (query === this.#query) {
      this.#isTyping = isTyping && this.#isTyping;
      return;
    }
    const address = query ? `/?${new URLSearchParams({ q: query })}` : "/";
    if (isTyping && this.#isTyping) history.replaceState({ selected: -1 }, "", address);
    else history.pushState({ selected: -1 }, "", address);
    this.#isTyping = isTyping;
    this.#show(query);
  }

  async #show(query, known = null) {
    this.#query = query;
    this.#request?.abort();
    const { signal } = (this.#request = new AbortController());
    let note = null;
    const showPending = (pending) => {
      note ??= this.#showPending();
      note.show(pending);
    };
    try {
      const parameters = { q: query, offset: 0, limit: 50 };
      const answer = known ?? (await getWhenMade("/api/search", parameters, signal, showPending));
      this.box.showError(null);
      this.#showAnswer(answer);
      await this.#showWiderFacets(query, answer.facets, signal);
    } catch (error) {
      if (error.name !== "AbortError") this.#fail(error);
    }
  }

  /** Show that the search is being prepared instead of rows; return the note that says how far that is. */
  #showPending() {
    const note = pendingNote();
    this.counter.textContent = "";
    this.#showInsteadOfRows(note.element);
    return note;
  }

  #showInsteadOfRows(element) {
    this.#showRows();
    this.list.element.hidden = true;
    this.list.element.after(h("div", { class: "empty" }, element));
  }

  #showRows() {
    this.list.element.parentElement.querySelector(".empty")?.remove();
    this.list.element.hidden = false;
  }

  #showAnswer(answer) {
    for (const button of this.rowTools) button.disabled = true;
    this.saveButton.disabled = !this.#query;
    this.list.reset(answer.total, answer.tracks);
    const words = answer.total === 1 ? " track" : " tracks";
    fill(this.counter, h("b", { text: count(answer.total) }), words);
    this.counter.title = `${answer.took_ms} ms`;
    this.facets.show(answer.facets, this.#query);
    this.#showSort();
    if (answer.total === 0) this.#showInsteadOfRows(this.#emptyNote(answer));
    else this.#showRows();
  }

  #emptyNote(answer) {
    return [
      h("strong", { text: "No track passes this query" }),
      h("p", { text: answer.hint ?? "Take out a term, or clear the box to see all tracks." }),
    ];
  }

  /** Count the values of fields that the query restricts as if it did not, so that others can be chosen. */
  async #showWiderFacets(query, facets, signal) {
    const restricted = facets.filter((facet) => hasField(query, facet.name));
    if (!restricted.length) return;
    const wider = await Promise.all(
      restricted.map(async ({ name }) => {
        const answer = await getWhenMade("/api/search", { q: withoutField(query, name), limit: 0 }, signal);
        return answer.facets.find((facet) => facet.name === name);
      }),
    );
    this.facets.show(
      facets.map((facet) => wider.find((one) => one?.name === facet.name) ?? facet),
      query,
    );
  }

  #showSort() {
    const sort = sortOf(this.#query);
    for (const button of document.querySelectorAll(".sort-button")) {
      const isOn = sort?.field === button.dataset.field;
      if (isOn) button.parentElement.setAttribute("aria-sort", sort.isDescending ? "descending" : "ascending");
      else button.parentElement.removeAttribute("aria-sort");
    }
  }

  #fail(error) {
    this.#showRows();
    this.box.showError(error);
    if (error.start === null || error.start === undefined) this.counter.textContent = "";
  }

  #selected({ index, data }) {
    for (const button of this.rowTools) button.disabled = false;
    history.replaceState({ selected: index }, "");
    clearTimeout(this.#prefetchTimer);
    this.#prefetchTimer = setTimeout(() => player.prefetch(player.itemOfRow(data)), PREFETCH_MS);
  }
}
