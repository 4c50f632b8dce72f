"""The table of the groups of songs: the record that names its files, and says whose generation they are."""

from dataclasses import dataclass
from typing import Any

from midiprism.generations.errors import GenerationError
from midiprism.generations.layout import GROUPS, groups_key
from midiprism.generations.result import GenerationResult, TableFile
from midiprism.generations.stored_objects import StoredObject
from midiprism.objects import ObjectMissingError, read_record


@dataclass(frozen=True, slots=True)
class GroupTable:
    """The groups of the songs of a generation.

    Attributes:
        generation: that has these songs.
        songs: number of them, without those that could not be read.
        groups: number of their groups.
        stored: Parquet files, with the songs in the order of their digests.
    """

    generation: int
    songs: int
    groups: int
    stored: tuple[StoredObject, ...]

    @property
    def files(self) -> list[TableFile]:
        """The files as those of other tables."""
        return [TableFile(GROUPS, self.generation, stored) for stored in self.stored]

    def as_json(self) -> dict[str, Any]:
        return {
            "midiprism": "groups",
            "generation": self.generation,
            "songs": self.songs,
            "groups": self.groups,
            "files": [stored.as_json() for stored in self.stored],
        }


def find_groups(result: GenerationResult, generation: int) -> GroupTable | None:
    """Return the groups of the songs of a generation; None if they were not made.

    Raises:
        ObjectStorageError: their record cannot be read.
        GenerationError: it is none.
    """
    try:
        content = read_record(result.storage, groups_key(generation))
    except ObjectMissingError:
        return None
    return parse_groups(result, generation, content)


def parse_groups(result: GenerationResult, generation: int, content: Any) -> GroupTable:
    """Return the groups that a record states.

    Raises:
        GenerationError: it is no such record.
    """
    try:
        if content["generation"] == generation:
            stored = tuple(map(StoredObject.from_json, content["files"]))
            return GroupTable(generation, int(content["songs"]), int(content["groups"]), stored)
    except (KeyError, TypeError, ValueError, GenerationError):
        pass
    raise GenerationError(
        f"{result.storage.url}: {groups_key(generation)} is not as midiprism writes it. What is below "
        f"{GROUPS}/ can be removed and made again."
    )
