"""Finds the tracks of a result that are like an example: one of its tracks, a MIDI file or a row of notes."""

import os
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from midiprism.catalog.queries.similar_tracks import digests_of, tracks_with_prefix
from midiprism.catalog.reader import CatalogReader
from midiprism.errors import StoreError, UsageError
from midiprism.similarity.examples import find_similar
from midiprism.similarity.fingerprints import Fingerprinter, Lines
from midiprism.similarity.generation import Generation
from midiprism.similarity.notes_text import parse_notes
from midiprism.similarity.segment import digest_number
from midiprism.similarity.types import FingerprintProgress, FoundTrack, Rule
from midiprism.similarity.update import update_fingerprints
from midiprism.smf.instruments import DRUM_FAMILY
from midiprism.smf.split_song import split

MIN_DIGITS = 8
"""Digits of the BLAKE3 of a track that name it."""

LIKE_LIMIT = 100
MIN_LIKE_SCORE = 0.3
"""``like:`` in queries finds so many tracks at most, of this score at least."""

_DIGEST_DIGITS = 64
_DIGITS = re.compile(rf"[0-9a-fA-F]{{{MIN_DIGITS},{_DIGEST_DIGITS}}}")


class Example(NamedTuple):
    """The music that is looked for.

    Attributes:
        line: one line.
        timed: whether it has a rhythm.
        digest: of a track of the result; None for anything else.
        track_id: of that track in the catalog; 0 for anything else.
    """

    line: Lines
    timed: bool = True
    digest: bytes | None = None
    track_id: int = 0


class Finder:
    """Finds tracks of one snapshot of a result.

    Args:
        reader: of the catalog.
        generation: the fingerprints of the tracks.
    """

    def __init__(self, reader: CatalogReader, generation: Generation) -> None:
        self._reader = reader
        self._segments = [*generation]

    def examples(self, text: str) -> list[Example]:
        """Return what a text names: a track by its digest, the tracks of a MIDI file, or a row of notes.

        Raises:
            UsageError: it names nothing, or several tracks.
            StoreError: the file cannot be read, or the track had none when fingerprints were made.
        """
        if os.path.isfile(text):
            return file_examples(text)
        if _DIGITS.fullmatch(text):
            return [self.track(text)]
        if not re.search(r"\s", text.strip()):
            raise UsageError(
                f"{text} is no file, no track and no row of notes. A track is named by at least {MIN_DIGITS} "
                "hexadecimal digits of its BLAKE3, as `list --json` shows them."
            )
        return [Example(parse_notes(text), timed=False)]

    def track(self, digits: str) -> Example:
        """Return a track of the result by the first digits of its BLAKE3.

        Raises:
            UsageError: there is no such track, or there are several.
            StoreError: it has no fingerprint, because it cannot be read.
        """
        if not _DIGITS.fullmatch(digits):
            raise UsageError(f"{digits!r} names no track: give {MIN_DIGITS} hexadecimal digits or more.")
        bounds = (bytes.fromhex(digits.ljust(_DIGEST_DIGITS, digit)) for digit in "0f")
        found = tracks_with_prefix(self._reader, *bounds)
        if not found:
            raise UsageError(f"No track of the result has a BLAKE3 that begins with {digits.lower()}.")
        if len(found) > 1:
            raise UsageError(
                f"Several tracks have a BLAKE3 that begins with {digits.lower()}: give more digits."
            )
        ((track_id, digest),) = found
        for segment in self._segments:
            row = int(np.searchsorted(segment.ids, track_id))
            if row < len(segment) and segment.ids[row] == track_id:
                lines = segment.lines
                first, last = int(lines.starts[row]), int(lines.starts[row + 1])
                line = Lines(
                    np.array([0, last - first], np.int64),
                    lines.gaps[first:last],
                    lines.pitches[first:last],
                    lines.drums[row : row + 1],
                )
                return Example(line, True, digest, track_id)
        raise StoreError(f"The track {digest.hex()} has no fingerprint: it could not be read.")

    def find(
        self,
        examples: Sequence[Example],
        limit: int,
        *,
        rule: Rule = "notes",
        min_score: float = 0.0,
    ) -> list[FoundTrack]:
        """Return the tracks that are like one of some examples, each once, the best first.

        A track of the result that is the example is left out.

        Args:
            examples: see ``examples``.
            limit: most tracks to return.
            rule: see ``find_similar``.
            min_score: of a track that is returned.

        Raises:
            UsageError: the rhythm is looked for, and the example has none.
        """
        own = {digest_number(example.digest) for example in examples if example.digest is not None}
        best: dict[int, FoundTrack] = {}
        for example in examples:
            if rule == "rhythm" and not example.timed:
                raise UsageError("A row of notes has no rhythm to look for: give a track or a MIDI file.")
            found = find_similar(
                self._segments,
                example.line,
                limit + len(own),
                rule=rule,
                timed=example.timed,
                min_score=min_score,
            )
            for track in found:
                if track.digest not in own and (track.id not in best or track.score > best[track.id].score):
                    best[track.id] = track
        ranked = sorted(self._present([*best.values()]), key=lambda track: track.rank)
        return ranked[:limit]

    def find_with_itself(self, digits: str, limit: int, min_score: float) -> dict[int, bytes]:
        """Return the digests of a track and of those that are like it, by their ids.

        Args:
            digits: first ones of the BLAKE3 of the track.
            limit: most tracks besides itself.
            min_score: of these.

        Raises:
            UsageError: there is no such track, or there are several.
            StoreError: it has no fingerprint.
        """
        example = self.track(digits)
        ids = [track.id for track in self.find([example], limit, min_score=min_score)]
        return digests_of(self._reader, [example.track_id, *ids])

    def _present(self, found: Sequence[FoundTrack]) -> list[FoundTrack]:
        """Return those tracks that the catalog has."""
        digests = digests_of(self._reader, [track.id for track in found])
        return [it for it in found if it.id in digests and digest_number(digests[it.id]) == it.digest]


def open_finder(
    out: str,
    reader: CatalogReader,
    *,
    retry: bool = True,
    stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[FingerprintProgress], None] = lambda _: None,
) -> Finder:
    """Return what finds tracks of the result in ``out``; its fingerprints are brought up to date first.

    Args:
        out: folder of the result.
        reader: of its catalog.
        retry: try those tracks again that could not be read before.
        stop: once true, fingerprints are not completed.
        on_progress: called while fingerprints are made.

    Raises:
        StoreError: fingerprints cannot be written.
        CatalogError: the catalog cannot be read.
    """
    updated = update_fingerprints(out, reader, retry=retry, stop=stop, on_progress=on_progress)
    return Finder(reader, updated.generation)


def file_examples(path: str) -> list[Example]:
    """Return the tracks of a MIDI file as examples.

    Raises:
        UsageError: it has no notes.
        StoreError: it cannot be read.
        MidiprismError: it is no MIDI file.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
    tracks = split(data).tracks
    if not tracks:
        raise UsageError(f"{path} has no notes.")
    fingerprinter = Fingerprinter()
    return [Example(fingerprinter.lines([track.data], [track.own_family == DRUM_FAMILY])) for track in tracks]
