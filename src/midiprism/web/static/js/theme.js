/** Light, dark, or as the system has it; and the colors for canvases. */

const KEY = "midiprism.theme";
const CHOICES = ["auto", "light", "dark"];
const listeners = new Set();
let colors = null;

/** Return the chosen theme. */
export const chosenTheme = () => {
  const kept = localStorage.getItem(KEY);
  return CHOICES.includes(kept) ? kept : "auto";
};

/** Use a theme, and keep the choice. */
export function setTheme(theme) {
  localStorage.setItem(KEY, theme);
  document.documentElement.dataset.theme = theme;
  changed();
}

/** Choose the next theme, and return it. */
export function nextTheme() {
  const next = CHOICES[(CHOICES.indexOf(chosenTheme()) + 1) % CHOICES.length];
  setTheme(next);
  return next;
}

/** Call a function whenever colors change. */
export const onThemeChange = (listener) => listeners.add(listener);

function changed() {
  colors = null;
  for (const listener of listeners) listener();
}

/** Return the colors of the style sheet, by name, as canvases take them: `color("accent")`. */
export function color(name) {
  colors ??= new Map();
  if (!colors.has(name)) {
    const probe = document.createElement("i");
    probe.className = "color-probe";
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    colors.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return colors.get(name);
}

document.documentElement.dataset.theme = chosenTheme();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);

/** Return whether motion should be reduced. */
export const isMotionReduced = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
