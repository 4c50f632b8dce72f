"""Parts of a run that are slow on purpose: a store, a library, the way to a database, the processors.

What they cost stands in the call that makes them. Stores and libraries sleep, as one does who waits for a
disk, so they take no processor. How many are served at once holds for all worker processes together: a
semaphore crosses to them with the store. A worker that is killed while it is served keeps its place there.

Benchmarks use them too, with ``tests`` on PYTHONPATH.
"""

import contextlib
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from urllib.parse import quote, urlsplit

from midiprism.pipeline import Settings
from midiprism.pipeline.open_result import OpenResult, ResultOpener, open_result
from midiprism.records.batches import BatchRecord
from midiprism.sources import Notice, SongContent, SongRef, Source
from midiprism.stores import (
    FileStatus,
    ScannedEntry,
    ShardedTracks,
    StoreCapabilities,
    StoredTrack,
    TrackCopier,
    TrackLocation,
    TrackStore,
)
from midiprism.stores.shard_sink import ShardSink
from midiprism.stores.types import PrefixFilter, any_prefix
from support.postgres import OWNER, PostgresServer

_PROXY_SCRIPT = Path(__file__).with_name("latency_proxy.py")
_BUSY_LOOP_SCRIPT = """
import os
song = os.getppid()
while os.getppid() == song:
    for _ in range(1_000_000):
        pass
"""


def process_semaphore(permits: int) -> Semaphore:
    """So many places for all processes together, ready to cross to workers however they are started."""
    return multiprocessing.get_context("spawn").Semaphore(permits)


@dataclass(frozen=True)
class SlowStore:
    """A store like another, on a slow disk.

    Attributes:
        inner: the store that keeps the splits.
        seconds_per_create: what each file takes that is really created.
        served: how many of them at once; see ``places``.
        seconds_per_flush: what a flush takes.
    """

    inner: TrackStore
    seconds_per_create: float
    semaphore: Semaphore
    seconds_per_flush: float = 0.0

    @property
    def capabilities(self) -> StoreCapabilities:
        return self.inner.capabilities

    @property
    def shards(self) -> ShardedTracks | None:
        return self.inner.shards

    def close(self) -> None:
        self.inner.close()

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> StoredTrack:
        stored = self.inner.put(data, digest, name, instrument, family)
        if stored.new:
            with self.semaphore:
                time.sleep(self.seconds_per_create)
        return stored

    def take_pending(self, wanted: Set[bytes] | None = None) -> dict[bytes, bytes]:
        return self.inner.take_pending(wanted)

    def commit_sink(self, run_id: int, batches: Sequence[BatchRecord]) -> ShardSink | None:
        return self.inner.commit_sink(run_id, batches)

    def path_of(self, location: TrackLocation) -> str | None:
        return self.inner.path_of(location)

    def local_path(self, location: TrackLocation) -> str | None:
        return self.inner.local_path(location)

    def read(self, location: TrackLocation) -> bytes:
        return self.inner.read(location)

    def status_of(self, location: TrackLocation) -> FileStatus:
        return self.inner.status_of(location)

    def delete(self, path: str) -> None:
        self.inner.delete(path)

    def copier_to(self, root: str) -> TrackCopier:
        return self.inner.copier_to(root)

    def flush(self) -> None:
        time.sleep(self.seconds_per_flush)
        self.inner.flush()

    def scan(self, wants_prefix: PrefixFilter = any_prefix) -> Iterator[list[ScannedEntry]]:
        return self.inner.scan(wants_prefix)

    def remove_temporary_files(self) -> int:
        return self.inner.remove_temporary_files()


def open_with_slow_store(
    seconds_per_create: float, concurrency: int, seconds_per_flush: float = 0.0
) -> ResultOpener:
    """Opens results as a run does, with their files on a slow disk: for ``RunParts(open_result=)``."""
    served = process_semaphore(concurrency)

    @contextlib.contextmanager
    def opening(out: str, settings: Settings) -> Iterator[OpenResult]:
        with open_result(out, settings) as scene:
            yield replace(scene, store=SlowStore(scene.store, seconds_per_create, served, seconds_per_flush))

    return opening


@dataclass(frozen=True)
class SlowSource(Source):
    """A library like another, on a slow disk.

    Attributes:
        inner: the library that is read.
        seconds_per_read: what each song takes.
        width: how many of them at once.
    """

    inner: Source
    seconds_per_read: float
    concurrency: int
    semaphore: Semaphore = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "semaphore", process_semaphore(self.concurrency))

    @property
    def source_paths(self) -> Sequence[bytes]:
        return self.inner.source_paths

    def walk(self) -> Iterator[SongRef | Notice]:
        return self.inner.walk()

    def running_count(self) -> Iterator[int]:
        return self.inner.running_count()

    def missing_paths(self) -> list[bytes]:
        return self.inner.missing_paths()

    def read(self, song_ref: SongRef, limit: int) -> SongContent:
        with self.semaphore:
            time.sleep(self.seconds_per_read)
        return self.inner.read(song_ref, limit)


@contextlib.contextmanager
def latency_proxy(server: PostgresServer, latency: float) -> Iterator[int]:
    """Gives a port of the loopback interface from which a server is reached as over a long line.

    Args:
        server: reached by its socket, where its owner needs no password.
        latency: seconds from sending something to having the answer, the server's own time aside. It takes as
            long to connect. Any amount may be under way at once.
    """
    socket = server.folder / f".s.PGSQL.{server.port}"
    command = [sys.executable, str(_PROXY_SCRIPT), str(socket), str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as line:
        assert line.stdin is not None
        assert line.stdout is not None
        try:
            yield int(line.stdout.readline())
        finally:
            line.stdin.close()  # by which it ends, also if this process dies


def proxied_url(port: int, local_url: str) -> str:
    """Where a database is for whom ``distant`` keeps its server at arm's length: by the name of no machine,
    so that nobody takes it for one on this machine, and by where it really is.

    Args:
        near: its address on this machine.
    """
    return f"postgresql://{quote(OWNER)}@far.example:{port}{urlsplit(local_url).path}?hostaddr=127.0.0.1"


@contextlib.contextmanager
def busy_processors(processes: int) -> Iterator[None]:
    """Keep so many processors busy with nothing, by other processes, which end with this one."""
    spinning = [subprocess.Popen([sys.executable, "-c", _BUSY_LOOP_SCRIPT]) for _ in range(processes)]
    try:
        yield
    finally:
        for one in spinning:
            one.kill()
        for one in spinning:
            one.wait()
