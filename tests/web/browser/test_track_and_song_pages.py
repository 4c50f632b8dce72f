"""Pages of tracks and songs: notes are drawn and played, loops are dragged, files are taken."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.pages import MODULES
from support.played_songs import BAND_BEATS, LANES, MELODY
from web.browser.finding import find, is_ready

if TYPE_CHECKING:
    from playwright.sync_api import Page

_NOTE_PIXELS = """() => {
  const canvas = document.querySelector(".roll canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const columns = new Set();
  for (let at = 0; at < data.length; at += 4) {
    const isNote = data[at] < 200 && data[at + 1] - data[at] > 30;
    if (isNote) columns.add((at / 4) % canvas.width);
  }
  return columns.size;
}"""


@pytest.fixture
def track(page: "Page") -> "Page":
    page.goto(f"/tracks/{find(page, 'song:=Melody')['digest']}")
    is_ready(page)
    page.wait_for_timeout(150)
    return page


def position(page: "Page") -> float:
    """Return the second at which the player is."""
    return float(page.get_by_role("slider", name="Position").input_value())


def test_the_roll_draws_the_notes_and_the_facts_are_beside_it(track: "Page") -> None:
    assert track.get_by_role("group", name=f"Piano roll, {len(MELODY)} notes").is_visible()
    assert track.evaluate(_NOTE_PIXELS) > 100
    facts = track.locator(".chips").inner_text()
    assert "Acoustic Grand Piano" in facts
    assert "120 bpm" in facts
    assert "midiprism export" in track.locator(".command code").inner_text()


def test_the_cursor_follows_the_clock_of_the_sound(track: "Page") -> None:
    track.get_by_role("button", name="Play", exact=True).click()
    track.wait_for_function("() => document.querySelector('.seek-input').value > 0.4")
    steps = track.evaluate(
        "async () => { const modules = await "
        + MODULES
        + """;
          const { player } = modules["player/player.js"];
          const context = modules["player/sound.js"].audioContext();
          const read = () => [context.currentTime - (context.outputLatency || 0), player.transport.position];
          const before = read();
          await new Promise((done) => setTimeout(done, 500));
          const after = read();
          return [after[0] - before[0], after[1] - before[1]];
        }"""
    )
    assert steps[0] > 0.2
    assert steps[1] == pytest.approx(steps[0], abs=0.01)
    track.keyboard.press(" ")
    track.get_by_role("button", name="Play", exact=True).wait_for()
    rests = position(track)
    track.wait_for_timeout(100)
    assert position(track) == rests


def test_a_click_seeks_and_a_drag_loops_whole_beats(track: "Page") -> None:
    box = track.locator(".roll").bounding_box()
    assert box is not None
    track.mouse.click(box["x"] + 500, box["y"] + 120)
    assert position(track) > 1
    track.mouse.move(box["x"] + 240, box["y"] + 120)
    track.mouse.down()
    track.mouse.move(box["x"] + 420, box["y"] + 120, steps=4)
    track.mouse.up()
    loop = track.evaluate(f"{MODULES}.then((it) => it['player/player.js'].player.transport.loop)")
    assert loop["end"] > loop["start"] > 0
    assert loop["start"] % 0.5 == pytest.approx(0, abs=1e-3)
    track.locator(".roll-loop").wait_for()
    track.locator(".roll").focus()
    track.keyboard.press("Escape")
    track.locator(".roll-loop").wait_for(state="hidden")


def test_the_file_is_saved_as_it_is(track: "Page", tmp_path: Path) -> None:
    with track.expect_download() as waiting:
        track.get_by_role("link", name="Save or drag").click()
    saved = tmp_path / "saved.mid"
    waiting.value.save_as(saved)
    assert waiting.value.suggested_filename.endswith(".mid")
    assert saved.read_bytes().startswith(b"MThd")
    dragged = track.evaluate(
        """() => {
          const data = new DataTransfer();
          const event = new DragEvent("dragstart", { dataTransfer: data });
          document.querySelector("a[download]").dispatchEvent(event);
          return data.getData("DownloadURL");
        }"""
    )
    kind, name, address = dragged.split(":", 2)
    assert (kind, name) == ("audio/midi", waiting.value.suggested_filename)
    assert address.startswith("http://127.0.0.1")


def test_a_song_has_a_lane_for_each_track_with_mute_and_solo(page: "Page") -> None:
    page.goto(f"/songs/{find(page, 'song:=Band name:=Bass')['song_id']}")
    is_ready(page)
    page.wait_for_timeout(150)
    names = page.locator(".lane-text a").all_inner_texts()
    assert sorted(names) == sorted(LANES)
    assert str(len(LANES) * len(BAND_BEATS)) in page.locator(".chips").inner_text()
    assert page.evaluate(_NOTE_PIXELS) > 50
    mute = page.get_by_role("button", name="Mute Bass")
    mute.click()
    assert mute.get_attribute("aria-pressed") == "true"
    assert page.locator(".lane-header.is-silent a").all_inner_texts() == ["Bass"]
    mute.click()
    page.get_by_role("button", name="Solo Flute").click()
    assert sorted(page.locator(".lane-header.is-silent a").all_inner_texts()) == ["Bass", "Strokes"]
    assert page.get_by_role("group", name="Lyrics").inner_text().strip() == "sing"
    assert page.get_by_role("group", name="Markers").inner_text().split() == ["Verse", "Chorus"]
