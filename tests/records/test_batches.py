"""Tests of batches of named columns."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from midiprism.records.batches import (
    LINK_COUNT,
    TRACK_INDEX,
    BatchRecord,
    Columns,
    NullColumn,
    PackedTracks,
    concatenate,
    is_all_null,
)
from midiprism.records.fields import ProblemRecord, SongRecord
from support.records import link_record, song_record, track_record


def song(number: int, track_numbers: list[int], problems: tuple[ProblemRecord, ...] = ()) -> SongRecord:
    links = [
        link_record(track_record(track.to_bytes(32), name=f"{track}"), track_number=index)
        for index, track in enumerate(track_numbers)
    ]
    return song_record(b"/%d.mid" % number, number.to_bytes(32), *links, problems=problems)


songs_strategy = st.lists(st.lists(st.integers(0, 5), max_size=4), max_size=5).map(
    lambda all_tracks: [song(number, tracks) for number, tracks in enumerate(all_tracks)]
)


@given(songs_strategy)
def test_songs_come_back_from_their_columns(songs: list[SongRecord]) -> None:
    batch = BatchRecord.from_songs(songs)
    assert batch.song_records() == songs
    assert pickle.loads(pickle.dumps(batch)) == batch


@given(songs_strategy)
def test_each_track_is_there_once_in_the_order_of_the_links(songs: list[SongRecord]) -> None:
    batch = BatchRecord.from_songs(songs)
    digests = [link.track.digest for it in songs for link in it.links]
    assert list(batch.tracks["digest"]) == list(dict.fromkeys(digests))
    assert [batch.tracks["digest"][index] for index in batch.links[TRACK_INDEX]] == digests
    assert list(batch.songs[LINK_COUNT]) == [len(it.links) for it in songs]


def test_other_songs_replace_the_songs_and_nothing_else() -> None:
    batch = BatchRecord.from_songs([song(1, [1, 2])], seconds=2.5, replaces_outcomes=True)
    changed = batch.with_songs([song(2, [2])])
    assert changed.song_records() == [song(2, [2])]
    assert (changed.seconds, changed.replaces_outcomes) == (2.5, True)
    assert len(changed.tracks) == 1


def test_songs_with_problems_are_left_without_links_and_tracks() -> None:
    problem = ProblemRecord("limit", "It is too large.")
    batch = BatchRecord.from_songs([song(1, [1]), song(2, [1, 2], (problem,))], files_written=3)
    left = batch.songs_with_problems()
    assert [(it.path, it.problems, it.links) for it in left.song_records()] == [(b"/2.mid", (problem,), ())]
    assert (len(left.links), len(left.tracks), left.files_written) == (0, 0, 3)


def test_packed_tracks_are_found_by_their_digests() -> None:
    packed = PackedTracks((b"a", b"b", b"c"), (3, 3, 5), b"onetw")
    assert {digest: bytes(data) for digest, data in packed.items()} == {b"a": b"one", b"b": b"", b"c": b"tw"}
    assert packed.size == 5
    assert PackedTracks().size == 0


def test_columns_are_selected_and_joined_by_rows() -> None:
    columns = Columns.from_rows(("number", "name"), [(1, "a"), (2, "b"), (3, "c")])
    assert list(columns.take([2, 0]).rows(("name", "number"))) == [("c", 3), ("a", 1)]
    assert columns.take([0, 1, 2]) is columns, "nothing is copied"
    joined = concatenate([columns.take([1]), columns])
    assert list(joined["number"]) == [2, 1, 2, 3]
    assert list(joined.with_columns(number=[0] * 4)["number"]) == [0, 0, 0, 0]
    assert len(Columns.from_rows(("number",), ())) == 0


@given(st.lists(st.lists(st.none() | st.integers(0, 2), min_size=1, max_size=5), min_size=1, max_size=3))
def test_columns_of_nothing_but_none_hold_the_same_values_compacted(parts: list[list[int | None]]) -> None:
    plain = [Columns({"number": range(len(part)), "value": part}) for part in parts]
    compacted = [columns.compacted() for columns in plain]
    whole = concatenate(compacted)
    assert whole == concatenate(plain)
    assert pickle.loads(pickle.dumps(whole)) == whole
    backwards = [*reversed(range(len(whole)))]
    assert whole.take(backwards) == concatenate(plain).take(backwards)
    assert list(whole["value"][1:]) == list(whole["value"])[1:]
    is_null = all(value is None for part in parts for value in part)
    assert isinstance(whole["value"], NullColumn) == is_null == is_all_null(list(whole["value"]))
