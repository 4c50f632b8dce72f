"""Tests of limits on the costs of a crafted file: input, output, tracks and memory."""

import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import midiprism
from midiprism import CorruptMidiError, Limits
from midiprism.smf import problems
from midiprism.smf.kernel.split_kernel import KernelOutput
from midiprism.smf.repair.song_repair import repair_song
from midiprism.smf.split_song import BY_CODES, run_kernel
from midiprism.smf.types import BY, By
from midiprism.smf.unwrap import unwrap_song
from support.midi_writer import (
    END_OF_TRACK,
    LONGEST_DELTA,
    control_change,
    encode_events,
    note,
    note_on,
    program_change,
    raw_track,
    song,
    tempo,
    track,
    vlq,
)
from support.nightly import nightly

MELODY = track([*note(0, 60, 0, 96), *note(1, 62, 96, 96)])
SONG = song(track([(0, tempo(400_000))]), MELODY, MELODY)


def refusal_code(data: bytes, limits: Limits | None = None, by: By = "auto") -> str:
    """Return the code with which a file is refused."""
    with pytest.raises(CorruptMidiError) as caught:
        midiprism.split(data, by=by, limits=limits or Limits())
    return caught.value.code


def decompression_bomb(mebibytes: int) -> bytes:
    """Return a good file followed by zeros, compressed a thousandfold."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    return b"".join(
        [packer.compress(SONG), *(packer.compress(zeros) for _ in range(mebibytes)), packer.flush()]
    )


def multiplying_song(tempi: int, tracks: int) -> bytes:
    """Return a small file that asks for ``tempi`` times ``tracks`` events of output."""
    conductor = track([(tick, tempo(tick + 1)) for tick in range(tempi)])
    player = raw_track(b"\0" + note_on(0, 60) + vlq(tempi) + END_OF_TRACK)
    return song(conductor, *[player] * tracks)


def test_input_beyond_its_limit_is_refused() -> None:
    assert refusal_code(SONG, Limits(input_bytes=len(SONG) - 1)) == "song_size"
    assert len(midiprism.split(SONG, limits=Limits(input_bytes=len(SONG))).tracks) == 2


def rmid(data: bytes, bank: bytes) -> bytes:
    """Return a song in a RIFF (RMID) container, with a sound bank behind it."""
    chunks = [b"data" + len(data).to_bytes(4, "little") + data, bank]
    body = b"RMID" + b"".join(chunks)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def test_a_sound_bank_does_not_count_towards_the_input_limit() -> None:
    bank = b"RIFF" + (10_000).to_bytes(4, "little") + bytes(10_000)
    limits = Limits(input_bytes=len(SONG))
    assert midiprism.split(rmid(SONG, bank), limits=limits).tracks == midiprism.split(SONG).tracks
    assert refusal_code(rmid(SONG, bank), Limits(input_bytes=len(SONG) - 1)) == "song_size"
    assert refusal_code(b"RIFF" + bytes(4) + b"WAVE" + bytes(10_000) + SONG, limits) == "song_size"


def test_the_input_limit_applies_to_decompressed_bytes() -> None:
    packed = zlib.compress(SONG + bytes(10_000), wbits=31)
    assert len(packed) < 1000
    assert refusal_code(packed, Limits(input_bytes=5000)) == "song_size"


def test_output_beyond_its_limit_is_refused() -> None:
    size = sum(len(split.data) for split in midiprism.split(SONG, by="track").tracks)
    assert refusal_code(SONG, Limits(output_bytes=size - 1, output_ratio=0), "track") == "limit"
    exact = midiprism.split(SONG, by="track", limits=Limits(output_bytes=size, output_ratio=0))
    assert len(exact.tracks) == 2


def test_output_may_always_be_the_ratio_times_the_input() -> None:
    assert Limits(output_bytes=10, output_ratio=3).max_output_bytes(5) == 15
    assert Limits(output_bytes=10, output_ratio=3).max_output_bytes(2) == 10
    assert len(midiprism.split(SONG, limits=Limits(output_bytes=0, output_ratio=64)).tracks) == 2


EVENTS_OF_A_KIND = {
    "sound": [(tick, program_change(0, tick % 128)) for tick in range(20)],
    "conductor": [(tick, tempo(400_000 + tick)) for tick in range(20)],
    "context": [(tick, control_change(0, 7, tick)) for tick in range(20)],
}


@pytest.mark.parametrize("kind", EVENTS_OF_A_KIND)
def test_more_events_of_a_kind_than_the_limit_are_refused(kind: str) -> None:
    # A second track counts too, and one that is scanned again because its length is wrong counts once.
    first, second = EVENTS_OF_A_KIND[kind][:12], EVENTS_OF_A_KIND[kind][12:]
    player = track([*note(0, 60, 0, 96)])
    data = song(track(first, length=2), track(second), player)
    assert midiprism.split(data, context="full", limits=Limits(events=20)).num_tracks == 3
    with pytest.raises(CorruptMidiError, match="events") as caught:
        midiprism.split(data, context="full", limits=Limits(events=19))
    assert caught.value.code == "limit"


def test_other_events_are_not_limited() -> None:
    data = song(track([event for tick in range(300) for event in note(0, 60, tick, 1)]))
    assert midiprism.split(data, limits=Limits(events=0)).tracks[0].note_count == 300
    with_controllers = song(track(EVENTS_OF_A_KIND["context"]), MELODY)
    assert len(midiprism.split(with_controllers, limits=Limits(events=0)).tracks) == 2


def full_context_song(controllers: int, tracks: int) -> bytes:
    """Return a song whose tracks all get the controllers of the first one."""
    first = track([(0, control_change(0, 7, number % 128)) for number in range(controllers)])
    return song(first, *[track([(1, note_on(0, 60))], end=2)] * tracks)


@pytest.mark.parametrize("by", BY)
def test_full_context_is_refused_by_its_size_and_fits_to_the_byte(by: By) -> None:
    data = full_context_song(50, 20)
    tracks = midiprism.split(data, by=by, context="full").tracks
    size = sum(len(one.data) for one in tracks)
    exact = Limits(output_bytes=size, output_ratio=0)
    assert midiprism.split(data, by=by, context="full", limits=exact).tracks == tracks
    with pytest.raises(CorruptMidiError):
        midiprism.split(data, by=by, context="full", limits=Limits(output_bytes=size - 1, output_ratio=0))


def test_more_tracks_than_the_limit_are_refused() -> None:
    assert refusal_code(SONG, Limits(tracks=2)) == "limit"
    assert midiprism.split(SONG, limits=Limits(tracks=3)).num_tracks == 3
    assert refusal_code(song(*[track()] * 65_536, count=65_535)) == "limit"


def test_more_splits_than_the_limit_are_refused() -> None:
    notes = (event for channel in range(16) for event in note(channel, 60, channel, 1))
    data = song(track(sorted(notes, key=lambda event: event[0])))
    assert refusal_code(data, Limits(tracks=15), "channel") == "limit"
    assert len(midiprism.split(data, by="channel", limits=Limits(tracks=16)).tracks) == 16


@pytest.mark.slow
def test_a_small_file_cannot_ask_for_gigabytes_of_output() -> None:
    data = multiplying_song(60_000, 20_000)
    assert len(data) < 1 << 20
    for by in BY:
        assert refusal_code(data, by=by) == "limit"


def test_the_default_limits_allow_a_rich_song() -> None:
    result = midiprism.split(multiplying_song(10_000, 60))
    assert len(result.tracks) == 60
    assert all(len(split.data) > 70_000 for split in result.tracks)


def test_a_limit_may_be_any_number() -> None:
    for limits in (Limits(output_bytes=1 << 63), Limits(output_ratio=1 << 60), Limits(tracks=1 << 63)):
        assert len(midiprism.split(SONG, limits=limits).tracks) == 2


@pytest.mark.parametrize(
    "song",
    [
        song(raw_track(b"\0\xf8" * 100 + b"\0" + note_on(0, 60) + b"\0" + END_OF_TRACK)),
        song(
            track([(0, tempo(66_051))]), raw_track(b"\x80\x80\x80\0" + note_on(0, 60) + b"\0" + END_OF_TRACK)
        ),
        song(*[track([(0, tempo(66_051)), *note(0, 60, 0, 96)])] * 3),
    ],
)
def test_output_that_fits_to_the_byte_is_not_refused(song: bytes) -> None:
    for by in BY:
        size = sum(len(split.data) for split in midiprism.split(song, by=by).tracks)
        exact = midiprism.split(song, by=by, limits=Limits(output_bytes=size, output_ratio=0))
        assert sum(len(split.data) for split in exact.tracks) == size
        assert refusal_code(song, Limits(output_bytes=size - 1, output_ratio=0), by) == "limit"


@pytest.mark.slow
def test_many_tracks_without_ends_and_with_huge_lengths_are_found_fast() -> None:
    body = b"MTrk\x7f\x7f\x7f\x7f" + b"\0\x90\x3c\x40\0\x40\x40\x40"
    result = midiprism.split(song(*[body] * 62_000, count=0))
    assert (result.num_tracks, len(result.tracks)) == (62_000, 62_000)
    assert {split.note_count for split in result.tracks} == {2}


@pytest.mark.slow
def test_gzip_of_very_many_members_is_decompressed_fast() -> None:
    data = zlib.compress(b"", wbits=31) * 500_000 + zlib.compress(SONG, wbits=31)
    assert len(midiprism.split(data).tracks) == 2


MEASURE = """
import sys
import midiprism

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) << 10

