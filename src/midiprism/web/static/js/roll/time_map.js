/** Ticks, seconds, beats and bars of a score. */

import { firstAt } from "../player/score.js";

const SECONDS_AS_TICKS = 1000;

/** Converts between ticks and seconds, and lists bar lines. Without beats (SMPTE), a tick is a millisecond. */
export class TimeMap {
  constructor({ tempos, meters, ticksPerQuarter, length }) {
    this.hasBeats = Boolean(ticksPerQuarter);
    this.ticksPerQuarter = ticksPerQuarter || SECONDS_AS_TICKS;
    this.rows = this.hasBeats && tempos?.length ? tempos : [[0, 0, this.hasBeats ? 500_000 : 1_000_000]];
    this.ticks = Float64Array.from(this.rows, (row) => row[0]);
    this.seconds = Float64Array.from(this.rows, (row) => row[1]);
    this.meters = this.hasBeats && meters?.length ? meters : [[0, 4, 4]];
    if (this.meters[0][0] > 0) this.meters = [[0, 4, 4], ...this.meters];
    this.lengthTicks = this.toTicks(length);
  }

  #secondsPerTick(row) {
    return this.rows[row][2] / 1e6 / this.ticksPerQuarter;
  }

  toTicks(seconds) {
    const row = Math.max(0, firstAt(this.seconds, seconds + 1e-9) - 1);
    return this.ticks[row] + (seconds - this.seconds[row]) / this.#secondsPerTick(row);
  }

  toSeconds(ticks) {
    const row = Math.max(0, firstAt(this.ticks, ticks + 1e-9) - 1);
    return this.seconds[row] + (ticks - this.ticks[row]) * this.#secondsPerTick(row);
  }

  /** Return the quarter notes a minute that hold at a tick. */
  tempoAt(ticks) {
    return 6e7 / this.rows[Math.max(0, firstAt(this.ticks, ticks + 1e-9) - 1)][2];
  }

  /** Call `visit(tick, bar)` for bar lines, with `bar` from 1, and `visit(tick, 0)` for beats, from one tick to another. */
  eachLine(from, to, withBeats, everyBar, visit) {
    let bar = 1;
    this.meters.forEach(([start, numerator, denominator], index) => {
      const end = this.meters[index + 1]?.[0] ?? Infinity;
      const beat = (this.ticksPerQuarter * 4) / (denominator || 4);
      const barLength = beat * (numerator || 4);
      const first = Math.max(0, Math.floor((Math.max(from, start) - start) / barLength));
      for (let number = first; start + number * barLength < Math.min(to, end); number++) {
        const tick = start + number * barLength;
        if ((bar + number - 1) % everyBar === 0) visit(tick, bar + number);
        if (!withBeats) continue;
        for (let one = 1; one < numerator && tick + one * beat < Math.min(to, end); one++)
          visit(tick + one * beat, 0);
      }
      if (end !== Infinity) bar += Math.ceil((end - start) / barLength - 1e-9);
    });
  }

  /** Return the beat nearest to a tick. */
  snap(ticks) {
    const [start, , denominator] = this.meters.findLast((meter) => meter[0] <= ticks) ?? this.meters[0];
    const beat = (this.ticksPerQuarter * 4) / (denominator || 4);
    return Math.max(0, start + Math.round((ticks - start) / beat) * beat);
  }

  /** Return bar and beat of a tick, as 12.3. */
  label(ticks) {
    if (!this.hasBeats) return "";
    let bar = 1;
    for (let index = 0; index < this.meters.length; index++) {
      const [start, numerator, denominator] = this.meters[index];
      const end = this.meters[index + 1]?.[0] ?? Infinity;
      const beat = (this.ticksPerQuarter * 4) / (denominator || 4);
      const barLength = beat * (numerator || 4);
      if (ticks < end - 1e-6) {
        const inside = ticks - start + 1e-6;
        return `${bar + Math.floor(inside / barLength)}.${1 + Math.floor((inside % barLength) / beat)}`;
      }
      bar += Math.ceil((end - start) / barLength - 1e-9);
    }
    return "";
  }
}
