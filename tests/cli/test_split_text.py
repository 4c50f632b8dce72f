"""Tests of the words in which a run is summed up."""

from collections import Counter
from typing import Any

import pytest

from midiprism.catalog import ProblemRecord, SongRecord
from midiprism.cli.render.split_text import RepeatedCommand, summary_lines, summary_to_json
from midiprism.pipeline import Summary
from midiprism.pipeline.record_builder import failed_record
from midiprism.sources import Notice, SongRef

COMMAND = RepeatedCommand("out", "out", ("songs",))


def summary_of(outcomes: dict[str, int] | None = None, **values: Any) -> Summary:
    values = {"state": "done", "seconds": 2.0, **values}
    return Summary("c", dry_run=False, by="auto", context="full", outcomes=Counter(outcomes or {}), **values)


def lines_of(summary: Summary) -> list[str]:
    return [*summary_lines(summary, COMMAND, verbose=False)]


def test_the_rate_leaves_out_the_time_to_compile_the_splitter() -> None:
    summary = summary_of({"split": 800}, tracks=800, tracks_new=800, seconds=100.0, compiling_seconds=98.0)
    (headline, *_) = lines_of(summary)
    assert headline.endswith(" 100.0 s (98.0 s of it to compile the splitter; 400 songs/s)")
    assert summary.songs_per_second == 400


def test_the_headline_counts_the_songs_that_were_split_and_their_rate() -> None:
    outcomes = {"split": 190, "repaired": 10, "no_notes": 5, "corrupt": 7}
    headline = lines_of(summary_of(outcomes, tracks=900))[0]
    assert headline == "Split 200 songs into 900 tracks in out. 2.0 s (100 songs/s)"


def test_few_songs_have_no_rate() -> None:
    headline = lines_of(summary_of({"split": 1}, tracks=1, songs_skipped=640))[0]
    assert headline == "Split 1 song into 1 track in out. 2.0 s"


@pytest.mark.parametrize("outcomes", [{"corrupt": 3}, {"no_notes": 1}, {}])
def test_a_run_that_split_nothing_says_so_and_offers_no_tracks(outcomes: dict[str, int]) -> None:
    lines = lines_of(summary_of(outcomes, songs_copies=2, songs_skipped=2))
    assert lines[0] == "No song was split. 2.0 s"
    assert "Next:" not in lines


@pytest.mark.parametrize("state", ["interrupted", "stopped"])
def test_a_run_that_was_stopped_at_once_does_not_say_that_there_are_no_songs(state: str) -> None:
    lines = lines_of(summary_of(state=state))
    assert lines[0] == "Stopped before any song was split. 2.0 s"
    assert lines[-1] == "  midiprism split songs -o out"
    known = lines_of(summary_of(state=state, songs_skipped=4))[0]
    assert known == "Stopped: 4 songs known already, nothing written. 2.0 s"


def test_copies_are_not_called_known_from_earlier() -> None:
    lines = lines_of(summary_of({"split": 2}, tracks=4, tracks_new=4, songs_skipped=7, songs_copies=6))
    assert "  copies                6  songs with the content of another one" in lines
    assert "  skipped               1  song known already" in lines


def test_one_of_each_is_singular() -> None:
    one = {"tracks": 2, "tracks_new": 1, "songs_copies": 1, "songs_skipped": 2, "folders_failed": 1}
    more = {"results_skipped": 1, "markers_ignored": 1, "archives_skipped": 1, "junk_skipped": 1}
    outcomes = dict.fromkeys(("split", "repaired", "no_notes", "corrupt", "adopted"), 1)
    counts = [
        line.split("  1  ", 1) for line in lines_of(summary_of(outcomes, values_nulled=1, **one, **more))
    ]
    meanings = [line[1].split()[0] for line in counts if len(line) == 2]
    assert len(meanings) == 14
    assert not [noun for noun in meanings[1:] if noun.endswith("s")]


def test_junk_is_counted_and_is_no_failure() -> None:
    summary = summary_of()
    for name in (b"/._a.mid", b"/.DS_Store"):
        summary.add_notice(Notice(name, "junk", "It is empty."))
    assert not summary.has_failures
    assert summary_to_json(summary)["junk_skipped"] == 2
    assert "  junk                  2  files that are empty, or that macOS or Windows made, passed over" in (
        lines_of(summary)
    )


def test_as_many_failures_are_listed_as_are_counted() -> None:
    summary = summary_of({"corrupt": 1}, songs_copies=1, songs_skipped=1)
    for path in (b"/a.mid", b"/copy.mid"):  # two workers had one each
        summary.add_failed_songs([failed_song(path)])
    lines = lines_of(summary)
    assert "  failed                1  song that could not be split" in lines
    assert len(lines) - lines.index("Failed:") == 2


def failed_song(path: bytes) -> SongRecord:
    """Return a song that failed, of the same content each time."""
    song = failed_record(SongRef(path, 1, 3, 1), ProblemRecord("not_midi", "It is not a MIDI file."))
    return song._replace(digest=b"d" * 32)
