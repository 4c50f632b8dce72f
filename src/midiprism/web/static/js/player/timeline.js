/** What position of a score sounds at what time of the audio clock. */

/** Pieces of time, each with a position at which it starts and a rate. Later pieces replace earlier ones. */
export class Timeline {
  #pieces = [];

  /** From `time` on, positions count from `position` at `rate` seconds of the score a second. */
  start(time, position, rate) {
    while (this.#pieces.length && this.#pieces.at(-1).time >= time) this.#pieces.pop();
    this.#pieces.push({ time, position, rate });
    if (this.#pieces.length > 64) this.#pieces.splice(0, 32);
  }

  /** Forget everything. */
  clear() {
    this.#pieces = [];
  }

  /** Return the position that sounds at a time. */
  positionAt(time) {
    let piece = this.#pieces[0];
    if (!piece) return 0;
    for (const later of this.#pieces) if (later.time <= time) piece = later;
    return piece.position + Math.max(0, time - piece.time) * piece.rate;
  }

  /** Return the time at which the last piece comes to a position. */
  timeOf(position) {
    const piece = this.#pieces.at(-1);
    return piece.time + (position - piece.position) / piece.rate;
  }

  /** Return the position that the last piece has at a time. */
  lastPositionAt(time) {
    const piece = this.#pieces.at(-1);
    return piece.position + (time - piece.time) * piece.rate;
  }
}
