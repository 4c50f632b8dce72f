"""Pass B: decide for every digest of a prefix which chunk has it first."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from midiprism.generations.digests import (
    DIGEST_BYTES,
    SONG_LANE,
    TRACK_LANE,
    are_in,
    chosen,
    first_bits,
    lane_starts,
    packed,
    union,
)
from midiprism.generations.errors import GenerationError
from midiprism.generations.layout import INDEX
from midiprism.generations.open_generation import Attempt, ChunkDigests, OpenGeneration, StoredDigests
from midiprism.generations.stage_clocks import CLOCKS
from midiprism.generations.stored_objects import put_object, raise_errors, read_objects
from midiprism.objects import ReadRequest


class PrefixLanes(NamedTuple):
    """The digests with one prefix of some chunks.

    Attributes:
        joined: of songs and of tracks, in the order of the chunks.
        sizes: number of digests of each chunk, of songs and of tracks.
    """

    joined: tuple[bytearray, bytearray]
    sizes: tuple[list[int], list[int]]

    def lanes(self, lane: int) -> Iterator[bytes]:
        """Yield the digests of each chunk."""
        start = 0
        for size in self.sizes[lane]:
            end = start + size * DIGEST_BYTES
            yield bytes(self.joined[lane][start:end])
            start = end


class _Chosen(NamedTuple):
    """The choices for a prefix.

    Attributes:
        bits: for each chunk those of its songs and then of its tracks.
        songs: that count from now on, unless earlier generations have them; sorted and joined.
        tracks: likewise.
    """

    bits: bytes
    songs: bytes
    tracks: bytes


def choose_first(generation: OpenGeneration, prefix: int) -> None:
    """Do the task of pass B for a prefix, and record it.

    Raises:
        MidiprismError: it cannot be done now.
    """
    attempt = Attempt(generation.clock)
    storage = generation.storage
    lanes = read_lanes(generation, generation.chunk_digests, prefix)
    choose = _choose_of_redo if generation.plan.redo else _choose_new
    bits, songs, tracks = choose(generation, prefix, lanes)
    name = f"{INDEX}/{INDEX}-{generation.plan.number:06}-{prefix:06}-{attempt.name}"
    content = {
        "first": put_object(storage, generation.data_key(f"{prefix:06}", attempt, "first"), bits).as_json(),
        "index": put_object(storage, name, songs + tracks, len(songs) // DIGEST_BYTES).as_json(),
    }
    generation.record("b", prefix, attempt, content)


def _choose_new(generation: OpenGeneration, prefix: int, lanes: PrefixLanes) -> _Chosen:
    """Choose among what earlier generations do not have."""
    known = _known_lanes(generation, prefix)
    (song_bits, songs), (track_bits, tracks) = (
        first_bits(lanes.joined[lane], lanes.sizes[lane], known[lane]) for lane in (SONG_LANE, TRACK_LANE)
    )
    return _Chosen(_interleaved(song_bits, track_bits), songs, tracks)


def _choose_of_redo(generation: OpenGeneration, prefix: int, lanes: PrefixLanes) -> _Chosen:
    """Choose among all songs, and the tracks that earlier generations have not stored.

    Of what these have, the songs stay that are not split again, and the tracks that any song still has.

    Raises:
        GenerationError: the files of earlier generations do not have what their index says.
    """
    base = read_lanes(generation, generation.base_digests, prefix)
    kept = read_lanes(generation, generation.kept_tracks, prefix)
    stored_songs, stored = (union([base.joined[lane]]) for lane in (SONG_LANE, TRACK_LANE))
    if (stored_songs, stored) != tuple(map(union, _known_lanes(generation, prefix))):
        raise GenerationError(
            "Files of earlier generations do not have the songs and tracks of their index: one is damaged."
        )
    song_bits, new_songs = first_bits(lanes.joined[SONG_LANE], lanes.sizes[SONG_LANE], ())
    track_bits, new_tracks = first_bits(lanes.joined[TRACK_LANE], lanes.sizes[TRACK_LANE], [stored])
    needed = union([lanes.joined[TRACK_LANE], kept.joined[TRACK_LANE]])
    songs, tracks = [new_songs], [new_tracks]
    for base_songs, base_tracks in zip(base.lanes(SONG_LANE), base.lanes(TRACK_LANE), strict=True):
        songs_stay, tracks_stay = ~are_in(base_songs, [new_songs]), are_in(base_tracks, [needed])
        song_bits.append(packed(songs_stay))
        track_bits.append(packed(tracks_stay))
        songs.append(chosen(base_songs, songs_stay))
        tracks.append(chosen(base_tracks, tracks_stay))
    return _Chosen(_interleaved(song_bits, track_bits), union(songs), union(tracks))


def choose_kept_songs(generation: OpenGeneration, prefix: int) -> None:
    """Do the task of pass S for a prefix, and record it: find the songs that are not split again.

    Raises:
        MidiprismError: it cannot be done now.
    """
    attempt = Attempt(generation.clock)
    split_again = union([read_lanes(generation, generation.chunk_digests, prefix).joined[SONG_LANE]])
    base = read_lanes(generation, generation.base_digests, prefix)
    flags = [~are_in(lane, [split_again]) for lane in base.lanes(SONG_LANE)]
    data = b"".join(map(packed, flags))
    stored = put_object(generation.storage, generation.data_key(f"{prefix:06}", attempt, "kept"), data)
    content = {"kept": stored.as_json(), "count": sum(int(it.sum()) for it in flags)}
    generation.record("s", prefix, attempt, content)


def _interleaved(song_bits: Iterable[bytes], track_bits: Iterable[bytes]) -> bytes:
    return b"".join(songs + tracks for songs, tracks in zip(song_bits, track_bits, strict=True))


def read_lanes(
    generation: OpenGeneration, records: Sequence[ChunkDigests | StoredDigests], prefix: int
) -> PrefixLanes:
    """Return the digests with a prefix of each of several chunks."""
    lanes = PrefixLanes((bytearray(), bytearray()), ([], []))
    requests, song_sizes = [], []
    for record in records:
        starts = lane_starts(record.counts)
        first, middle, last = starts[2 * prefix : 2 * prefix + 3]
        requests.append(ReadRequest(record.digests.name, first, last))
        song_sizes.append(middle - first)
    with CLOCKS.measure("reads"):
        answers = raise_errors(generation.storage.read_many(requests))
        for size, answer in zip(song_sizes, answers, strict=True):
            for lane, digests in enumerate((answer[:size], answer[size:])):
                lanes.joined[lane].extend(digests)
                lanes.sizes[lane].append(len(digests) // DIGEST_BYTES)
    return lanes


def _known_lanes(generation: OpenGeneration, prefix: int) -> tuple[list[bytes], list[bytes]]:
    """Return the digests of songs and of tracks that each earlier generation has added with a prefix."""
    objects = [file.stored for file in generation.base.index if file.table == str(prefix)]
    songs, tracks = [], []
    with CLOCKS.measure("reads"):
        for stored, data in zip(objects, read_objects(generation.storage, objects), strict=True):
            middle = stored.rows * DIGEST_BYTES
            songs.append(data[:middle])
            tracks.append(data[middle:])
    return songs, tracks
