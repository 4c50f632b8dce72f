/**
 * Sounds of the built-in synthesizer for the 128 programs of General MIDI: one patch for each family of eight, and
 * changes for programs that differ much from their family.
 *
 * `partials` are the levels of the harmonics. `second` is another oscillator: its ratio to the pitch, level, and
 * detuning in cents. Times are in seconds; `decay` is the time constant with which a note falls to `sustain`.
 * `bright` is the cutoff of a low-pass filter in multiples of the pitch, `sweep` by how much the attack opens it.
 */

const SAW = [1, 0.5, 0.333, 0.25, 0.2, 0.167, 0.143, 0.125, 0.111, 0.1, 0.09, 0.083];
const SQUARE = [1, 0, 0.333, 0, 0.2, 0, 0.143, 0, 0.111];
const HOLLOW = [1, 0.04, 0.5, 0.04, 0.26, 0.03, 0.12];

const BASE = {
  partials: [1],
  attack: 0.004,
  decay: 1,
  sustain: 1,
  release: 0.12,
  bright: 12,
  sweep: 0,
  level: 0.5,
  vibrato: 0,
  breath: 0,
  second: null,
};

const FAMILIES = [
  {
    partials: [1, 0.6, 0.3, 0.22, 0.13, 0.1, 0.05, 0.04],
    decay: 0.85,
    sustain: 0,
    release: 0.14,
    bright: 5,
    sweep: 6,
    level: 0.62,
  },
  {
    partials: [1, 0.05, 0.02],
    second: { ratio: 4.01, level: 0.3, cents: 0, decay: 0.25 },
    decay: 0.7,
    sustain: 0,
    release: 0.5,
    level: 0.55,
  },
  { partials: [1, 0.75, 0.55, 0.4, 0, 0.25, 0, 0.2], attack: 0.008, release: 0.06, level: 0.34 },
  {
    partials: [1, 0.62, 0.4, 0.28, 0.2, 0.12, 0.08],
    decay: 0.55,
    sustain: 0,
    release: 0.1,
    bright: 4,
    sweep: 8,
    level: 0.6,
  },
  {
    partials: [1, 0.55, 0.3, 0.14, 0.06],
    decay: 0.7,
    sustain: 0.25,
    release: 0.07,
    bright: 5,
    sweep: 5,
    level: 0.8,
  },
  { partials: SAW, attack: 0.045, release: 0.16, bright: 6, sweep: 2, vibrato: 6, level: 0.34 },
  {
    partials: SAW,
    second: { ratio: 1, level: 0.8, cents: 11 },
    attack: 0.07,
    release: 0.28,
    bright: 5,
    sweep: 1,
    level: 0.24,
  },
  { partials: SAW, attack: 0.022, decay: 0.3, sustain: 0.8, release: 0.09, bright: 3, sweep: 6, level: 0.38 },
  { partials: HOLLOW, attack: 0.02, release: 0.08, bright: 8, sweep: 2, vibrato: 5, level: 0.38 },
  { partials: [1, 0.18, 0.06, 0.02], attack: 0.03, release: 0.1, vibrato: 7, breath: 0.05, level: 0.46 },
  {
    partials: SAW,
    second: { ratio: 1, level: 0.7, cents: 7 },
    attack: 0.005,
    release: 0.08,
    bright: 8,
    sweep: 3,
    level: 0.26,
  },
  {
    partials: SAW,
    second: { ratio: 1, level: 0.9, cents: 16 },
    attack: 0.16,
    release: 0.5,
    bright: 3,
    sweep: 1,
    level: 0.24,
  },
  {
    partials: [1, 0.3, 0.4, 0.1, 0.2],
    second: { ratio: 2.005, level: 0.3, cents: 5 },
    attack: 0.08,
    decay: 1.5,
    sustain: 0.4,
    release: 0.5,
    level: 0.32,
  },
  {
    partials: [1, 0.8, 0.5, 0.45, 0.3, 0.22, 0.16],
    decay: 0.38,
    sustain: 0,
    release: 0.1,
    bright: 5,
    sweep: 7,
    level: 0.54,
  },
  {
    partials: [1, 0.1],
    second: { ratio: 2.76, level: 0.4, cents: 0, decay: 0.07 },
    decay: 0.16,
    sustain: 0,
    release: 0.1,
    level: 0.7,
  },
  { partials: [1, 0.3], attack: 0.02, decay: 0.8, sustain: 0.3, release: 0.3, breath: 0.6, level: 0.3 },
];

