"""Sound is measured: what the built-in synthesizer renders begins and sounds as the notes of the file do."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from support.played_songs import BAND_BEATS, LANES, MELODY
from support.sound import LEAD, onsets, pitch_at, render, render_notes
from web.browser.finding import find

if TYPE_CHECKING:
    from playwright.sync_api import Page

NEAR = 0.01
SPACING = 0.5


def assert_near(found: Sequence[float], expected: Sequence[float]) -> None:
    assert len(found) == len(expected), (found, expected)
    assert [*found] == pytest.approx([*expected], abs=NEAR)


@pytest.fixture
def melody(page: "Page") -> str:
    digest = find(page, "song:=Melody")["digest"]
    page.goto("/")
    return str(digest)


def test_notes_begin_when_and_where_the_file_says(page: "Page", melody: str) -> None:
    sound = render(page, "track", melody, 6.4)
    found = onsets(sound)
    assert_near(found, [LEAD + SPACING * index for index in range(len(MELODY))])
    assert [round(pitch_at(sound, seconds)) for seconds in found] == [*MELODY]


def test_tempo_and_pitch_change_while_it_plays(page: "Page", melody: str) -> None:
    actions = [
        {"at": 1.2, "name": "rate", "value": 2},
        {"at": 1.2, "name": "transpose", "value": 5},
    ]
    sound = render(page, "track", melody, 4.0, actions=actions)
    found = onsets(sound)
    gaps = [later - earlier for earlier, later in pairwise(found)]
    assert len(found) == len(MELODY)
    assert gaps[:2] == pytest.approx([SPACING] * 2, abs=NEAR)
    assert gaps[3:] == pytest.approx([SPACING / 2] * (len(gaps) - 3), abs=NEAR)
    pitches = [round(pitch_at(sound, seconds, 0.08)) for seconds in found]
    assert pitches[:3] == [*MELODY[:3]]
    assert pitches[3:] == [pitch + 5 for pitch in MELODY[3:]]


def test_a_loop_repeats_exactly_and_a_seek_starts_at_once(page: "Page", melody: str) -> None:
    actions = [
        {"at": 0.1, "name": "loop", "value": {"start": 0.5, "end": 1.5}},
        {"at": 3.8, "name": "loop", "value": None},
        {"at": 4.4, "name": "seek", "value": 4.0},
    ]
    sound = render(page, "track", melody, 5.2, actions=actions)
    found = onsets(sound)
    before = [seconds for seconds in found if seconds < 4.4]
    assert_near(before, [LEAD + SPACING * index for index in range(9)])
    pitches = [round(pitch_at(sound, seconds)) for seconds in before]
    assert pitches == [MELODY[0], *[MELODY[1], MELODY[2]] * 3, MELODY[1], MELODY[2]][: len(before)]
    after = [seconds for seconds in found if seconds >= 4.4]
    assert after[0] == pytest.approx(4.4 + LEAD, abs=0.06)  # the page acts every 50 ms here
    assert after[1] - after[0] == pytest.approx(SPACING, abs=NEAR)
    assert [round(pitch_at(sound, seconds)) for seconds in after] == [MELODY[8], MELODY[9]]


def test_the_lanes_of_a_song_sound_together(page: "Page") -> None:
    song = find(page, "song:=Band name:=Bass")["song_id"]
    page.goto("/")
    expected = [LEAD + beat * SPACING for beat in BAND_BEATS]
    for lane in range(len(LANES)):
        assert_near(onsets(render(page, "song", song, 4.4, solo=lane)), expected)
    assert_near(onsets(render(page, "song", song, 4.4)), expected)


def test_every_program_sounds_at_its_pitch_and_every_piece_of_a_kit_is_heard(page: "Page") -> None:
    page.goto("/")
    programs = render_notes(page, [(False, program, 60) for program in range(128)])
    pitches = [pitch_at(sound, 0.04) for sound in programs]
    # An octave of the pitch may be as strong as itself.
    wrong = {program: pitch for program, pitch in enumerate(pitches) if abs((pitch - 54) % 12 - 6) > 0.2}
    assert wrong == {}
    pieces = render_notes(page, [(True, 0, pitch) for pitch in range(35, 82)], 0.25)
    for sounds in (programs, pieces):
        loudest = np.abs(sounds).max(axis=1)
        assert np.isfinite(loudest).all()
        assert loudest.min() > 0.03
        assert loudest.max() < 0.6
