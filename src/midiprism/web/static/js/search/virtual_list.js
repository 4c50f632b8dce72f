/**
 * A list of any length of which only the visible rows exist. Its rows are fetched by pages.
 *
 * Browsers limit the height of elements. A longer list has a lower one, and an offset between where the browser has
 * scrolled to and where the list is: small movements go row by row, jumps go by share.
 */

import { h } from "../dom.js";

const PAGE = 50;
const MAX_HEIGHT = 6_000_000;
const MAX_PAGES = 60;
/** The height that is filled with rows before the browser has laid out anything, which to ask for would delay them. */
const FIRST_VIEW_HEIGHT = 600;

/**
 * `options`: `header` (an element), `label`, `rowHeight()`, `newRow()` (an element), `fillRow(row, data or null)`,
 * `fetchPage(offset, limit, signal)`. Fires `select`, `open` and `play` with `detail: {index, data}`.
 */
export class VirtualList extends EventTarget {
  #pages = new Map();
  #requests = new Map();
  #rows = new Map();
  #spare = [];
  #total = 0;
  #offset = 0;
  #lastTop = 0;
  #selected = -1;
  #isStale = false;
  #viewHeight = FIRST_VIEW_HEIGHT;
  #generation = 0;

  constructor(holder, options) {
    super();
    this.options = options;
    this.body = h("div", { class: "list-space", role: "rowgroup" });
    this.element = h(
      "div",
      { class: "list", role: "grid", tabindex: "0", "aria-label": options.label },
      options.header,
      this.body,
    );
    holder.append(this.element);
    this.element.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.element.addEventListener("scrollend", () => this.#settle());
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.body.addEventListener("click", (event) => this.#click(event));
    this.body.addEventListener("dblclick", (event) => this.#fire("open", this.#indexAt(event)));
    new ResizeObserver(() => this.#resized()).observe(this.element);
  }

  get selected() {
    return this.#selected;
  }

  get total() {
    return this.#total;
  }

  /** Show another list, with its first page if it is known. */
  reset(total, firstPage = null) {
    this.#generation += 1;
    for (const request of this.#requests.values()) request.abort();
    this.#requests.clear();
    this.#pages.clear();
    if (firstPage) this.#pages.set(0, firstPage);
    this.#total = total;
    this.#selected = -1;
    this.#offset = 0;
    this.#lastTop = 0;
    if (this.#rows.size) this.element.scrollTop = 0;
    this.element.setAttribute("aria-rowcount", String(total + 1));
    for (const index of [...this.#rows.keys()]) this.#drop(index);
    this.#setHeight();
    this.#draw(0);
  }

  /** Select a row, and bring it into view. */
  select(index, { isQuiet = false } = {}) {
    if (!this.#total) return;
    this.#selected = Math.max(0, Math.min(this.#total - 1, index));
    this.#readHeight(); // which is not known yet if a page comes with a row selected
    this.#reveal(this.#selected);
    this.#draw();
    this.element.setAttribute("aria-activedescendant", `row-${this.#selected}`);
    if (!isQuiet) this.#fire("select", this.#selected);
  }

  /** Return the data of a row, once it has come. */
  dataAt(index) {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE] ?? null;
  }

  /** Call a function with each visible row and its data, if they have come. */
  eachRow(visit) {
    for (const [index, row] of this.#rows) {
      const data = this.dataAt(index);
      if (data) visit(row, data);
    }
  }

  get #rowHeight() {
    return this.options.rowHeight();
  }

  #fullHeight() {
    return this.#total * this.#rowHeight;
  }

  /** Fill the list as high as it is now. It is laid out, but not yet drawn. */
  #resized() {
    this.#readHeight();
    this.#setHeight();
    this.#draw();
  }

  #readHeight() {
    this.#viewHeight = Math.max(0, this.element.clientHeight - this.options.header.offsetHeight);
  }

  #setHeight() {
    this.body.style.height = `${Math.min(MAX_HEIGHT, this.#fullHeight())}px`;
  }

  /** Where the list is scrolled to, in pixels of the full height. */
  get #top() {
    return Math.max(0, Math.min(this.#fullHeight() - this.#viewHeight, this.element.scrollTop + this.#offset));
  }

  #scrolled() {
    const top = this.element.scrollTop;
    if (this.#fullHeight() > MAX_HEIGHT && Math.abs(top - this.#lastTop) > this.#viewHeight * 3) this.#jumpTo(top);
    this.#lastTop = top;
    this.#invalidate();
  }

  #jumpTo(top) {
    const share = top / Math.max(1, MAX_HEIGHT - this.#viewHeight);
    this.#offset = share * (this.#fullHeight() - this.#viewHeight) - top;
  }

  /** After small movements, bring the scroll bar to where the list is. */
  #settle() {
    if (this.#fullHeight() <= MAX_HEIGHT) return;
    const top = this.#top;
    this.#scrollTo(top);
  }

  #scrollTo(top) {
    if (this.#fullHeight() <= MAX_HEIGHT) {
      this.element.scrollTop = top;
    } else {
      const share = top / (this.#fullHeight() - this.#viewHeight);
      const scrolled = Math.round(share * (MAX_HEIGHT - this.#viewHeight));
      this.#lastTop = scrolled;
      this.element.scrollTop = scrolled;
      this.#offset = top - scrolled;
    }
    this.#invalidate();
  }

  #reveal(index) {
    const top = index * this.#rowHeight;
    if (top < this.#top) this.#scrollTo(top);
    else if (top + this.#rowHeight > this.#top + this.#viewHeight)
      this.#scrollTo(top + this.#rowHeight - this.#viewHeight);
  }

  #invalidate() {
    if (this.#isStale) return;
    this.#isStale = true;
    requestAnimationFrame(() => {
      this.#isStale = false;
      this.#draw();
    });
  }

  #draw(top = this.#top) {
    const tall = this.#rowHeight;
    const first = Math.max(0, Math.floor(top / tall) - 2);
    const last = Math.min(this.#total, Math.ceil((top + this.#viewHeight) / tall) + 2);
    for (const index of [...this.#rows.keys()]) if (index < first || index >= last) this.#drop(index);
    for (let index = first; index < last; index++) {
      const row = this.#rows.get(index) ?? this.#take(index);
      row.style.transform = `translateY(${index * tall - this.#offset}px)`;
      const isSelected = index === this.#selected;
      if (row.classList.contains("is-selected") !== isSelected) {
        row.classList.toggle("is-selected", isSelected);
        row.setAttribute("aria-selected", String(isSelected));
      }
    }
    this.#fetch(first, last);
  }

  #take(index) {
    const row = this.#spare.pop() ?? this.options.newRow();
    row.id = `row-${index}`;
    row.dataset.index = String(index);
    row.setAttribute("aria-rowindex", String(index + 2));
    row.setAttribute("aria-selected", "false");
    this.#rows.set(index, row);
    this.options.fillRow(row, this.dataAt(index), index);
    this.body.append(row);
    return row;
  }

  #drop(index) {
    const row = this.#rows.get(index);
    row.remove();
    row.classList.remove("is-selected");
    this.#rows.delete(index);
    if (this.#spare.length < 60) this.#spare.push(row);
  }

  #fetch(first, last) {
    const wanted = new Set();
    for (let page = Math.floor(first / PAGE); page <= Math.floor(Math.max(first, last - 1) / PAGE); page++)
      wanted.add(page);
    for (const [page, request] of this.#requests) if (!wanted.has(page)) request.abort();
    for (const page of wanted)
      if (last > first && !this.#pages.has(page) && !this.#requests.has(page)) this.#fetchPage(page);
  }

  async #fetchPage(page) {
    const request = new AbortController();
    const generation = this.#generation;
    this.#requests.set(page, request);
    try {
      const data = await this.options.fetchPage(page * PAGE, PAGE, request.signal);
      if (generation !== this.#generation) return;
      this.#pages.set(page, data);
      if (this.#pages.size > MAX_PAGES) this.#pages.delete(this.#pages.keys().next().value);
      for (const [index, row] of this.#rows) {
        if (Math.floor(index / PAGE) === page) this.options.fillRow(row, this.dataAt(index), index);
      }
      if (Math.floor(this.#selected / PAGE) === page) this.#fire("select", this.#selected);
    } catch (error) {
      if (error.name !== "AbortError") this.dispatchEvent(new CustomEvent("failure", { detail: error }));
    } finally {
      if (this.#requests.get(page) === request) this.#requests.delete(page);
    }
  }

  #indexAt(event) {
    const row = event.target.closest("[data-index]");
    return row ? Number(row.dataset.index) : -1;
  }

  #click(event) {
    const index = this.#indexAt(event);
    if (index < 0) return;
    this.select(index);
    if (event.target.closest("[data-play]")) this.#fire("play", index);
  }

  #key(event) {
    if (event.target !== this.element || event.ctrlKey || event.metaKey || event.altKey) return;
    const screen = Math.max(1, Math.floor(this.#viewHeight / this.#rowHeight) - 1);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: screen, PageUp: -screen, Home: -Infinity, End: Infinity };
    if (event.key in moves)
      this.select(
        Math.max(
          0,
          Math.min(
            this.#total - 1,
            Math.max(this.#selected, event.key === "ArrowDown" ? -1 : 0) + moves[event.key],
          ),
        ),
      );
    else if (event.key === " ") this.#fire("play", this.#selected);
    else if (event.key === "Enter") this.#fire("open", this.#selected);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #fire(name, index) {
    const data = index < 0 ? null : this.dataAt(index);
    if (data) this.dispatchEvent(new CustomEvent(name, { detail: { index, data } }));
  }
}
