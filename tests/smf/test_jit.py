"""Compiling the kernel: its cache, and doing without one."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from midiprism.smf.kernel import jit
from support.midi_writer import note, song, track

SONG = song(track(note(0, 60, 0, 96)))

ASK = """
import sys
import midiprism
from midiprism.smf import jit
before = jit.is_compiled()
tracks = midiprism.split(bytes.fromhex(sys.argv[1])).tracks
print(before, len(tracks), jit.is_compiled())
"""

SMALL = """
from midiprism.smf.jit import entry_point
@entry_point("(int64,)")
def double(number):
    return 2 * number
"""


def ask(code: str, *arguments: str, **environment: str) -> str:
    """What a new process says."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "NUMBA_DISABLE_JIT": "0", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_without_the_compiler_nothing_has_to_be_compiled() -> None:
    assert ask(ASK, SONG.hex(), NUMBA_DISABLE_JIT="1") == "True 1 True"


def room_in(folder: Path) -> Path:
    """A small room with an entry point of its own."""
    path = folder / "room" / "small.py"
    path.parent.mkdir()
    path.write_text(SMALL)
    return path


@pytest.fixture
def module_path(tmp_path: Path) -> Path:
    return room_in(tmp_path)


RUN = """
import sys
sys.path.insert(0, {room!r})
from small import double
print(double.is_compiled(), double(21), double.is_compiled())
"""


@dataclass(frozen=True)
class Compiled:
    """Such a room, and the cache of a process that has compiled it, which said ``told``."""

    module: Path
    cache: Path
    told: str

    @property
    def code(self) -> str:
        return RUN.format(room=str(self.module.parent))


@pytest.fixture(scope="module")
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    folder = tmp_path_factory.mktemp("compiled")
    module, cache = room_in(folder), folder / "cache"
    return Compiled(module, cache, ask(RUN.format(room=str(module.parent)), NUMBA_CACHE_DIR=str(cache)))


@pytest.fixture
def compiled_module(compiled_once: Compiled, tmp_path: Path) -> Compiled:
    """The same for one test, with a copy of the cache."""
    return replace(compiled_once, cache=Path(shutil.copytree(compiled_once.cache, tmp_path / "cache")))


def test_a_compiled_form_is_kept_for_the_next_process(compiled_module: Compiled) -> None:
    assert compiled_module.told == "False 42 True"
    assert ask(compiled_module.code, NUMBA_CACHE_DIR=str(compiled_module.cache)) == "True 42 True"


def test_another_source_is_compiled_anew(module_path: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    code = RUN.format(room=str(module_path.parent))
    ask(code, NUMBA_CACHE_DIR=str(cache))
    module_path.write_text(SMALL.replace("2 *", "1 +"))
    assert ask(code, NUMBA_CACHE_DIR=str(cache)) == "False 22 True"


def test_a_moved_source_is_not_taken_for_compiled(compiled_module: Compiled, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(compiled_module.module.parent, elsewhere, ignore=shutil.ignore_patterns("__pycache__"))
    code = RUN.format(room=str(elsewhere))
    assert ask(code, NUMBA_CACHE_DIR=str(compiled_module.cache)) == "False 42 True"


def test_where_no_cache_can_be_written_it_works_all_the_same(module_path: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, where a folder would have to be")
    code = RUN.format(room=str(module_path.parent))
    assert ask(code, NUMBA_CACHE_DIR=str(blocked / "cache")) == "False 42 True"


@pytest.mark.parametrize("damage", [b"", b"damaged", b"garbage\n", b"cos\nnosuch\n."])
def test_a_damaged_cache_is_done_without(compiled_module: Compiled, damage: bytes) -> None:
    files = [path for path in compiled_module.cache.rglob("*") if path.suffix in (".nbc", ".nbi")]
    assert files
    for path in files:
        path.write_bytes(damage)
    assert ask(compiled_module.code, NUMBA_CACHE_DIR=str(compiled_module.cache)).split()[1:] == ["42", "True"]


def test_the_digest_of_a_room_changes_with_its_files(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("1")
    first = jit.source_digest(tmp_path)
    (tmp_path / "two.py").write_text("2")
    assert jit.source_digest(tmp_path) != first
