/** Small pictures of the notes of tracks, fetched for many rows at once and drawn when they are there. */

import { getJson } from "../api.js";
import { color, onThemeChange } from "../theme.js";

const MAX_KEPT = 3000;
const MAX_ASKED = 100;
const kept = new Map();
const waiting = new Map();
const drawn = new Map();
const painted = new WeakSet();
let timer = null;

onThemeChange(() => {
  for (const [canvas, digest] of drawn) {
    if (canvas.isConnected && kept.has(digest)) paint(canvas, digest);
    else drawn.delete(canvas);
  }
});

/** Draw the notes of a track on a canvas, at once or when they have come. */
export function drawThumbnail(canvas, digest) {
  if (kept.has(digest)) return paint(canvas, digest);
  clearThumbnail(canvas);
  drawn.set(canvas, digest);
  waiting.set(digest, [...(waiting.get(digest) ?? []), canvas]);
  timer ??= setTimeout(ask, 16);
}

/** Empty a canvas. A new one is empty: its context, which takes a while to make, is not asked for. */
export function clearThumbnail(canvas) {
  drawn.delete(canvas);
  if (painted.delete(canvas)) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

async function ask() {
  timer = null;
  const digests = [...waiting.keys()].slice(-MAX_ASKED);
  const canvases = new Map(digests.map((digest) => [digest, waiting.get(digest)]));
  waiting.clear();
  let answer = {};
  try {
    answer = await getJson("/api/thumbnails", { ids: digests.join(",") });
  } catch {
    return; // rows are complete without pictures
  }
  for (const [digest, packed] of Object.entries(answer)) {
    kept.set(
      digest,
      Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0)),
    );
    for (const canvas of canvases.get(digest) ?? []) {
      if (drawn.get(canvas) === digest) paint(canvas, digest);
    }
  }
  while (kept.size > MAX_KEPT) kept.delete(kept.keys().next().value);
}

function paint(canvas, digest) {
  drawn.set(canvas, digest);
  painted.add(canvas);
  const notes = kept.get(digest);
  const scale = devicePixelRatio || 1;
  const width = (canvas.width = Math.round((canvas.clientWidth || 120) * scale));
  const height = (canvas.height = Math.round((canvas.clientHeight || 32) * scale));
  const context = canvas.getContext("2d");
  let low = 127;
  let high = 0;
  for (let at = 2; at < notes.length; at += 4) {
    low = Math.min(low, notes[at]);
    high = Math.max(high, notes[at]);
  }
  const missing = Math.max(0, 12 - (high - low));
  const step = height / (high - low + missing + 1);
  const tall = Math.max(scale * 1.5, step);
  context.fillStyle = color("note");
  for (let at = 0; at < notes.length; at += 4) {
    context.globalAlpha = 0.4 + 0.6 * (notes[at + 3] / 127);
    const x = (notes[at] / 256) * width;
    const wide = Math.max(scale, (notes[at + 1] / 256) * width);
    context.fillRect(x, (high + missing / 2 - notes[at + 2]) * step, wide, tall);
  }
}
