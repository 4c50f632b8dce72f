/** All notes of a score in a strip, over which one seeks. */

import { color, onThemeChange } from "../theme.js";

/** Return a function that draws a score on a canvas, again whenever its size or the colors change. */
export function overviewOf(canvas) {
  let score = null;
  const draw = () => drawOverview(canvas, score);
  new ResizeObserver(draw).observe(canvas);
  onThemeChange(draw);
  return (shown) => {
    if (shown === score) return;
    score = shown;
    draw();
  };
}

function drawOverview(canvas, score) {
  const scale = devicePixelRatio || 1;
  const width = (canvas.width = Math.round(canvas.clientWidth * scale));
  const height = (canvas.height = Math.round(canvas.clientHeight * scale));
  if (!score || !score.length || !width) return;
  const context = canvas.getContext("2d");
  context.fillStyle = color("note");
  const [low, high] = pitchRange(score);
  const step = height / (high - low + 1);
  const thick = Math.max(scale, step);
  for (const { notes } of score.lanes) {
    for (let index = 0; index < notes.start.length; index++) {
      const x = (notes.start[index] / score.length) * width;
      const wide = Math.max(scale, ((notes.end[index] - notes.start[index]) / score.length) * width);
      context.globalAlpha = 0.35 + 0.65 * (notes.velocity[index] / 127);
      context.fillRect(x, (high - notes.pitch[index]) * step, wide, thick);
    }
  }
}

function pitchRange(score) {
  let low = 127;
  let high = 0;
  for (const { notes } of score.lanes) {
    for (const pitch of notes.pitch) {
      if (pitch < low) low = pitch;
      if (pitch > high) high = pitch;
    }
  }
  return low > high ? [60, 72] : [low - 1, high + 1];
}
