"""Tests of compiling the kernel, with and without a cache."""

import ast
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from midiprism.native.code_file import decode, encode, source_digest
from midiprism.sample import songs
from midiprism.smf.kernel import jit
from support.compiled_process import run_python
from support.midi_writer import note, song, track

SONG = song(track(note(0, 60, 0, 96)))

SPLIT = """
import sys
import midiprism
from midiprism.smf.kernel.split_kernel import is_compiled
before = is_compiled()
tracks = midiprism.split(bytes.fromhex(sys.argv[1])).tracks
print(before, len(tracks), is_compiled())
"""

SMALL_KERNEL = """
from midiprism.native.types import INT64
from midiprism.smf.kernel.jit import entry_point
@entry_point((INT64,))
def double(number):
    return 2 * number
"""


def test_without_the_compiler_nothing_has_to_be_compiled() -> None:
    assert run_python(SPLIT, SONG.hex(), NUMBA_DISABLE_JIT="1") == "True 1 True"


def write_small_kernel(folder: Path) -> Path:
    """Write a module with an entry point into a folder of its own."""
    path = folder / "kernels" / "small.py"
    path.parent.mkdir()
    path.write_text(SMALL_KERNEL)
    return path


@pytest.fixture
def module_path(tmp_path: Path) -> Path:
    return write_small_kernel(tmp_path)


RUN = """
import sys
sys.path.insert(0, {folder!r})
from small import double
print(double.is_compiled(), double(21), double.is_compiled())
"""


@dataclass(frozen=True)
class CompiledKernel:
    """A small kernel, and the cache and output of a process that has compiled it."""

    module: Path
    cache: Path
    output: str

    @property
    def code(self) -> str:
        return RUN.format(folder=str(self.module.parent))


@pytest.fixture(scope="module")
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> CompiledKernel:
    folder = tmp_path_factory.mktemp("compiled")
    module, cache = write_small_kernel(folder), folder / "cache"
    return CompiledKernel(
        module, cache, run_python(RUN.format(folder=str(module.parent)), NUMBA_CACHE_DIR=str(cache))
    )


@pytest.fixture
def compiled_module(compiled_once: CompiledKernel, tmp_path: Path) -> CompiledKernel:
    """Return the compiled kernel with a copy of its cache, for one test."""
    return replace(compiled_once, cache=Path(shutil.copytree(compiled_once.cache, tmp_path / "cache")))


def test_the_next_process_loads_the_compiled_form(compiled_module: CompiledKernel) -> None:
    assert compiled_module.output == "False 42 True"
    assert run_python(compiled_module.code, NUMBA_CACHE_DIR=str(compiled_module.cache)) == "True 42 True"


