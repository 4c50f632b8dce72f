/** The runs page: the run that goes on, live, and those before. */

import { getJson } from "../api.js";
import { announce, fill, h } from "../dom.js";
import { count, duration, oneDigit, percent } from "../format.js";
import { content, figures, head, section, setTitle, showFailure } from "../parts.js";
import { timelinePlots } from "../plots/timeline.js";

const POLL_MS = 1500;

const live = h("div", { class: "section" });
const list = h("div", {});

export async function start() {
  setTitle("Runs");
  try {
    await showRuns();
  } catch (error) {
    return showFailure(error);
  }
  content(head("Runs", null), live, section("All runs", list));
  poll(false);
}

async function showRuns() {
  const { runs } = await getJson("/api/runs");
  if (!runs.length) return fill(list, h("p", { class: "muted", text: "Nothing has run here yet." }));
  const heads = ["Run", "Began", "State", "Songs", "Tracks", "Failed", "Time", "Songs/s"];
  const numbers = new Set(["Songs", "Tracks", "Failed", "Time", "Songs/s"]);
  fill(
    list,
    h(
      "div",
      { class: "table-scroll", tabindex: "0", role: "group", "aria-label": "All runs" },
      h(
        "table",
        { class: "table" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            heads.map((text) => h("th", { scope: "col", class: numbers.has(text) ? "figure" : null, text })),
          ),
        ),
        h("tbody", {}, runs.map(runRow)),
      ),
    ),
  );
}

function runRow(run) {
  const figure = (text) => h("td", { class: "figure", text });
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("a", { href: `/runs/${run.id}`, text: `${run.id} ${run.command}` })),
    h("td", { text: startOf(run) }),
    h("td", {}, h("i", { class: run.state === "running" ? "state-dot is-on" : "state-dot" }), run.state),
    figure(count(run.songs_done)),
    figure(count(run.tracks)),
    figure(count(run.songs_failed)),
    figure(duration(run.seconds)),
    figure(run.songs_per_second ? oneDigit(run.songs_per_second) : ""),
  );
}

/** Return when a run began, in the reader's time. */
export function startOf(run) {
  return new Date(run.started_at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

async function poll(wasRunning) {
  let isRunning = wasRunning;
  try {
    const answer = document.hidden ? null : await getJson("/api/runs/live");
    if (answer) {
      isRunning = answer.running;
      showLive(answer);
      if (wasRunning !== isRunning) await showRuns();
      if (wasRunning && !isRunning) announce("The run has ended.");
    }
  } catch (error) {
    fill(live, h("p", { class: "notice", text: error.message }));
  }
  setTimeout(poll, POLL_MS, isRunning);
}

function showLive(answer) {
  if (!answer.running) {
    fill(
      live,
      h("p", {
        class: "muted",
        text: answer.held ? "Another command has the library now; it is no run." : "Nothing is running now.",
      }),
    );
    return;
  }
  const { run, progress, bottleneck } = answer;
  const bar = h("i", {});
  bar.style.width = `${100 * (progress ?? 0)}%`;
  fill(
    live,
    h(
      "h2",
      {},
      h("i", { class: "state-dot is-on" }),
      h("a", { href: `/runs/${run.id}`, text: `Run ${run.id} goes on` }),
    ),
    h(
      "div",
      {
        class: "progress",
        role: "progressbar",
        "aria-label": "Songs seen",
        "aria-valuemin": "0",
        "aria-valuemax": "100",
        "aria-valuenow": String(Math.round(100 * (progress ?? 0))),
      },
      bar,
    ),
    figures([
      ["Songs", run.songs_total ? `${count(run.songs_seen)} of ${count(run.songs_total)}` : count(run.songs_seen)],
      ["Done", progress === null ? "" : percent(progress)],
      ["Songs a second", answer.rate === null ? "" : oneDigit(answer.rate)],
      ["Remaining", answer.eta_seconds === null ? "" : duration(answer.eta_seconds)],
      ["New tracks", count(run.tracks_new)],
      ["Failed", count(run.songs_failed)],
    ]),
    answer.quiet_seconds > 30 &&
      h("p", { class: "notice", text: `Nothing has been heard of it for ${duration(answer.quiet_seconds)}.` }),
    bottleneck && h("p", { class: "bottleneck" }, h("strong", { text: "Bottleneck: " }), bottleneck.summary),
    h("div", { class: "plots" }, timelinePlots(answer.timeline)),
  );
}
