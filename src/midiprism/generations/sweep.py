"""Removes the objects of a result that nothing names."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain, pairwise
from typing import NamedTuple

from midiprism.generations.groups.table import find_groups
from midiprism.generations.layout import (
    DELTA_LOG,
    GROUPS,
    INDEX,
    MANIFESTS,
    PASSES_OF_REDO,
    TABLES,
    WORK,
    generation_numbers,
    groups_key,
    manifest_key,
    records_folder,
)
from midiprism.generations.result import GenerationResult
from midiprism.objects import SMALL_READS, ObjectInfo, ObjectMissingError, ReadRequest
from midiprism.objects.probe import PROBE_FOLDER
from midiprism.objects.records import parse_record

GRACE = timedelta(hours=24)
"""An object that nothing names yet may belong to an attempt that is under way, for less than this time. A
manifest with a successor, and what only it names, stay for as long."""


_DELETED_AT_ONCE = 1_000


class Swept(NamedTuple):
    """Counts of what a sweep removed."""

    objects: int
    size: int


def sweep(result: GenerationResult, now: datetime, *, forgotten: bool = False) -> Swept:
    """Remove what nothing names, and return how much that was. Any number of runs may be under way.

    Args:
        result: of which everything is listed.
        now: time by the store's clock.
        forgotten: whether earlier generations, and what only they name, are removed whatever their age.

    Raises:
        ObjectStorageError: the result cannot be listed, read or written.
    """
    swept = _remove(result, _forgotten(result)) if forgotten else Swept(0, 0)
    rest = _remove(result, chain(_old_work(result), _old_probes(result, now), _old_data(result, now)))
    return Swept(swept.objects + rest.objects, swept.size + rest.size)


def remove_work(result: GenerationResult) -> Swept:
    """Remove what passes of committed generations have handed to each other, and return how much that was.

    Raises:
        ObjectStorageError: the result cannot be listed or written.
    """
    return _remove(result, _old_work(result))


def _remove(result: GenerationResult, infos: Iterable[ObjectInfo]) -> Swept:
    objects = size = 0
    waiting: list[str] = []
    for info in infos:
        waiting.append(info.key)
        objects, size = objects + 1, size + info.size
        if len(waiting) >= _DELETED_AT_ONCE:
            result.storage.delete(waiting)
            waiting = []
    result.storage.delete(waiting)
    return Swept(objects, size)


def _old_work(result: GenerationResult) -> Iterator[ObjectInfo]:
    numbers = generation_numbers(info.key for info in result.storage.list(MANIFESTS))
    newest = numbers[-1] if numbers else 0
    for info in result.storage.list(WORK):
        if _generation_of(info.key) <= newest:
            yield info


def _old_probes(result: GenerationResult, now: datetime) -> Iterator[ObjectInfo]:
    for info in result.storage.list(PROBE_FOLDER):
        if info.modified < now - GRACE:
            yield info


def _old_data(result: GenerationResult, now: datetime) -> Iterator[ObjectInfo]:
    """Yield data that nothing names, and the manifests whose time is over."""
    storage = result.storage
    # Data is listed first: what is recorded meanwhile is then among the names that are read.
    data = [
        info
        for folder in (*TABLES, GROUPS, INDEX)
        for info in storage.list(folder)
        if info.modified < now - GRACE and DELTA_LOG not in info.key.split("/")
    ]
    manifests = {info.key: info for info in storage.list(MANIFESTS)}
    numbers = generation_numbers(manifests)
    newest = numbers[-1] if numbers else 0
    expired = {
        number
        for number, successor in pairwise(numbers)
        if manifests[manifest_key(successor)].modified < now - GRACE
    }
    if data:
        named = _named(result, [number for number in numbers if number not in expired])
        named |= _named_by_open(result, newest + 1)
        if result.is_committed(newest + 1):
            return  # its records may have been removed before they were read: the next sweep does the rest
        yield from (info for info in data if info.key not in named)
    for number in sorted(expired):
        yield manifests[manifest_key(number)]


def _forgotten(result: GenerationResult) -> Iterator[ObjectInfo]:
    """Yield what earlier manifests name, and neither the newest one nor an open generation; then these."""
    storage = result.storage
    manifests = {info.key: info for info in storage.list(MANIFESTS)}
    numbers = generation_numbers(manifests)
    if len(numbers) < 2:
        return
    *earlier, newest = numbers
    gone = _named(result, earlier) - _named(result, [newest]) - _named_by_open(result, newest + 1)
    for folder in (*TABLES, GROUPS, INDEX):
        yield from (info for info in storage.list(folder) if info.key in gone)
    for number in earlier:
        yield manifests[manifest_key(number)]


def _generation_of(key: str) -> int:
    number = key.split("/")[1]
    return int(number) if number.isdecimal() else 0


def _named(result: GenerationResult, committed: list[int]) -> set[str]:
    """Return the names of the data that manifests name, and of what derives from them."""
    named: set[str] = set()
    for number in committed:
        manifest = result.read_manifest(number)
        named.update(file.stored.name for file in (*manifest.files, *manifest.index))
        groups = find_groups(result, number)
        if groups is not None:
            named.update((groups_key(number), *(stored.name for stored in groups.stored)))
    return named


def _named_by_open(result: GenerationResult, number: int) -> set[str]:
    """Return the names of the data that the records of a generation name, which is not committed."""
    storage = result.storage
    keys = [
        info.key for pass_name in PASSES_OF_REDO for info in storage.list(records_folder(number, pass_name))
    ]
    named: set[str] = set()
    for key, data in zip(keys, storage.read_many(map(ReadRequest, keys), grouped=SMALL_READS), strict=True):
        if isinstance(data, bytes):
            named.update(_names_in(parse_record(storage, key, data)))
        elif not isinstance(data, ObjectMissingError):  # else it is committed now
            raise data
    return named


def _names_in(value: object) -> Iterator[str]:
    """Yield the names of all objects in a record."""
    if isinstance(value, dict):
        name = value.get("name")
        if isinstance(name, str):
            yield name
        for inner in value.values():
            yield from _names_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names_in(inner)