const PROGRAMS = {
  4: { partials: [1, 0.12, 0.06], second: { ratio: 14, level: 0.07, cents: 0, decay: 0.06 }, decay: 1.1 },
  5: { partials: [1, 0.2, 0.1], second: { ratio: 7, level: 0.1, cents: 0, decay: 0.1 }, decay: 1.1 },
  6: { partials: SAW, bright: 9, sweep: 4, decay: 0.6, level: 0.36 },
  7: { partials: SQUARE, bright: 5, sweep: 8, decay: 0.5, level: 0.4 },
  16: { partials: [1, 0.9, 0.7, 0.2, 0, 0.1, 0, 0.3] },
  19: { partials: [1, 0.8, 0.5, 0.6, 0.2, 0.4, 0.1, 0.4], attack: 0.03, release: 0.3 },
  29: {
    partials: SAW,
    second: { ratio: 1, level: 0.8, cents: 9 },
    decay: 2.5,
    sustain: 0.5,
    bright: 7,
    sweep: 3,
    level: 0.3,
  },
  30: {
    partials: SQUARE,
    second: { ratio: 1, level: 0.9, cents: 12 },
    decay: 3,
    sustain: 0.6,
    bright: 9,
    sweep: 3,
    level: 0.28,
  },
  38: { partials: SAW, decay: 0.3, sustain: 0.4, bright: 3, sweep: 9, level: 0.55 },
  39: { partials: SQUARE, decay: 0.3, sustain: 0.4, bright: 3, sweep: 7, level: 0.55 },
  45: { attack: 0.003, decay: 0.22, sustain: 0, vibrato: 0, bright: 4, sweep: 5, level: 0.55 },
  46: {
    partials: [1, 0.5, 0.2, 0.12, 0.05],
    attack: 0.003,
    decay: 0.7,
    sustain: 0,
    vibrato: 0,
    release: 0.4,
    level: 0.55,
  },
  47: {
    partials: [1, 0.4, 0.3, 0.1],
    attack: 0.003,
    decay: 0.45,
    sustain: 0,
    vibrato: 0,
    breath: 0.12,
    level: 0.9,
  },
  52: { partials: [1, 0.55, 0.6, 0.12, 0.05], vibrato: 5 },
  53: { partials: [1, 0.5, 0.2, 0.08], vibrato: 6 },
  55: { attack: 0.004, decay: 0.25, sustain: 0, release: 0.15, level: 0.5 },
  80: { partials: SQUARE, second: null, level: 0.3 },
  82: { partials: [1, 0.3, 0.1], second: null, breath: 0.03, level: 0.4 },
  88: { partials: [1, 0.3, 0.2, 0.1], second: { ratio: 2, level: 0.25, cents: 6 } },
  105: { decay: 0.25 },
  108: { partials: [1, 0.1, 0.3], decay: 0.2 },
  109: { partials: SAW, decay: 1, sustain: 1, attack: 0.03, bright: 9, sweep: 0, level: 0.3 },
  110: { partials: SAW, decay: 1, sustain: 1, attack: 0.04, vibrato: 6, level: 0.34 },
};

const patches = new Map();

/** Return the patch of a program, 0 to 127. */
export function patchOf(program) {
  if (!patches.has(program)) {
    patches.set(program, { ...BASE, ...FAMILIES[(program >> 3) & 15], ...PROGRAMS[program] });
  }
  return patches.get(program);
}
