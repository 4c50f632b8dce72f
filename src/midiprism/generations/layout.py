"""The names of the objects of a result.

::

    midiprism.json                    the identity of the result
    plans/000001.json                 the plan of a generation
    work/000001/...                   what its passes hand to each other; removed once it is committed
    work/000001/a/000000.json         the record of a task of pass A; likewise b and c
    tracks/ links/ songs/ paths/      Parquet files of all generations
    groups/                           groups of the songs of a generation, if made: see ``groups``
    groups/000001.json                names the files of these groups
    tracks/_delta_log/ iceberg/       publications, if any: see ``publication``
    index/                            the digests that a generation has added, for later generations
    manifests/000001.json             the commit of a generation: it names the files that count

Data objects have the number of their generation and a random part in their names, and are never overwritten.
"""

import re
import secrets
from collections.abc import Iterable

from midiprism.generations.errors import GenerationError

MARKER = "midiprism.json"
PLANS, MANIFESTS, WORK = "plans", "manifests", "work"
TRACKS, LINKS, SONGS, PATHS, INDEX = "tracks", "links", "songs", "paths", "index"
TABLES = (TRACKS, LINKS, SONGS, PATHS)
GROUPS = "groups"
"""A table that derives from the others: the manifest does not name its files."""

DELTA_LOG, ICEBERG = "_delta_log", "iceberg"
"""Folders of publications: of a log in the folder of a table, and of all Iceberg tables."""

PASSES = ("a", "b", "c")
PASSES_OF_REDO = ("a", "s", "t", "b", "c")
"""The passes of a generation, and those of one that splits songs again, in their order."""

_TABLE_FILE = re.compile(r"[a-z]+/[a-z]+-(\d{6,})-(?:unread-)?(\d{6,})-[\w-]+\.parquet")
_NUMBER = re.compile(r"(?:plans|manifests|groups)/(\d{6,})\.json")


def plan_key(generation: int) -> str:
    """Return the name of the plan of a generation."""
    return f"{PLANS}/{generation:06}.json"


def manifest_key(generation: int) -> str:
    """Return the name of the manifest of a generation."""
    return f"{MANIFESTS}/{generation:06}.json"


def groups_key(generation: int) -> str:
    """Return the name of the record of the groups of a generation."""
    return f"{GROUPS}/{generation:06}.json"


def work_folder(generation: int) -> str:
    """Return the folder of what the passes of a generation hand to each other."""
    return f"{WORK}/{generation:06}"


def records_folder(generation: int, pass_name: str) -> str:
    """Return the folder of the records of a pass."""
    return f"{work_folder(generation)}/{pass_name}"


def record_key(generation: int, pass_name: str, number: int) -> str:
    """Return the name of the record of a task: of a chunk, or in pass B of a prefix."""
    return f"{records_folder(generation, pass_name)}/{number:06}.json"


def record_number(key: str) -> int | None:
    """Return the number of a task by the name of its record; None for another name."""
    name = key.rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    return int(stem) if dot and suffix == "json" and stem.isdecimal() else None


def generation_numbers(keys: Iterable[str]) -> list[int]:
    """Return the numbers of the generations to which plans, manifests or groups belong, sorted."""
    return sorted(int(found[1]) for key in keys if (found := _NUMBER.fullmatch(key)))


def chunk_of_file(name: str) -> tuple[int, int]:
    """Return the generation and the number of the chunk of a Parquet file.

    Raises:
        GenerationError: it has another name than midiprism gives it.
    """
    found = _TABLE_FILE.fullmatch(name)
    if found is None:
        raise GenerationError(f"{name} is not the name of a file of a result.")
    return int(found[1]), int(found[2])


def new_attempt() -> str:
    """Return the random part of the names of what one attempt at a task writes."""
    return secrets.token_hex(8)
