"""Songs of a pack are split as soon as they are read."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from midiprism.generations.fetching import ReadAhead
from midiprism.generations.plan import SplitSettings
from midiprism.generations.planning import ChunkLimits
from midiprism.generations.run import split_to_storage
from midiprism.generations.splitting import BATCH_SONGS, Machine
from midiprism.objects import ObjectStorage, open_storage
from support.fake_songs import BASS, PIANO, fake_song, fake_split
from support.generation_results import memory_url, options, parts, source_with
from support.object_stores import HookedStorage

PATIENCE_SECONDS = 20.0


def test_work_begins_with_the_first_batch_that_is_read() -> None:
    songs = {f"{number:04}.mid": fake_song(PIANO, BASS + str(number)) for number in range(BATCH_SONGS + 1)}
    source = source_with(songs)
    is_split, waited = threading.Event(), []

    def wait(when: str, name: str, key: str) -> None:
        if (when, name, key) == ("before", "read", [*songs][-1]):
            waited.append(is_split.wait(PATIENCE_SECONDS))

    def opened(place: str, **values: Any) -> ObjectStorage:
        storage = open_storage(place, **values)
        return HookedStorage(storage, wait) if place == source else storage

    machine = Machine(1, on_songs=lambda _: is_split.set(), make_splitter=lambda *_: fake_split)
    run_options = options(settings=SplitSettings(facts=False), chunks=ChunkLimits())
    summary = split_to_storage(source, memory_url(), run_options, parts(machine=machine, open_storage=opened))
    assert summary.outcomes == {"split": len(songs)}
    assert waited == [True]


def test_values_are_read_ahead_and_errors_raised_in_their_place() -> None:
    is_allowed = threading.Event()

    def values() -> Iterator[int]:
        yield 1
        is_allowed.wait(PATIENCE_SECONDS)
        yield 2
        raise ZeroDivisionError

    def take(ahead: "ReadAhead[int]") -> int:
        while (value := ahead.take(wait=True)) is None:
            assert not ahead.is_over
        return value

    with closing(ReadAhead(values(), 2)) as ahead:
        assert take(ahead) == 1
        assert ahead.take(wait=False) is None
        is_allowed.set()
        assert take(ahead) == 2
        with pytest.raises(ZeroDivisionError):
            take(ahead)
    with closing(ReadAhead(iter(()), 2)) as nothing:
        while not nothing.is_over:
            assert nothing.take(wait=True) is None


def test_reading_ahead_of_who_wants_no_more_ends() -> None:
    values = itertools.count()
    with closing(ReadAhead(values, 1)) as ahead:
        while ahead.take(wait=True) is None:
            pass
    read = next(values)
    assert next(values) == read + 1  # nobody reads any more
