"""The tasks of a check, as engines hand them out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from midiprism.errors import UsageError
from midiprism.generations.engine import TaskAddress
from midiprism.generations.errors import GenerationError
from midiprism.generations.groups.table import GroupTable, find_groups
from midiprism.generations.layout import GROUPS, SONGS, TRACKS
from midiprism.generations.result import GenerationResult, Manifest, TableFile
from midiprism.generations.splitting import Machine
from midiprism.generations.verification.digest_check import (
    DigestCounts,
    PrefixRange,
    SelectedDigests,
    compare_with_files,
    compare_with_index,
    select_digests,
)
from midiprism.generations.verification.file_check import (
    FileFindings,
    check_file,
    check_index,
    read_first_halves,
    read_index,
)
from midiprism.generations.verification.table_reading import COLUMNS, Damage
from midiprism.generations.verification.workers import CheckWorkers, LostWorker
from midiprism.objects import ObjectStorage, open_storage

FILES, DIGESTS, ROWS = "files", "digests", "rows"
"""Checks: each file by itself; digests that files name, by the index; the same by the digests in files.

Another, ``GROUPS``, is that of the files of groups."""

TITLES: Mapping[str, str] = {
    FILES: "the check of files",
    GROUPS: "the check of groups",
    DIGESTS: "the comparison of digests",
    ROWS: "the comparison of digests",
}

FILES_PER_TASK = 64
DIGESTS_PER_TASK: Mapping[str, int] = {DIGESTS: 50_000_000, ROWS: 8_000_000}
"""Songs and tracks whose digests a task compares at most, unless a single prefix has more. Either takes about
1 GB: 8 bytes for each, twice while they are joined; or 16 bytes for each in the index and in files."""

BYTES_PER_WORKER = 32 << 20
"""A small result has a worker process for so many bytes, where their number is chosen."""


class Checker:
    """Checks the files that a manifest names, with the workers of this machine.

    Args:
        result: that is checked.
        number: of the generation; its manifest is read when it is needed.
        machine: whose workers check. Its ``on_songs`` gets the number of files that were checked.
        adapt_workers: whether a small result is checked with fewer workers.
        digests_per_task: songs and tracks whose digests a task compares at most; None for
            ``DIGESTS_PER_TASK``.
    """

    def __init__(
        self,
        result: GenerationResult,
        number: int,
        machine: Machine,
        *,
        adapt_workers: bool = False,
        digests_per_task: int | None = None,
    ) -> None:
        self.result = result
        self.number = number
        self._machine = machine
        self._adapt_workers = adapt_workers
        self._digests_per_task = digests_per_task

    @cached_property
    def manifest(self) -> Manifest:
        return self.result.read_manifest(self.number) if self.number else Manifest()

    @cached_property
    def _workers(self) -> CheckWorkers:
        count = self._machine.workers
        if self._adapt_workers:
            count = min(count, sum(file.stored.size for file in self.files) // BYTES_PER_WORKER)
        return CheckWorkers(count, self._machine.stop)

    @cached_property
    def files(self) -> Sequence[TableFile]:
        """The files, table by table."""
        return sorted(self.manifest.files, key=lambda file: (*COLUMNS,).index(file.table))

    @cached_property
    def groups(self) -> GroupTable | None:
        """The groups of the songs; None if they were not made.

        Raises:
            GenerationError: their record is damaged.
        """
        return find_groups(self.result, self.number)

    @cached_property
    def _index(self) -> Sequence[tuple[TableFile, ...]]:
        """The objects of the index, by prefix."""
        objects: list[list[TableFile]] = [[] for _ in range(self.result.identity.prefixes)]
        for file in self.manifest.index:
            if not (file.table.isdecimal() and int(file.table) < len(objects)):
                raise GenerationError(f"{self.result.storage.url}: a manifest names unknown prefixes.")
            objects[int(file.table)].append(file)
        return [*map(tuple, objects)]

    def task_count(self, name: str) -> int:
        """Return the number of tasks of a check."""
        if name in (FILES, GROUPS):
            return -(-len(self._items(name)) // FILES_PER_TASK)
        digests = self.manifest.rows(TRACKS) + self.manifest.rows(SONGS)
        return max(
            1, min(len(self._index), -(-digests // (self._digests_per_task or DIGESTS_PER_TASK[name])))
        )

    def files_of(self, name: str) -> Sequence[TableFile]:
        """Return the files, without those of the index, that ``FILES`` or ``GROUPS`` checks."""
        if name == FILES:
            return self.files
        return self.groups.files if self.groups else ()

    def file_count(self, name: str, number: int) -> int:
        """Return the number of these files that a task checks."""
        return len(self.files_of(name)[number * FILES_PER_TASK : (number + 1) * FILES_PER_TASK])

    def _items(self, name: str) -> Sequence[tuple[TableFile, ...]]:
        """Return the files that a check reads one by one, then the index of each prefix."""
        files = [(file,) for file in self.files_of(name)]
        return [*files, *self._index] if name == FILES else files

    def check_files(self, name: str, number: int) -> FileFindings:
        """Check some files, and the index of some prefixes, each by itself.

        Args:
            name: ``FILES`` or ``GROUPS``.
            number: of the task.
        """
        first, files = number * FILES_PER_TASK, len(self.files_of(name))
        items = self._items(name)[first : first + FILES_PER_TASK]
        chosen = [(self.result.storage.url, objects) for objects in items]
        findings: list[FileFindings] = [FileFindings()] * len(chosen)
        for position, answer in self._workers.map(_check, chosen):
            if isinstance(answer, LostWorker):
                lost = (
                    Damage(file.stored.name, "It ends the process that reads it.")
                    for file in chosen[position][1]
                )
                answer = FileFindings(damage=(*lost,))
            findings[position] = answer
            self._machine.on_songs(int(first + position < files))
        total = FileFindings()
        for found in findings:
            total = total.plus(found)
        return total

    def compare_digests(self, number: int, *, by_rows: bool) -> DigestCounts:
        """Compare the digests with some prefixes.

        Args:
            number: of the task.
            by_rows: whether those in the files count as present, and not those of the index.
        """
        count, tasks = len(self._index), self.task_count(ROWS if by_rows else DIGESTS)
        prefixes = PrefixRange(count * number // tasks, count * (number + 1) // tasks, count)
        objects = [file for of_prefix in self._index[prefixes.first : prefixes.end] for file in of_prefix]
        storage = self.result.storage
        url = self.result.storage.url

        def select(files: Sequence[TableFile], with_songs: bool) -> Iterator[SelectedDigests]:
            items = [(url, file, prefixes, with_songs) for file in files]
            for _, answer in self._workers.map(_select, items):
                if not isinstance(answer, LostWorker):  # found when the file was checked by itself
                    yield answer

        if by_rows:
            (songs, tracks), _ = read_index(storage, objects)
            return compare_with_files(songs, tracks, self.files, select)
        return compare_with_index(*read_first_halves(storage, objects), self.files, select)

    def close(self) -> None:
        """End the workers."""
        self._workers.close()


@lru_cache(maxsize=1)
def _storage(url: str) -> ObjectStorage:
    """Return the storage of a result, whose connections serve all files."""
    return open_storage(url)


def _check(url: str, files: tuple[TableFile, ...]) -> FileFindings:
    storage = _storage(url)
    if len(files) == 1 and files[0].table in COLUMNS:
        return check_file(storage, files[0])
    return check_index(storage, files)


def _select(url: str, file: TableFile, prefixes: PrefixRange, with_songs: bool) -> SelectedDigests:
    return select_digests(_storage(url), file, prefixes, with_songs)


@dataclass(frozen=True, slots=True)
class CheckTask:
    """A task of a check: a function of a number of files, or of a range of prefixes. It writes nothing.

    Attributes:
        checker: that does it.
        name: ``FILES``, ``GROUPS``, ``DIGESTS`` or ``ROWS``.
    """

    checker: Checker
    name: str

    def address(self) -> TaskAddress:
        """Return what another machine needs to do it."""
        url = self.checker.result.storage.url
        return TaskAddress(
            url, "", self.checker.number, self.name, TITLES[self.name], "Run the same command again."
        )

    def __call__(self, number: int) -> Any:
        """Do the task, and return ``FileFindings`` or ``DigestCounts``.

        Raises:
            MidiprismError: it cannot be done now.
        """
        if self.name in (FILES, GROUPS):
            return self.checker.check_files(self.name, number)
        if self.name in (DIGESTS, ROWS):
            return self.checker.compare_digests(number, by_rows=self.name == ROWS)
        raise UsageError(f"There is no check of {self.name}.")
