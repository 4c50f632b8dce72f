/** The page of one run: its report. */

import { getJson } from "../api.js";
import { h } from "../dom.js";
import { count, duration, oneDigit } from "../format.js";
import { command, content, figures, head, section, setTitle, showFailure } from "../parts.js";
import { timelinePlots } from "../plots/timeline.js";
import { startOf } from "./runs.js";

export async function start(id) {
  let answer;
  try {
    answer = await getJson(`/api/runs/${id}`);
  } catch (error) {
    return showFailure(error);
  }
  const { run, report, sections } = answer;
  setTitle(`Run ${id}`);
  content(
    head(`Run ${run.id}: ${run.command}`, h("span", { text: `${startOf(run)}, ${run.state}` })),
    figures([
      ["Songs split", count(run.songs_done)],
      ["Up to date", count(run.songs_skipped)],
      ["Failed", count(run.songs_failed)],
      ["New tracks", count(run.tracks_new)],
      ["Time", duration(run.seconds)],
      ["Songs a second", run.songs_per_second ? oneDigit(run.songs_per_second) : ""],
    ]),
    report
      ? h("div", { class: "plots" }, timelinePlots(report.timeline))
      : h("p", { class: "muted", text: "This run has recorded nothing to report on." }),
    h("div", { class: "report-sections" }, sections.slice(1).map(showSection)),
  );
}

function showSection(part) {
  return section(
    part.title,
    (part.sentences ?? []).map((text) => h("p", { text })),
    part.rows && table(part),
    (part.items ?? []).map((item) =>
      h(
        "div",
        { class: "report-item" },
        h("h3", { text: item.title }),
        (item.lines ?? []).map((text) => h("p", { text })),
        (item.commands ?? []).map((text) => command(text)),
      ),
    ),
  );
}

function table({ title, columns, rows }) {
  return h(
    "div",
    { class: "table-scroll", tabindex: "0", role: "group", "aria-label": title },
    h(
      "table",
      { class: "table" },
      columns &&
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            columns.map((text) => h("th", { scope: "col", text })),
          ),
        ),
      h(
        "tbody",
        {},
        rows.map(([first, ...rest]) =>
          h(
            "tr",
            {},
            h("th", { scope: "row", text: first }),
            rest.map((text) => h("td", { text })),
          ),
        ),
      ),
    ),
  );
}
