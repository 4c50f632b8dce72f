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

let hasPlayerBar = false;
function showPlayerBar() {
  if (hasPlayerBar) return;
  hasPlayerBar = true;
  buildPlayerBar(document.getElementById("player"));
}
player.addEventListener("change", showPlayerBar, { once: true });

const TYPED_IN = "input, textarea, select, button, summary, [contenteditable], [role=slider]";
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.defaultPrevented || event.target.closest(TYPED_IN)) return;
  if (!player.item) return;
  event.preventDefault();
  player.toggle();
});

/** Start a page: `start(item)` fills it. What makes sounds comes behind what is seen. */
export async function startPage(start) {
  await start(document.body.dataset.item);
  requestAnimationFrame(() =>
    (window.requestIdleCallback ?? setTimeout)(() => {
      showPlayerBar();
      warmUp();
    }),
  );
}
