/** Light, dark, or as the system has it; and the colors for canvases. */

const YEAR_SECONDS = 365 * 24 * 3600;
const FORMER_KEY = "midiprism.theme";
const CHOICES = ["auto", "light", "dark"];
const listeners = new Set();
let colors = null;

/** Return the chosen theme. */
export const chosenTheme = () => document.documentElement.dataset.theme;

/** Use a theme, and keep the choice in a cookie: the server writes it into pages, so that they do not flash. */
export function setTheme(theme) {
  document.cookie = `midiprism-theme=${theme}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
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

/** Take over a choice that was kept in the browser's storage, where the server does not see it. */
function takeFormerChoice() {
  const theme = localStorage.getItem(FORMER_KEY);
  localStorage.removeItem(FORMER_KEY);
  if (CHOICES.includes(theme)) setTheme(theme);
}

takeFormerChoice();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);

/** Return whether motion should be reduced. */
export const isMotionReduced = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
