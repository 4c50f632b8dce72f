/** Tracks with the music of the one on a page: found, laid over its notes, and played with it. */

import { getJson, getWhenMade } from "./api.js";
import { announce, fill, h, icon, toast } from "./dom.js";
import { percent } from "./format.js";
import { pendingNote } from "./pending.js";
import { player } from "./player/player.js";
import { trackScore, withLane } from "./player/score.js";
import { alignedLane } from "./roll/aligned_lane.js";
import { buildLanes, setLanesHeight } from "./roll/lanes.js";

const nameOf = (track) => track.name || track.instrument || "Unnamed track";
/** Return how many times as long notes are in another track, as text; nothing where they are about as long. */
const times = (ratio) => (ratio && Math.abs(ratio - 1) > 0.01 ? `notes × ${Number(ratio.toFixed(2))}` : null);
const signed = (value) => (value > 0 ? `+${value}` : String(value).replace("-", "−"));

/** `item` is what the player has of the track, `surface` its roll, and `below` an element for lanes. */
export class SimilarTracks {
  #compared = null;
  #closing = null;

  constructor(track, item, surface, below) {
    Object.assign(this, { track, item, surface, below });
    this.list = h("div", { class: "similar" });
    const find = h("button", { type: "button", class: "button", onclick: () => this.#find(find) }, icon("song"), "Find");
    const address = `/?${new URLSearchParams({ q: `like:${track.digest.slice(0, 16)}` })}`;
    this.element = h(
      "div",
      {},
      h("p", { class: "similar-start" }, find, h("a", { href: address, text: "Similar tracks in the list" })),
      this.list,
    );
  }

  async #find(button) {
    button.disabled = true;
    let note = null;
    const showPending = (pending) => {
      if (!note) fill(this.list, (note = pendingNote()).element);
      note.show(pending);
    };
    try {
      const path = `/api/tracks/${this.track.digest}/similar`;
      const { tracks } = await getWhenMade(path, {}, undefined, showPending);
      this.#show(tracks);
      announce(tracks.length ? `${tracks.length} found` : "No other track has this music");
    } catch (error) {
      fill(this.list, h("p", { role: "alert", text: error.message }));
      button.disabled = false;
    }
  }

  #show(tracks) {
    if (!tracks.length) return fill(this.list, h("p", { text: "No other track of the library has this music." }));
    fill(this.list, h("ul", { class: "links" }, tracks.map((other) => this.#row(other))));
  }

  #row(other) {
    const compare = h(
      "button",
      {
        type: "button",
        class: "button similar-compare",
        "aria-pressed": "false",
        "aria-label": `Compare with ${nameOf(other)}, ${other.song}`,
        onclick: () => this.#toggle(other, compare),
      },
      "Compare",
    );
    const facts = [
      percent(other.score),
      other.transposition && `${signed(other.transposition)} semitones`,
      times(other.tempo_ratio),
      `from beat ${Math.floor(other.first_quarter) + 1}`,
    ];
    return h(
      "li",
      { class: "similar-row" },
      h(
        "span",
        { class: "similar-text" },
        h("a", { href: `/tracks/${other.digest}`, text: nameOf(other) }),
        h("small", { text: other.song }),
        h("small", { text: facts.filter(Boolean).join(" · ") }),
      ),
      compare,
    );
  }

  async #toggle(other, button) {
    const isOn = button.getAttribute("aria-pressed") === "true";
    this.#end();
    if (isOn) return;
    button.setAttribute("aria-pressed", "true");
    this.#compared = button;
    try {
      const score = trackScore(other, await getJson(`/api/tracks/${other.digest}/notes`));
      if (this.#compared === button) this.#begin(other, score);
    } catch (error) {
      this.#end();
      toast(error.message, { isError: true });
    }
  }

  /** Show the notes of another track over those of the roll, and both as lanes, which play together. */
  #begin(other, otherScore) {
    const lane = alignedLane(this.item.score, otherScore, other);
    const score = withLane(this.item.score, { ...lane, name: `${nameOf(other)}, ${other.song}` });
    const begin = this.surface.timeMap.toSeconds(other.example_quarter * this.surface.timeMap.ticksPerQuarter);
    player.show({ ...this.item, key: score.key, detail: `with ${nameOf(other)}`, score });
    this.surface.setOverlay(lane.notes);
    this.#closing = new AbortController();
    const lanes = h("div", { class: "roll-holder" });
    setLanesHeight(lanes, 2);
    const play = h(
      "button",
      { type: "button", class: "button button-main", onclick: () => player.play(player.item, begin) },
      icon("play"),
      "Hear both there",
    );
    const end = h("button", { type: "button", class: "button", text: "End comparison", onclick: () => this.#end() });
    fill(
      this.below,
      h(
        "div",
        { class: "compare-head" },
        h("p", {}, h("i", { class: "overlay-swatch" }), wordsFor(other)),
        play,
        end,
      ),
      lanes,
    );
    this.below.hidden = false;
    buildLanes(lanes, score, player.transport, this.#closing.signal);
    announce(`${wordsFor(other)}. Both play together.`);
  }

  #end() {
    this.#compared?.setAttribute("aria-pressed", "false");
    this.#compared = null;
    if (!this.#closing) return;
    this.#closing.abort();
    this.#closing = null;
    fill(this.below);
    this.below.hidden = true;
    this.surface.setOverlay(null);
    player.show(this.item);
  }
}

function wordsFor(other) {
  const moves = [
    other.transposition && `${signed(-other.transposition)} semitones`,
    times(other.tempo_ratio && 1 / other.tempo_ratio),
  ].filter(Boolean);
  const moved = moves.length ? `, moved by ${moves.join(" and ")}` : "";
  return `${nameOf(other)}, ${other.song}, over the same place${moved}`;
}
