"""Load machine code, and call it.

A call passes the address of each array, that of the other arguments and of lengths, 8 bytes each, that of the
room for results, and that of scratch memory for arrays among them. Those are copied, and never shared. An
array of bytes becomes a ``bytes`` object.
"""

import ctypes
import pickle
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from midiprism.native.code_file import NativeCode
from midiprism.native.types import FLOAT64, SCRATCH_SIZE, ArgumentType, ArrayType

RELEASE_PREFIX = "midiprism_release_"
CALL_PREFIX = "midiprism_call_"
ALLOCATE = "midiprism_allocate"
FREE = "midiprism_free"

_FORMATS = {"int": "q", "float": "d", "array": "qqq", "optional array": "qqq"}
_OneByte = ctypes.c_char * 1
_lock = threading.Lock()
_engines: list[Any] = []
"""They keep the code in memory."""

_spare: list[Any] = []
"""Memory that no call uses: scratch memory, and the room for results."""

_NUMBER_SIZE = 8
_MAX_RESULT_NUMBERS = 64


class UnfitCodeError(Exception):
    """Machine code is for other processors."""


def load(code: NativeCode, arguments: Sequence[ArgumentType], make_result: Any) -> Callable[..., Any]:
    """Return a Python function that calls the code.

    Args:
        code: the machine code.
        arguments: the types of its arguments.
        make_result: called with the list of results of a function that returns a tuple.

    Raises:
        UnfitCodeError: the code is for newer processors than this one.
    """
    import llvmlite.binding as llvm

    with _lock:
        has = llvm.get_host_cpu_features() if code.features else {}
        if not all(map(has.get, code.features)):
            raise UnfitCodeError
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        for name, function in ((ALLOCATE, "PyMem_RawMalloc"), (FREE, "PyMem_RawFree")):
            address = ctypes.cast(getattr(ctypes.pythonapi, function), ctypes.c_void_p).value
            llvm.add_symbol(name, address)
        machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        engine.add_object_file(llvm.ObjectFileRef.from_data(code.object_code))
        engine.finalize_object()
        call = engine.get_function_address(CALL_PREFIX + code.name)
        release = engine.get_function_address(RELEASE_PREFIX + code.name)
        _engines.append(engine)
    return _make_caller(code, arguments, make_result, call, release)


def _make_caller(
    code: NativeCode, arguments: Sequence[ArgumentType], make_result: Any, call_at: int, release_at: int
) -> Callable[..., Any]:
    arrays = [index for index, argument in enumerate(arguments) if isinstance(argument, ArrayType)]
    names = [f"value{index}" for index in range(len(arguments))]
    pointers = "".join(
        f"{name} if type({name}) is bytes else pointer({name}), "
        for name in (names[index] for index in arrays)
    )
    numbers = ", ".join(f"len({name})" if index in arrays else name for index, name in enumerate(names))
    values, reading, names_of_results = _result_code(code)
    formats = "".join(_FORMATS[field.kind] for field in code.results)
    # Written out, as the constructors of dataclasses are: loops over arguments and results took as long as
    # the call.
    source = f"""
def call({", ".join(names)}):
    room = spare.pop() if spare else (Scratch(), Results())
    scratch, results = room
    if native({pointers}pack({numbers}), results, scratch):
        raise_error(results)
{reading}
    spare.append(room)
    return {f"make_result({values})" if code.is_tuple else values.strip("[]") or None}
"""
    names_in_source: dict[str, Any] = {
        "native": ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * (len(arrays) + 3))(call_at),
        "pack": struct.Struct("=" + "".join("d" if kind == FLOAT64 else "q" for kind in arguments)).pack,
        "pointer": _pointer,
        "raise_error": _raise_error,
        "unpack": struct.Struct("=" + formats).unpack_from,
        "release": ctypes.CFUNCTYPE(None, ctypes.c_void_p)(release_at),
        "frombuffer": np.frombuffer,
        "string_at": ctypes.string_at,
        "make_result": make_result,
        "Results": ctypes.c_char * (_MAX_RESULT_NUMBERS * _NUMBER_SIZE),
        "Scratch": ctypes.c_char * SCRATCH_SIZE,
        "spare": _spare,
        **names_of_results,
    }
    exec(source, names_in_source)  # noqa: S102 - of the names above alone
    caller: Callable[..., Any] = names_in_source["call"]
    return caller


def _result_code(code: NativeCode) -> tuple[str, str, dict[str, Any]]:
    """Return the list of results as source, the source that makes them, and the values that it names."""
    numbers: list[str] = []
    values: list[str] = []
    lines: list[str] = []
    names: dict[str, Any] = {}
    owners: list[str] = []
    for index, field in enumerate(code.results):
        values.append(f"result{index}")
        if field.dtype is None:
            numbers.append(f"result{index}")
            continue
        names[f"dtype{index}"] = dtype = np.dtype(field.dtype)
        owner, at, length = f"owner{index}", f"at{index}", f"length{index}"
        numbers += [owner, at, length]
        owners.append(owner)
        size = f"{length} * {dtype.itemsize}"
        octets = f"string_at({at}, {size}) if {owner} else scratch[{at} : {at} + {size}]"
        is_bytes = dtype == np.uint8
        names[f"empty{index}"] = b"" if is_bytes else np.empty(0, dtype)
        lines += [
            f"    if {length} > 0:",
            f"        result{index} = {octets if is_bytes else f'frombuffer({octets}, dtype{index})'}",
            "    else:",
            f"        result{index} = empty{index} if {length} == 0 else None",
        ]
    if numbers:
        lines.insert(0, f"    {', '.join(numbers)}, = unpack(results)")
    if owners:
        lines += [f"    if {' or '.join(owners)}:", "        release(results)"]
    return f"[{', '.join(values)}]", "\n".join(lines), names


def _pointer(value: Any) -> Any:
    """Return what ctypes takes for the address of an array or of bytes."""
    if not len(value):
        return 0
    try:
        return _OneByte.from_buffer(value)
    except TypeError:  # it is read-only
        return np.asarray(value).__array_interface__["data"][0]


def _raise_error(results: Any) -> None:
    """Raise the exception that compiled code reports: its first result is the address of its pickle."""
    (at,) = struct.unpack_from("=q", results)
    error: Any = RuntimeError
    details: tuple[Any, ...] = ()
    if at:
        address, size = struct.unpack("=qi", ctypes.string_at(at, 12))
        error, details, *_ = pickle.loads(ctypes.string_at(address, size))  # noqa: S301 - our own code's
    raise error(*(details or ("a compiled function has failed",)))
