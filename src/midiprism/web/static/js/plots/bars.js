/** Plots of counts: bars for values, and histograms for ranges. Each leads to the search that it counts. */

import { h } from "../dom.js";
import { count } from "../format.js";
import { plainBars } from "../search/histogram.js";

/** Return a plot of a facet. */
export function facetPlot(facet, shown = 12) {
  return h(
    "section",
    { class: "plot" },
    h("h2", { text: facet.label }),
    facet.is_histogram ? histogramPlot(facet) : barPlot(facet.counts.slice(0, shown)),
  );
}

/** Return bars for counts, each a link to its search if it has a term. */
export function barPlot(counts) {
  const most = Math.max(1, ...counts.map((one) => one.count));
  return h(
    "div",
    {},
    counts.map((one) => {
      const bar = h("i", { class: "plot-bar" });
      bar.style.width = `${(100 * one.count) / most}%`;
      const parts = [
        h("span", { text: one.label, title: one.label }),
        h("span", {}, bar),
        h("span", { class: "figure", text: count(one.count) }),
      ];
      return one.term
        ? h("a", { class: "plot-row", href: `/?${new URLSearchParams({ q: one.term })}` }, parts)
        : h("div", { class: "plot-row" }, parts);
    }),
  );
}

function histogramPlot(facet) {
  const counts = facet.counts.filter((one) => one.value !== null || one.end !== null);
  const total = counts.reduce((sum, one) => sum + one.count, 0);
  const peak = counts.reduce(
    (best, one) => (one.count > best.count ? one : best),
    counts[0] ?? { label: "", count: 0 },
  );
  const bars = h("div", {
    class: "plot-histogram",
    role: "img",
    "aria-label": `${facet.label}: ${count(total)} tracks, most of them ${peak.label}`,
  });
  plainBars(bars, counts);
  const low = counts[0]?.value ?? (counts[0]?.end !== undefined ? `< ${counts[0].end}` : "");
  const last = counts.at(-1);
  const high = last ? (last.end ?? `${last.value} +`) : "";
  return h(
    "div",
    {},
    bars,
    h(
      "div",
      { class: "plot-ends" },
      h("span", { text: String(low ?? "") }),
      h("span", { text: `most: ${peak.label}` }),
      h("span", { text: String(high) }),
    ),
  );
}
