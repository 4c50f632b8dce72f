"""Similar tracks for the page of a track."""

from typing import Any

from midiprism.errors import MidiprismError
from midiprism.similarity.folder import similarity_folder
from midiprism.web.served_result import Snapshot
from midiprism.web.track_json import row_to_json

_MAX_TRACKS = 12
_MIN_SCORE = 0.3


def similar_to_json(snapshot: Snapshot, out: str, digest: bytes) -> list[dict[str, Any]] | None:
    """Return the tracks that are most like one, as rows with their scores; None where that is not known.

    Nothing is computed that takes long: fingerprints are those that a search by example has made.

    Args:
        snapshot: of the catalog.
        out: folder of the result.
        digest: of the track.
    """
    from midiprism.similarity.by_example import Finder  # which loads the compiler
    from midiprism.similarity.generation import read_generation

    generation = read_generation(similarity_folder(out))
    if not generation.segments:
        return None
    finder = Finder(snapshot.reader, generation)
    try:
        found = finder.find([finder.track(digest.hex())], _MAX_TRACKS, min_score=_MIN_SCORE)
    except MidiprismError:  # it is newer than the fingerprints, or could not be read
        return None
    keys = snapshot.index.first_links([track.id for track in found])
    rows = {row.track.digest: row for row in snapshot.rows(keys.values())}
    by_prefix = {int.from_bytes(known[:8], "big"): row for known, row in rows.items()}
    return [
        {
            **row_to_json(by_prefix[track.digest]),
            "score": track.score,
            "transposition": track.transposition,
            "tempo_ratio": track.tempo_ratio,
        }
        for track in found
        if track.digest in by_prefix
    ]
