"""Tests of songs that are made to cost much. ``make costs`` measures large ones."""

import contextlib

import pytest

import midiprism
from midiprism import CorruptMidiError
from midiprism.smf.types import Context
from support.crafted_songs import controllers_in_every_track, crafted_songs, tempi_in_every_track

SONGS = dict(crafted_songs(2))


@pytest.mark.parametrize("context", ["conductor", "full"])
@pytest.mark.parametrize("name", SONGS)
def test_a_crafted_song_is_split_or_refused_by_a_limit(name: str, context: Context) -> None:
    with contextlib.suppress(CorruptMidiError):
        assert midiprism.split(SONGS[name], context=context).outcome in ("split", "repaired", "no_notes")


def test_crafted_songs_play_tracks_of_other_tracks_events() -> None:
    for data in (tempi_in_every_track(20), controllers_in_every_track(20)):
        result = midiprism.split(data, context="full")
        assert sum(len(track.data) for track in result.tracks) > 10 * len(data)
