"""The plain ways to split give the bytes that ``split`` gives."""

import pytest

import midiprism
from midiprism import CorruptMidiError
from midiprism.errors import UsageError
from midiprism.smf.plain_split import split_bytes, split_plainly
from midiprism.smf.types import Problem
from support.broken_files import BROKEN_FILES
from support.corpus import corpus_share, needs_corpus, read_member
from support.midi_strategies import example_songs
from support.sample_songs import FEW, sample_songs
from support.split_process import SPLIT_OPTIONS

DEFECT = Problem("internal", "It failed.")


def check_plain_ways(data: bytes) -> None:
    """Check the plain ways of every ``by`` and ``context``."""
    for by, context in SPLIT_OPTIONS:
        try:
            song = midiprism.split(data, by=by, context=context)
        except CorruptMidiError as error:
            check_refusal(data, error.code)
            continue
        found = [bytes(octets) for octets in split_bytes(data, by=by, context=context)]
        assert found == [track.data for track in song.tracks]
        plain = split_plainly(data, DEFECT, by=by, context=context)
        assert [without_texts(track) for track in plain.tracks] == [
            without_texts(track) for track in song.tracks
        ]
        assert plain[1:6] == song[1:6]
        assert (plain.outcome, plain.problems) == ("repaired" if song.tracks else "no_notes", (DEFECT,))


def without_texts(track: midiprism.SplitTrack) -> midiprism.SplitTrack:
    """Return a track without what the plain way leaves out."""
    return track._replace(
        name=None,
        name_encoding=None,
        own_name=None,
        ticks_per_quarter=None,
        tempo=None,
        tempo_count=0,
        time_signature=None,
        key_signature=None,
    )


def check_refusal(data: bytes, code: str) -> None:
    """Check that a song which ``split`` refuses has no tracks: it is refused too, or all music is lost."""
    try:
        found = split_bytes(data)
    except CorruptMidiError as refused:
        codes = [refused.code]
    else:
        assert found == []
        assert split_plainly(data, DEFECT).tracks == ()
        codes = [code]
    assert codes == [code]


def test_plain_ways_give_the_bytes_of_sample_songs() -> None:
    for song in sample_songs(FEW)[:40]:
        check_plain_ways(song.data)


def test_plain_ways_give_the_bytes_of_any_song() -> None:
    for data in example_songs(60):
        check_plain_ways(data)


@pytest.mark.parametrize("share", range(2))
def test_plain_ways_agree_on_damaged_files(share: int) -> None:
    for file in BROKEN_FILES[share::2]:
        check_plain_ways(file.data)


@needs_corpus
def test_plain_ways_give_the_bytes_of_real_songs() -> None:
    for member in corpus_share(0, 1, step=60):
        check_plain_ways(read_member(member))


def test_plain_ways_refuse_unknown_divisions() -> None:
    with pytest.raises(UsageError, match="by='hand' is unknown"):
        split_bytes(b"", by="hand")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="context='all' is unknown"):
        split_plainly(b"", DEFECT, context="all")  # type: ignore[arg-type]
