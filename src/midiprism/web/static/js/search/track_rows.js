/** Rows of tracks, as search and collections show them. */

import { fill, h, icon } from "../dom.js";
import { clock, count, oneDigit, splitPath } from "../format.js";
import { clearThumbnail, drawThumbnail } from "./thumbnails.js";

/** Columns that can be sorted: field of a query, title, class. */
export const COLUMNS = [
  ["name", "Name", "cell-name"],
  ["instrument", "Instrument", "cell-instrument"],
  ["key", "Key", "cell-key"],
  ["bpm", "Bpm", "cell-bpm figure"],
  ["notes", "Notes", "cell-notes figure"],
  ["length_seconds", "Length", "cell-length figure"],
];

/** Height of a row in pixels. */
export const rowHeight = () => (matchMedia("(max-width: 760px)").matches ? 64 : 48);

let emptyRow = null;

/** Return an empty row. */
export function newTrackRow() {
  emptyRow ??= makeRow();
  const row = emptyRow.cloneNode(true);
  row.addEventListener("dragstart", (event) => dragTrack(event, row.track));
  return row;
}

function makeRow() {
  const cell = (name, ...children) => h("span", { class: name, role: "gridcell" }, children);
  return h(
    "div",
    { class: "row", role: "row", draggable: "true" },
    cell(
      "cell-play",
      h(
        "button",
        { type: "button", class: "icon-button row-play", tabindex: "-1", data: { play: "" } },
        icon("play"),
      ),
    ),
    cell("cell-name", h("a", { class: "row-name", tabindex: "-1" }), h("span", { class: "row-song" })),
    cell("cell-instrument"),
    cell("cell-key"),
    cell("cell-bpm figure"),
    cell("cell-notes figure"),
    cell("cell-length figure"),
    cell("cell-thumb", h("canvas", { "aria-hidden": "true" })),
  );
}

/** Show a track in a row; null while it is on its way. */
export function fillTrackRow(row, track, isPlaying) {
  row.track = track;
  row.classList.toggle("is-empty", !track);
  const part = (name) => row.querySelector(name);
  const name = part(".row-name");
  if (!track) {
    name.removeAttribute("href");
    name.textContent = "";
    for (const one of [".row-song", ".cell-instrument", ".cell-key", ".cell-bpm", ".cell-notes", ".cell-length"])
      part(one).textContent = "";
    clearThumbnail(part("canvas"));
    return;
  }
  const title = nameOf(track);
  const { folder, base } = splitPath(track.song ?? "");
  name.textContent = title;
  name.href = `/tracks/${track.digest}`;
  fill(part(".row-song"), base, folder && h("small", { text: folder }));
  part(".row-song").title = track.song ?? "";
  part(".cell-instrument").textContent = track.instrument ?? "";
  part(".cell-key").textContent = track.key ?? "";
  part(".cell-bpm").textContent = oneDigit(track.bpm);
  part(".cell-notes").textContent = count(track.notes);
  part(".cell-length").textContent = clock(track.length_seconds);
  showPlaying(row, title, isPlaying);
  drawThumbnail(part("canvas"), track.digest);
}

/** Return what a track is called. */
export const nameOf = (track) => track.name || track.instrument || "Unnamed track";

/** Mark a row whose track plays. */
export function showPlaying(row, title, isPlaying) {
  if (row.classList.toggle("is-playing", isPlaying) === row.wasPlaying && row.playTitle === title) return;
  Object.assign(row, { wasPlaying: isPlaying, playTitle: title });
  const button = row.querySelector(".row-play");
  button.setAttribute("aria-label", `${isPlaying ? "Pause" : "Play"} ${title}`);
  button.querySelector("use").setAttribute("href", `/static/icons.svg#${isPlaying ? "pause" : "play"}`);
}

/** Return a name that any system takes as that of a file. */
export const safeFileName = (name) =>
  `${
    name
      .replace(/[\p{Cc}\p{Cf}\\/:*?"<>|.]+/gu, " ")
      .trim()
      .slice(0, 80) || "track"
  }.mid`;

/** Put a track's file into a drag: Chromium writes it where it is dropped. */
export function dragTrack(event, track) {
  if (!track) return event.preventDefault();
  const address = `${location.origin}/api/tracks/${track.digest}.mid`;
  event.dataTransfer.effectAllowed = "copy";
  event.dataTransfer.setData(
    "DownloadURL",
    `audio/midi:${track.file_name ?? safeFileName(nameOf(track))}:${address}`,
  );
  event.dataTransfer.setData("text/uri-list", address);
}
