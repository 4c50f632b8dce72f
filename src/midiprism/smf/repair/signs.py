"""Signs that a song needs a second reading: of music that was lost, or of music that is there twice."""

from collections.abc import Sequence

from midiprism.smf import problems
from midiprism.smf.kernel.row_types import NO_PROGRAM
from midiprism.smf.kernel.split_kernel import KernelOutput
from midiprism.smf.repair.edits import Repair

EXTENDED_DRUMS = 9
BASE_DRUMS = 15
EXTENDED_CHANNELS = 0x01FF
BASE_CHANNELS = 0x7000
UNUSED_CHANNELS = 0x0C00

SIGNS_OF_LOSS = frozenset(
    (
        problems.JUNK_BETWEEN_CHUNKS,
        problems.TRAILING_BYTES,
        problems.TRACK_TRUNCATED,
        problems.TRACK_LENGTH,
        problems.MISSING_END_OF_TRACK,
        problems.BYTES_AFTER_END_OF_TRACK,
        problems.LINE_ENDS_AMBIGUOUS,
        problems.SECOND_SONG,
    )
)
"""Kinds of problems of songs that may have lost music."""


def may_have_loss(answer: KernelOutput, track_count: int, repairs: Sequence[Repair]) -> bool:
    """Return whether a song may have lost music to its damage.

    Args:
        answer: the kernel's answer for it.
        track_count: number of tracks that its header states.
        repairs: what was repaired in it.
    """
    if track_count > answer.num_tracks:
        return True
    if repairs and any(repair.lost_bytes or repair.problem_kind in SIGNS_OF_LOSS for repair in repairs):
        return True
    if answer.problems is None:
        return False
    return bool(answer.unlisted_problems) or not SIGNS_OF_LOSS.isdisjoint(answer.problems["kind"].tolist())


def may_be_dual_mode(answer: KernelOutput) -> bool:
    """Return whether a song plays on the channels of both synthesizers of Windows 3.1, and on no other."""
    channels = answer.channels
    return bool(
        channels >> EXTENDED_DRUMS & channels >> BASE_DRUMS & 1
        and channels & EXTENDED_CHANNELS
        and channels & BASE_CHANNELS
        and not channels & UNUSED_CHANNELS
    )


def selects_other_drums(answer: KernelOutput) -> bool:
    """Return whether a source track on channel 16 alone plays another program than 0, the drums of Windows.

    Args:
        answer: for the tracks of the song, not divided.
    """
    tracks = answer.output_tracks
    programs = tracks["own_program"][tracks["channel"] == BASE_DRUMS]
    return bool(((programs != 0) & (programs != NO_PROGRAM)).any())
