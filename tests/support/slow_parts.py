"""Parts of a run that are slow on purpose: a store, a source, the connection to a database, the processors.

Stores and sources sleep, as a process that waits for a disk does, so they take no processor time. Their
concurrency holds for all worker processes together: they share a semaphore. A worker that is killed while it
sleeps does not release it.

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
from midiprism.stores.types import EntryFilter, PrefixFilter, any_entry, any_prefix
from support.postgres import OWNER, PostgresServer

_PROXY_SCRIPT = Path(__file__).with_name("latency_proxy.py")
_BUSY_LOOP_SCRIPT = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


def process_semaphore(permits: int) -> Semaphore:
    """Return a semaphore that all processes share, however they are started."""
    return multiprocessing.get_context("spawn").Semaphore(permits)


@dataclass(frozen=True)
class SlowStore:
    """Another store on a slow disk.

    Attributes:
        inner: the other store.
        seconds_per_create: additional time to store a new track.
        semaphore: bounds how many tracks are stored at once; see ``process_semaphore``.
        seconds_per_flush: additional time of a flush.
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

    def forget_taken(self) -> None:
        self.inner.forget_taken()

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

    def is_same_file(self, listed_path: str, path: str) -> bool:
        return self.inner.is_same_file(listed_path, path)

    def entry_status(self, path: str) -> FileStatus:
        return self.inner.entry_status(path)

    def remove_temporary_files(self, may_remove: EntryFilter = any_entry) -> int:
        return self.inner.remove_temporary_files(may_remove)


def open_with_slow_store(
    seconds_per_create: float, concurrency: int, seconds_per_flush: float = 0.0
) -> ResultOpener:
    """Return an opener of results, for ``split_library``, that puts their tracks on a slow disk."""
    semaphore = process_semaphore(concurrency)

    @contextlib.contextmanager
    def opener(out: str, settings: Settings) -> Iterator[OpenResult]:
        with open_result(out, settings) as result:
            yield replace(
                result,
                store=SlowStore(result.store, seconds_per_create, semaphore, seconds_per_flush),
            )

    return opener


@dataclass(frozen=True)
class SlowSource(Source):
    """Another source on a slow disk.

    Attributes:
        inner: the other source.
        seconds_per_read: additional time to read a song.
        concurrency: how many songs are read at once.
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
    """Forward a port of the loopback interface to a server with a delay; yield the port.

    Args:
        server: reached by its socket, where its owner needs no password.
        latency: seconds from a request to its answer, without the server's own time; also the time to
            connect. The bandwidth is not limited.
    """
    socket = server.folder / f".s.PGSQL.{server.port}"
    command = [sys.executable, str(_PROXY_SCRIPT), str(socket), str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as proxy:
        assert proxy.stdin is not None
        assert proxy.stdout is not None
        try:
            yield int(proxy.stdout.readline())
        finally:
            proxy.stdin.close()  # this ends the proxy, also if this process dies


def proxied_url(port: int, local_url: str) -> str:
    """Return the address of a database behind a proxy.

    Its host is a name that does not exist, so that the server does not count as one on this machine; its
    ``hostaddr`` is the proxy.

    Args:
        port: of the proxy.
        local_url: address of the database on this machine.
    """
    return f"postgresql://{quote(OWNER)}@far.example:{port}{urlsplit(local_url).path}?hostaddr=127.0.0.1"


@contextlib.contextmanager
def busy_processors(processes: int) -> Iterator[None]:
    """Keep processors busy with other processes, which end with this one."""
    busy = [subprocess.Popen([sys.executable, "-c", _BUSY_LOOP_SCRIPT]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
        for process in busy:
            process.wait()
