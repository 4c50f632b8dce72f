"""Measure the pages in a real browser: click to first sound, frames while a roll scrolls, what they weigh.

    python benchmarks serve_browser [--soundfont FILE] [--plays 40]

The library is of sample songs, with a track of 5,000 notes added. A first sound is the first sample above
0.001 that reaches the audio output, as a listener hears it: the latency of the output that the browser states
is added. With a sound bank (`make web` first), it is measured for tracks that were not selected before, and
for selected ones.
"""

import argparse
import gzip
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import midiprism.web
from common import machine_description
from support.browser import open_browser
from support.midi_writer import note, song, track, track_name
from support.pages import MODULES, serve
from support.web_client import split, write_samples

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

VENDOR = Path(midiprism.web.__file__).parent / "static" / "vendor"
ROLL_NOTES = 5_000
ROLL_NAME = "Five thousand"
PREFETCH_MS = 700
_QUERY = "/?q=-family:Text%20first_note_seconds:0..600%20notes:8.."

WAIT_FOR_ROWS = """
new MutationObserver((_, observer) => {
  if (!document.querySelector(".row-name")?.textContent) return;
  window.rowsAt ??= performance.now();
  if (!document.querySelector(".facet")) return;
  observer.disconnect();
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => (window.drawnAt = performance.now());
  // A frame is laid out and painted between its callbacks and the next task.
  requestAnimationFrame(() => port2.postMessage(null));
}).observe(document, { childList: true, subtree: true, characterData: true });
"""
"""Notes when the first rows of the search page have their names, and when they and the counts are drawn."""

LISTEN = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target instanceof AudioDestinationNode && !this.isTap) {
    const tap = listenTo(target.context);
    connect.call(this, tap);
    tap.isTap = true;
    connect.call(tap, target);
  }
  return connect.call(this, target, ...rest);
};
function listenTo(context) {
  const tap = context.createScriptProcessor(256, 2, 1);
  tap.onaudioprocess = ({ inputBuffer, playbackTime }) => {
    if (!window.asked || window.heard) return;
    const at = inputBuffer.getChannelData(0).findIndex((sample) => Math.abs(sample) > 0.001);
    if (at < 0) return;
    // The clock of the sound tells when that was, whenever the page comes to look at it.
    const passed = playbackTime + (at - inputBuffer.length) / context.sampleRate - context.currentTime;
    window.heard = performance.now() + 1000 * (passed + (context.outputLatency || 0));
  };
  return tap;
}
for (const kind of ["pointerdown", "keydown"]) {
  addEventListener(kind, (event) => {
    window.heard = 0;
    window.asked = event.timeStamp;
  }, true);
}
"""
"""Listens to what reaches the output, from the moment of the last click or key."""

FRAMES = """
async (seconds) => {
  const roll = document.querySelector(".roll");
  const times = [];
  const begin = performance.now();
  await new Promise((done) => {
    const frame = (now) => {
      times.push(now);
      roll.scrollLeft = ((now - begin) / 1000) * 900;
      if (now - begin < seconds * 1000) requestAnimationFrame(frame);
      else done();
    };
    requestAnimationFrame(frame);
  });
  const gaps = times.slice(1).map((time, at) => time - times[at]);
  return { frames: gaps.length / ((times.at(-1) - times[0]) / 1000), longest: Math.max(...gaps) };
}
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--soundfont", help="sound bank to measure with")
    parser.add_argument("--songs", type=int, default=60, help="default: 60")
    parser.add_argument("--loads", type=int, default=15, help="times to load the first page, default: 15")
    parser.add_argument("--plays", type=int, default=40, help="tracks to play, default: 40")
    parser.add_argument("--scroll", type=float, default=5, help="seconds of scrolling, default: 5")
    options = parser.parse_args()
    print(machine_description())
    with tempfile.TemporaryDirectory() as folder, open_browser() as browser:
        work = Path(folder)
        result = split(_write_songs(work / "songs", options.songs), work / "result")
        bank = ["--soundfont", options.soundfont] if options.soundfont else []
        with serve(result, work, *bank) as address:
            _measure_weight(browser, address, options.loads)
            _measure_frames(browser, address, options.scroll)
            _measure_sound(browser, address, "built-in synthesizer", "builtin", options.plays, _click_play)
            if bank:
                _measure_sound(
                    browser, address, "sound bank, not selected", "auto", options.plays, _click_play
                )
                _measure_sound(
                    browser, address, "sound bank, selected", "auto", options.plays, _select_and_play
                )


