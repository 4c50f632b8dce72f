/** What a page shows while fingerprints are made, which a search by example needs. */

import { announce, h } from "./dom.js";
import { count } from "./format.js";

/** Return `{element, show(pending)}`: an element that says how far that is. */
export function pendingNote() {
  const share = h("i");
  const bar = h(
    "div",
    { class: "progress", role: "progressbar", "aria-label": "Fingerprints", "aria-valuemin": "0", "aria-valuemax": "100" },
    share,
  );
  const state = h("p", { class: "pending-state" });
  const title = "Making the fingerprints of all tracks";
  const element = h(
    "div",
    { class: "pending" },
    h("strong", { text: title }),
    h("p", { text: "Only the first search for similar tracks waits for them." }),
    bar,
    state,
  );
  announce(`${title}. This can take a while.`);
  return {
    element,
    show({ seen, total }) {
      const percent = total ? Math.floor((100 * seen) / total) : 0;
      share.style.width = `${percent}%`;
      bar.setAttribute("aria-valuenow", String(percent));
      state.textContent = total ? `${count(seen)} of ${count(total)} tracks` : "Starting";
    },
  };
}
