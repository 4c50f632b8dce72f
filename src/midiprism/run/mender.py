"""How a result is mended, step by step.

Nothing is believed that was not checked: a song is one whose bytes have the digest of its row, a file is
restored from the split that has the digest of its track. Nothing outside ``OUT`` is ever written.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from blake3 import blake3

from midiprism.catalog import Audit, BatchRecord, Catalog, Keeper, Mending, PathRow, TrackFile
from midiprism.errors import CorruptMidiError, MidiprismError, StoreError
from midiprism.library import Again, Content, Found, UnreadableError
from midiprism.run.child import Duty
from midiprism.run.findings import SHOWN, Repair
from midiprism.run.in_hand import PARENTS, Batch, InHand
from midiprism.run.settings import DEFAULT_LIMITS, Identity, Wish
from midiprism.run.splitter import Splitter
from midiprism.run.summary import Summary
from midiprism.run.verify import Check, place_of, state_of, strays
from midiprism.smf.types import SplitTrack
from midiprism.store import FileStore, GatheringStore, Stored, Survey, track_path
from midiprism.store.layout import SHORT_DIGITS, track_stem

NAMED = 3
BACK = "bring it back, run `midiprism split` on its folder, and repair again"


class Mender:
    """Mends what a check found.

    Args:
        out: the folder of the result, which is held; for writing, unless in a dry run.
        identity: what its splits were made with.
        repair: what was done is told there.
        check: the check that was made.
        catalog: its catalogue, open for writing, unless in a dry run.
        mending: what can be mended.
        split: bytes of a parent to its splits.
        stop: once true, what is in hand is finished.
    """

    def __init__(
        self,
        out: str,
        identity: Identity,
        repair: Repair,
        check: Check,
        catalog: Catalog,
        mending: Mending,
        split: Splitter,
        stop: Callable[[], bool],
    ) -> None:
        self._identity = identity
        self._repair = repair
        self._check = check
        self._catalog = catalog
        self._audit = Audit(catalog, check.found.scope)
        self._mending = mending
        self._split = split
        self._stop = stop
        self._writes = not repair.dry_run
        self._store: FileStore | GatheringStore = self._opened(out)
        self._survey = Survey(out)
        self._again = Again()
        self._summary = Summary(catalog.path, repair.dry_run, identity.by, identity.context)
        self._coming: set[str] = set()  # of a dry run: numbers of tracks that would come to be
        self._keeps = False
        self._done = 0
        self._total = sum(mending.counts())

    def go(self) -> None:
        """Mend everything, in an order in which nothing is lost that a later step needs."""
        try:
            for step in self._steps():
                if self._stop():
                    break
                step()
            self._summary.state = "interrupted" if self._stop() else "done"
        except BaseException:
            self._summary.state = "stopped"
            raise
        finally:
            if self._repair.run_id is not None:
                with contextlib.suppress(MidiprismError):  # a full disk: the run will be found cut off
                    self._catalog.end_run(
                        self._repair.run_id, self._summary.state, self._summary.totals(), _now()
                    )

    def _opened(self, out: str) -> "FileStore | GatheringStore":
        """Where splits go."""
        return _Clearing(out)

    def _steps(self) -> Sequence[Callable[[], None]]:
        return (
            self._restore_files,
            self._split_broken,
            self._split_lost,
            self._drop_lost_links,
            self._settle_files,
            self._remove_unlinked,
            self._remove_strays,
        )

    def _restore_files(self) -> None:
        """Files come back from the first of their songs that is there as it was."""
        for number in self._mending.needed():
            if self._stop():
                break
            self._tick()
            song = self._song(number)
            if song is None:
                continue
            wanted = {track.digest: track for track in self._mending.files_of(number)}
            mended = []
            for split in self._splits(song[1]):
                track = wanted.pop(blake3(split.data).digest(), None)
                if track is not None:
                    self._restore(track, split)
                    mended.append(track.id)
            if wanted:  # it has no such split: its links are wrong
                self._mending.note_parents([number])
                if not self._writes:  # they would lose their links, and their rows with them
                    self._mending.mended_files(track.id for track in wanted.values())
            self._repair.files += len(mended)
            self._mending.mended_files(mended)
        if self._writes and self._repair.files:
            self._flush()

    def _flush(self) -> None:
        """What was restored is durable from here on."""
        self._store.flush()

    def _restore(self, track: TrackFile, split: SplitTrack) -> None:
        if not self._writes:
            return
        stored = self._store.put(split.data, track.digest, split.name, split.own_instrument, split.own_family)
        now = track._replace(
            size=len(split.data), family=split.own_family, stem=stored.stem, digits=stored.digits
        )
        if now != track:
            self._mending.correct(now)

    def _split_broken(self) -> None:
        """Songs whose links are not what they should be are split again."""
        batch = Batch()
        for number in self._mending.broken():
            if self._stop():
                return
            self._tick()
            song = self._song(number)
            if song is None:
                paths = self._audit.paths(number)
                name = paths[0].path if paths else f"song {number}".encode()
                self._keeps = True
                self._repair.leave("links", name, f"No file with the bytes of this song was found: {BACK}.")
            elif batch.add(*song):
                self._commit(batch)
        self._commit(batch)

    def _split_lost(self) -> None:
        """Paths whose songs the catalogue has lost are split as if they were new."""
        batch = Batch()
        for path in self._mending.lost_paths():
            if self._stop():
                return
            self._tick()
            try:
                content = self._again.read(path.path, DEFAULT_LIMITS.input_bytes)
            except UnreadableError as error:
                self._keeps = True
                self._repair.leave("lost_path", path.path, f"{error} To mend its links, {BACK}.")
                continue
            if batch.add(path, content):
                self._commit(batch)
        self._commit(batch)

    def _commit(self, batch: Batch) -> None:
        """Split what is in hand as a run does, and record it in place of what was known."""
        if not batch.parents:
            return
        self._repair.parents += len(batch.parents)
        if not self._writes:
            for _, content in batch.parents:
                self._foresee(content)
            batch.clear()
            return
        run_id = self._begin()
        contents = {path.path: content for path, content in batch.parents}
        duty = Duty(
            InHand(contents),
            self._store,
            self._split,
            DEFAULT_LIMITS.input_bytes,
            self._catalog.address,
            Wish(redo=True),
            run_id,
            replaces=True,
        )
        record = duty.worker(self._catalog).work(
            tuple(
                Found(path.path, path.root_length, content.size, content.mtime_ns)
                for path, content in batch.parents
            )
        )
        self._store.flush()
        self._catalog.tell_run(run_id, self._summary.totals(), _now())
        for committed in self._catalog.commit(run_id, [record], _now(), self._keeper(record)):
            self._summary.add(record, committed)
        batch.clear()

    def _begin(self) -> int:
        """The run that mends; it is recorded once there is something to record with it."""
        if self._repair.run_id is None:
            self._mending.spare_lost_numbers()
            self._repair.run_id = self._summary.run_id = self._catalog.begin_run(self._facts(), _now())
        return self._repair.run_id

    def _keeper(self, record: BatchRecord) -> Keeper | None:  # noqa: ARG002
        """Who writes the tracks of a commit; None where they were put."""
        return None

    def _foresee(self, content: Content) -> None:
        """What splitting a song again would mend."""
        for split in self._splits(content):
            digest = blake3(split.data).digest()
            number = digest.hex()
            known = [track.id for track in self._audit.tracks_numbered([number])[number]]
            self._repair.files += self._mending.mended_files(known)
            if not known:
                self._coming.add(number[:SHORT_DIGITS])

    def _drop_lost_links(self) -> None:
        """Links of a song of which neither row nor path is left lead nowhere."""
        if self._check.found.counts.get("lost_links"):
            count = (
                self._mending.drop_lost_links() if self._writes else self._check.found.counts["lost_links"]
            )
            self._repair.lost_links = count

    def _settle_files(self) -> None:
        """Which files are damaged still, of tracks that a song has."""
        self._mending.forget_unlinked()
        for page in self._mending.files():
            if self._stop():
                return
            left = [track for track in page if state_of(track, self._survey.look(place_of(track)))]
            self._repair.files += len(page) - len(left)
            shown = left[: max(0, SHOWN - len(self._repair.unmended))]
            songs = self._audit.songs_of([track.id for track in shown])
            for track in left:
                names = [os.fsdecode(song) for song in songs.get(track.id, ())[:NAMED]]
                of = f" of {' or '.join(names)}" if names else ""
                message = f"No file with the bytes of its song{of} was found: {BACK}."
                self._repair.leave("missing", os.fsencode(place_of(track)), message)

    def _remove_unlinked(self) -> None:
        """Tracks that no song has: first the row, then the file."""
        found = self._check.found.counts.get("unlinked", 0)
        if self._keeps:
            for damage in self._check.found.examples.get("unlinked", ()):
                self._repair.leave("unlinked", damage.name, KEPT)
            self._repair.left += max(0, found - SHOWN)
        elif not self._writes:
            self._repair.unlinked = found
        elif found or self._repair.parents or self._repair.lost_links:
            self._repair.unlinked += self._forget_unlinked()

    def _forget_unlinked(self) -> int:
        places = self._catalog.forget_unlinked(self._repair.run_id)
        for place in places:
            # What cannot be removed is found among the strays, and told of there.
            with contextlib.suppress(StoreError):
                self._survey.discard(track_path(*place))
        return len(places)

    def _remove_strays(self) -> None:
        """Files that no track speaks of, and temporary ones."""
        if self._check.found.files is None:
            return
        scope = self._check.found.scope
        for entry, kind in strays(self._survey, self._audit, scope, self._stop):
            name = os.fsencode(entry.path)
            if kind == "unreadable":
                self._repair.leave(kind, name, "The folder cannot be read: see to its permissions.")
            elif kind == "orphan" and not self._is_coming(entry.number):
                if self._keeps:
                    self._repair.leave(kind, name, KEPT)
                elif self._removed(kind, entry.path):
                    self._repair.orphans += 1
            elif kind == "temporary" and self._removed(kind, entry.path):
                self._repair.temporaries += 1

    def _removed(self, kind: str, path: str) -> bool:
        try:
            if self._writes:
                self._survey.discard(path)
        except StoreError as error:
            self._repair.leave(kind, os.fsencode(path), str(error))
            return False
        return True

    def _is_coming(self, number: str) -> bool:
        return number[:SHORT_DIGITS] in self._coming

    def _song(self, number: int) -> tuple[PathRow, Content] | None:
        """A path of a parent, and its content, where it is what was split."""
        digest = self._audit.parent_digest(number)
        for path in self._audit.paths(number) if digest is not None else ():
            with contextlib.suppress(UnreadableError):  # another path may do; what is left in the end is told
                content = self._again.read(path.path, DEFAULT_LIMITS.input_bytes)
                if content.digest == digest and content.data is not None:
                    return path, content
        return None

    def _splits(self, content: Content) -> Sequence[SplitTrack]:
        if content.data is None:
            return ()
        try:
            return self._split(content.data).tracks
        except CorruptMidiError:
            return ()
        except MidiprismError:
            raise
        except Exception:  # noqa: BLE001 - a bug in the splitter costs this song, and its files are told of
            return ()

    def _facts(self) -> dict[str, object]:
        return {
            **self._identity.as_dict(),
            "sources": [],
            "workers": 0,
            "batch_size": PARENTS,
            "in_flight": None,
            "redo": True,
            "retry_failed": False,
            "repair": True,
        }

    def _tick(self) -> None:
        self._done += 1
        self._check.report("mending", self._done, max(self._total, self._done))


KEPT = "It is kept, since it may belong to a song that was not found: bring that back, and repair again."


class _Clearing(FileStore):
    """A store that takes away what keeps a file from its place."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._survey = Survey(root)

    def put(self, data: bytes, digest: bytes, name: str | None, instrument: str, family: str) -> Stored:
        try:
            return super().put(data, digest, name, instrument, family)
        except StoreError:
            path = track_path(family, track_stem(name, instrument), digest)
            state = self._survey.look(path).state
            if state not in ("not_a_file", "unreadable"):
                raise
            self._survey.clear(path)
            return super().put(data, digest, name, instrument, family)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
