/** Finds the notes that are visible, without looking at the others. */

import { firstAt } from "../player/score.js";

/** Notes by their beginning in ticks, with the latest end of all that begin before. */
export class NoteIndex {
  constructor(notes, timeMap) {
    const begins = timeMap.hasBeats ? notes.tick : notes.start.map((second) => timeMap.toTicks(second));
    const order = [...begins.keys()].sort((one, other) => begins[one] - begins[other]);
    this.size = order.length;
    this.start = Float64Array.from(order, (index) => begins[index]);
    this.end = Float64Array.from(order, (index) =>
      timeMap.hasBeats ? begins[index] + notes.length[index] : timeMap.toTicks(notes.end[index]),
    );
    this.pitch = Uint8Array.from(order, (index) => notes.pitch[index]);
    this.velocity = Uint8Array.from(order, (index) => notes.velocity[index]);
    this.latest = new Float64Array(this.size);
    let latest = -Infinity;
    for (let index = 0; index < this.size; index++) this.latest[index] = latest = Math.max(latest, this.end[index]);
  }

  /** Return the first note that may be visible from a tick on, and the one behind the last before another tick. */
  range(from, to) {
    return [firstAt(this.latest, from), firstAt(this.start, to)];
  }
}
