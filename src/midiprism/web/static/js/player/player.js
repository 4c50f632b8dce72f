/** The player of a page: what is loaded, and its transport. */

import { getJson } from "../api.js";
import { toast } from "../dom.js";
import { songScore, trackScore } from "./score.js";
import { engineFor, prefetchSound, wake } from "./sound.js";
import { Transport } from "./transport.js";

const MAX_SCORES = 24;

/** Fires `change` as its transport does, and when it has something else loaded. */
class Player extends EventTarget {
  transport = new Transport();
  /** What is loaded: `{key, title, detail, href, score}`, or null. */
  item = null;
  isLoading = false;
  engineName = "";
  #scores = new Map();
  #request = 0;

  constructor() {
    super();
    this.transport.addEventListener("change", () => this.#changed());
    this.transport.addEventListener("end", () => this.dispatchEvent(new Event("end")));
  }

  /** Load a score of the page itself, without playing it. */
  show(item) {
    this.item = item;
    this.transport.setScore(item.score);
    prefetchSound(item.score, () => this.transport.isPlaying);
    this.#changed();
  }

  /** Return what can be loaded for a row of a search. */
  itemOfRow(row) {
    return {
      key: `track ${row.digest}`,
      title: row.name || row.instrument || "Unnamed track",
      detail: row.song,
      href: `/tracks/${row.digest}`,
      load: async () => trackScore(row, await getJson(`/api/tracks/${row.digest}/notes`)),
    };
  }

  /** Return what can be loaded for a song. */
  itemOfSong(song) {
    return {
      key: `song ${song.song_id}`,
      title: song.name,
      detail: "all tracks",
      href: `/songs/${song.song_id}`,
      load: async () => songScore(song.song_id, await getJson(`/api/songs/${song.song_id}/notes`)),
    };
  }

  /** Load what a listener may ask for next. */
  async prefetch(item) {
    try {
      await prefetchSound(await this.#scoreOf(item), () => this.transport.isPlaying);
    } catch {
      // It is asked for again, and reported, when it is to be heard.
    }
  }

  /** Play an item from a position; the one that is loaded goes on where it rests. */
  async play(item = this.item, from = undefined) {
    if (!item) return;
    const request = ++this.#request;
    const awake = wake();
    this.isLoading = true;
    if (this.item?.key !== item.key) this.transport.pause();
    this.#changed();
    try {
      const score = item.score ?? (await this.#scoreOf(item));
      const engine = await engineFor(score);
      await awake;
      if (request !== this.#request) return;
      if (this.transport.score !== score) this.transport.setScore(score);
      this.item = { ...item, score };
      this.engineName = engine.name;
      this.isLoading = false;
      this.transport.play(engine, from);
    } catch (error) {
      if (request !== this.#request) return;
      this.isLoading = false;
      this.#changed();
      toast(error.message, { isError: true });
    }
  }

  /** Play an item, or pause it if it plays. */
  toggle(item = this.item) {
    if (item && this.item?.key === item.key && this.transport.isPlaying) this.pause();
    else return this.play(item);
  }

  pause() {
    this.#request++;
    this.isLoading = false;
    this.transport.pause();
  }

  isPlaying(key) {
    return this.transport.isPlaying && this.item?.key === key;
  }

  #scoreOf(item) {
    if (item.score) return item.score;
    if (!this.#scores.has(item.key)) {
      const score = item.load();
      score.catch(() => this.#scores.delete(item.key));
      this.#scores.set(item.key, score);
      if (this.#scores.size > MAX_SCORES) this.#scores.delete(this.#scores.keys().next().value);
    }
    return this.#scores.get(item.key);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

export const player = new Player();
