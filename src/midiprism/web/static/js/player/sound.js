/** The audio context, and which synthesizer plays on it. */

import { getJson } from "../api.js";
import { BuiltinEngine } from "./builtin_engine.js";
import { openSpessaEngine } from "./spessa_engine.js";

const KEY = "midiprism.sound";
const VOLUME_KEY = "midiprism.volume";
const BANK_PATIENCE_MS = 4000;

let context = null;
let builtin = null;
let spessa = null;
let volume = null;

/** Return the audio context of the page. Until someone clicks or types, it is suspended. */
export function audioContext() {
  context ??= new AudioContext({ latencyHint: "interactive" });
  return context;
}

/** Start the audio clock. To be called while a click or a key is handled. */
export function wake() {
  if (audioContext().state !== "running") return audioContext().resume();
  return Promise.resolve();
}

/** Return what the server says of sound banks: `{bank: null}` without one. */
let answer = null;
export function soundOfServer() {
  answer ??= getJson("/api/sound").catch(() => ({ bank: null }));
  return answer;
}

/** Return `auto`, or `builtin` where the listener does not want the bank. */
export const chosenSound = () => (localStorage.getItem(KEY) === "builtin" ? "builtin" : "auto");

/** Keep a choice of sound. */
export const setChosenSound = (choice) => localStorage.setItem(KEY, choice);

/** Return the volume, 0 to 1. */
export function currentVolume() {
  volume ??= Number(localStorage.getItem(VOLUME_KEY) ?? 0.8);
  return volume;
}

/** Set the volume, 0 to 1, of all engines. */
export function setVolume(value) {
  volume = value;
  localStorage.setItem(VOLUME_KEY, String(value));
  builtin?.setVolume(value);
  spessa?.then((engine) => engine?.setVolume(value));
}

/** Return the engine for a score: with the sound bank if there is one and it comes in time, else the built-in one. */
export async function engineFor(score) {
  if (chosenSound() === "auto" && (await soundOfServer()).bank) {
    const engine = await Promise.race([bankEngine(score), later(BANK_PATIENCE_MS)]);
    if (engine) {
      await engine.prepare(score);
      return engine;
    }
  }
  const engine = builtinEngine();
  await engine.prepare(score);
  return engine;
}

/** Load what a score needs before it is asked to sound; decode it too, unless something else plays meanwhile. */
export async function prefetchSound(score, isPlaying) {
  if (chosenSound() !== "auto" || !(await soundOfServer()).bank) return;
  // A context that rests takes up to a tenth of a second to run, and may run once someone has clicked or typed.
  if (navigator.userActivation?.hasBeenActive) wake();
  const engine = await bankEngine(score);
  if (!isPlaying()) engine?.decodeFirst(score);
}

/** Get the synthesizer ready that is going to play. */
export async function warmUp() {
  if (chosenSound() === "auto" && (await soundOfServer()).bank) await openedEngine();
  else builtinEngine();
}

function builtinEngine() {
  builtin ??= withVolume(new BuiltinEngine(audioContext()));
  return builtin;
}

function openedEngine() {
  spessa ??= soundOfServer()
    .then(({ bank }) => openSpessaEngine(audioContext(), bank))
    .then(withVolume)
    .catch(noBank);
  return spessa;
}

async function bankEngine(score) {
  const engine = await openedEngine();
  try {
    await engine?.loadBank(score);
  } catch (error) {
    return noBank(error);
  }
  return engine;
}

function noBank(error) {
  console.info("The built-in synthesizer plays:", error.message);
  return null;
}

function withVolume(engine) {
  engine.setVolume(currentVolume());
  return engine;
}

const later = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds, null));
