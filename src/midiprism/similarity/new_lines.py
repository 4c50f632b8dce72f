"""The lines of new tracks, which workers record for the update of the fingerprints after their run.

The update would otherwise read all new tracks back. It reads those whose lines it does not find, and removes
all files of lines once it has written something. So files that are lost or damaged do no harm, nor do lines
of tracks that were never recorded.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from zlib import crc32

import numpy as np

from midiprism.errors import DamagedIndexError
from midiprism.fs.column_file import ColumnFile, write_columns
from midiprism.similarity.fingerprint_version import FINGERPRINT_VERSION
from midiprism.similarity.fingerprints import Fingerprinter, JoinedLines, Lines, join_lines
from midiprism.similarity.folder import new_lines_file, new_lines_files
from midiprism.similarity.segment import digest_numbers
from midiprism.smf.instruments import DRUM_FAMILY

_MAX_BYTES = 16 << 20
"""Lines of more bytes are written to a file, so that a worker does not keep them in memory."""


class NewLines:
    """Records the lines of new tracks in files.

    Args:
        folder: of the fingerprints.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._fingerprinter = Fingerprinter()
        self._digests: list[bytes] = []
        self._parts: list[Lines] = []
        self._bytes = 0

    def add(self, digests: Sequence[bytes], tracks: Sequence[bytes], families: Sequence[str]) -> None:
        """Record the lines of tracks, see ``TrackListener``."""
        try:
            lines = self._fingerprinter.lines(tracks, [family == DRUM_FAMILY for family in families])
        except Exception:  # noqa: BLE001 - what goes wrong here must not cost songs: the update reads the tracks
            return
        self._digests += digests
        self._parts.append(lines)
        self._bytes += sum(array.nbytes for array in lines)
        if self._bytes > _MAX_BYTES:
            self._write()

    def close(self) -> None:
        """Write what was recorded."""
        if self._digests:
            self._write()

    def _write(self) -> None:
        arrays = {"digest": digest_numbers(self._digests), **join_lines(self._parts)._asdict()}
        facts = {"fingerprint_version": FINGERPRINT_VERSION, "checksum": _checksum(arrays)}
        with suppress(OSError):  # the update reads the tracks
            write_columns(new_lines_file(self._folder), arrays, facts, durable=False)
        self._digests, self._parts, self._bytes = [], [], 0


class RecordedLines:
    """The lines that workers recorded and that no update has used. They stay readable while it is at work.

    Args:
        folder: of the fingerprints.
    """

    def __init__(self, folder: str) -> None:
        files = [*_read_files(folder)]
        digests = np.concatenate([np.empty(0, np.uint64), *(file["digest"] for file in files)])
        self._rows = np.argsort(digests)
        self._digests = digests[self._rows]
        self._lines = JoinedLines([Lines(*(file[name] for name in Lines._fields)) for file in files])

    def take(self, digests: Any) -> tuple[Any, Lines]:
        """Return the places of those digests whose lines were recorded, and these lines in the same order.

        Args:
            digests: of tracks, as ``digest_numbers`` returns them.
        """
        if not len(self._digests):
            return np.empty(0, np.int64), self._lines.take(np.empty(0, np.int64))
        found = np.searchsorted(self._digests, digests).clip(max=len(self._digests) - 1)
        places = np.flatnonzero(self._digests[found] == digests)
        rows = self._rows[found[places]]
        order = np.argsort(rows)
        return places[order], self._lines.take(rows[order])


def _read_files(folder: str) -> Iterator[ColumnFile]:
    for path in new_lines_files(folder):
        with suppress(OSError, DamagedIndexError, KeyError, ValueError):
            file = ColumnFile(path)
            version, checksum = file.facts["fingerprint_version"], file.facts["checksum"]
            if version == FINGERPRINT_VERSION and checksum == _checksum(file):
                yield file


def _checksum(arrays: Mapping[str, Any]) -> int:
    """Return a checksum of all arrays: in files that are not durable, a power cut may leave zeros."""
    value = 0
    for name in ("digest", *Lines._fields):
        value = crc32(arrays[name], value)
    return value
