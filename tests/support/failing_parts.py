"""Splitters, sources and stores that fail like real ones, and can be sent to worker processes."""

import errno
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from midiprism.errors import StoreError
from midiprism.features.facts_version import FACTS_VERSION
from midiprism.features.tolerant_facts import FactsFunction
from midiprism.pipeline.splitter import LazySplitter, Splitter
from midiprism.records.fields import TRACK_FACT_NAMES
from midiprism.results.identity import Identity
from midiprism.smf.types import Limits, SplitSong
from midiprism.sources import FolderSource, SongContent, SongRef, UnreadableError
from midiprism.stores import StoredTrack
from midiprism.stores.files.store import FileStore
from support.fake_songs import fake_split


@dataclass(frozen=True)
class CrashingSplitter:
    """A splitter that a word in a song makes end its process, hang or run out of memory.

    Attributes:
        marker_folder: a song with the word ``once`` ends the process only the first time, which leaves a
            marker in this folder.
    """

    marker_folder: str

    def __call__(self, data: bytes) -> SplitSong:
        if b"kill" in data:
            os.kill(os.getpid(), signal.SIGKILL)
        if b"hang" in data:
            time.sleep(600)
        if b"once" in data:
            try:
                os.close(os.open(os.path.join(self.marker_folder, "once"), os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                os._exit(3)
        if b"memory" in data:
            raise MemoryError
        return fake_split(data)


def load_hanging_facts() -> FactsFunction:
    """Return what computes facts, and hangs or ends its process at some tracks."""
    return _compute_or_hang


def end_process() -> FactsFunction:
    """End the process that is to load what computes facts."""
    os._exit(7)


@dataclass(frozen=True)
class FactsThatEndOnce:
    """Loads what computes facts, which ends the first process that does so, and leaves a marker."""

    marker: str

    def __call__(self) -> FactsFunction:
        return self._compute

    def _compute(self, tracks: Sequence[bytes], families: Sequence[str]) -> Mapping[str, Sequence[Any]]:
        if tracks and not os.path.exists(self.marker):
            os.close(os.open(self.marker, os.O_CREAT))
            os._exit(3)
        return _compute_or_hang(tracks, families)


def _compute_or_hang(tracks: Sequence[bytes], families: Sequence[str]) -> Mapping[str, Sequence[Any]]:
    """Return the lengths of tracks as their only fact; hang or end the process at a word in one."""
    if any(b"hang" in track for track in tracks):
        time.sleep(600)
    if any(b"kill" in track for track in tracks):
        os.kill(os.getpid(), signal.SIGKILL)
    assert len(tracks) == len(families)
    facts: dict[str, Sequence[Any]] = {name: [None] * len(tracks) for name in TRACK_FACT_NAMES}
    return facts | {"bank": [*map(len, tracks)], "facts_version": [FACTS_VERSION] * len(tracks)}


@dataclass(frozen=True)
class NicenessSplitter:
    """A splitter that writes the niceness of each of its processes to a folder."""

    notes_folder: str

    def __call__(self, data: bytes) -> SplitSong:
        with open(os.path.join(self.notes_folder, f"nice-{os.getpid()}"), "w", encoding="ascii") as note:
            note.write(str(os.nice(0)))
        return fake_split(data)


class UnloadableSplitter:
    """A splitter that cannot be loaded in another process."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (7,)

    def __call__(self, data: bytes) -> SplitSong:
        return fake_split(data)


@dataclass(frozen=True)
class FailingSource(FolderSource):
    """A source whose files fail if their names hold ``eio``, ``eacces``, ``vanish`` or ``changing``."""

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        name = os.path.basename(song_ref.path)
        for word, number, code in (
            (b"eio", errno.EIO, "io"),
            (b"eacces", errno.EACCES, "permission"),
            (b"vanish", errno.ENOENT, "vanished"),
            (b"changing", 0, "changing"),
        ):
            if word in name:
                raise UnreadableError(code, f"It cannot be read: {os.strerror(number)}.")
        return super().read(song_ref, limit)


class FailingStore(FileStore):
    """A store that fails after some puts, as a full or broken disk does.

    Args:
        root: folder of the tracks, as of ``FileStore``.
        errno_value: error number of the system.
        successful_puts: number of puts before the first that fails.
    """

    def __init__(self, root: str, errno_value: int, successful_puts: int) -> None:
        super().__init__(root)
        self._root_path = root
        self._errno_value = errno_value
        self._puts_left = successful_puts

    def __reduce__(self) -> tuple[type["FailingStore"], tuple[str, int, int]]:  # type: ignore[override]
        return type(self), (self._root_path, self._errno_value, self._puts_left)

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:
        if self._puts_left == 0:
            raise StoreError(os.strerror(self._errno_value))
        self._puts_left -= 1
        return super().put(data, digest, name, instrument, family)


class UncompiledSplitter(LazySplitter):
    """A splitter that takes so many seconds to compile."""

    def __init__(self, seconds: float) -> None:
        super().__init__(Identity(), Limits())
        self._seconds = seconds

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._seconds,)

    def is_compiled(self) -> bool:
        return False

    def prepare(self) -> Splitter:
        time.sleep(self._seconds)
        return super().prepare()
