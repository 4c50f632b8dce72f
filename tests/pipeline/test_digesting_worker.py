from pathlib import Path

from blake3 import blake3

from midiprism.metrics.stage_timers import timer_totals
from midiprism.pipeline.batch import Batch
from midiprism.pipeline.digesting_worker import DigestingWorker
from midiprism.pipeline.shared_counters import (
    NO_SONG,
    SHARED_COUNTER_COUNT,
    SONG_INDEX,
    SONGS_DONE,
    SONGS_FAILED,
    STAGE,
    STAGE_IDLE,
    TRACKS,
    SharedCounters,
    stage_timers,
)
from midiprism.pipeline.splitter import prepare_bytes
from midiprism.sources import SongRef, open_folders
from support.fake_songs import BASS, PIANO, fake_song, fake_split, write_files

SONGS = {
    "0.mid": fake_song(PIANO, BASS),
    "1.mid": b"no song",
    "2.mid": fake_song(BASS),
    "3.mid": fake_song(PIANO + "x" * 2_000),
    "4.mid": fake_song(PIANO),
}


def make_worker(
    folder: Path, counters: SharedCounters, stop_after: int = len(SONGS)
) -> tuple[DigestingWorker, Batch]:
    """Return a worker for ``SONGS``, and a batch of them. It is to stop after so many songs."""
    library = open_folders([write_files(folder, SONGS)])
    found = tuple(item for item in library.walk() if isinstance(item, SongRef))
    done: list[None] = []
    worker = DigestingWorker(
        library,
        prepare_bytes(fake_split),
        1_000,
        stop=lambda: len(done) >= stop_after,
        on_song=lambda: done.append(None),
        counters=counters,
    )
    return worker, found


def test_songs_and_tracks_are_digested_and_failures_have_their_problems(tmp_path: Path) -> None:
    counters: SharedCounters = [0] * SHARED_COUNTER_COUNT
    worker, batch = make_worker(tmp_path, counters)
    (tmp_path / "4.mid").unlink()
    record = worker.process_batch(batch, 7)
    worker.close()
    contents = [*SONGS.values()]
    assert record.songs["digest"] == (*[blake3(data).digest() for data in contents[:4]], None)
    assert record.songs["outcome"] == ("split", "corrupt", "split", "corrupt", "unreadable")
    problems = [[problem.code for problem in listed] for listed in record.songs["problems"]]
    assert problems[0] == problems[2] == []
    assert problems[3:] == [["song_size"], ["vanished"]]
    assert len(problems[1]) == 1
    tracks = [track.data for data in (contents[0], contents[2]) for track in fake_split(data).tracks]
    assert record.tracks["digest"] == [*dict.fromkeys(blake3(data).digest() for data in tracks)]
    assert len(record.tracks) == 2
    assert (counters[SONGS_DONE], counters[SONGS_FAILED], counters[TRACKS]) == (5, 3, 3)
    assert (counters[SONG_INDEX], counters[STAGE]) == (NO_SONG, STAGE_IDLE)
    assert timer_totals(stage_timers(counters).values()).stages["split"].seconds > 0


def test_a_batch_ends_after_the_song_in_hand_once_it_is_to_stop(tmp_path: Path) -> None:
    worker, batch = make_worker(tmp_path, [0] * SHARED_COUNTER_COUNT, stop_after=3)
    assert len(worker.process_batch(batch).songs) == 3
    worker.close()
