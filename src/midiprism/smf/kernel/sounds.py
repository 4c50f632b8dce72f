"""What events do to the sounds of channels: programs, banks, MPE zones, mono mode, resets."""

from typing import Any

import numpy as np

from midiprism.smf.kernel.jit import borrowing_helper, inlined
from midiprism.smf.kernel.messages import MODULE_RESET, XG_PART_MODE
from midiprism.smf.kernel.row_types import (
    MODULE_GS,
    MODULE_XG,
    NO_PROGRAM,
    NULL_PARAMETER,
)

BANK, DATA_ENTRY, BANK_LSB = 0, 6, 32
NRPN_LSB, NRPN_MSB, RPN_LSB, RPN_MSB = 98, 99, 100, 101
RESET_CONTROLLERS, MONO_MODE, POLY_MODE = 121, 126, 127
SETUP_CONTROLLERS = (
    BANK,
    DATA_ENTRY,
    BANK_LSB,
    NRPN_LSB,
    NRPN_MSB,
    RPN_LSB,
    RPN_MSB,
    RESET_CONTROLLERS,
    MONO_MODE,
    POLY_MODE,
)

IS_SETUP_CONTROLLER = np.array([number in SETUP_CONTROLLERS for number in range(128)])
"""Controllers that ``apply_controller`` knows; the tight loops leave them to it."""

MPE_CONFIGURATION = 6
"""The registered parameter that sets the members of an MPE zone."""

_PARAMETER_CONTROLLERS = (DATA_ENTRY, 38, 96, 97, RPN_LSB, RPN_MSB)
"""Controllers that select a registered parameter or change its value."""

LOWER_MANAGER = 0
UPPER_MANAGER = 15
MOST_MEMBERS = 15
MEMBERS_OF_TWO_ZONES = 14


@borrowing_helper
def channels_set_by(state: Any, channel: int) -> tuple[int, int]:
    """Return the channels, from the first up to the second, whose program a channel selects.

    The manager channel of an MPE zone selects that of the whole zone.
    """
    if channel == LOWER_MANAGER and state.lower_members > 0:
        return 0, state.lower_members + 1
    if channel == UPPER_MANAGER and state.upper_members > 0:
        return 15 - state.upper_members, 16
    return channel, channel + 1


@borrowing_helper
def set_zone(state: Any, channel: int, members: int) -> None:
    """Give the MPE zone of a manager channel that many members; the other zone keeps those that are left."""
    members = min(members, MOST_MEMBERS)
    left = max(0, MEMBERS_OF_TWO_ZONES - members)
    if channel == LOWER_MANAGER:
        state.lower_members = members
        state.most_lower_members = max(state.most_lower_members, members)
        state.upper_members = min(state.upper_members, left) if members > 0 else state.upper_members
    else:
        state.upper_members = members
        state.most_upper_members = max(state.most_upper_members, members)
        state.lower_members = min(state.lower_members, left) if members > 0 else state.lower_members
    manager = state.channels[channel]
    if members > 0 and manager.program != NO_PROGRAM:
        first, stop = channels_set_by(state, channel)
        for member in range(first, stop):
            state.channels[member].program = manager.program
            state.channels[member].bank = manager.bank
            state.channels[member].bank_lsb = manager.bank_lsb


@inlined
def configures_zone(state: Any, channel: int, number: int) -> bool:
    """Return whether a controller, which was applied, selects or sets the members of an MPE zone."""
    return bool(number in _PARAMETER_CONTROLLERS and state.channels[channel].parameter == MPE_CONFIGURATION)


@borrowing_helper
def apply_program(state: Any, channel: int, program: int) -> None:
    """Select a program."""
    first, stop = channels_set_by(state, channel)
    for member in range(first, stop):
        state.channels[member].program = program


@borrowing_helper
def apply_controller(state: Any, channel: int, number: int, value: int) -> None:
    """Apply a controller of SETUP_CONTROLLERS."""
    settings = state.channels[channel]
    if number in (BANK, BANK_LSB):
        first, stop = channels_set_by(state, channel)
        for member in range(first, stop):
            if number == BANK:
                state.channels[member].bank = value
            else:
                state.channels[member].bank_lsb = value
    elif number == DATA_ENTRY:
        if settings.parameter == MPE_CONFIGURATION and channel in (LOWER_MANAGER, UPPER_MANAGER):
            set_zone(state, channel, value)
    elif number == RPN_LSB:
        settings.parameter = settings.parameter & ~0x7F | value
    elif number == RPN_MSB:
        settings.parameter = value << 7 | settings.parameter & 0x7F
    elif number in (MONO_MODE, POLY_MODE):
        settings.mono = 1 if number == MONO_MODE else 0
    elif number in (NRPN_LSB, NRPN_MSB, RESET_CONTROLLERS):
        settings.parameter = NULL_PARAMETER


@inlined
def is_part_mode_of_module(message: int, module: int) -> bool:
    """Return whether a module in that mode understands a part mode: XG knows none of GS, GS none of XG."""
    return module != (MODULE_GS if message >= XG_PART_MODE else MODULE_XG)


@borrowing_helper
def apply_sound_message(states: Any, message: int) -> None:
    """Apply what ``parse_sound_message`` has found, on every port: a reset ends banks and part modes."""
    for port in range(states.shape[0]):
        state = states[port]
        if message >= MODULE_RESET:
            state.module = message - MODULE_RESET
            for channel in range(16):
                settings = state.channels[channel]
                settings.bank = -1
                settings.bank_lsb = -1
                settings.part_mode = -1
        elif is_part_mode_of_module(message, state.module):
            state.channels[message >> 1 & 15].part_mode = message & 1
