/** The piano roll of one track: a row for each pitch, or for each piece of a drum kit. */

import { pitchName } from "../format.js";
import { color } from "../theme.js";
import { drumName } from "./drum_names.js";
import { NoteIndex } from "./note_index.js";
import { RULER, Surface } from "./surface.js";
import { TimeMap } from "./time_map.js";

const BLACK = new Set([1, 3, 6, 8, 10]);
const MIN_ROW = 5;
const MAX_ROW = 28;
const SCROLL_BAR = 18;

/** Build the roll of a score with one lane into a holder; return its surface. */
export function buildPianoRoll(holder, score, transport) {
  const timeMap = new TimeMap(score);
  const content = new PianoRows(score.lanes[0], timeMap, holder);
  holder.style.height = `min(${RULER + content.height() + SCROLL_BAR}px, 56vh)`;
  return new Surface(holder, { timeMap, transport, content, label: `Piano roll, ${content.index.size} notes` });
}

/** Rows from high to low. */
class PianoRows {
  constructor(lane, timeMap, holder) {
    this.timeMap = timeMap;
    this.index = new NoteIndex(lane.notes, timeMap);
    this.overlay = null;
    this.isDrums = lane.isDrums;
    this.gutter = lane.isDrums ? (holder.clientWidth < 600 ? 96 : 124) : 52;
    this.#setRows();
    const room = Math.max(120, holder.clientHeight - RULER);
    this.rowHeight = Math.max(lane.isDrums ? 15 : 8, Math.min(20, Math.floor(room / this.pitches.length)));
  }

  /** Lay the notes of another lane over these; null for none. */
  setOverlay(notes) {
    this.overlay = notes && new NoteIndex(notes, this.timeMap);
    this.#setRows();
  }

  #setRows() {
    const pitches = [...this.index.pitch, ...(this.overlay?.pitch ?? [])];
    this.pitches = this.isDrums ? usedPitches(pitches) : pitchSpan(pitches);
    this.rowOf = new Int16Array(128).fill(-1);
    this.pitches.forEach((pitch, row) => (this.rowOf[pitch] = row));
  }

  height() {
    return this.pitches.length * this.rowHeight;
  }

  zoomRows(factor) {
    this.rowHeight = Math.max(MIN_ROW, Math.min(MAX_ROW, this.rowHeight * factor));
  }

  #visibleRows(view) {
    const first = Math.max(0, Math.floor(view.scrollTop / this.rowHeight));
    const last = Math.ceil((view.scrollTop + view.bottom - RULER) / this.rowHeight);
    return [first, Math.min(this.pitches.length, last)];
  }

  #yOf(row, view) {
    return RULER + row * this.rowHeight - view.scrollTop;
  }

  drawRows(context, view) {
    const [first, last] = this.#visibleRows(view);
    const line = color("roll-row");
    const dark = color("roll-black");
    for (let row = first; row < last; row++) {
      const pitch = this.pitches[row];
      const y = this.#yOf(row, view);
      if (this.isDrums ? row % 2 : BLACK.has(pitch % 12)) {
        context.fillStyle = dark;
        context.fillRect(view.gutter, y, view.right, this.rowHeight);
      }
      if (!this.isDrums && pitch % 12 === 11) {
        context.fillStyle = line;
        context.fillRect(view.gutter, Math.round(y), view.right, 1);
      }
    }
  }

  draw(context, view) {
    const tall = Math.max(2, this.rowHeight - (this.rowHeight > 7 ? 1 : 0));
    context.save();
    context.beginPath();
    context.rect(view.gutter, RULER, view.right, view.bottom);
    context.clip();
    context.fillStyle = color("note");
    this.#eachNote(this.index, view, tall, (x, y, wide, high, velocity) => {
      context.globalAlpha = 0.28 + 0.72 * (velocity / 127);
      context.fillRect(x, y, wide, high);
    });
    if (this.overlay) this.#drawOverlay(context, view, tall);
    context.restore();
  }

  /** Draw the other notes as frames, through which these are seen. */
  #drawOverlay(context, view, tall) {
    context.globalAlpha = 1;
    context.strokeStyle = color("overlay");
    context.lineWidth = 2;
    this.#eachNote(this.overlay, view, tall, (x, y, wide, high) => {
      context.strokeRect(x + 1, y + 1, Math.max(1, wide - 2), Math.max(1, high - 2));
    });
  }

  /** Call `visit(x, y, width, height, velocity)` for each visible note. */
  #eachNote(index, view, tall, visit) {
    const { start, end, pitch, velocity } = index;
    const [first, last] = index.range(view.from, view.to);
    for (let at = first; at < last; at++) {
      if (end[at] < view.from) continue;
      const y = RULER + this.rowOf[pitch[at]] * this.rowHeight - view.scrollTop;
      if (y + tall < RULER || y > view.bottom) continue;
      const x = view.offset + start[at] * view.pixelsPerTick;
      if (this.isDrums) visit(x, y + 1, Math.max(4, Math.min(tall, 9)), tall - 2, velocity[at]);
      else visit(x, y, Math.max(2, (end[at] - start[at]) * view.pixelsPerTick - 1), tall, velocity[at]);
    }
  }

  drawGutter(context, view) {
    context.fillStyle = color("panel");
    context.fillRect(0, RULER, view.gutter, view.bottom);
    const [first, last] = this.#visibleRows(view);
    const every = Math.max(1, Math.ceil(13 / this.rowHeight));
    for (let row = first; row < last; row++) {
      const y = this.#yOf(row, view);
      if (this.isDrums) this.#drumLabel(context, view, row, y, every);
      else this.#key(context, view, this.pitches[row], y);
    }
    context.fillStyle = color("line");
    context.fillRect(view.gutter - 1, RULER, 1, view.bottom);
  }

  #drumLabel(context, view, row, y, every) {
    if (row % every) return;
    context.fillStyle = color("text");
    context.fillText(drumName(this.pitches[row]), 8, y + this.rowHeight / 2 + 0.5, view.gutter - 14);
  }

  #key(context, view, pitch, y) {
    if (BLACK.has(pitch % 12)) {
      context.fillStyle = color("key-black");
      context.fillRect(30, y, view.gutter - 31, this.rowHeight);
      return;
    }
    if (pitch % 12 === 0 || pitch % 12 === 5) {
      context.fillStyle = color("line");
      context.fillRect(30, Math.round(y + this.rowHeight) - 1, view.gutter - 31, 1);
    }
    if (pitch % 12 === 0) {
      context.fillStyle = color("muted");
      context.fillText(pitchName(pitch), 5, y + this.rowHeight / 2 + 0.5, 26);
    }
  }
}

function usedPitches(pitches) {
  const used = [...new Set(pitches)].sort((one, other) => other - one);
  return used.length ? used : [36];
}

function pitchSpan(pitches) {
  let low = 127;
  let high = 0;
  for (const pitch of pitches) {
    low = Math.min(low, pitch);
    high = Math.max(high, pitch);
  }
  if (low > high) [low, high] = [60, 71];
  const missing = Math.max(0, 18 - (high - low));
  high = Math.min(127, high + 2 + Math.ceil(missing / 2));
  low = Math.max(0, low - 2 - Math.floor(missing / 2));
  return Array.from({ length: high - low + 1 }, (_, row) => high - row);
}
