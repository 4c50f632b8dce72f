/** A histogram over which a range is dragged; with the keyboard, arrows move its ends. */

import { fill, h } from "../dom.js";
import { count, shortCount } from "../format.js";

/** Return an element for a facet of ranges. `choose(first, last)` takes the counts at both ends of the range. */
export function histogram(facet, isIn, choose) {
  const counts = facet.counts.filter((one) => one.value !== null || one.end !== null);
  const most = Math.max(1, ...counts.map((one) => one.count));
  const bars = counts.map((one) => {
    const bar = h("i", { class: isIn(one) ? "bar is-in" : "bar" });
    bar.style.height = `${one.count ? Math.max(3, (100 * one.count) / most) : 0}%`;
    return h("span", { class: "bar-slot", title: `${one.label}: ${count(one.count)}` }, bar);
  });
  const strip = h(
    "div",
    {
      class: "histogram",
      role: "slider",
      tabindex: "0",
      "aria-label": `${facet.label}, range`,
      "aria-valuemin": "0",
      "aria-valuemax": String(Math.max(0, counts.length - 1)),
    },
    bars,
  );
  const ends = h(
    "div",
    { class: "histogram-ends" },
    h("span", { text: counts.length ? edge(counts[0], "low") : "" }),
    h("output", { class: "histogram-note" }),
    h("span", { text: counts.length ? edge(counts.at(-1), "high") : "" }),
  );
  const chosen = counts.flatMap((one, index) => (isIn(one) ? [index] : []));
  const state = { from: chosen[0] ?? -1, to: chosen.at(-1) ?? -1 };
  const show = () => describe(strip, ends, counts, state);
  listen(strip, bars, counts, state, show, choose);
  show();
  return h("div", { class: "histogram-box" }, strip, ends);
}

const edge = (one, side) =>
  side === "low" ? (one.value ?? `< ${one.end}`) : one.end === null ? `${one.value} +` : one.end;

function describe(strip, ends, counts, { from, to }) {
  const total = counts.slice(from, to + 1).reduce((sum, one) => sum + one.count, 0);
  const text =
    from < 0
      ? "all"
      : from === to
        ? counts[from].label
        : `${edge(counts[from], "low")} to ${edge(counts[to], "high")}`;
  strip.setAttribute("aria-valuenow", String(Math.max(0, from)));
  strip.setAttribute("aria-valuetext", from < 0 ? "all" : `${text}, ${count(total)} tracks`);
  ends.querySelector("output").textContent = from < 0 ? "" : `${text} · ${shortCount(total)}`;
}

function listen(strip, bars, counts, state, show, choose) {
  const mark = (from, to) => {
    [state.from, state.to] = [Math.min(from, to), Math.max(from, to)];
    bars.forEach((slot, index) =>
      slot.firstChild.classList.toggle("is-in", index >= state.from && index <= state.to),
    );
    show();
  };
  const at = (event) => {
    const box = strip.getBoundingClientRect();
    return Math.max(
      0,
      Math.min(counts.length - 1, Math.floor(((event.clientX - box.left) / box.width) * counts.length)),
    );
  };
  const commit = () => choose(counts[state.from], counts[state.to]);
  let start = null;
  strip.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !counts.length) return;
    strip.setPointerCapture(event.pointerId);
    start = at(event);
    mark(start, start);
  });
  strip.addEventListener("pointermove", (event) => start !== null && mark(start, at(event)));
  strip.addEventListener("pointerup", () => {
    if (start !== null) commit();
    start = null;
  });
  strip.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step && counts.length) {
      const clamp = (index) => Math.max(0, Math.min(counts.length - 1, index));
      if (state.from < 0) mark(step > 0 ? 0 : counts.length - 1, step > 0 ? 0 : counts.length - 1);
      else if (event.shiftKey) mark(state.from, clamp(Math.max(state.from, state.to + step)));
      else mark(clamp(state.from + step), clamp(state.to + step));
    } else if (event.key === "Enter" && state.from >= 0) commit();
    else if (event.key === "Escape" || event.key === "Delete") choose(null, null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

/** Replace an element's content by a histogram without ranges to choose, for plots. */
export function plainBars(holder, counts) {
  const most = Math.max(1, ...counts.map((one) => one.count));
  fill(
    holder,
    counts.map((one) => {
      const bar = h("i", { class: "bar is-in" });
      bar.style.height = `${(100 * one.count) / most}%`;
      return h("span", { class: "bar-slot", title: `${one.label}: ${count(one.count)}` }, bar);
    }),
  );
}
