"""Hashes of 32 bits, and sets of them. Products stay below 2**63, so that compiled and plain code agree."""

from typing import Any

from midiprism.similarity.kernel.tables import PHRASE_INTERVALS, PHRASE_SLOTS
from midiprism.smf.kernel.jit import borrowing_helper

MASK = 0xFFFFFFFF
_FACTOR = 0x45D9F3B
_STEP = 0x2C1B3C6D
_FIRST_FACTOR = pow(_STEP, PHRASE_INTERVALS, 1 << 32)
_LEAST_SLOTS = 64


@borrowing_helper
def mix(value: int) -> int:
    """Return a number of 32 bits, each of which depends on every bit of the given one."""
    value = (value ^ value >> 16) * _FACTOR & MASK
    value = (value ^ value >> 16) * _FACTOR & MASK
    return value ^ value >> 16


@borrowing_helper
def append(state: int, value: int) -> int:
    """Return the hash of a sequence with one more value, at least 0."""
    return state * _STEP + value + 1 & MASK


@borrowing_helper
def without_first(state: int, value: int) -> int:
    """Return the hash of a sequence of phrase length and one more, without its first value."""
    return state - (value + 1) * _FIRST_FACTOR & MASK


@borrowing_helper
def empty(table: Any, keys: int) -> None:
    """Empty a table of phrases, and use as few slots as so many keys need: these stay in the cache."""
    slots = _LEAST_SLOTS
    while slots < 2 * keys:
        slots *= 2
    table.last_slot = min(slots, PHRASE_SLOTS) - 1
    table.stamp += 1
    table.count = 0


@borrowing_helper
def find(table: Any, key: int) -> int:
    """Return the slot of a key, or the free one that it would take."""
    slot = key & table.last_slot
    while table.stamps[slot] == table.stamp and table.keys[slot] != key:
        slot = slot + 1 & table.last_slot
    return slot


@borrowing_helper
def add(table: Any, key: int) -> bool:
    """Add a key, unless it is there, and return whether it was added. Keys are numbered from 0."""
    slot = find(table, key)
    if table.stamps[slot] == table.stamp:
        return False
    table.stamps[slot] = table.stamp
    table.keys[slot] = key
    table.numbers[slot] = table.count
    table.members[table.count] = key
    table.count += 1
    return True


@borrowing_helper
def number_of(table: Any, key: int) -> int:
    """Return the number of a key; -1 if it is not there."""
    slot = find(table, key)
    return table.numbers[slot] if table.stamps[slot] == table.stamp else -1
