/** What all pages have in common. */

import { buildPlayerBar } from "./player/player_bar.js";
import { player } from "./player/player.js";
import { warmUp } from "./player/sound.js";
import { chosenTheme, nextTheme } from "./theme.js";

const LABELS = { auto: "as the system has them", light: "light", dark: "dark" };

const button = document.getElementById("theme");
const showTheme = (theme) => {
  button.setAttribute("aria-label", `Colors: ${LABELS[theme]}`);
  button.title = `Colors: ${LABELS[theme]}`;
};
showTheme(chosenTheme());
button.addEventListener("click", () => showTheme(nextTheme()));

buildPlayerBar(document.getElementById("player"));

const TYPED_IN = "input, textarea, select, button, summary, [contenteditable], [role=slider]";
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.defaultPrevented || event.target.closest(TYPED_IN)) return;
  if (!player.item) return;
  event.preventDefault();
  player.toggle();
});

/** Start a page: `start(item)` fills it. */
export async function startPage(start) {
  await start(document.body.dataset.item);
  (window.requestIdleCallback ?? setTimeout)(() => warmUp());
}
