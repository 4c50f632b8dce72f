"""SpessaSynth plays a sound bank through the same player: what reaches the output is measured."""

import base64
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import midiprism.web
from support.pages import MODULES
from support.played_songs import MELODY
from support.sound import RATE, Sound, onsets, pitch_at
from web.browser.conftest import OpenPage
from web.browser.finding import find, is_ready

if TYPE_CHECKING:
    from playwright.sync_api import Page

VENDOR = Path(midiprism.web.__file__).parent / "static" / "vendor"

TAP = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target instanceof AudioDestinationNode) {
    window.tap ??= new AnalyserNode(target.context, { fftSize: 32768 });
    connect.call(this, window.tap);
  }
  return connect.call(this, target, ...rest);
};
const Context = window.AudioContext;
window.AudioContext = function (options) {
  return new Context({ ...options, sampleRate: 44100 });
};
"""
"""Keeps the last 0.74 s of what reaches the output."""

HEARD = """() => {
  const samples = new Float32Array(tap.fftSize);
  tap.getFloatTimeDomainData(samples);
  const bytes = new Uint8Array(samples.buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) {
    text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  }
  return btoa(text);
}"""

SPACING = 0.25
"""Seconds between two notes of the melody at twice its tempo."""


@pytest.fixture
def melody(new_page: OpenPage) -> Iterator["Page"]:
    if not (VENDOR / "spessasynth.js").exists():
        reason = "the synthesizer for sound banks is missing: run make web"
        if os.environ.get("CI") or os.environ.get("MIDIPRISM_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with new_page(sound="auto") as page:
        page.add_init_script(TAP)
        page.goto(f"/tracks/{find(page, 'song:=Melody')['digest']}")
        is_ready(page)
        yield page


def heard(page: "Page") -> Sound:
    return np.frombuffer(base64.b64decode(page.evaluate(HEARD)), dtype="<f4")


def notes_heard(page: "Page", least: int) -> tuple[Sound, list[float]]:
    """Return a piece of sound in which some notes begin and sound for a while, and when they begin."""
    for _ in range(20):
        sound = heard(page)
        end = len(sound) / RATE - 0.17
        begun = [seconds for seconds in onsets(sound) if 0.02 < seconds < end]
        if len(begun) >= least:
            return sound, begun
        page.wait_for_timeout(90)
    raise AssertionError("no notes are heard")


def test_the_bank_plays_the_notes_of_the_file(melody: "Page") -> None:
    melody.get_by_label("Tempo, pitch, volume and sound").click()
    melody.get_by_role("slider", name="Tempo").fill("200")
    melody.get_by_role("button", name="Play", exact=True).click()
    melody.wait_for_function("() => document.querySelector('.seek-input').value > 2.2")
    sound, begun = notes_heard(melody, 2)
    engine = melody.evaluate(f"{MODULES}.then((it) => it['player/player.js'].player.engineName)")
    assert engine == "Made bank"
    assert [later - earlier for earlier, later in pairwise(begun)] == pytest.approx(
        [SPACING] * (len(begun) - 1), abs=0.01
    )
    pitches = [round(pitch_at(sound, seconds, 0.12)) for seconds in begun]
    assert pitches in [[*MELODY[at : at + len(pitches)]] for at in range(len(MELODY))]


def test_silence_follows_at_once_and_another_place_sounds(melody: "Page") -> None:
    play = melody.get_by_role("button", name="Play", exact=True)
    play.click()
    melody.wait_for_function("() => document.querySelector('.seek-input').value > 0.6")
    melody.get_by_role("button", name="Pause", exact=True).click()
    melody.wait_for_timeout(1_300)
    assert np.abs(heard(melody)).max() < 1e-3
    melody.get_by_role("slider", name="Position").fill("4")
    play.click()
    sound, begun = notes_heard(melody, 1)
    assert round(pitch_at(sound, begun[-1], 0.12)) in MELODY[8:-1]
