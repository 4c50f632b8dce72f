"""Tests of the share of tracks that repeat after splitting."""

import pytest

import midiprism
from midiprism.sample import generate_songs


def repeated_share(count: int, duplicates: float, seed: int = 0) -> float:
    """Return the share of splits whose digest an earlier one has."""
    seen: set[bytes] = set()
    total = 0
    for song in generate_songs(count, seed=seed, duplicates=duplicates):
        result = midiprism.split(song.data)
        assert result.outcome == "split", song.path
        assert {problem.code for problem in result.problems} <= {"text_encoding"}, song.path
        total += len(result.tracks)
        seen.update(track.digest for track in result.tracks)
    return 1 - len(seen) / total


def test_no_track_repeats_without_duplicates() -> None:
    assert repeated_share(512, 0.0) == 0


@pytest.mark.parametrize("duplicates", [0.2, 0.49, 0.8, 0.9])
def test_a_block_has_the_requested_share_of_duplicates(duplicates: float) -> None:
    assert repeated_share(512, duplicates, seed=11) == pytest.approx(duplicates, abs=0.02)


@pytest.mark.nightly
def test_ten_thousand_songs_have_the_requested_share_of_duplicates() -> None:
    assert repeated_share(10_000, 0.49) == pytest.approx(0.49, abs=0.02)


def test_versions_share_tempo_map_and_division() -> None:
    families: dict[bytes, set[int]] = {}
    for song in generate_songs(300):
        division = int.from_bytes(song.data[12:14], "big")
        for track in midiprism.split(song.data).tracks:
            families.setdefault(track.digest, set()).add(division)
    assert all(len(divisions) == 1 for divisions in families.values())
