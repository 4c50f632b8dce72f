/** The bar at the foot of each page: play, seek, tempo, transpose, loop, volume, sound. */

import { announce, fill, h, icon, iconButton } from "../dom.js";
import { clock } from "../format.js";
import { overviewOf } from "./overview.js";
import { player } from "./player.js";
import { MOST_TRANSPOSED } from "./score.js";
import { chosenSound, currentVolume, setChosenSound, setVolume, soundOfServer } from "./sound.js";

const signed = (value) => (value > 0 ? `+${value}` : String(value).replace("-", "−"));

/** Build the bar into an element and keep it up to date. */
export function buildPlayerBar(bar) {
  const { transport } = player;
  const play = iconButton("play", "Play", () => player.toggle(), { class: "icon-button play-button" });
  const title = h("a", { class: "player-title" });
  const detail = h("span", { class: "player-detail" });
  const seek = seekBar(transport);
  const time = h("span", { class: "player-time" });
  const more = h(
    "details",
    { class: "player-more" },
    h(
      "summary",
      {
        class: "icon-button",
        "aria-label": "Tempo, pitch, volume and sound",
        title: "Tempo, pitch, volume and sound",
      },
      icon("sliders"),
    ),
    h(
      "div",
      { class: "player-settings" },
      tempoControl(transport),
      transposeControl(transport),
      volumeControl(),
      soundChoice(),
    ),
  );
  closeOnLeave(more);
  const loop = iconButton("loop", "Loop", () => toggleLoop(transport), { "aria-pressed": "false" });
  fill(bar, play, h("div", { class: "player-text" }, title, detail), seek.element, time, loop, more);

  const update = () => {
    const { item } = player;
    bar.hidden = !item && !player.isLoading;
    document.body.classList.toggle("has-player", !bar.hidden);
    if (!item) return;
    const isPlaying = transport.isPlaying;
    play.classList.toggle("is-loading", player.isLoading);
    play.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    play.title = isPlaying ? "Pause (space)" : "Play (space)";
    play.querySelector("use").setAttribute("href", `/static/icons.svg#${isPlaying ? "pause" : "play"}`);
    title.textContent = item.title;
    title.href = item.href;
    detail.textContent = item.detail ?? "";
    loop.setAttribute("aria-pressed", String(Boolean(transport.loop)));
    seek.setScore(item.score);
    draw();
    if (isPlaying) requestAnimationFrame(follow);
  };
  const draw = () => {
    seek.setPosition(transport.position, transport.length, transport.loop);
    const text = `${clock(transport.position)} / ${clock(transport.length)}`;
    if (time.textContent !== text) time.textContent = text;
  };
  let isFollowing = false;
  const follow = () => {
    if (isFollowing) return;
    isFollowing = true;
    requestAnimationFrame(() => {
      isFollowing = false;
      draw();
      if (transport.isPlaying) follow();
    });
  };
  player.addEventListener("change", update);
  player.addEventListener("end", () => announce("The end."));
  update();
}

/** Close the settings by Escape, and by a click elsewhere. */
function closeOnLeave(details) {
  details.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !details.open) return;
    details.open = false;
    details.querySelector("summary").focus();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!details.contains(event.target)) details.open = false;
  });
}

function toggleLoop(transport) {
  transport.loop = transport.loop ? null : { start: 0, end: transport.length };
}

function seekBar(transport) {
  const canvas = h("canvas", { class: "seek-notes", "aria-hidden": "true" });
  const cursor = h("i", { class: "seek-cursor" });
  const range = h("i", { class: "seek-loop", hidden: true });
  const input = h("input", {
    type: "range",
    class: "seek-input",
    min: "0",
    max: "1",
    step: "any",
    value: "0",
    "aria-label": "Position",
    oninput: () => transport.seek(Number(input.value)),
  });
  const show = overviewOf(canvas);
  return {
    element: h("div", { class: "seek" }, canvas, range, cursor, input),
    setScore: (score) => score && show(score),
    setPosition(position, length, loop) {
      const percent = (value) => `${length ? (100 * value) / length : 0}%`;
      cursor.style.left = percent(position);
      input.max = String(length || 1);
      input.value = String(position);
      input.setAttribute("aria-valuetext", `${clock(position)} of ${clock(length)}`);
      range.hidden = !loop;
      if (loop) {
        range.style.left = percent(loop.start);
        range.style.width = percent(loop.end - loop.start);
      }
    },
  };
}

function setting(label, input, output) {
  return h("label", { class: "setting" }, h("span", { text: label }), input, output);
}

function tempoControl(transport) {
  const output = h("output", { text: "100 %" });
  const input = h("input", {
    type: "range",
    min: "25",
    max: "200",
    step: "5",
    value: "100",
    oninput: () => {
      transport.rate = Number(input.value) / 100;
      output.textContent = `${input.value} %`;
    },
  });
  return setting("Tempo", input, output);
}

function transposeControl(transport) {
  const output = h("output", { text: "0" });
  const input = h("input", {
    type: "range",
    min: String(-MOST_TRANSPOSED),
    max: String(MOST_TRANSPOSED),
    step: "1",
    value: "0",
    oninput: () => {
      transport.transpose = Number(input.value);
      output.textContent = signed(transport.transpose);
    },
  });
  return setting("Transpose", input, output);
}

function volumeControl() {
  const output = h("output", { text: `${Math.round(currentVolume() * 100)} %` });
  const input = h("input", {
    type: "range",
    min: "0",
    max: "1",
    step: "0.01",
    value: String(currentVolume()),
    oninput: () => {
      setVolume(Number(input.value));
      output.textContent = `${Math.round(currentVolume() * 100)} %`;
    },
  });
  return setting("Volume", input, output);
}

function soundChoice() {
  const select = h(
    "select",
    {
      "aria-label": "Sound",
      onchange: () => {
        setChosenSound(select.value);
        if (player.transport.isPlaying) player.play(player.item, player.transport.position);
      },
    },
    h("option", { value: "builtin", text: "Built-in synthesizer" }),
  );
  soundOfServer().then(({ bank }) => {
    if (bank) select.prepend(h("option", { value: "auto", text: bank.name }));
    select.value = bank ? chosenSound() : "builtin";
  });
  return setting("Sound", select);
}
