/** Numbers and times as text. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const NOTE_NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];

/** Return a count such as 12,345; nothing for null. */
export const count = (value) => (value === null || value === undefined ? "" : whole.format(value));

/** Return a count in few characters, such as 12.3K. */
export const shortCount = (value) => (value < 10_000 ? whole.format(value) : compact.format(value));

/** Return a number with at most one digit behind the point. */
export const oneDigit = (value) => (value === null || value === undefined ? "" : tenths.format(value));

/** Return a share as a percentage. */
export const percent = (share) => `${tenths.format(share * 100)} %`;

/** Return seconds as m:ss or h:mm:ss. */
export function clock(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "";
  const all = Math.max(0, Math.round(seconds));
  const two = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(all / 3600);
  const minutes = Math.floor(all / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
}

/** Return a duration in words, such as 2 min 5 s. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 60) return `${oneDigit(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

/** Return a name such as C4 for a MIDI note number; 60 is C4. */
export const pitchName = (pitch) => `${NOTE_NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;

/** Return the last part of a path-like name, and what stands before it. */
export function splitPath(name) {
  const cut = name.lastIndexOf("/");
  return { folder: cut < 0 ? "" : name.slice(0, cut), base: name.slice(cut + 1) };
}

/** Return a text with the word in the right number. */
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
