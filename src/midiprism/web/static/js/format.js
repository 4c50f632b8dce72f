/** Numbers and times as text. `Intl` would do as much, but takes 40 ms to start, before a page shows its first number. */

const NOTE_NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];

const rounded = (value) => Math.round(value * 10) / 10;
const grouped = (value) => String(value).replace(/\d(?=(?:\d{3})+(?:\.|$))/gu, "$&,");

/** Return a count such as 12,345; nothing for null. */
export const count = (value) => (value === null || value === undefined ? "" : grouped(Math.round(value)));

/** Return a count in few characters, such as 12.3K. */
export function shortCount(value) {
  if (value < 10_000) return count(value);
  const [size, unit] = value < 999_950 ? [1e3, "K"] : value < 999_950_000 ? [1e6, "M"] : [1e9, "B"];
  return `${grouped(rounded(value / size))}${unit}`;
}

/** Return a number with at most one digit behind the point. */
export const oneDigit = (value) => (value === null || value === undefined ? "" : grouped(rounded(value)));

/** Return a share as a percentage. */
export const percent = (share) => `${oneDigit(share * 100)} %`;

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
