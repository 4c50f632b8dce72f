"""Controllers of a track, as players of pages need them."""

from midiprism.smf.track_content import BEND_CENTS, read_track
from support.midi_writer import control_change, note, pitch_bend, song, track


def controls(*events: tuple[int, bytes]) -> list[tuple[int, int, int, int]]:
    content = read_track(song(track([*events, *note(0, 60, 100, 10)]), midi_format=0))
    return [(it.tick, it.channel, it.controller, it.value) for it in content.controls]


def test_only_controllers_that_are_heard_are_returned() -> None:
    found = controls(
        (0, control_change(2, 7, 90)), (5, control_change(2, 64, 127)), (6, control_change(2, 20, 1))
    )
    assert found == [(0, 2, 7, 90), (5, 2, 64, 127)]


def test_a_bend_is_in_cents_of_the_range_that_its_channel_has_set() -> None:
    found = controls(
        (0, pitch_bend(1, 16383)),
        (1, control_change(1, 101, 0)),
        (1, control_change(1, 100, 0)),
        (1, control_change(1, 6, 12)),
        (1, control_change(1, 38, 50)),
        (2, pitch_bend(1, 0)),
        (3, pitch_bend(0, 12288)),
    )
    assert found == [(0, 1, BEND_CENTS, 200), (2, 1, BEND_CENTS, -1250), (3, 0, BEND_CENTS, 100)]


def test_data_for_another_parameter_change_no_bend() -> None:
    found = controls(
        (0, control_change(0, 101, 0)),
        (0, control_change(0, 100, 1)),
        (0, control_change(0, 6, 24)),
        (1, pitch_bend(0, 0)),
    )
    assert found == [(1, 0, BEND_CENTS, -200)]
