/**
 * A view of a score over time that scrolls and zooms: canvas, ruler of bars, cursor, loop.
 *
 * Scrolling is the browser's own, over an empty space as large as the score would be. The canvas stays in place and
 * is drawn once a frame at most, with what is visible.
 */

import { h } from "../dom.js";
import { clock } from "../format.js";
import { color, isMotionReduced, onThemeChange } from "../theme.js";

export const RULER = 26;
const MAX_BEAT = 320;
const MAX_SPACE = 8_000_000;

/** `signal` ends following the transport. `content` has `gutter`, `height()`, `draw(context, view)` and optionally `zoomRows(factor)` and `layout(view)`. */
export class Surface {
  #isStale = false;
  #drag = null;
  #isFollowing = true;

  constructor(holder, { timeMap, transport, content, label, signal = undefined }) {
    Object.assign(this, { timeMap, transport, content });
    this.pixelsPerTick = 0.1;
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.cursor = h("i", { class: "roll-cursor" });
    this.range = h("i", { class: "roll-loop", hidden: true });
    this.ruler = h("div", { class: "roll-ruler", "aria-hidden": "true" });
    this.layer = h("div", { class: "roll-view" }, this.canvas, this.range, this.cursor, this.ruler);
    this.space = h("div", { class: "roll-space" }, this.layer);
    this.scroller = h("div", { class: "roll", tabindex: "0", role: "group", "aria-label": label }, this.space);
    holder.append(this.scroller);
    this.#listen(signal);
    this.fit();
  }

  get width() {
    return Math.max(50, this.scroller.clientWidth - this.content.gutter);
  }

  get height() {
    return this.scroller.clientHeight;
  }

