"""Comparing the splits that another program made with the songs they were made from.

Each song is split anew, and each of its splits is heard beside the track that it was made from.
"""

import time
from collections.abc import Callable, Sequence

from blake3 import blake3

from midiprism.catalog import PostgresAddress
from midiprism.catalog.foreign_reading import ForeignFile, ForeignLibrary, ForeignLink
from midiprism.errors import CorruptMidiError, MidiprismError
from midiprism.library.pathmap import PathMap
from midiprism.library.reading import read_file
from midiprism.library.source import Content, UnreadableError
from midiprism.run.audited import Audited, Auditing, Finding
from midiprism.run.hearing import TOLERANCE_SECONDS, Heard, heard, shifts
from midiprism.run.matching import Matcher, Part, Theirs
from midiprism.run.settings import DEFAULT_LIMITS, Identity
from midiprism.run.splitter import LazySplitter

_TOGETHER = 100
"""Songs that the database is asked of at once."""
_REPORT_SECONDS = 0.1
_DRAWN = 1 << 64


def audit_library(
    address: PostgresAddress,
    paths: PathMap,
    *,
    share: float = 1.0,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
    compiling: Callable[[], None] = lambda: None,
    listener: Callable[[Auditing], None] | None = None,
) -> Audited:
    """Compare the splits of a library with their songs; only reads.

    Args:
        address: of its database.
        paths: where its files are.
        share: of the songs with splits that are looked at.
        seed: which ones; the same number gives the same ones.
        stop: once true, the audit ends after the song in hand.
        compiling: called when it has to wait for the splitter to be compiled.
        listener: is told how far it is.

    Raises:
        CatalogError: the database cannot be read, or holds no such library.
        MidiprismError: the splitter cannot be loaded.
    """
    with ForeignLibrary(address) as library:
        library.require_tables()
        return _Audit(library, paths, Audited(share, seed), stop, listener).all(compiling)


def is_drawn(parent: int, share: float, seed: int) -> bool:
    """Whether a song is in the sample that a number gives."""
    mark = blake3(f"{seed} {parent}".encode()).digest(length=8)
    return int.from_bytes(mark, "big") < share * _DRAWN


