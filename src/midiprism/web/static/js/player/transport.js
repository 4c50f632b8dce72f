/**
 * Plays a score on an engine: starts and stops, seeks, loops, changes tempo and pitch while it plays.
 *
 * Events are handed to the engine a little ahead, each with its time on the audio clock. So what is heard is exact,
 * whenever the timers of the page run.
 */

import { CONTROL, firstAt, NOTE_OFF, NOTE_ON, PROGRAM, sortedEvents } from "./score.js";
import { Timeline } from "./timeline.js";

const TICK_MS = 25;
const AHEAD = 0.15;
const AHEAD_HIDDEN = 1.6; // timers of hidden pages run once a second
/** Seconds until the first notes, which have to be sent to the synthesizer by then; more for each lane. */
const FIRST_DELAY = 0.006;
const LANE_DELAY = 0.002;

/** Call a function again and again; return a function that ends this. */
function everyTick(call) {
  const timer = setInterval(call, TICK_MS);
  return () => clearInterval(timer);
}

/** Fires `change` when it starts, stops, or has other settings, and `end` behind the last note. */
export class Transport extends EventTarget {
  #engine = null;
  #score = null;
  #events = null;
  #timeline = new Timeline();
  #voices = new Map();
  #next = 0;
  #sentUntil = 0;
  #startTimer;
  #stopTimer = null;
  #resting = 0;
  #rate = 1;
  #transpose = 0;
  #loop = null;
  #muted = new Set();
  #solo = new Set();

  /** `startTimer(call)` calls a function often, and returns one that ends this. */
  constructor(startTimer = everyTick) {
    super();
    this.#startTimer = startTimer;
  }

  get isPlaying() {
    return this.#stopTimer !== null;
  }

  get score() {
    return this.#score;
  }

  get rate() {
    return this.#rate;
  }

  get transpose() {
    return this.#transpose;
  }

  get loop() {
    return this.#loop;
  }

  get length() {
    return this.#score?.length ?? 0;
  }

