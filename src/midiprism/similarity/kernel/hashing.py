"""Hashes of 32 bits, and sets of them. Products stay below 2**63, so that compiled and plain code agree."""

from typing import Any

from midiprism.similarity.kernel.tables import PHRASE_SLOTS
from midiprism.smf.kernel.jit import borrowing_helper

MASK = 0xFFFFFFFF
_FACTOR = 0x45D9F3B
_STEP = 0x2C1B3C6D


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
def empty(table: Any) -> None:
    """Empty a table of phrases."""
    table.stamp += 1
    table.count = 0


@borrowing_helper
def find(table: Any, key: int) -> int:
    """Return the slot of a key, or the free one that it would take."""
    slot = key & PHRASE_SLOTS - 1
    while table.stamps[slot] == table.stamp and table.keys[slot] != key:
        slot = slot + 1 & PHRASE_SLOTS - 1
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
