"""The page of a track finds the same music, lays it over the notes, and plays both together."""

from typing import TYPE_CHECKING

import pytest

from support.axe import axe_script, serious_findings
from support.pages import MODULES
from support.played_songs import AIR, AIR_LATER, AIR_MOVED, AIR_SLOWER
from web.browser.finding import find, is_ready

if TYPE_CHECKING:
    from playwright.sync_api import Page

_COMPILED_MS = 180_000
"""Where what compares tracks was not compiled yet, the first search waits for that."""

_SCORE = f"{MODULES}.then((it) => it['player/player.js'].player.transport.score)"
_OVERLAY_PIXELS = """() => {
  const canvas = document.querySelector(".roll canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let red = 0;
  for (let at = 0; at < data.length; at += 4) red += data[at] > 150 && data[at + 1] < 70 && data[at + 2] < 70;
  return red;
}"""


@pytest.fixture
def air(page: "Page") -> "Page":
    page.emulate_media(color_scheme="light")
    page.goto(f"/tracks/{find(page, 'song:=Air')['digest']}")
    is_ready(page)
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_role("button", name="Compare with Air again").wait_for(timeout=_COMPILED_MS)
    return page


def test_similar_tracks_are_listed_with_their_place_key_and_tempo(air: "Page") -> None:
    row = air.locator(".similar-row", has_text="Air again")
    text = row.inner_text()
    assert f"+{AIR_MOVED} semitones" in text
    assert f"notes × {AIR_SLOWER}" in text
    assert f"from beat {AIR_LATER + 1}" in text
    row.get_by_role("link", name="Air again").click()
    digest = find(air, 'song:="Air again"')["digest"]
    air.wait_for_url(f"**/tracks/{digest}")


def test_a_similar_track_lies_over_the_notes_in_their_time_and_key(air: "Page") -> None:
    air.wait_for_timeout(150)
    assert air.evaluate(_OVERLAY_PIXELS) == 0
    compare = air.get_by_role("button", name="Compare with Air again")
    compare.focus()
    air.keyboard.press("Enter")
    air.get_by_role("group", name="2 lanes").wait_for()
    assert compare.get_attribute("aria-pressed") == "true"
    air.wait_for_function(f"() => ({_OVERLAY_PIXELS})() > 200")
    own, other = (lane["notes"] for lane in air.evaluate(_SCORE)["lanes"])
    assert own["pitch"] == other["pitch"] == [*AIR]
    assert other["start"] == pytest.approx(own["start"], abs=0.01)
    words = air.locator(".compare-head").inner_text()
    assert f"−{AIR_MOVED} semitones" in words
    assert serious_findings(air, axe_script()) == []
    compare.press(" ")
    air.locator(".compare").wait_for(state="hidden")
    assert compare.get_attribute("aria-pressed") == "false"
    assert len(air.evaluate(_SCORE)["lanes"]) == 1
    air.wait_for_function(f"() => ({_OVERLAY_PIXELS})() === 0")


def test_both_are_heard_together_and_each_alone(air: "Page") -> None:
    air.get_by_role("button", name="Compare with Air again").click()
    air.get_by_role("button", name="Hear both there").click()
    air.get_by_role("button", name="Pause", exact=True).wait_for()
    air.wait_for_function("() => document.querySelector('.seek-input').value > 0.3")
    air.get_by_role("button", name="Solo Air again").click()
    assert air.locator(".lane-header.is-silent a").all_inner_texts() == ["Air"]
    air.get_by_role("button", name="End comparison").click()
    air.get_by_role("button", name="Play", exact=True).wait_for()
    assert len(air.evaluate(_SCORE)["lanes"]) == 1


def test_a_track_without_similar_ones_says_so(page: "Page") -> None:
    page.goto(f"/tracks/{find(page, 'song:=Melody')['digest']}")
    is_ready(page)
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_text("No other track of the library has this music.").wait_for(timeout=_COMPILED_MS)