  #minimum() {
    return (this.width - 8) / Math.max(1, this.timeMap.lengthTicks);
  }

  /** Show the whole score if it is short, else its first bars. */
  fit() {
    const comfortable = 44 / this.timeMap.ticksPerQuarter;
    this.pixelsPerTick = Math.max(this.#minimum(), comfortable);
    this.resize();
    const begin = this.timeMap.toTicks(this.transport.score?.begin ?? 0);
    if (this.xOf(begin) > this.content.gutter + this.width * 0.6) {
      this.scroller.scrollLeft = begin * this.pixelsPerTick - this.width * 0.1;
    }
  }

  /** Take the size of the holder, and draw. */
  resize() {
    this.pixelsPerTick = Math.max(this.pixelsPerTick, this.#minimum());
    const wide = Math.min(MAX_SPACE, this.content.gutter + 8 + this.timeMap.lengthTicks * this.pixelsPerTick);
    this.space.style.width = `${Math.max(wide, this.scroller.clientWidth)}px`;
    this.space.style.height = `${Math.max(this.height, RULER + this.content.height())}px`;
    this.layer.style.width = `${this.scroller.clientWidth}px`;
    this.layer.style.height = `${this.height}px`;
    const scale = devicePixelRatio || 1;
    this.canvas.width = Math.round(this.scroller.clientWidth * scale);
    this.canvas.height = Math.round(this.height * scale);
    this.invalidate();
  }

  /** Lay other notes over those of a piano roll; null for none. */
  setOverlay(notes) {
    this.content.setOverlay(notes);
    this.resize();
  }

  /** Draw in the next frame. */
  invalidate() {
    if (this.#isStale) return;
    this.#isStale = true;
    requestAnimationFrame(() => {
      this.#isStale = false;
      this.#draw();
    });
  }

  /** Zoom in time around a place, in pixels from the left of the view. */
  zoom(factor, at = this.content.gutter + this.width / 2) {
    const tick = this.tickAt(at);
    this.pixelsPerTick = Math.min(MAX_BEAT / this.timeMap.ticksPerQuarter, this.pixelsPerTick * factor);
    this.resize();
    this.scroller.scrollLeft = tick * this.pixelsPerTick - (at - this.content.gutter);
    this.invalidate();
  }

  tickAt(x) {
    return Math.max(0, (this.scroller.scrollLeft + x - this.content.gutter) / this.pixelsPerTick);
  }

  xOf(tick) {
    return this.content.gutter + tick * this.pixelsPerTick - this.scroller.scrollLeft;
  }

  #listen(signal) {
    const { scroller, transport } = this;
    scroller.addEventListener("scroll", () => this.invalidate(), { passive: true });
    scroller.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    scroller.addEventListener("keydown", (event) => this.#key(event));
    this.layer.addEventListener("pointerdown", (event) => this.#press(event));
    this.layer.addEventListener("pointermove", (event) => this.#move(event));
    this.layer.addEventListener("pointerup", (event) => this.#lift(event));
    this.layer.addEventListener("pointercancel", () => (this.#drag = null));
    new ResizeObserver(() => this.resize()).observe(scroller);
    onThemeChange(() => this.invalidate());
    const change = () => {
      this.invalidate();
      if (transport.isPlaying) this.#follow();
    };
    transport.addEventListener("change", change, { signal });
  }

  #wheel(event) {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const at = event.clientX - this.scroller.getBoundingClientRect().left;
      this.zoom(Math.exp(-event.deltaY / 240), at);
    } else if (event.altKey && this.content.zoomRows) {
      event.preventDefault();
      this.zoomRows(Math.exp(-event.deltaY / 240));
    }
    this.#isFollowing = false;
    clearTimeout(this.restTimer);
    this.restTimer = setTimeout(() => (this.#isFollowing = true), 3000);
  }

  /** Make rows higher or lower. */
  zoomRows(factor) {
    this.content.zoomRows(factor);
    this.resize();
  }

  #key(event) {
    const { transport } = this;
    const actions = {
      "+": () => this.zoom(1.25),
      "=": () => this.zoom(1.25),
      "-": () => this.zoom(0.8),
      "[": () => this.setLoop(this.timeMap.toTicks(transport.position), this.#loopTicks()[1]),
      "]": () => this.setLoop(this.#loopTicks()[0], this.timeMap.toTicks(transport.position)),
      Escape: () => (transport.loop = null),
      Home: () => transport.seek(0),
    };
    if (!actions[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    actions[event.key]();
  }

  #loopTicks() {
    const { loop } = this.transport;
    return loop
      ? [this.timeMap.toTicks(loop.start), this.timeMap.toTicks(loop.end)]
      : [0, this.timeMap.lengthTicks];
  }

  /** Loop from one tick to another, both moved to beats; nothing if they are the same. */
  setLoop(from, to) {
    const [start, end] = [this.timeMap.snap(Math.min(from, to)), this.timeMap.snap(Math.max(from, to))];
    const loop = {
      start: this.timeMap.toSeconds(start),
      end: Math.min(this.transport.length, this.timeMap.toSeconds(end)),
    };
    this.transport.loop = loop.end - loop.start > 0.05 ? loop : null;
  }

  #place(event) {
    return event.clientX - this.scroller.getBoundingClientRect().left;
  }

  #press(event) {
    if (event.button !== 0 || this.#place(event) < this.content.gutter || event.target.closest("button, a")) return;
    const isRuler = event.target === this.ruler;
    if (event.pointerType === "touch" && !isRuler) {
      this.#drag = { from: this.#place(event), moved: false, isTouch: true };
      return;
    }
    this.layer.setPointerCapture(event.pointerId);
    this.#drag = { from: this.#place(event), tick: this.tickAt(this.#place(event)), moved: false };
  }

  #move(event) {
    const drag = this.#drag;
    if (!drag || drag.isTouch) return;
    const x = this.#place(event);
    if (Math.abs(x - drag.from) > 5) drag.moved = true;
    if (drag.moved) this.setLoop(drag.tick, this.tickAt(x));
  }

  #lift(event) {
    const drag = this.#drag;
    this.#drag = null;
    if (!drag) return;
    if (!drag.moved) this.transport.seek(this.timeMap.toSeconds(this.tickAt(this.#place(event))));
    else if (this.transport.loop) this.transport.seek(this.transport.loop.start);
  }

  #follow() {
    if (this.isMoving) return;
    this.isMoving = true;
    const frame = () => {
      if (!this.transport.isPlaying) {
        this.isMoving = false;
        return;
      }
      this.#placeCursor();
      this.#keepInView();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  #placeCursor() {
    const x = this.xOf(this.timeMap.toTicks(this.transport.position));
    this.cursor.style.transform = `translateX(${x}px)`;
    this.cursor.hidden = x < this.content.gutter - 1;
  }

  #keepInView() {
    if (!this.#isFollowing || this.#drag) return;
    const x = this.xOf(this.timeMap.toTicks(this.transport.position));
    const { gutter } = this.content;
    if (x >= gutter && x <= gutter + this.width * 0.9) return;
    const left = this.scroller.scrollLeft + x - gutter - this.width * (isMotionReduced() ? 0.02 : 0.1);
    this.scroller.scrollLeft = left;
  }

  #draw() {
    const context = this.canvas.getContext("2d");
    const scale = devicePixelRatio || 1;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const view = {
      gutter: this.content.gutter,
      right: this.scroller.clientWidth,
      bottom: this.height,
      scrollTop: this.scroller.scrollTop,
      from: this.tickAt(this.content.gutter),
      to: this.tickAt(this.scroller.clientWidth),
      pixelsPerTick: this.pixelsPerTick,
      offset: this.content.gutter - this.scroller.scrollLeft,
    };
    context.fillStyle = color("roll");
    context.fillRect(0, 0, view.right, view.bottom);
    this.content.drawRows(context, view);
    this.#drawLines(context, view);
    this.content.draw(context, view);
    this.#drawRuler(context, view);
    this.content.layout?.(view);
    this.#placeLoop();
    this.#placeCursor();
  }

  #lineSpacing() {
    const bar = this.timeMap.ticksPerQuarter * 4 * this.pixelsPerTick;
    let everyBar = 1;
    while (bar * everyBar < 34) everyBar *= 2;
    return { withBeats: everyBar === 1 && bar / 4 > 11, everyBar };
  }

  #drawLines(context, view) {
    const { withBeats, everyBar } = this.#lineSpacing();
    const beatColor = color("roll-beat");
    const barColor = color("roll-bar");
    this.timeMap.eachLine(view.from, view.to, withBeats, everyBar, (tick, bar) => {
      context.fillStyle = bar ? barColor : beatColor;
      context.fillRect(Math.round(view.offset + tick * view.pixelsPerTick), RULER, 1, view.bottom);
    });
  }

  #drawRuler(context, view) {
    context.fillStyle = color("panel");
    context.fillRect(0, 0, view.right, RULER);
    context.fillStyle = color("line");
    context.fillRect(0, RULER - 1, view.right, 1);
    context.font = `500 12px ${getComputedStyle(this.scroller).fontFamily}`;
    context.textBaseline = "middle";
    context.fillStyle = color("muted");
    const { everyBar } = this.#lineSpacing();
    this.timeMap.eachLine(view.from, view.to, false, everyBar, (tick, bar) => {
      const x = view.offset + tick * view.pixelsPerTick;
      const text = this.timeMap.hasBeats ? String(bar) : clock(this.timeMap.toSeconds(tick));
      if (x < view.gutter - 1) return;
      context.fillRect(Math.round(x), RULER - 7, 1, 6);
      context.fillText(text, x + 4, RULER / 2 - 1);
    });
    this.content.drawGutter(context, view);
    context.fillStyle = color("panel");
    context.fillRect(0, 0, view.gutter, RULER - 1);
  }

  #placeLoop() {
    const { loop } = this.transport;
    this.range.hidden = !loop;
    if (!loop) return;
    const left = Math.max(this.content.gutter, this.xOf(this.timeMap.toTicks(loop.start)));
    const right = Math.max(left, this.xOf(this.timeMap.toTicks(loop.end)));
    this.range.style.left = `${left}px`;
    this.range.style.width = `${right - left}px`;
  }
}
