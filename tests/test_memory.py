"""Memory that was freed is given back."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from midiprism import memory
from midiprism.memory import MemoryTrimmer, release_freed_memory, return_large_arrays

LARGE = 64 << 20


def _resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of the process as Linux states it")
def test_small_objects_that_were_freed_are_given_back() -> None:
    objects = [bytes(1000) for _ in range(LARGE // 1000)]
    del objects[:-1]  # the last one keeps the heap from shrinking by itself
    before = _resident_bytes()
    release_freed_memory()
    assert before - _resident_bytes() > LARGE // 2


def test_a_library_without_these_functions_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_library", lambda: None)
    release_freed_memory()
    return_large_arrays()
    MemoryTrimmer().trim()


def test_large_arrays_are_given_back_at_once_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(memory, "_library", lambda: SimpleNamespace(mallopt=lambda *it: calls.append(it)))
    return_large_arrays()
    assert calls == [(-3, 1 << 20)]
