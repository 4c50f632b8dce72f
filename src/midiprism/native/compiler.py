"""Compile functions to machine code with Numba. Loaded only where something has to be compiled.

Numba by itself optimizes each helper with all that it calls, generates code for it, and does so again for
its caller. Here helpers are only translated; one pass over all of them together optimizes, and generates
code for most processors of the architecture.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
import numba
from numba import _dynfunc, njit
from numba.core import codegen
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

from midiprism.native.code_file import NativeCode
from midiprism.native.loader import ALLOCATE, CALL_PREFIX, FREE, RELEASE_PREFIX
from midiprism.native.runtime import make_runtime_module
from midiprism.native.types import BOOLEAN, FLOAT64, INT64, ArgumentType, ArrayType
from midiprism.native.wrapper import describe_results, make_wrapper_module

types: Any = numba.types

_BASELINE = "x86-64-v3"
_BASELINE_FEATURES = ("avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")
"""The kind of processor that code is for where this one is such, and what it has: most x86 since 2013."""

_OPTIMIZATION_LEVEL = 2

_SHARED = (llvm.Linkage.external, llvm.Linkage.linkonce_any, llvm.Linkage.linkonce_odr)

_SCALARS = {INT64: types.int64, BOOLEAN: types.boolean, FLOAT64: types.float64}

_C_LIBRARY = frozenset(
    (ALLOCATE, FREE, "memcpy", "memmove", "memset", "ceil", "floor", "fmod", "pow", "exp", "log", "log2")
)
"""Functions outside of the code that it may call."""


class _Library(codegen.JITCodeLibrary):  # type: ignore[misc] # Numba has no types
    """The translation of a function, neither optimized nor made machine code."""

    _linked: Any = None

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        self._raise_if_finalized()
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """Return a module with all that this one calls: for libraries that Numba makes outside of here."""
        if self._linked is None:
            self._linked = link_libraries(self)
        return self._linked


def compile_function(
    function: Callable[..., Any],
    signature: Sequence[ArgumentType],
    substitutes: Mapping[Any, Mapping[str, Any] | Any],
    options: Mapping[str, Any],
) -> NativeCode:
    """Return the machine code of a function.

    Args:
        function: plain Python of the kind that Numba compiles.
        signature: the types of its arguments.
        substitutes: for each helper that it may call the options with which Numba compiles it; for other
            values what stands for them in compiled code.
        options: those of the function itself.
    """
    with global_compiler_lock, _translating(), _substituted(substitutes):
        dispatcher = njit(**{**options, "no_cpython_wrapper": True, "no_cfunc_wrapper": True})(function)
        dispatcher.compile(tuple(map(_numba_type, signature)))
        (compiled,) = dispatcher.overloads.values()
        results, is_tuple = describe_results(compiled.fndesc.restype)
        context = cpu_target.target_context
        name = function.__name__
        wrapper = make_wrapper_module(context, compiled.fndesc, results, name)
        module = link_libraries(compiled.library)
        runtime = make_runtime_module(module.data_layout, module.triple)
        for extra in (wrapper, runtime):
            module.link_in(llvm.parse_assembly(str(extra)))
        has = llvm.get_host_cpu_features()
        features = _BASELINE_FEATURES if all(map(has.get, _BASELINE_FEATURES)) else ()
        exported = {CALL_PREFIX + name, RELEASE_PREFIX + name}
        object_code = _generate(module, exported, _BASELINE if features else "")
    return NativeCode(name, results, is_tuple, features, object_code)


def _numba_type(kind: ArgumentType) -> Any:
    if isinstance(kind, ArrayType):
        return types.Array(numba.from_dtype(kind.dtype), 1, "C", readonly=kind.readonly)
    return _SCALARS[kind]


def link_libraries(library: Any) -> Any:
    """Return a module with the code of a library and of all libraries that it needs."""
    module = library._final_module.clone()
    seen = {id(library)}
    waiting = list(library._linking_libraries)
    while waiting:
        other = waiting.pop()
        if id(other) in seen:
            continue
        seen.add(id(other))
        part = other._final_module.clone()
        for item in part.functions:
            # Others may be left out if what needs them is linked later.
            if not item.is_declaration and item.linkage in _SHARED:
                item.linkage = "weak_odr"
        module.link_in(part)
        waiting += other._linking_libraries
    return module


def _generate(module: Any, exported: set[str], processor: str) -> bytes:
    """Optimize a module, and return the object code of it for a kind of processor, or for all."""
    for item in (*module.functions, *module.global_variables):
        if not item.is_declaration and item.name not in exported:
            item.linkage = "internal"
    module.verify()
    target = llvm.Target.from_triple(module.triple)
    machine = target.create_target_machine(
        cpu=processor,
        opt=_OPTIMIZATION_LEVEL,
        reloc="static" if target.name.startswith("x86") else "default",
        codemodel="jitdefault",
        jit=True,
    )
    # Inline and simplify first: references that cancel out meet in one function, and are removed.
    builder, manager = _pass_manager(machine, 0)
    manager.add_loop_rotate_pass()
    manager.add_instruction_combine_pass()
    manager.add_jump_threading_pass()
    manager.add_refprune_pass()
    manager.run(module, builder)
    builder, manager = _pass_manager(machine, _OPTIMIZATION_LEVEL)
    manager.add_refprune_pass()
    manager.run(module, builder)
    unknown = {
        item.name
        for item in (*module.functions, *module.global_variables)
        if item.is_declaration and not item.name.startswith("llvm.") and item.name not in _C_LIBRARY
    }
    if unknown:
        raise TypeError(f"compiled code would call {', '.join(sorted(unknown))}, which is not part of it")
    code: bytes = machine.emit_object(module)
    return code


def _pass_manager(machine: Any, level: int) -> tuple[Any, Any]:
    """Return LLVM's builder of passes of a level, and its passes over a module."""
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    builder = llvm.create_pass_builder(machine, options)
    return builder, builder.getModulePassManager()


@contextmanager
def _translating() -> Iterator[None]:
    """Let Numba translate functions without optimizing each, and without making each callable."""
    cpu_target.typing_context.refresh()
    context = cpu_target.target_context
    context.refresh()
    generator = context.codegen()
    usual = generator._library_class
    generator._library_class = _Library
    context.get_executable = _uncallable
    try:
        yield
    finally:
        del context.get_executable
        generator._library_class = usual


def _uncallable(library: Any, function: Any, environment: Any) -> Any:
    """Return what stands for a function that Python will not call: Numba knows functions by such objects."""
    return _dynfunc.make_function(
        function.lookup_module(), function.qualname, "translated, not callable", 0, environment, (library,)
    )


@contextmanager
def _substituted(substitutes: Mapping[Any, Any]) -> Iterator[None]:
    """Let compiled forms of helpers stand for helpers in the modules of all of them.

    Nothing calls helpers from Python meanwhile: compiled kernels replace them.
    """
    by_id = {
        id(value): njit(**substitute)(value) if isinstance(substitute, dict) else substitute
        for value, substitute in substitutes.items()
    }
    replaced: list[tuple[dict[str, Any], str, Any]] = []
    package = __name__.partition(".")[0]
    try:
        for module in {sys.modules[value.__module__] for value in substitutes} | {
            module for name, module in sys.modules.items() if name.startswith(f"{package}.")
        }:
            names = vars(module)
            for name, value in [*names.items()]:
                if id(value) in by_id:
                    replaced.append((names, name, value))
                    names[name] = by_id[id(value)]
        yield
    finally:
        for names, name, value in replaced:
            names[name] = value