def test_a_changed_source_is_compiled_again(module_path: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    code = RUN.format(folder=str(module_path.parent))
    run_python(code, NUMBA_CACHE_DIR=str(cache))
    # It has another size: Python keeps the bytecode of a source of the same size and second.
    module_path.write_text(SMALL_KERNEL.replace("2 *", "1 + 1 *"))
    assert run_python(code, NUMBA_CACHE_DIR=str(cache)) == "False 22 True"


def test_a_moved_source_is_not_compiled_again(compiled_module: CompiledKernel, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "kernels"
    shutil.copytree(compiled_module.module.parent, elsewhere, ignore=shutil.ignore_patterns("__pycache__"))
    code = RUN.format(folder=str(elsewhere))
    assert run_python(code, NUMBA_CACHE_DIR=str(compiled_module.cache)) == "True 42 True"


def test_a_kernel_works_where_no_cache_can_be_written(module_path: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, where a folder would have to be")
    code = RUN.format(folder=str(module_path.parent))
    assert run_python(code, NUMBA_CACHE_DIR=str(blocked / "cache")) == "False 42 True"


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "changed"])
def test_a_damaged_cache_is_not_used(compiled_module: CompiledKernel, damage: str) -> None:
    (path,) = compiled_module.cache.rglob("*.code")
    content = path.read_bytes()
    damaged = {
        "empty": b"",
        "text": b"damaged",
        "cut": content[:-1],
        "changed": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    }
    path.write_bytes(damaged[damage])
    assert run_python(compiled_module.code, NUMBA_CACHE_DIR=str(compiled_module.cache)).split()[1:] == [
        "42",
        "True",
    ]


def test_the_digest_of_a_folder_changes_with_any_file_in_it(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("1")
    first = source_digest([tmp_path])
    (tmp_path / "two.py").write_text("2")
    second = source_digest([tmp_path])
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "three.py").write_text("3")
    assert len({first, second, source_digest([tmp_path])}) == 3


IMPORTED_BY_KERNEL = """
import sys
import midiprism.smf.kernel.split_kernel
import midiprism.native.compiler
import midiprism.sample.render
packages = ("midiprism.smf.", "midiprism.sample.", "midiprism.native.")
print(*(module.__file__ for name, module in sys.modules.items() if name.startswith(packages)))
"""


def test_every_module_that_a_kernel_imports_is_in_its_digest(tmp_path: Path) -> None:
    sample_folder = Path(songs.__file__).parent
    covered = (*jit.COMPILED_SOURCES, sample_folder)
    imported = {Path(name) for name in run_python(IMPORTED_BY_KERNEL).split()}
    outside = {path.name for path in imported if not any(path.is_relative_to(source) for source in covered)}
    calling = {"__init__.py", "code_file.py", "entry_point.py", "loader.py", "private_cache.py"}
    assert outside - calling == {"types.py"}, "it holds plain values of Python"


KERNEL_FOLDER = Path(jit.__file__).parent

BORROWING = {"borrowing_helper", "bounds_checked_by_hand"}
"""Decorators of helpers that do not count references of arrays."""


@cache
def kernel_functions() -> dict[str, tuple[ast.FunctionDef, str]]:
    """Return every function of the kernel with its decorator, by name."""
    found = {}
    for path in KERNEL_FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and len(node.decorator_list) == 1:
                found[node.name] = node, ast.unparse(node.decorator_list[0])
    return found


def arrays_made_by(function: ast.FunctionDef) -> list[str]:
    """Return the calls of a function by which it gets an array of its own."""
    functions = kernel_functions()
    found = []
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called.startswith("np.") or called.endswith((".copy", ".astype")):
            found.append(called)
        callee, decorator = functions.get(called, (None, ""))
        if callee is None or callee is function:
            continue
        if decorator == "inlined":
            found += arrays_made_by(callee)
        elif decorator == "helper" and ast.unparse(callee.returns or callee) == "Any":
            found.append(called)
    return found


BORROWING_HELPERS = {
    name: function for name, (function, decorator) in kernel_functions().items() if decorator in BORROWING
}


def test_kernel_functions_are_found() -> None:
    assert {"scan_events", "bisect_right", "copy_track"} <= BORROWING_HELPERS.keys()


@pytest.mark.parametrize("function", BORROWING_HELPERS.values(), ids=BORROWING_HELPERS.keys())
def test_a_borrowing_helper_makes_and_returns_no_array(function: ast.FunctionDef) -> None:
    # An array that it returned would be freed while it is in use, and one that it made would never be freed.
    returned = ast.unparse(function.returns) if function.returns else ""
    assert set(returned.replace("tuple", "").strip("[]").split(", ")) <= {
        "None",
        "bool",
        "int",
        "float",
        "LeadSound",
    }
    assert arrays_made_by(function) == []


def test_arrays_of_inlined_helpers_are_found() -> None:
    function = ast.parse("def grow(table):\n    table = ensure_capacity(table, 3)").body[0]
    assert isinstance(function, ast.FunctionDef)
    assert arrays_made_by(function) == ["double_length"]


RUN_AND_WARN = RUN.replace("import sys", "import sys, warnings; warnings.simplefilter('always')")


def run_with_warnings(kernel: CompiledKernel) -> tuple[str, str]:
    """Return the output and the warnings of a process that uses a kernel."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_AND_WARN.format(folder=str(kernel.module.parent))],
        env={**os.environ, "NUMBA_DISABLE_JIT": "0", "NUMBA_CACHE_DIR": str(kernel.cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip(), done.stderr


def test_the_cache_is_made_for_its_user_alone(compiled_module: CompiledKernel) -> None:
    (folder,) = compiled_module.cache.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("place", ["folder", "file"])
@pytest.mark.parametrize(
    "harm",
    [
        "writable",
        pytest.param(
            "owned",
            marks=pytest.mark.skipif(
                not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another owner"
            ),
        ),
    ],
)
def test_a_cache_that_others_can_write_is_not_loaded_and_reported_once(
    compiled_module: CompiledKernel, place: str, harm: str
) -> None:
    (folder,) = compiled_module.cache.iterdir()
    folder.chmod(0o755)
    path = folder if place == "folder" else next(folder.rglob("*.code"))
    if harm == "writable":
        path.chmod(0o777)
    else:
        os.chown(path, 65_534, 65_534)
    output, warnings = run_with_warnings(compiled_module)
    assert output == "False 42 True", "it is compiled, not loaded"
    assert warnings.count("KernelCacheWarning") == 1
    assert str(path) in warnings


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_cache_that_is_a_link_is_not_loaded(compiled_module: CompiledKernel) -> None:
    (folder,) = compiled_module.cache.iterdir()
    elsewhere = folder.rename(compiled_module.cache.parent / "elsewhere")
    folder.symlink_to(elsewhere)
    assert run_with_warnings(compiled_module)[0] == "False 42 True"


def test_a_group_may_share_the_mode_of_files_in_a_closed_folder(compiled_module: CompiledKernel) -> None:
    (folder,) = compiled_module.cache.iterdir()
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode | 0o020)
    assert run_with_warnings(compiled_module) == ("True 42 True", "")


def test_machine_code_is_loaded_without_the_compiler(compiled_module: CompiledKernel) -> None:
    code = f"{compiled_module.code}\nprint('numba' in sys.modules)"
    assert run_python(code, NUMBA_CACHE_DIR=str(compiled_module.cache)).split() == [
        "True",
        "42",
        "True",
        "False",
    ]


def test_code_for_other_processors_is_compiled_again(compiled_module: CompiledKernel) -> None:
    (path,) = compiled_module.cache.rglob("*.code")
    code = decode(path.read_bytes())
    path.write_bytes(encode(code._replace(features=("no such feature",))))
    assert run_python(compiled_module.code, NUMBA_CACHE_DIR=str(compiled_module.cache)).split()[1] == "42"
    assert decode(path.read_bytes()) == code
