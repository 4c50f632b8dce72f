"""The commit of a generation: one manifest, created once, which names everything that counts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from midiprism.generations.digests import DIGEST_BYTES
from midiprism.generations.errors import GenerationError
from midiprism.generations.layout import LINKS, PATHS, SONGS, TRACKS, manifest_key
from midiprism.generations.open_generation import OpenGeneration
from midiprism.generations.redo import kept_files
from midiprism.generations.result import Manifest, TableFile
from midiprism.generations.stored_objects import StoredObject
from midiprism.objects import create_record


def commit_generation(generation: OpenGeneration) -> bool:
    """Create the manifest of a generation whose passes are complete, and return whether nobody was faster.

    Raises:
        ObjectMissingError: a pass is not complete, or somebody has committed and tidied up.
        ObjectStorageError: the manifest cannot be created.
    """
    plan, base = generation.plan, generation.base
    # Only a generation with songs of the source has tried again those that could not be read.
    tried_again = {plan.source} if plan.chunks else set()
    kept = [file for file in base.files if not (file.is_provisional and file.source in tried_again)]
    added, digests = [*_files_of_pass_c(generation)], [*_index_of_pass_b(generation)]
    _require_complete(added, digests)
    if plan.redo:  # then passes B and C have compared and written what earlier generations have, too
        kept = [file for file in kept if file.is_provisional]
    else:
        digests = [*base.index, *digests]
    files = [*kept, *_files_of_pass_a(generation), *added]
    manifest = Manifest(plan.number, tuple(files), tuple(digests), generation.usage(), plan.contract)
    return create_record(generation.storage, manifest_key(plan.number), manifest.as_json()).is_ours


def _require_complete(files: Sequence[TableFile], index: Sequence[TableFile]) -> None:
    """Check that pass C names as many songs and tracks as pass B has found.

    Raises:
        GenerationError: it has not: an object was damaged.
    """
    songs = sum(file.stored.rows for file in index)
    tracks = sum(file.stored.size // DIGEST_BYTES - file.stored.rows for file in index)
    for table, expected in ((SONGS, songs), (TRACKS, tracks)):
        rows = sum(file.stored.rows for file in files if file.table == table)
        if rows != expected:
            raise GenerationError(
                f"There are {rows:,} {table}, and {expected:,} were found: an object is damaged."
            )


def _files_of_pass_a(generation: OpenGeneration) -> Iterator[TableFile]:
    number, source, contract = generation.plan.number, generation.plan.source, generation.plan.contract
    for chunk in generation.chunk_digests:
        yield TableFile(PATHS, number, chunk.paths, source, contract=contract)
        if chunk.unread is not None:
            outcomes = chunk.unread_outcomes
            yield TableFile(SONGS, number, chunk.unread, source, True, outcomes, contract)


def _index_of_pass_b(generation: OpenGeneration) -> Iterator[TableFile]:
    for prefix, record in enumerate(generation.records("b")):
        yield TableFile(str(prefix), generation.plan.number, StoredObject.from_json(record.get("index")))


def _files_of_pass_c(generation: OpenGeneration) -> Iterator[TableFile]:
    plan = generation.plan
    for task, record in enumerate(generation.records("c")):
        if task >= len(plan.chunks):
            yield from kept_files(record)
            continue
        try:
            for table in (TRACKS, LINKS):
                for value in record[table]:
                    yield TableFile(table, plan.number, StoredObject.from_json(value))
            if record[SONGS] is not None:
                songs = StoredObject.from_json(record[SONGS])
                outcomes = _outcomes(record)
                yield TableFile(SONGS, plan.number, songs, outcomes=outcomes, contract=plan.contract)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise GenerationError("A record of pass C is not as midiprism writes it.") from error


def _outcomes(record: Mapping[str, Any]) -> dict[str, int]:
    return {str(name): int(count) for name, count in record["outcomes"].items()}
