/** The page of a track: its notes, its sound, its facts, and ways to take it. */

import { getJson } from "../api.js";
import { h, iconButton } from "../dom.js";
import { clock, count, oneDigit } from "../format.js";
import { chips, command, content, factList, head, section, setTitle, showFailure } from "../parts.js";
import { player } from "../player/player.js";
import { trackScore } from "../player/score.js";
import { buildPianoRoll } from "../roll/piano_roll.js";
import { SimilarTracks } from "../similar_tracks.js";
import { takeButtons } from "../take.js";

const SHOWN_IN_CHIPS = new Set([
  "name",
  "song",
  "instrument",
  "family",
  "key",
  "bpm",
  "meter",
  "role",
  "notes",
  "length_seconds",
]);

export async function start(digest) {
  let track;
  let notes;
  try {
    [track, notes] = await Promise.all([getJson(`/api/tracks/${digest}`), getJson(`/api/tracks/${digest}/notes`)]);
  } catch (error) {
    return showFailure(error);
  }
  const title = track.name || track.instrument || "Unnamed track";
  setTitle(title);
  const holder = h("div", { class: "roll-holder" });
  const tools = h("div", { class: "roll-tools" });
  const below = h("section", { class: "compare", "aria-label": "Comparison", hidden: true });
  const same = h("div");
  const [song] = track.songs;
  content(
    head(title, song && [h("a", { href: `/songs/${song.song_id}`, text: song.name })], takeButtons(track)),
    mainFacts(track),
    holder,
    tools,
    below,
    h(
      "div",
      { class: "columns" },
      h("div", {}, section("Facts", factList(track.facts.filter((fact) => !SHOWN_IN_CHIPS.has(fact.name))))),
      h(
        "div",
        {},
        songs(track),
        section("The same music", same),
        damage(track),
        section("Export", command(track.export_command)),
      ),
    ),
  );
  const score = trackScore(track, notes);
  const item = { key: `track ${digest}`, title, detail: song?.name ?? "", href: `/tracks/${digest}`, score };
  player.show(item);
  const surface = buildPianoRoll(holder, score, player.transport);
  fillTools(tools, surface);
  same.append(new SimilarTracks(track, item, surface, below).element);
}

function mainFacts(track) {
  return chips([
    ["Instrument", track.instrument],
    ["Role", track.role],
    ["Key", track.key],
    ["Tempo", track.bpm ? `${oneDigit(track.bpm)} bpm` : ""],
    ["Meter", track.meter],
    ["Notes", count(track.notes)],
    ["Length", clock(track.length_seconds)],
    ["Bars", track.length_bars ? count(track.length_bars) : ""],
  ]);
}

/** Add the buttons below a roll, and where the cursor is. */
export function fillTools(tools, surface) {
  const place = h("output", { "aria-label": "Bar and beat" });
  const show = () => {
    const ticks = surface.timeMap.toTicks(surface.transport.position);
    const label = surface.timeMap.label(ticks);
    place.textContent = label ? `Bar ${label} · ${oneDigit(surface.timeMap.tempoAt(ticks))} bpm` : "";
    if (surface.transport.isPlaying) setTimeout(show, 100);
  };
  surface.transport.addEventListener("change", show);
  tools.append(
    iconButton("zoom-out", "Zoom out (−)", () => surface.zoom(0.8)),
    iconButton("zoom-in", "Zoom in (+)", () => surface.zoom(1.25)),
    place,
    h("span", { class: "spacer" }),
    h(
      "span",
      { class: "hint" },
      "Click to seek, drag to loop · ",
      h("kbd", { text: "space" }),
      " play · ",
      h("kbd", { text: "[" }),
      " ",
      h("kbd", { text: "]" }),
      " loop from, to here · ",
      h("kbd", { text: "Esc" }),
      " no loop · ",
      h("kbd", { text: "Ctrl" }),
      " + wheel zoom",
    ),
  );
  show();
}

function songs(track) {
  return section(
    track.songs.length === 1 ? "In one song" : `In ${count(track.songs.length)} songs`,
    h(
      "ul",
      { class: "links" },
      track.songs.map((song) =>
        h(
          "li",
          {},
          h("a", { href: `/songs/${song.song_id}`, text: song.name }),
          h("small", {
            text: [`track ${song.source_track}`, song.channel && `channel ${song.channel}`]
              .filter(Boolean)
              .join(", "),
          }),
        ),
      ),
    ),
  );
}

function damage(track) {
  if (!track.damage?.length) return null;
  return section(
    "Repaired damage",
    h(
      "ul",
      { class: "damage" },
      track.damage.map((text) => h("li", { text })),
    ),
  );
}
