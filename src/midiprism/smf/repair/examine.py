"""Notices about a song that need a second reading of it: music that was lost, music that is there twice."""

from collections.abc import Callable

from midiprism.smf.kernel.split_kernel import KernelOutput
from midiprism.smf.repair.diagnosis import diagnose
from midiprism.smf.repair.dual_mode import find_dual_mode
from midiprism.smf.repair.edits import RepairStep
from midiprism.smf.repair.events import Effort
from midiprism.smf.repair.loss import find_loss
from midiprism.smf.repair.signs import may_be_dual_mode, may_have_loss, selects_other_drums
from midiprism.smf.repair.stray_tempo import find_stray_tempos
from midiprism.smf.unwrap import Unwrapped

MAX_DUAL_MODE_EVENTS = 3_000
"""Most events read to find out that a song is there twice: its first bars are enough."""


def examine_song(song: Unwrapped, answer: KernelOutput, read: Callable[[bytes], KernelOutput | None]) -> None:
    """Add notices to a song after its repairs.

    Args:
        song: the song, to which problems are added.
        answer: the kernel's answer for it.
        read: returns the kernel's answer for bytes, with details; None where it exceeds a limit.
    """
    data = bytes(song.data)
    details = read(data)
    if details is None:
        return
    diagnosis = diagnose(data, details)
    found = find_stray_tempos(diagnosis, Effort())
    if may_have_loss(answer, song.track_count, song.repairs):
        loss = find_loss(diagnosis, song.repairs)
        found += [] if loss is None else [loss]
    if may_be_dual_mode(answer) and not selects_other_drums(details):
        dual_mode = find_dual_mode(diagnosis, Effort(MAX_DUAL_MODE_EVENTS))
        found += [] if dual_mode is None else [dual_mode]
    song.apply_repairs(RepairStep([], found))
