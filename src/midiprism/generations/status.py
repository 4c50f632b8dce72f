"""The state of a result in object storage, read from its manifest and a few listings."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from midiprism.generations.groups.table import GroupTable, find_groups
from midiprism.generations.layout import SONGS, record_number, records_folder
from midiprism.generations.open_generation import OpenGeneration
from midiprism.generations.result import GenerationResult, Manifest, open_result
from midiprism.generations.stored_objects import read_objects
from midiprism.generations.tables import OUTCOME_COLUMNS, decode_table
from midiprism.objects import open_storage
from midiprism.records.outcomes import FAILED_OUTCOMES


class PassStatus(NamedTuple):
    """Progress of a pass: tasks that are recorded, of all."""

    name: str
    done: int
    tasks: int


class OpenStatus(NamedTuple):
    """A generation that is planned and not committed.

    Attributes:
        number: of the generation.
        songs: that it has.
        source: URL of the songs.
        passes: in their order.
    """

    number: int
    songs: int
    source: str
    passes: tuple[PassStatus, ...]


class GenerationStatus(NamedTuple):
    """The state of a result.

    Attributes:
        result: that was read.
        manifest: of its newest generation; that of generation 0 if none is committed.
        open_generation: the generation that is being made; None if there is none.
        groups: of the songs of the newest generation; None if they were not made.
    """

    result: GenerationResult
    manifest: Manifest
    open_generation: OpenStatus | None
    groups: GroupTable | None

    @property
    def size(self) -> int:
        """Bytes of the files of the result."""
        return sum(file.stored.size for file in self.manifest.files)


class FailedSong(NamedTuple):
    """A song without tracks because something went wrong.

    Attributes:
        code: of its first problem.
        message: of that problem.
    """

    path: str
    outcome: str
    code: str
    message: str


def read_generation_status(url: str) -> GenerationStatus:
    """Return the state of the result at a URL.

    Raises:
        UsageError: there is none.
        ObjectStorageError: it cannot be read.
    """
    result = open_result(open_storage(url))
    manifest, plan = result.newest_manifest(), result.newest_plan()
    groups = find_groups(result, manifest.number) if manifest.number else None
    if plan is None or plan.number <= manifest.number:
        return GenerationStatus(result, manifest, None, groups)
    generation = OpenGeneration(result, plan, result.storage)
    passes = []
    for name in plan.passes:
        infos = result.storage.list(records_folder(plan.number, name))
        done = sum(record_number(info.key) is not None for info in infos)
        passes.append(PassStatus(name, done, generation.task_count(name)))
    opened = OpenStatus(plan.number, plan.song_count, plan.source, tuple(passes))
    return GenerationStatus(result, manifest, opened, groups)


def failed_songs(status: GenerationStatus) -> Iterator[FailedSong]:
    """Yield the songs of a result that have no tracks because something went wrong.

    Raises:
        ObjectStorageError: they cannot be read.
        GenerationError: a file is damaged.
    """
    files = [
        file.stored
        for file in status.manifest.files
        if file.table == SONGS and not FAILED_OUTCOMES.isdisjoint(file.outcomes)
    ]
    for stored, data in zip(files, read_objects(status.result.storage, files), strict=True):
        columns = decode_table(OUTCOME_COLUMNS, stored.name, data)
        for path, outcome, problems in zip(
            columns["path"], columns["outcome"], columns["problems"], strict=True
        ):
            if outcome in FAILED_OUTCOMES:
                (code, message, *_), *_ = json.loads(problems)
                yield FailedSong(path, outcome, str(code), str(message))
