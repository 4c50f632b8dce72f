/** A song's tracks as lanes under one ruler, each with mute and solo. */

import { fill, h } from "../dom.js";
import { plural } from "../format.js";
import { color } from "../theme.js";
import { NoteIndex } from "./note_index.js";
import { RULER, Surface } from "./surface.js";
import { TimeMap } from "./time_map.js";

const LANE = 58;
const SCROLL_BAR = 18;
const MAX_HEIGHT = 640;

/** Give a holder the height of a number of lanes, as far as there is room. */
export function setLanesHeight(holder, count) {
  holder.style.height = `${Math.min(MAX_HEIGHT, RULER + LANE * Math.max(2, count) + SCROLL_BAR)}px`;
}

/** Build the lanes of a score into a holder; return their surface. `signal` ends following the transport. */
export function buildLanes(holder, score, transport, signal = undefined) {
  const timeMap = new TimeMap(score);
  const content = new LaneRows(score, timeMap, transport, holder, signal);
  const surface = new Surface(holder, {
    timeMap,
    transport,
    content,
    label: plural(score.lanes.length, "lane"),
    signal,
  });
  surface.layer.append(content.headers);
  return surface;
}

class LaneRows {
  constructor(score, timeMap, transport, holder, signal) {
    this.transport = transport;
    this.gutter = holder.clientWidth < 700 ? 136 : 244;
    this.lanes = score.lanes.map((lane) => {
      const index = new NoteIndex(lane.notes, timeMap);
      return { lane, index, low: Math.min(...span(index)), high: Math.max(...span(index)) };
    });
    this.list = h(
      "ol",
      { class: "lane-headers" },
      this.lanes.map(({ lane, index }) => this.#header(lane, index)),
    );
    this.headers = h("div", { class: "lane-gutter" }, this.list);
    this.headers.style.width = `${this.gutter}px`;
    this.headers.style.top = `${RULER}px`;
    transport.addEventListener("change", () => this.#update(), { signal });
    this.#update();
  }

  #header(lane, index) {
    const { transport } = this;
    const name = lane.name || lane.instrument || `Track ${lane.index + 1}`;
    const button = (letter, word, isOn, set) =>
      h("button", {
        type: "button",
        class: `lane-button lane-${word.toLowerCase()}`,
        text: letter,
        title: word,
        "aria-label": `${word} ${name}`,
        "aria-pressed": "false",
        onclick: () => set(lane.index, !isOn(lane.index)),
      });
    return h(
      "li",
      { class: "lane-header" },
      h(
        "span",
        { class: "lane-buttons" },
        button("M", "Mute", transport.isMuted, (at, value) => transport.setMuted(at, value)),
        button("S", "Solo", transport.isSolo, (at, value) => transport.setSolo(at, value)),
      ),
      h(
        "span",
        { class: "lane-text" },
        h("a", { href: `/tracks/${lane.digest}`, text: name, title: name }),
        h("small", { text: `${lane.instrument || "no instrument"} · ${plural(index.size, "note")}` }),
      ),
    );
  }

  #update() {
    [...this.list.children].forEach((header, lane) => {
      header.querySelector(".lane-mute").setAttribute("aria-pressed", String(this.transport.isMuted(lane)));
      header.querySelector(".lane-solo").setAttribute("aria-pressed", String(this.transport.isSolo(lane)));
      header.classList.toggle("is-silent", !this.transport.isAudible(lane));
    });
  }

  height() {
    return this.lanes.length * LANE;
  }

  layout(view) {
    this.list.style.transform = `translateY(${-view.scrollTop}px)`;
  }

  #visible(view) {
    const first = Math.max(0, Math.floor(view.scrollTop / LANE));
    const last = Math.min(this.lanes.length, Math.ceil((view.scrollTop + view.bottom - RULER) / LANE));
    return this.lanes.slice(first, last).map((lane, at) => [lane, RULER + (first + at) * LANE - view.scrollTop]);
  }

  drawRows(context, view) {
    context.fillStyle = color("line");
    for (const [, y] of this.#visible(view)) context.fillRect(view.gutter, Math.round(y + LANE) - 1, view.right, 1);
  }

  draw(context, view) {
    context.save();
    context.beginPath();
    context.rect(view.gutter, RULER, view.right, view.bottom);
    context.clip();
    for (const [{ lane, index, low, high }, y] of this.#visible(view)) {
      const step = Math.min(6, (LANE - 12) / (high - low + 1));
      const top = y + (LANE - step * (high - low + 1)) / 2;
      const tall = Math.max(2, step - 0.5);
      const strength = this.transport.isAudible(lane.index) ? 1 : 0.25;
      context.fillStyle = color(strength === 1 ? "note" : "muted");
      const [first, last] = index.range(view.from, view.to);
      for (let at = first; at < last; at++) {
        if (index.end[at] < view.from) continue;
        context.globalAlpha = strength * (0.3 + 0.7 * (index.velocity[at] / 127));
        const x = view.offset + index.start[at] * view.pixelsPerTick;
        const wide = Math.max(2, (index.end[at] - index.start[at]) * view.pixelsPerTick - 1);
        context.fillRect(x, top + (high - index.pitch[at]) * step, lane.isDrums ? Math.min(wide, 4) : wide, tall);
      }
    }
    context.restore();
  }

  drawGutter(context, view) {
    context.fillStyle = color("panel");
    context.fillRect(0, RULER, view.gutter, view.bottom);
  }
}

function span(index) {
  let low = 127;
  let high = 0;
  for (const pitch of index.pitch) {
    low = Math.min(low, pitch);
    high = Math.max(high, pitch);
  }
  return low > high ? [60, 71] : [low, high];
}

/** Build lyrics and markers as lines that are seeked to by a click, and follow the player. */
export function buildWords(holder, words, transport) {
  if (!words.length) return;
  const parts = words.map(([seconds, text]) =>
    h("button", { type: "button", class: "word", text, onclick: () => transport.seek(seconds) }),
  );
  fill(holder, parts);
  let shown = -1;
  const follow = () => {
    const at = words.findLastIndex(([seconds]) => seconds <= transport.position + 0.02);
    if (at !== shown) {
      parts[shown]?.classList.remove("is-now");
      parts[at]?.classList.add("is-now");
      shown = at;
    }
    if (transport.isPlaying) setTimeout(follow, 80);
  };
  transport.addEventListener("change", follow);
}
