"""A generation that is being made: its plan, the records of its tasks, and where they run."""

import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from midiprism.generations.digests import bits_sizes
from midiprism.generations.errors import GenerationError
from midiprism.generations.layout import new_attempt, record_key, record_number, records_folder, work_folder
from midiprism.generations.local_folder import ChunkFolders
from midiprism.generations.plan import Plan
from midiprism.generations.result import GenerationResult, Manifest, ResultIdentity, TableFile
from midiprism.generations.rewriting import chunk_of
from midiprism.generations.song_pack import DATA_FILE
from midiprism.generations.splitting import Machine, SongSplitter
from midiprism.generations.stage_clocks import CLOCKS
from midiprism.generations.stored_objects import StoredObject, raise_errors
from midiprism.generations.usage import METER, USAGE, Usage, usage_of_records
from midiprism.objects import SMALL_READS, ObjectMissingError, ObjectStorage, ReadRequest, create_record
from midiprism.objects.records import parse_record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_ATTEMPT_SECONDS = 12 * 3600.0
"""An older attempt commits nothing: what it wrote may have been swept."""


_TIMEOUT_FACTOR_OF_PASS_C = 4.0
"""A song that was split in time in pass A must not fail in pass C."""


class Attempt:
    """One attempt at a task: the random part of the names of what it writes, and its age.

    Args:
        clock: returns seconds, such as ``time.monotonic``.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = new_attempt()
        self._clock = clock
        self._began = clock()

    @property
    def seconds(self) -> float:
        """Age of the attempt."""
        return self._clock() - self._began

    def require_recent(self) -> None:
        """Check the age before anything is recorded.

        Raises:
            GenerationError: it is so old that what it wrote may have been swept.
        """
        if self.seconds > MAX_ATTEMPT_SECONDS:
            raise GenerationError(
                f"A task took more than {MAX_ATTEMPT_SECONDS / 3600:g} hours, so that what it wrote may have "
                "been removed: run the same command again."
            )


@dataclass(frozen=True, slots=True)
class ChunkDigests:
    """The record of pass A about a chunk.

    Attributes:
        parts: of the pack of its songs: the bytes, in order.
        index: of the pack.
        digests: of songs and tracks; see ``digests``.
        counts: number of digests in each lane.
        paths: table of its paths.
        unread: table of the outcomes of songs that could not be read or killed workers; None without any.
        unread_positions: of these songs in the chunk.
        unread_outcomes: number of them by outcome.
        last_path: of all paths; empty in records of earlier versions.
    """

    parts: tuple[StoredObject, ...]
    index: StoredObject
    digests: StoredObject
    counts: Sequence[int]
    paths: StoredObject
    unread: StoredObject | None
    unread_positions: frozenset[int]
    unread_outcomes: Mapping[str, int]
    last_path: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "parts": [part.as_json() for part in self.parts],
            "index": self.index.as_json(),
            "digests": self.digests.as_json(),
            "counts": list(self.counts),
            "paths": self.paths.as_json(),
            "last_path": self.last_path,
            "unread": self.unread and self.unread.as_json(),
            "unread_positions": sorted(self.unread_positions),
            "unread_outcomes": dict(self.unread_outcomes),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ChunkDigests":
        """Return the record with this content.

        Raises:
            GenerationError: it is not one of pass A.
        """
        try:
            return cls(
                tuple(map(StoredObject.from_json, value["parts"])),
                StoredObject.from_json(value["index"]),
                StoredObject.from_json(value["digests"]),
                array("I", map(int, value["counts"])),  # of all chunks, they are the most of a process
                StoredObject.from_json(value["paths"]),
                value["unread"] and StoredObject.from_json(value["unread"]),
                frozenset(map(int, value["unread_positions"])),
                {str(name): int(count) for name, count in value["unread_outcomes"].items()},
                str(value.get("last_path", "")),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise GenerationError("A record of pass A is not as midiprism writes it.") from error


@dataclass(frozen=True, slots=True)
class StoredDigests:
    """Digests of songs and tracks, as the record of a task on a chunk of earlier generations names them.

    Attributes:
        digests: see ``digests``.
        counts: number of digests in each lane.
    """

    digests: StoredObject
    counts: Sequence[int]

    def as_json(self) -> dict[str, Any]:
        return {"digests": self.digests.as_json(), "counts": list(self.counts)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "StoredDigests":
        """Return the digests that a record names.

        Raises:
            GenerationError: it names none.
        """
        try:
            return cls(StoredObject.from_json(value["digests"]), array("I", map(int, value["counts"])))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise GenerationError("A record does not name its digests as midiprism does.") from error


@dataclass(frozen=True)
class OpenGeneration:
    """A generation that is planned, and where its tasks run.

    Attributes:
        result: that it belongs to.
        plan: of the generation.
        source: storage of the songs, as the command that runs here names it; None where it names another
            place, as it may once pass A is complete.
        machine: runs tasks.
        clock: measures the age of attempts.
        read_usage: by pass, the use of the passes whose records were read.
    """

    result: GenerationResult
    plan: Plan
    source: ObjectStorage | None
    machine: Machine = field(default_factory=Machine)
    clock: Callable[[], float] = time.monotonic
    read_usage: dict[str, Usage] = field(default_factory=dict)

    @property
    def storage(self) -> ObjectStorage:
        return self.result.storage

    @property
    def identity(self) -> ResultIdentity:
        """Identity of what this generation writes."""
        return replace(self.result.identity, contract=self.plan.contract)

    @cached_property
    def base(self) -> Manifest:
        """Manifest of the generation whose files stay."""
        return self.result.read_manifest(self.plan.base) if self.plan.base else Manifest()

    @cached_property
    def base_chunks(self) -> Sequence[Sequence[TableFile]]:
        """The files of each chunk of earlier generations, if their songs are split again; else none.

        Outcomes of songs that could not be read are left out.
        """
        chunks: dict[tuple[int, int], list[TableFile]] = {}
        for file in self.base.files if self.plan.redo else ():
            if not file.is_provisional:
                chunks.setdefault(chunk_of(file), []).append(file)
        return [chunks[chunk] for chunk in sorted(chunks)]

    @cached_property
    def digest_splitter(self) -> SongSplitter:
        """Splits songs in pass A; closed at its end."""
        return SongSplitter(self.machine, self.identity, self.plan.settings, digests_only=True)

    @cached_property
    def writing_splitter(self) -> SongSplitter:
        """Splits songs in pass C; closed at its end."""
        return self.new_writing_splitter(facts=self.plan.settings.facts)

    def new_writing_splitter(self, *, facts: bool) -> SongSplitter:
        """Return what splits songs as pass C does; the caller closes it."""
        return SongSplitter(
            self.machine,
            self.identity,
            self.plan.settings,
            facts=facts,
            timeout_factor=_TIMEOUT_FACTOR_OF_PASS_C,
        )

    @cached_property
    def chunk_folders(self) -> ChunkFolders:
        """Folders on the local disk."""
        return ChunkFolders(self.machine.folder, DATA_FILE)

    def release_machine(self) -> None:
        """End the workers of this machine, and remove its local files, until there is a task again."""
        for name in ("digest_splitter", "writing_splitter"):
            if name in self.__dict__:
                getattr(self, name).close()
        if "chunk_folders" in self.__dict__:
            self.chunk_folders.close()

    def task_count(self, pass_name: str) -> int:
        """Return the number of tasks of a pass."""
        if pass_name in ("s", "b"):
            return self.identity.prefixes
        chunks, base_chunks = len(self.plan.chunks), len(self.base_chunks)
        return {"t": base_chunks}.get(pass_name, chunks + base_chunks)

    def open_tasks(self, pass_name: str) -> list[int]:
        """Return the numbers of the tasks of a pass that have no record."""
        infos = self.storage.list(records_folder(self.plan.number, pass_name))
        done = {record_number(info.key) for info in infos}
        return [number for number in range(self.task_count(pass_name)) if number not in done]

    def is_done(self, pass_name: str, number: int) -> bool:
        """Return whether a task has a record."""
        try:
            self.storage.info(record_key(self.plan.number, pass_name, number))
        except ObjectMissingError:
            return False
        return True

    def data_key(self, task: str, attempt: Attempt, name: str) -> str:
        """Return the name of an object that passes hand to each other."""
        return f"{work_folder(self.plan.number)}/data/{task}-{attempt.name}-{name}"

    def record(self, pass_name: str, number: int, attempt: Attempt, content: Mapping[str, Any]) -> None:
        """Record that a task is done, and what that took, unless another attempt was faster.

        Raises:
            GenerationError: the attempt is too old.
            ObjectStorageError: the record cannot be written.
        """
        attempt.require_recent()
        used = METER.take(1, attempt.seconds)
        used = used._replace(worker_seconds=attempt.seconds * max(1, self.machine.workers))
        key = record_key(self.plan.number, pass_name, number)
        if not create_record(self.storage, key, {**content, USAGE: used.as_json()}).is_ours:
            METER.give_back(used)

    def records(self, pass_name: str) -> Iterator[dict[str, Any]]:
        """Yield the records of all tasks of a pass, in their order, and sum up what they have used.

        Raises:
            ObjectMissingError: a task has none.
        """
        keys = [
            record_key(self.plan.number, pass_name, number) for number in range(self.task_count(pass_name))
        ]
        answers = raise_errors(self.storage.read_many(map(ReadRequest, keys), grouped=SMALL_READS))
        used = Usage()
        for key, data in zip(keys, answers, strict=True):
            record = parse_record(self.storage, key, data)
            used = used.plus(usage_of_records([record]))
            yield record
        self.read_usage[pass_name] = used

    def usage(self) -> dict[str, Usage]:
        """Return the use of all tasks of each pass, also of those that other processes did.

        Raises:
            ObjectMissingError: a pass is not complete.
        """
        for name in self.plan.passes:
            if name not in self.read_usage:
                deque(self.records(name), 0)
        return {name: self.read_usage[name] for name in self.plan.passes}

    @cached_property
    def _records_of_a(self) -> tuple[Sequence[ChunkDigests], Sequence[StoredDigests]]:
        """The records of pass A, which must be complete, of chunks and of those of earlier generations."""
        with CLOCKS.measure("reads"):
            records = self.records("a")
            chunks = [ChunkDigests.from_json(record) for record in islice(records, len(self.plan.chunks))]
            base_chunks = [*map(StoredDigests.from_json, records)]
        self._require_lanes([*chunks, *base_chunks])
        return chunks, base_chunks

    def _require_lanes(self, records: Sequence[ChunkDigests | StoredDigests]) -> None:
        lanes = 2 * self.identity.prefixes
        if any(len(record.counts) != lanes or min(record.counts, default=0) < 0 for record in records):
            raise GenerationError("A record of digests does not have the prefixes of the result.")

    @property
    def chunk_digests(self) -> Sequence[ChunkDigests]:
        """The records of pass A about chunks; it must be complete."""
        return self._records_of_a[0]

    @property
    def base_digests(self) -> Sequence[StoredDigests]:
        """The songs and tracks of chunks of earlier generations; pass A must be complete."""
        return self._records_of_a[1]

    @cached_property
    def kept_objects(self) -> Sequence[tuple[StoredObject, int]]:
        """Bits that pass S wrote for each prefix, and how many are set; it must be complete."""
        try:
            with CLOCKS.measure("reads"):
                records = [*self.records("s")]
            return [(StoredObject.from_json(it.get("kept")), int(it["count"])) for it in records]
        except (KeyError, TypeError, ValueError) as error:
            raise GenerationError("A record of pass S is not as midiprism writes it.") from error

    @cached_property
    def kept_tracks(self) -> Sequence[StoredDigests]:
        """Tracks of songs that stay as they are, by chunk of earlier generations; pass T must be complete."""
        with CLOCKS.measure("reads"):
            records = [*map(StoredDigests.from_json, self.records("t"))] if self.plan.redo else []
        self._require_lanes(records)
        return records

    @cached_property
    def first_objects(self) -> Sequence[StoredObject]:
        """The bits that pass B wrote for each prefix, which must be complete."""
        with CLOCKS.measure("reads"):
            return [StoredObject.from_json(record.get("first")) for record in self.records("b")]

    @cached_property
    def bit_starts(self) -> "NDArray[np.int64]":
        """Byte at which the bits of each chunk begin, by chunk and prefix; last, those of earlier ones."""
        import numpy as np

        prefixes = range(self.identity.prefixes)
        records: list[ChunkDigests | StoredDigests] = [*self.chunk_digests, *self.base_digests]
        starts = np.zeros((len(records) + 1, len(prefixes)), np.int64)
        for number, record in enumerate(records):
            counts = np.array(record.counts, np.int64).reshape(len(prefixes), 2)
            starts[number + 1] = starts[number] + bits_sizes(counts)
        return starts

    def first_bit_requests(self, number: int) -> list[ReadRequest]:
        """Return for each prefix the request for the bits that say what a chunk is the first to have.

        Those of a chunk of earlier generations, whose number is after all others, say what it keeps.
        """
        ends = zip(*self.bit_starts[number : number + 2].tolist(), strict=True)
        return [
            ReadRequest(stored.name, start, end)
            for stored, (start, end) in zip(self.first_objects, ends, strict=True)
        ]
