"""The parts of a run on a result in object storage, and the places that it joins."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from midiprism.errors import UsageError
from midiprism.generations.engine import Engine
from midiprism.generations.engines.local import LocalEngine
from midiprism.generations.plan import Plan
from midiprism.generations.splitting import Machine
from midiprism.objects import ObjectStorage, StorageUrl, open_storage, parse_storage_url
from midiprism.smf.types import CONTRACT_VERSION
from midiprism.stores.parquet.schema import import_pyarrow


class GenerationProgress(NamedTuple):
    """Progress of a generation.

    Attributes:
        generation: its number.
        songs: that it has.
        pass_name: one of the passes of its plan.
        done: tasks of the pass that have a record.
        tasks: of the pass.
    """

    generation: int
    songs: int
    pass_name: str
    done: int
    tasks: int


ProgressListener = Callable[[GenerationProgress], None]


def ignore(_event: object) -> None:
    """Do nothing: the listener of what nobody listens to."""


@dataclass(frozen=True, slots=True)
class RunParts:
    """Parts of a run that tests and engines replace.

    Attributes:
        machine: runs tasks, or this part of them.
        engine: hands tasks out.
        on_progress: called after each task.
        open_storage: opens storage by its URL.
        clock: measures the age of attempts.
        shuffle: brings tasks into the order in which they are tried, so that several runs rarely do the same.
        on_redo: called with a plan by which songs are split again, before that begins.
        contract: version of the split contract that the machines have.
    """

    machine: Machine = field(default_factory=Machine)
    engine: Engine = field(default_factory=LocalEngine)
    on_progress: ProgressListener = ignore
    open_storage: Callable[..., ObjectStorage] = open_storage
    clock: Callable[[], float] = time.monotonic
    shuffle: Callable[[list[int]], None] = random.shuffle
    on_redo: Callable[[Plan], None] = ignore
    contract: int = CONTRACT_VERSION


def parse_places(source_url: str, result_url: str) -> tuple[StorageUrl, StorageUrl]:
    """Return the places of the songs and of the result.

    Raises:
        UsageError: one contains the other, or a package is missing.
    """
    import_pyarrow()
    songs, place = parse_storage_url(source_url), parse_storage_url(result_url)
    if place.contains(songs) or songs.contains(place):
        raise UsageError(
            f"{place} and {songs} are one within the other: name a place for the result that has no songs."
        )
    return songs, place