data = sys.stdin.buffer.read()
midiprism.split(bytes.fromhex({warm!r}))
with open("/proc/self/clear_refs", "w") as reset:
    reset.write("5")
before = peak()
try:
    splits = midiprism.split(data, context={context!r}).tracks
    answer = sum(len(split.data) for split in splits)
except midiprism.CorruptMidiError as error:
    answer = error.code
print(answer, peak() - before)
"""

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="peak memory is read from /proc"
)


def measure(data: bytes, context: str = "conductor") -> tuple[str, int]:
    """Return the bytes of output or the refusal code, and the growth of a process's peak memory in bytes."""
    script = MEASURE.format(warm=SONG.hex(), context=context)
    done = subprocess.run([sys.executable, "-c", script], input=data, capture_output=True, check=True)
    answer, growth = done.stdout.decode().split()
    return answer, int(growth)


@needs_proc
@pytest.mark.slow
def test_a_decompression_bomb_costs_no_more_than_the_input_limit() -> None:
    answer, growth = measure(decompression_bomb(320))
    assert answer == "song_size"
    assert growth < 200 << 20


@needs_proc
@pytest.mark.slow
def test_a_refused_output_is_never_allocated() -> None:
    answer, growth = measure(multiplying_song(60_000, 20_000))
    assert answer == "limit"
    assert growth < 64 << 20