  /** The second of the score that is heard now. */
  get position() {
    if (!this.isPlaying) return this.#resting;
    return Math.min(this.#timeline.positionAt(this.#engine.heardTime), this.length);
  }

  /** Take a score, from its beginning, and stop. */
  setScore(score) {
    this.stop();
    this.#score = score;
    this.#events = sortedEvents(score);
    this.#loop = null;
    this.#muted.clear();
    this.#solo.clear();
    this.#resting = score.begin;
    this.#changed();
  }

  /** Play from a position, on an engine that is prepared for this score. */
  play(engine, from = this.#resting) {
    this.#halt();
    this.#engine = engine;
    for (const lane of this.#score.lanes) engine.setLaneAudible(lane.index, this.isAudible(lane.index));
    this.#begin(from >= this.length - 0.01 ? this.#score.begin : from);
    this.#stopTimer = this.#startTimer(() => this.#send());
    this.#send();
    this.#changed();
  }

  /** Stop where it is. */
  pause() {
    if (!this.isPlaying) return;
    this.#resting = this.position;
    this.#halt();
    this.#changed();
  }

  /** Stop, and go back to the beginning. */
  stop() {
    this.#halt();
    this.#resting = this.#score?.begin ?? 0;
    this.#changed();
  }

  /** Go to a second of the score. */
  seek(position) {
    const to = Math.max(0, Math.min(position, this.length));
    if (!this.isPlaying) {
      this.#resting = to;
    } else {
      this.#silence();
      this.#begin(to);
      this.#send();
    }
    this.#changed();
  }

  /** Play at another speed, from the next event on. */
  set rate(rate) {
    this.#rate = rate;
    if (this.isPlaying) this.#timeline.start(this.#sentUntil, this.#timeline.lastPositionAt(this.#sentUntil), rate);
    this.#changed();
  }

  /** Play notes that many semitones higher, from the next one on; drums stay. */
  set transpose(semitones) {
    this.#transpose = semitones;
    this.#changed();
  }

  /** Repeat from a start to an end in seconds; null plays on. */
  set loop(loop) {
    this.#loop = loop;
    if (loop && this.isPlaying && this.position >= loop.end) this.seek(loop.start);
    this.#changed();
  }

  /** Return whether a lane is heard: not muted, and solo if any is. */
  isAudible(lane) {
    return this.#solo.size ? this.#solo.has(lane) : !this.#muted.has(lane);
  }

  isMuted = (lane) => this.#muted.has(lane);

  isSolo = (lane) => this.#solo.has(lane);

  setMuted(lane, isMuted) {
    this.#muted[isMuted ? "add" : "delete"](lane);
    this.#applyLanes();
  }

  setSolo(lane, isSolo) {
    this.#solo[isSolo ? "add" : "delete"](lane);
    this.#applyLanes();
  }

  #applyLanes() {
    if (this.isPlaying) {
      for (const lane of this.#score.lanes) this.#engine.setLaneAudible(lane.index, this.isAudible(lane.index));
    }
    this.#changed();
  }

  #begin(position) {
    const time = this.#engine.now + FIRST_DELAY + LANE_DELAY * this.#score.lanes.length;
    this.#timeline.clear();
    this.#timeline.start(time, position, this.#rate);
    this.#sentUntil = time;
    this.#next = firstAt(this.#events.time, position - 1e-6);
    this.#restoreSettings(time);
  }

  /** Send the programs and controllers that hold where playing begins. */
  #restoreSettings(time) {
    const last = new Map();
    for (let at = 0; at < this.#next; at++) {
      const kind = this.#events.kind[at];
      if (kind !== PROGRAM && kind !== CONTROL) continue;
      const row = this.#rowOf(at);
      last.set(`${kind} ${this.#events.lane[at]} ${row[1]} ${kind === CONTROL ? row[2] : ""}`, at);
    }
    for (const lane of this.#score.lanes) this.#engine.resetLane(lane, time);
    for (const at of last.values()) this.#dispatch(at, time);
  }

  #send() {
    const until = this.#engine.now + (document.hidden ? AHEAD_HIDDEN : AHEAD);
    while (this.#sentUntil < until) {
      const stop = this.#loop ? this.#loop.end : this.length;
      const stopTime = this.#timeline.timeOf(stop);
      const to = Math.min(until, Math.max(stopTime, this.#sentUntil));
      this.#sendTo(to);
      if (to < stopTime) return;
      if (this.#loop && this.#timeline.lastPositionAt(to) >= stop - 1e-6) this.#repeat(to);
      else return this.#finish(to);
    }
  }

  #sendTo(time) {
    const { time: times } = this.#events;
    const last = this.#timeline.lastPositionAt(time);
    const now = this.#engine.now;
    while (this.#next < times.length && times[this.#next] < last) {
      this.#dispatch(this.#next, Math.max(now, this.#timeline.timeOf(times[this.#next])));
      this.#next += 1;
    }
    this.#sentUntil = time;
  }

  #dispatch(at, time) {
    const lane = this.#score.lanes[this.#events.lane[at]];
    const kind = this.#events.kind[at];
    const key = lane.index * 4_194_304 + this.#events.index[at];
    if (kind === NOTE_OFF) {
      this.#release(key, time);
    } else if (kind === NOTE_ON) {
      const { pitch, velocity, channel } = lane.notes;
      const index = this.#events.index[at];
      const shown = pitch[index] + (lane.isDrums ? 0 : this.#transpose);
      if (shown < 0 || shown > 127) return;
      this.#voices.set(key, this.#engine.noteOn(lane.index, channel[index], shown, velocity[index], time));
      if (lane.notes.end[index] <= lane.notes.start[index]) this.#release(key, time + 0.03);
    } else if (kind === PROGRAM) {
      const [, channel, program, bank] = this.#rowOf(at);
      this.#engine.setProgram(lane.index, channel, program, bank ?? 0, time);
    } else {
      const [, channel, controller, value] = this.#rowOf(at);
      this.#engine.setControl(lane.index, channel, controller, value, time);
    }
  }

  #rowOf(at) {
    const lane = this.#score.lanes[this.#events.lane[at]];
    return (this.#events.kind[at] === PROGRAM ? lane.programs : lane.controls)[this.#events.index[at]];
  }

  #release(key, time) {
    const voice = this.#voices.get(key);
    if (voice === undefined) return;
    this.#voices.delete(key);
    this.#engine.noteOff(voice, time);
  }

  #repeat(time) {
    for (const key of [...this.#voices.keys()]) this.#release(key, time);
    this.#timeline.start(time, this.#loop.start, this.#rate);
    this.#next = firstAt(this.#events.time, this.#loop.start - 1e-6);
    this.#restoreSettings(time);
  }

  #finish(time) {
    for (const key of [...this.#voices.keys()]) this.#release(key, time);
    if (this.#engine.heardTime < time) return;
    this.stop();
    this.dispatchEvent(new Event("end"));
  }

  #silence() {
    this.#voices.clear();
    this.#engine?.silence();
  }

  #halt() {
    if (!this.#stopTimer) return;
    this.#stopTimer();
    this.#stopTimer = null;
    this.#silence();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
