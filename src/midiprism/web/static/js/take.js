/** Ways to take a track: drag, save, copy its path, show it in its folder, add it to a collection. */

import { send } from "./api.js";
import { addToCollection } from "./collection_dialog.js";
import { h, icon, toast } from "./dom.js";
import { copyText } from "./parts.js";
import { dragTrack } from "./search/track_rows.js";

/** Return the buttons for a track of `/api/tracks/DIGEST`. */
export function takeButtons(track) {
  const show = async () => {
    try {
      const answer = await send("POST", "/api/show", { digest: track.digest });
      toast(answer?.path ? `Shown: ${answer.path}` : "Shown in the file manager");
    } catch (error) {
      toast(error.message, { isError: true });
    }
  };
  return [
    h(
      "a",
      {
        class: "button button-main",
        href: track.download,
        download: track.file_name,
        draggable: "true",
        title: "Save the file, or drag it into another program",
        ondragstart: (event) => dragTrack(event, track),
      },
      icon("save"),
      "Save or drag",
    ),
    track.path &&
      h(
        "button",
        { type: "button", class: "button", onclick: () => copyText(track.path, "Path copied") },
        icon("copy"),
        "Copy path",
      ),
    h("button", { type: "button", class: "button", onclick: show }, icon("folder"), "Show in folder"),
    h(
      "button",
      { type: "button", class: "button", onclick: () => addToCollection([track.digest]) },
      icon("add"),
      "Add to collection",
    ),
  ];
}
