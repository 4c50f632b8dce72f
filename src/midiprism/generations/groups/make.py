"""Makes the groups of the songs of the newest generation of a result."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from midiprism.errors import UsageError
from midiprism.features.song_key import find_song_keys, named_song_keys
from midiprism.generations.groups.columns import DIGEST_BYTES
from midiprism.generations.groups.song_groups import (
    PITCHED,
    WITHOUT_FACTS,
    GroupedSongs,
    GroupFinder,
    LaneSizes,
)
from midiprism.generations.groups.table import GroupTable, find_groups, parse_groups
from midiprism.generations.layout import GROUPS, groups_key
from midiprism.generations.local_folder import temporary_folder
from midiprism.generations.open_generation import Attempt
from midiprism.generations.result import GenerationResult, Manifest, open_result
from midiprism.generations.stored_objects import StoredObject, put_object
from midiprism.generations.tables import GROUP_COLUMNS, encode_table
from midiprism.objects import (
    ObjectStorage,
    create_record,
    open_storage,
    parse_storage_url,
    require_conditions,
)
from midiprism.results.leakage_groups import leakage_group
from midiprism.stores.parquet.schema import ColumnValues


def make_groups(
    url: str,
    stop: Callable[[], bool] = lambda: False,
    on_file: Callable[[int, int], None] = lambda _done, _total: None,
    *,
    folder: str | None = None,
    sizes: LaneSizes | None = None,
    opener: Callable[[str], ObjectStorage] = open_storage,
    clock: Callable[[], float] = time.monotonic,
) -> GroupTable:
    """Return the groups of the songs of the newest generation, which are made unless they are there.

    They are those of a local result of the same songs. Any number of processes may make them at once, and be
    killed: nothing counts before the record that names all files.

    Args:
        url: of the result.
        stop: once true, the work ends.
        on_file: called with the number of files of the result that were read, and of all.
        folder: on the local disk, in which a temporary folder is made; None for that of temporary files.
        sizes: of what is in memory at once; None for the usual ones.
        opener: opens storage by its URL.
        clock: measures the age of the attempt, in seconds.

    Raises:
        UsageError: there is no result, or no generation of it is committed.
        ObjectStorageError: it cannot be read or written.
        GenerationError: a file is damaged, or it took too long.
        GenerationStoppedError: it was asked to stop.
        StoreError: the local disk cannot be written.
    """
    storage = opener(url)
    result = open_result(storage)
    manifest = result.newest_manifest()
    if not manifest.number:
        raise UsageError(
            f"{parse_storage_url(url)} has no committed generation yet: `midiprism split` makes one."
        )
    found = find_groups(result, manifest.number)
    if found is not None:
        return found
    require_conditions(storage)
    attempt = Attempt(clock)
    with temporary_folder(folder) as temporary:
        songs = GroupFinder(storage, manifest, temporary, sizes or LaneSizes(), stop, on_file).find()
        made = _write(result, manifest, songs, attempt)
    attempt.require_recent()
    record = create_record(storage, groups_key(manifest.number), made.as_json())
    if not record.is_ours:
        storage.delete([stored.name for stored in made.stored])
    return parse_groups(result, manifest.number, record.content)


def _write(result: GenerationResult, manifest: Manifest, songs: GroupedSongs, attempt: Attempt) -> GroupTable:
    stored: list[StoredObject] = []
    for number, rows in enumerate(_tables(songs)):
        name = f"{GROUPS}/{GROUPS}-{manifest.number:06}-{number:06}-{attempt.name}.parquet"
        data = encode_table(GROUP_COLUMNS, rows, result.identity.metadata())
        stored.append(put_object(result.storage, name, data, len(rows["blake3"])))
    groups = len(np.unique(songs.groups))
    return GroupTable(manifest.number, len(songs.digests), groups, tuple(stored))


def _tables(songs: GroupedSongs) -> Iterator[ColumnValues]:
    """Yield the columns of each file, whose songs are those of a lane of facts."""
    for lane, start in enumerate(range(0, len(songs.digests), songs.songs_per_lane)):
        part = slice(start, start + songs.songs_per_lane)
        digits = songs.digests[part].tobytes().hex()
        groups = songs.groups[part].tolist()
        by_key = {key: leakage_group(key) for key in set(groups)}
        keys, strengths = _keys(songs.key_facts.take(lane), start, len(groups))
        yield {
            "blake3": [digits[at : at + 2 * DIGEST_BYTES] for at in range(0, len(digits), 2 * DIGEST_BYTES)],
            "song_group": [by_key[key].key for key in groups],
            "fold": [by_key[key].fold for key in groups],
            "song_key": keys,
            "song_key_strength": strengths,
        }


def _keys(facts: NDArray[Any], first: int, count: int) -> tuple[list[str | None], list[float | None]]:
    """Return the key of each of some songs, and how well it fits; None where a track has no facts.

    Args:
        facts: of their tracks, see ``GroupedSongs.key_facts``.
        first: number of the first song.
        count: of songs.
    """
    numbers = facts["song"].astype(np.int64) - first
    pitched = facts["state"] == PITCHED
    keys, strengths = find_song_keys(
        numbers[pitched],
        facts["weights"][pitched].astype(np.float64),
        facts["onset"][pitched],
        facts["pitch"][pitched].astype(np.int64),
        count,
    )
    keys[numbers[facts["state"] == WITHOUT_FACTS]] = -1
    return named_song_keys(keys, strengths)