def _write_songs(folder: Path, count: int) -> Path:
    write_samples(folder, count)
    pitches = [36 + (index * 7) % 60 for index in range(ROLL_NOTES)]
    events = [it for at, pitch in enumerate(pitches) for it in note(0, pitch, at * 60, 55, 40 + at % 80)]
    messages = [(0, track_name(ROLL_NAME.encode())), *sorted(events, key=lambda event: event[0])]
    (folder / "roll.mid").write_bytes(song(track(messages), midi_format=0))
    return folder


def _measure_weight(browser: "Browser", address: str, rounds: int) -> None:
    with browser.new_context(base_url=address) as context:
        page = context.new_page()
        sizes: dict[str, int] = {}

        def weigh(response: Any) -> None:
            if response.status == 200:
                sizes[response.url.removeprefix(address)] = len(gzip.compress(response.body(), 6))

        page.on("requestfinished", lambda request: weigh(request.response()))
        page.goto("/")
        page.locator(".row-name").first.wait_for()
        page.wait_for_timeout(1_500)
        # The browser does not report the request for the audio worklet.
        own = {path: size for path, size in sizes.items() if not path.startswith("/static/vendor/")}
        data = sum(size for path, size in own.items() if path.startswith("/api/"))
        synthesizer = sum(len(gzip.compress(file.read_bytes(), 6)) for file in VENDOR.glob("*.js"))
        print(
            f"first page: {len(own)} requests, {sum(own.values()) / 1e3:.0f} kB gzipped, "
            f"{data / 1e3:.0f} kB of it data; synthesizer for sound banks: {synthesizer / 1e3:.0f} kB"
        )
    rows, drawn = zip(*(_open_first_page(browser, address) for _ in range(rounds)), strict=True)
    print(
        f"  rows after {_summary(rows)}; drawn with counts after {_summary(drawn)}; nothing was kept before"
    )


def _open_first_page(browser: "Browser", address: str) -> tuple[float, float]:
    """Return the milliseconds until the first page has its rows, and until they are drawn."""
    with browser.new_context(base_url=address) as context:
        page = context.new_page()
        page.add_init_script(WAIT_FOR_ROWS)
        page.goto("/")
        page.wait_for_function("() => window.drawnAt")
        rows, drawn = page.evaluate("[rowsAt, drawnAt]")
        return float(rows), float(drawn)


def _measure_frames(browser: "Browser", address: str, seconds: float) -> None:
    with browser.new_context(base_url=address, viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.add_init_script("localStorage.setItem('midiprism.sound', 'builtin')")
        page.goto(f"/?q=name:%22{ROLL_NAME}%22")
        page.locator(".row-name").click()
        page.locator(".roll").wait_for()
        page.wait_for_timeout(500)
        for label, zoom in (("as opened", 0), ("zoomed out", 3)):
            for _ in range(zoom):
                page.get_by_role("button", name="Zoom out").click()
            found = page.evaluate(FRAMES, seconds)
            rate = f"{found['frames']:.1f} frames/s, the longest {found['longest']:.0f} ms"
            print(f"roll of {ROLL_NOTES:,} notes, {label}: {rate}")


def _measure_sound(
    browser: "Browser", address: str, label: str, sound: str, plays: int, play: Callable[["Page", int], None]
) -> None:
    with browser.new_context(base_url=address, viewport={"width": 1280, "height": 2400}) as context:
        page = context.new_page()
        page.add_init_script(f"localStorage.setItem('midiprism.sound', '{sound}')")
        page.add_init_script(LISTEN)
        page.goto(_QUERY)
        page.locator(".row-name").first.wait_for()
        times = [_first_sound(page, index, play) for index in range(plays)]
        engine = page.evaluate(f"{MODULES}.then((it) => it['player/player.js'].player.engineName)")
    print(f"{label} ({engine}): first sound after {_summary(times)}; the very first after {times[0]:.0f} ms")


def _first_sound(page: "Page", index: int, play: Callable[["Page", int], None]) -> float:
    play(page, index)
    page.wait_for_function("() => window.heard > 0", timeout=20_000)
    seconds = float(page.evaluate("heard - asked"))
    page.evaluate(f"{MODULES}.then((it) => it['player/player.js'].player.pause())")
    page.wait_for_timeout(450)  # what was sent ahead has passed
    return seconds


def _click_play(page: "Page", index: int) -> None:
    page.locator(f"#row-{index} .row-play").click()


def _select_and_play(page: "Page", index: int) -> None:
    if index == 0:
        page.locator(".list").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(PREFETCH_MS)
    page.keyboard.press(" ")


def _summary(times: Sequence[float]) -> str:
    ordered = sorted(times)
    slow = ordered[int(0.95 * (len(ordered) - 1))]
    return f"{statistics.median(ordered):.0f} ms median, {slow:.0f} ms p95, of {len(ordered)}"


if __name__ == "__main__":
    main()
