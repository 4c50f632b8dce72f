/** The page of a song: its tracks as lanes that play together, its words and markers. */

import { getJson } from "../api.js";
import { h, icon } from "../dom.js";
import { clock, count, plural, splitPath } from "../format.js";
import { chips, content, factList, head, section, setTitle, showFailure } from "../parts.js";
import { player } from "../player/player.js";
import { songScore } from "../player/score.js";
import { buildLanes, buildWords, setLanesHeight } from "../roll/lanes.js";
import { fillTools } from "./track.js";


export async function start(id) {
  let song;
  let notes;
  try {
    [song, notes] = await Promise.all([getJson(`/api/songs/${id}`), getJson(`/api/songs/${id}/notes`)]);
  } catch (error) {
    return showFailure(error);
  }
  const { folder, base } = splitPath(song.name);
  setTitle(base);
  const score = songScore(id, notes);
  const holder = h("div", { class: "roll-holder" });
  setLanesHeight(holder, score.lanes.length);
  const tools = h("div", { class: "roll-tools" });
  const lyrics = h("div", { class: "words", tabindex: "0", role: "group", "aria-label": "Lyrics" });
  const markers = h("div", { class: "words", tabindex: "0", role: "group", "aria-label": "Markers" });
  const save = h(
    "a",
    { class: "button button-main", href: song.download, download: true },
    icon("save"),
    "Save the song",
  );
  const noteCount = score.lanes.reduce((sum, lane) => sum + lane.notes.start.length, 0);
  content(
    head(base, folder && h("span", { text: folder }), save),
    chips([
      ["Tracks", count(score.lanes.length)],
      ["Notes", count(noteCount)],
      ["Length", clock(song.length_seconds)],
    ]),
    holder,
    tools,
    h(
      "div",
      { class: "columns" },
      h(
        "div",
        {},
        song.words.length > 0 && section("Lyrics", lyrics),
        song.markers.length > 0 && section("Markers", markers),
        section("Facts", factList(song.facts)),
      ),
      h(
        "div",
        {},
        section(
          song.paths.length === 1 ? "File" : `At ${plural(song.paths.length, "path")}`,
          h(
            "ul",
            { class: "links" },
            song.paths.map((path) => h("li", { text: path })),
          ),
        ),
        damage(song),
      ),
    ),
  );
  player.show({ ...player.itemOfSong(song), title: base, score });
  fillTools(tools, buildLanes(holder, score, player.transport));
  buildWords(lyrics, song.words, player.transport);
  buildWords(markers, song.markers, player.transport);
}

function damage(song) {
  if (!song.damage?.length) return null;
  return section(
    "Repaired damage",
    h(
      "ul",
      { class: "damage" },
      song.damage.map((text) => h("li", { text })),
    ),
  );
}
