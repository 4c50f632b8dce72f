/** The dialog that adds tracks to a collection. */

import { getJson, send } from "./api.js";
import { h, openDialog, toast } from "./dom.js";
import { count, plural } from "./format.js";

/** Return the input for the name of a new collection. */
export const newCollectionInput = () =>
  h("input", {
    type: "text",
    required: true,
    maxlength: "80",
    placeholder: "New collection",
    "aria-label": "Name of a new collection",
  });

/** Ask for a collection, and add tracks to it. */
export async function addToCollection(digests) {
  let collections;
  try {
    collections = await getJson("/api/collections");
  } catch (error) {
    return toast(error.message, { isError: true });
  }
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" });
  const add = async (collection) => {
    try {
      const chosen = collection ?? (await send("POST", "/api/collections", { name: input.value.trim() }));
      await send("POST", `/api/collections/${chosen.id}/tracks`, { digests });
      dialog.close();
      toast(`${plural(digests.length, "track")} added to ${chosen.name}`);
    } catch (error) {
      toast(error.message, { isError: true });
    }
  };
  const input = newCollectionInput();
  openDialog(
    dialog,
    h("h2", { id: "dialog-title", text: `Add ${plural(digests.length, "track")} to` }),
    h(
      "ul",
      { class: "dialog-list" },
      collections.map((one) =>
        h(
          "li",
          {},
          h(
            "button",
            { type: "button", onclick: () => add(one) },
            h("span", { text: one.name }),
            h("span", { class: "muted", text: count(one.count) }),
          ),
        ),
      ),
    ),
    h(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          add(null);
        },
      },
      input,
      h("button", { class: "button button-main", text: "Create" }),
    ),
  );
}
