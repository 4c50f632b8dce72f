/** Collections: lists of tracks that a listener keeps. The address names the one that is shown. */

import { getJson, send } from "../api.js";
import { newCollectionInput } from "../collection_dialog.js";
import { fill, h, icon, toast } from "../dom.js";
import { count, plural } from "../format.js";
import { content, copyText, head, showFailure } from "../parts.js";
import { player } from "../player/player.js";
import { fillTrackRow, nameOf, newTrackRow, rowHeight, showPlaying } from "../search/track_rows.js";
import { VirtualList } from "../search/virtual_list.js";

const side = h("nav", { class: "side", "aria-label": "Collections" });
const shown = h("div", {});

export async function start() {
  content(h("div", { class: "split" }, side, shown));
  addEventListener("popstate", show);
  await show();
}

const isPlaying = (track) => track !== null && player.isPlaying(`track ${track.digest}`);
const markPlaying = (row, track) => showPlaying(row, nameOf(track), isPlaying(track));
const idOfAddress = () => new URLSearchParams(location.search).get("id");

function go(id) {
  history.pushState(null, "", id ? `/collections?id=${encodeURIComponent(id)}` : "/collections");
  return show();
}

async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    toast(error.message, { isError: true });
    return undefined;
  }
}

async function show() {
  let collections;
  try {
    collections = await getJson("/api/collections");
  } catch (error) {
    return showFailure(error);
  }
  const id = idOfAddress() ?? (collections.length ? String(collections[0].id) : null);
  fill(
    side,
    h(
      "ul",
      {},
      collections.map((one) => h("li", {}, link(one, String(one.id) === id))),
    ),
    newForm(),
  );
  if (id === null) return fill(shown, emptyNote());
  const collection = await attempt(() => getJson(`/api/collections/${id}`));
  if (collection) showCollection(collection);
}

function link(one, isShown) {
  const address = `/collections?id=${encodeURIComponent(one.id)}`;
  return h(
    "a",
    {
      href: address,
      "aria-current": isShown ? "true" : null,
      onclick: (event) => {
        if (event.metaKey || event.ctrlKey) return;
        event.preventDefault();
        go(one.id);
      },
    },
    h("span", { text: one.name }),
    h("span", { class: "muted figure", text: count(one.count) }),
  );
}

function newForm() {
  const input = newCollectionInput();
  return h(
    "form",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        const made = await attempt(() => send("POST", "/api/collections", { name: input.value.trim() }));
        if (made) await go(made.id);
      },
    },
    input,
    h("button", { class: "button", text: "Create" }),
  );
}

function emptyNote() {
  return h(
    "div",
    { class: "empty" },
    h("strong", { text: "No collections yet" }),
    h("p", { text: "Create one here, or add a track to one from its page or the search." }),
  );
}

function showCollection(collection) {
  const { id, name, tracks } = collection;
  const selection = h("button", { type: "button", class: "button", disabled: true }, icon("remove"), "Take out");
  const holder = h("div", { class: "collection-list" });
  fill(
    shown,
    head(
      name,
      plural(tracks.length, "track"),
      h(
        "a",
        { class: "button button-main", href: `/api/collections/${id}.zip`, download: true },
        icon("save"),
        "ZIP",
      ),
      h("a", { class: "button", href: `/api/collections/${id}.m3u`, download: true }, icon("song"), "M3U"),
      h("button", { type: "button", class: "button", onclick: () => exportTree(id) }, icon("folder"), "Folder"),
      h("button", { type: "button", class: "button", onclick: () => rename(collection) }, icon("edit"), "Rename"),
      selection,
      h("button", { type: "button", class: "button", onclick: () => remove(collection) }, "Delete"),
    ),
    tracks.length
      ? holder
      : h(
          "div",
          { class: "empty" },
          h("strong", { text: "Nothing in it yet" }),
          h("p", { text: "Add tracks from the search or from their pages." }),
        ),
  );
  if (tracks.length) buildList(holder, collection, selection);
}

function buildList(holder, collection, takeOut) {
  const list = new VirtualList(holder, {
    label: `Tracks of ${collection.name}`,
    header: h("div", { role: "rowgroup", hidden: true }),
    rowHeight,
    newRow: newTrackRow,
    fillRow: (row, data) => fillTrackRow(row, data, isPlaying(data)),
    fetchPage: async (offset, limit) => collection.tracks.slice(offset, offset + limit),
  });
  list.addEventListener("open", ({ detail }) => (location.href = `/tracks/${detail.data.digest}`));
  list.addEventListener("play", ({ detail }) => player.toggle(player.itemOfRow(detail.data)));
  list.addEventListener("select", ({ detail }) => {
    takeOut.disabled = false;
    player.prefetch(player.itemOfRow(detail.data));
  });
  takeOut.addEventListener("click", async () => {
    const { digest } = list.dataAt(list.selected);
    await attempt(() => send("DELETE", `/api/collections/${collection.id}/tracks`, { digests: [digest] }));
    await show();
  });
  player.addEventListener("change", () => list.eachRow(markPlaying));
  list.reset(collection.tracks.length, collection.tracks.slice(0, 50));
}

async function exportTree(id) {
  const made = await attempt(() => send("POST", `/api/collections/${id}/tree`));
  if (made) await copyText(made.path, `Written to ${made.path}, and the path copied`);
}

/** Ask in a dialog; return what was typed, the empty text if nothing was to type, or null. */
function ask(question, button, value = null) {
  return new Promise((resolve) => {
    const input =
      value === null
        ? null
        : h("input", { type: "text", required: true, maxlength: "80", value, "aria-label": question });
    const dialog = h(
      "dialog",
      { "aria-labelledby": "dialog-title" },
      h("h2", { id: "dialog-title", text: question }),
      h(
        "form",
        { method: "dialog", onsubmit: () => resolve(input?.value.trim() ?? "") },
        input,
        h("button", { class: "button button-main", text: button }),
      ),
      h(
        "div",
        { class: "dialog-end" },
        h("button", { type: "button", class: "button", text: "Cancel", onclick: () => dialog.close() }),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

async function rename({ id, name }) {
  const wanted = await ask("New name of the collection", "Rename", name);
  if (wanted) await attempt(() => send("PATCH", `/api/collections/${id}`, { name: wanted }));
  if (wanted) await show();
}

async function remove({ id, name }) {
  if ((await ask(`Delete the collection ${name}? Its tracks stay in the library.`, "Delete")) === null) return;
  await attempt(() => send("DELETE", `/api/collections/${id}`));
  await go(null);
}
