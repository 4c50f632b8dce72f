"""Pass B: decide for every digest of a prefix which chunk has it first."""

from collections.abc import Iterator

from midiprism.generations.digests import DIGEST_BYTES, SONG_LANE, TRACK_LANE, first_bits, lane_starts
from midiprism.generations.layout import INDEX
from midiprism.generations.open_generation import Attempt, OpenGeneration
from midiprism.generations.stage_clocks import CLOCKS
from midiprism.generations.stored_objects import put_object, raise_errors, read_objects
from midiprism.objects import ReadRequest


def choose_first(generation: OpenGeneration, prefix: int) -> None:
    """Do the task of pass B for a prefix, and record it.

    Raises:
        MidiprismError: it cannot be done now.
    """
    attempt = Attempt(generation.clock)
    storage = generation.storage
    joined = bytearray(), bytearray()
    sizes: tuple[list[int], list[int]] = [], []
    with CLOCKS.measure("reads"):
        for lanes in _lanes_of_chunks(generation, prefix):
            for lane, digests in enumerate(lanes):
                joined[lane].extend(digests)
                sizes[lane].append(len(digests) // DIGEST_BYTES)
        known = _known_lanes(generation, prefix)
    (song_bits, new_songs), (track_bits, new_tracks) = (
        first_bits(joined[lane], sizes[lane], known[lane]) for lane in (SONG_LANE, TRACK_LANE)
    )
    bits = b"".join(songs + tracks for songs, tracks in zip(song_bits, track_bits, strict=True))
    name = f"{INDEX}/{INDEX}-{generation.plan.number:06}-{prefix:06}-{attempt.name}"
    content = {
        "first": put_object(storage, generation.data_key(f"{prefix:06}", attempt, "first"), bits).as_json(),
        "index": put_object(storage, name, new_songs + new_tracks, len(new_songs) // DIGEST_BYTES).as_json(),
    }
    generation.record("b", prefix, attempt, content)


def _lanes_of_chunks(generation: OpenGeneration, prefix: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the digests of songs and of tracks that each chunk has with a prefix."""
    requests, song_sizes = [], []
    for chunk in generation.chunk_digests:
        starts = lane_starts(chunk.counts)
        first, middle, last = starts[2 * prefix : 2 * prefix + 3]
        requests.append(ReadRequest(chunk.digests.name, first, last))
        song_sizes.append(middle - first)
    answers = raise_errors(generation.storage.read_many(requests))
    for size, answer in zip(song_sizes, answers, strict=True):
        yield answer[:size], answer[size:]


def _known_lanes(generation: OpenGeneration, prefix: int) -> tuple[list[bytes], list[bytes]]:
    """Return the digests of songs and of tracks that each earlier generation has added with a prefix."""
    objects = [file.stored for file in generation.base.index if file.table == str(prefix)]
    songs, tracks = [], []
    for stored, data in zip(objects, read_objects(generation.storage, objects), strict=True):
        middle = stored.rows * DIGEST_BYTES
        songs.append(data[:middle])
        tracks.append(data[middle:])
    return songs, tracks
