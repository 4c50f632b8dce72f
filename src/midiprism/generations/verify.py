"""Checks that a result in object storage is complete and undamaged, on one machine or many."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

from midiprism.generations.engine import Engine
from midiprism.generations.engines.local import LocalEngine
from midiprism.generations.errors import GenerationError
from midiprism.generations.layout import GROUPS, groups_key
from midiprism.generations.result import open_result
from midiprism.generations.splitting import Machine
from midiprism.generations.verification.check_task import (
    DIGESTS,
    FILES,
    ROWS,
    Checker,
    CheckTask,
)
from midiprism.generations.verification.digest_check import MESSAGES, DigestCounts
from midiprism.generations.verification.file_check import DigestSums, FileFindings
from midiprism.generations.verification.table_reading import Damage
from midiprism.objects import open_storage


class Verification(NamedTuple):
    """The result of a check.

    Attributes:
        url: of the result.
        generation: that was checked; 0 if none is committed.
        files: that were read, those of groups too.
        tracks: whose bytes were compared with their digests.
        damage: all that was found.
    """

    url: str
    generation: int
    files: int
    tracks: int
    damage: tuple[Damage, ...]


class CheckProgress(NamedTuple):
    """Progress of a check.

    Attributes:
        step: ``files`` while files are read one by one, then ``digests``.
        done: files that were checked, or tasks that have compared digests.
        total: of them.
    """

    step: str
    done: int
    total: int


def _ignore(_progress: CheckProgress) -> None:
    pass


def verify_generations(
    url: str,
    machine: Machine | None = None,
    engine: Engine | None = None,
    on_progress: Callable[[CheckProgress], None] = _ignore,
    *,
    adapt_workers: bool = False,
    digests_per_task: int | None = None,
) -> Verification:
    """Read every file of the newest generation, and return what is damaged. Nothing is written.

    Its files are those that the manifest names, and those of its groups, if they were made. First each is
    checked by itself. Then digests that files name are looked up, in as many tasks as memory asks for. This
    process holds the manifest and what was found, and no digests but those of its own task: see
    ``DIGESTS_PER_TASK``.

    Args:
        url: of the result.
        machine: whose workers do the tasks of this machine; None for this process only.
        engine: hands tasks out; None for this machine.
        on_progress: called when tasks are done.
        adapt_workers: whether a small result is checked with fewer workers of this machine.
        digests_per_task: songs and tracks whose digests a task of this machine compares at most; None for
            ``DIGESTS_PER_TASK``.

    Raises:
        UsageError: there is no result.
        ObjectStorageError: the store does not answer.
        GenerationStoppedError: the check was stopped.
        GenerationError: a task failed too often.
    """
    result = open_result(open_storage(url))
    number = result.newest_manifest_number()
    engine = engine or LocalEngine()
    chosen = Checker(
        result, number, machine or Machine(), adapt_workers=adapt_workers, digests_per_task=digests_per_task
    )
    with closing(chosen) as checker:
        if not number:
            return Verification(result.storage.url, 0, 0, 0, ())
        names, damaged_groups = _names_of_file_checks(checker)
        found = _check_files(checker, engine, names, on_progress)
        name = DIGESTS if found.sums.fit else ROWS
        counts = _compare_digests(checker, engine, name, on_progress)
        if not found.damage and GROUPS in names and found.sums.grouped_songs != found.sums.songs:
            damaged_groups = (Damage(groups_key(number), "Its songs are not those of the generation."),)
        damage = (*found.damage, *damaged_groups, *_damage_of(counts))
        files = sum(len(checker.files_of(it)) for it in names)
        return Verification(result.storage.url, number, files, found.tracks, damage)


def _names_of_file_checks(checker: Checker) -> tuple[tuple[str, ...], tuple[Damage, ...]]:
    """Return the names of the checks of files, and what is wrong with the record of the groups."""
    try:
        return ((FILES, GROUPS) if checker.groups else (FILES,)), ()
    except GenerationError:
        return (FILES,), (Damage(groups_key(checker.number), "It is not as midiprism writes it."),)


def _check_files(
    checker: Checker, engine: Engine, names: Sequence[str], on_progress: Callable[[CheckProgress], None]
) -> FileFindings:
    total, done = sum(len(checker.files_of(name)) for name in names), 0
    tracks, sums = 0, DigestSums()
    damage: list[Damage] = []
    on_progress(CheckProgress(FILES, done, total))
    for name in names:
        damage_of_tasks: dict[int, tuple[Damage, ...]] = {}
        for number, found in engine.map(CheckTask(checker, name), range(checker.task_count(name))):
            tracks += found.tracks
            sums = sums.plus(found.sums)
            if found.damage:
                damage_of_tasks[number] = found.damage
            done += checker.file_count(name, number)
            on_progress(CheckProgress(FILES, done, total))
        damage += [it for _, of_task in sorted(damage_of_tasks.items()) for it in of_task]
    return FileFindings(tracks, (*damage,), sums)


def _compare_digests(
    checker: Checker, engine: Engine, name: str, on_progress: Callable[[CheckProgress], None]
) -> DigestCounts:
    total = checker.task_count(name)
    counts = DigestCounts()
    on_progress(CheckProgress(DIGESTS, 0, total))
    for done, (_, found) in enumerate(engine.map(CheckTask(checker, name), range(total)), 1):
        counts = counts.plus(found)
        on_progress(CheckProgress(DIGESTS, done, total))
    return counts


def _damage_of(counts: DigestCounts) -> Iterator[Damage]:
    for name, message in MESSAGES.items():
        count = getattr(counts, name)
        if count:
            yield Damage("", message.format(count))