@needs_proc
@pytest.mark.slow
def test_a_track_that_claims_gigabytes_costs_nothing() -> None:
    body = encode_events([*note(0, 60, 0, 96)]) + b"\0" + END_OF_TRACK
    answer, growth = measure(song(raw_track(body, 0xFFFF_FFFF)))
    assert int(answer) == 14 + 8 + len(body)
    assert growth < 16 << 20


@needs_proc
@pytest.mark.slow
def test_memory_is_bounded_by_input_plus_output() -> None:
    body = b"\0\x90\x3c\x40\x60\x3c\0" + b"\0\x3c\x40\x60\x3c\0" * (4 << 20)
    data = song(raw_track(body + b"\0" + END_OF_TRACK))
    answer, growth = measure(data)
    assert int(answer) == len(data)
    assert growth < 3 * (len(data) + int(answer))


def song_of_every_kind() -> bytes:
    """Return a song with as many events of every kind as there may be, and ten million bytes of notes."""
    count = Limits().events - 8
    sounds = b"\0\xc0\1" + b"\0\2" * (count - 1)
    tempi = b"".join(b"\1\xff\x51\3" + tick.to_bytes(3, "big") for tick in range(count))
    notes = b"\0\x90\x3c\x40\x60\x3c\0" + b"\0\x3c\x40\x60\x3c\0" * 1_700_000
    end = b"\0" + END_OF_TRACK
    return song(*[raw_track(body + end) for body in (tempi, sounds + b"\0" + note_on(0, 60), notes)])


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("context", [*nightly("conductor"), "full"])
def test_a_song_of_every_kind_of_event_takes_less_than_a_gigabyte(context: str) -> None:
    answer, growth = measure(song_of_every_kind(), context)
    assert int(answer) > 10_000_000
    assert growth < 700 << 20


@needs_proc
@pytest.mark.slow
def test_too_many_events_are_refused_before_their_tables_grow() -> None:
    answer, growth = measure(song(raw_track(b"\0\xc0\1" + b"\0\2" * (16 << 20))))
    assert answer == "limit"
    assert growth < 100 << 20


def test_the_longest_track_that_ticks_can_count_is_read() -> None:
    messages = [(LONGEST_DELTA * step, note_on(0, 60, step % 2)) for step in range(2000)]
    (split,) = midiprism.split(song(track(messages))).tracks
    assert split.duration_ticks == LONGEST_DELTA * 1999


@pytest.mark.parametrize(
    ("max_tracks", "repaired"),
    [(1, [problems.VLQ_OVERLONG]), (2, [problems.VLQ_OVERLONG, problems.EVENT_LENGTH])],
)
def test_repairs_end_once_they_have_read_too_many_tracks(max_tracks: int, repaired: list[int]) -> None:
    overlong_name = b"\0\xff\3\x80\x80\x80\x80\4Name"
    damaged = raw_track(
        overlong_name + b"\0\xff\1\x7fab" + encode_events(note(0, 60, 0, 96)) + b"\0" + END_OF_TRACK
    )
    unwrapped = unwrap_song(song(damaged), Limits())

    def read(data: bytes) -> KernelOutput:
        return run_kernel(data, BY_CODES["track"], False, details=True)

    assert repair_song(unwrapped, read, max_tracks)
    assert [repair.problem_kind for repair in unwrapped.repairs] == repaired