class _Audit:
    """An audit under way."""

    def __init__(
        self,
        library: ForeignLibrary,
        paths: PathMap,
        found: Audited,
        stop: Callable[[], bool],
        listener: Callable[[Auditing], None] | None,
    ) -> None:
        self._library = library
        self._paths = paths
        self._found = found
        self._stop = stop
        self._listener = listener
        self._matcher = Matcher()
        self._split = LazySplitter(Identity(by="track"), DEFAULT_LIMITS)
        # Where a file of theirs has several tracks, what one says of another's channel belongs to it.
        self._split_theirs = LazySplitter(Identity(by="track", context="full"), DEFAULT_LIMITS)
        self._started = time.perf_counter()
        self._reported = -_REPORT_SECONDS
        self._seen = 0

    def all(self, compiling: Callable[[], None]) -> Audited:
        found = self._found
        found.total = self._library.count_begun()
        if found.total and not self._split.is_compiled():
            compiling()
        for page in self._library.begun():
            for first in range(0, len(page), _TOGETHER):
                ids = page[first : first + _TOGETHER]
                self._some([number for number in ids if is_drawn(number, found.share, found.seed)])
                self._seen += len(ids)
                self._report()
            if found.stopped:
                break
        found.seconds = time.perf_counter() - self._started
        return found

    def _some(self, ids: Sequence[int]) -> None:
        """Look at a few songs."""
        if not ids:
            return
        parents, links = self._library.parents(ids), self._library.links(ids)
        for number in ids:
            if self._stop():
                self._found.stopped = True
                return
            self._parent(parents.get(number), links.get(number, []))
            self._report()

    def _parent(self, parent: ForeignFile | None, links: Sequence[ForeignLink]) -> None:
        """Look at a song and its splits."""
        found = self._found
        found.links += len(links)
        song = self._paths.here(parent.path) if parent else b""
        parts = self._parts(parent, song)
        splits = [self._theirs(link, song) for link in links]
        if parts is None:
            found.add_parent(0, 0)
            for split in splits:
                split.sound  # noqa: B018 - what is wrong with the file alone is told
            return
        self._matcher.match(parts, splits)
        for split in splits:
            self._judge(split, song)
        wrong = sum(split.verdict == "wrong_time" for split in splits)
        found.add_parent(sum(split.verdict is not None for split in splits), wrong)
        self._never_linked(parts, splits, song)

    def _parts(self, parent: ForeignFile | None, song: bytes) -> list[Part] | None:
        """The tracks of a song; None where they cannot be had."""
        if parent is None:
            self._add("parent_missing", b"", b"", None, "Its row in files is gone.")
            return None
        try:
            content = read_file(song, DEFAULT_LIMITS.input_bytes)
            if content.digest != parent.content_hash:
                self._add("parent_changed", song, song, None, _OTHER_BYTES)
            tracks = self._split(_data(content)).tracks
        except (UnreadableError, CorruptMidiError) as error:
            self._add(f"parent_{_kind(error)}", song, song, None, str(error))
            return None
        return [Part(track, place) for place, track in enumerate(tracks)]

    def _theirs(self, link: ForeignLink, song: bytes) -> Theirs:
        """A split of theirs, read but not heard yet."""
        number, file = link.track_number, link.file
        if file is None:
            self._add("missing", b"", song, number, "Its row in files is gone.")
            return Theirs(number, b"", b"")
        path = self._paths.here(file.path)
        try:
            content = read_file(path, DEFAULT_LIMITS.input_bytes)
            if content.digest != file.content_hash:
                self._add("other_content", path, song, number, _OTHER_BYTES)
            data = _data(content)
        except UnreadableError as error:
            self._add(_kind(error), path, song, number, str(error))
            return Theirs(number, path, file.content_hash)

        def hear() -> Heard | None:
            try:
                return heard(self._split_theirs(data).tracks)
            except CorruptMidiError as error:
                self._add("unreadable", path, song, number, str(error))
                return None

        return Theirs(number, path, content.digest, hear)

    def _judge(self, split: Theirs, song: bytes) -> None:
        """Tell what became of a split."""
        if split.verdict is None:
            return
        if split.verdict == "right":
            self._found.right += 1
        else:
            self._add(split.verdict, split.path, song, split.number, _explained(split))
        if split.part is None or split.digest == split.part.digest or split.sound is None:
            return
        lost = (split.part.heard.others - split.sound.others).total()
        if lost:
            message = f"It lacks {lost:,} of its track's channel events that are no notes."
            self._add("lost_events", split.path, song, split.number, message)

    def _never_linked(self, parts: Sequence[Part], splits: Sequence[Theirs], song: bytes) -> None:
        """Tell which contents none of the links leads to; identical tracks of a song are one content."""
        linked = {split.part.digest for split in splits if split.part is not None}
        contents = {part.digest: part for part in reversed(parts)}
        self._found.contents += len(contents)
        for digest, part in reversed(contents.items()):
            if digest not in linked:
                message = f"No link of its song leads to track {part.number}, counted from 0."
                self._add("never_linked", song, song, part.number, message)

    def _add(self, kind: str, path: bytes, song: bytes, number: int | None, message: str) -> None:
        self._found.add(Finding(kind, path, song, number, message))

    def _report(self) -> None:
        """Tell the listener, unless it was told just now."""
        seconds = time.perf_counter() - self._started
        if self._listener and seconds - self._reported >= _REPORT_SECONDS:
            self._reported = seconds
            found = self._found
            wrong = found.counts.get("wrong_time", 0)
            self._listener(Auditing(self._seen, found.total, found.compared, wrong, seconds))


_OTHER_BYTES = "The BLAKE3 of its bytes is not its content_hash."


def _data(content: Content) -> bytes:
    if content.data is None:
        raise UnreadableError("limit", f"It has {content.size:,} bytes, more than midiprism splits.")
    return content.data


def _kind(error: MidiprismError) -> str:
    return "missing" if isinstance(error, UnreadableError) and error.code == "vanished" else "unreadable"


def _explained(split: Theirs) -> str:
    """Why a split is not right."""
    sound = split.sound
    assert sound is not None
    if split.part is None:
        return f"It has {_notes(len(sound.notes))}, and no track of its song has any of them."
    track = split.part.heard
    if split.verdict == "wrong_time":
        onset, end = shifts(track, sound)
        if abs(onset) > TOLERANCE_SECONDS:
            return f"Its notes begin up to {abs(onset):.3f} s too {'late' if onset > 0 else 'early'}."
        return f"Its notes end up to {abs(end):.3f} s too {'late' if end > 0 else 'early'}."
    lost, others = (track.counts - sound.counts).total(), (sound.counts - track.counts).total()
    if not lost:
        return f"It has {_notes(others)} that its track has not."
    rest = f", and has {others:,} that its track has not" if others else ""
    return f"It lacks {lost:,} of its track's {_notes(len(track.notes))}{rest}."


def _notes(count: int) -> str:
    return "1 note" if count == 1 else f"{count:,} notes"
