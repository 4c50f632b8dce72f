"""Repairs tracks in a store that keeps each track by itself."""

import contextlib
from collections.abc import Sequence

from midiprism.catalog import TrackFile
from midiprism.errors import StoreError
from midiprism.integrity.repair_session import RepairSession
from midiprism.integrity.verify_tracks import damage_kind
from midiprism.results.orphans import track_location
from midiprism.results.upkeep import delete_track
from midiprism.smf.types import SplitTrack
from midiprism.stores import TrackLocation


class TrackRepair:
    """See ``StoreRepair``."""

    lost_kind = "missing"

    def __init__(self, session: RepairSession) -> None:
        self._session = session

    def restore(self, track: TrackFile, split: SplitTrack) -> None:
        put_track(self._session, track, split)

    def flush(self) -> None:
        self._session.store.flush()

    def rewrite_damaged(self) -> None:
        pass

    def still_damaged(self, tracks: Sequence[TrackFile]) -> Sequence[TrackFile]:
        store = self._session.store
        return [track for track in tracks if damage_kind(track, store.status_of(track_location(track)))]

    def delete_unlinked(self) -> int:
        places = self._session.catalog.delete_unlinked_tracks(self._session.report.run_id)
        for place in places:
            with contextlib.suppress(StoreError):  # then it is reported with the orphans
                delete_track(self._session.store, TrackLocation(*place))
        return len(places)

    def update_derived(self) -> None:
        pass


def put_track(session: RepairSession, track: TrackFile, split: SplitTrack) -> None:
    """Stage a damaged track, and correct its row if that is wrong."""
    stored = session.store.put(
        split.data, track.digest, split.own_name, split.own_instrument, split.own_family
    )
    restored = track._replace(
        size=len(split.data), family=split.own_family, stem=stored.stem, digest_digits=stored.digits
    )
    if restored != track:
        session.queue.correct_row(restored)
