/** The library page: how much there is, of what, and what failed. */

import { getJson } from "../api.js";
import { h } from "../dom.js";
import { count, percent, plural } from "../format.js";
import { content, figures, head, section, setTitle, showFailure } from "../parts.js";
import { barPlot, facetPlot } from "../plots/bars.js";

export async function start() {
  let library;
  try {
    library = await getJson("/api/library");
  } catch (error) {
    return showFailure(error);
  }
  setTitle("Library");
  const { totals } = library;
  const failed = Object.entries(library.failures_by_code);
  content(
    head("Library", h("span", { text: library.folder })),
    figures([
      ["Songs", count(totals.songs)],
      ["Tracks", count(totals.links)],
      ["Different tracks", count(totals.tracks)],
      ["Duplicates", totals.duplicates === null ? "" : percent(totals.duplicates)],
      ["Size", megabytes(totals.bytes)],
      ["Failed songs", count(failed.reduce((sum, [, number]) => sum + number, 0))],
    ]),
    library.tracks_without_facts > 0 &&
      h("p", {
        class: "notice",
        text: `${plural(library.tracks_without_facts, "track")} of ${count(library.tracks)} have no facts yet, so they are missing from plots and searches by key or tempo: run midiprism features.`,
      }),
    h(
      "div",
      { class: "plots" },
      library.facets.filter((facet) => facet.counts.length > 0).map((facet) => facetPlot(facet)),
      failures(failed),
    ),
  );
}

function megabytes(bytes) {
  if (bytes === null || bytes === undefined) return "";
  return bytes < 1e9 ? `${count(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

function failures(failed) {
  if (!failed.length) return null;
  const counts = failed.map(([code, number]) => ({ label: code.replaceAll("_", " "), count: number }));
  return section("Why songs failed", barPlot(counts.sort((one, other) => other.count - one.count)));
}
