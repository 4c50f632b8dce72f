"""Load machine code, and call it.

A call passes the address of each array, that of the other arguments and of lengths, 8 bytes each, that of the
room for results, and that of scratch memory for arrays among them. Those are copied, and never shared.
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
"""Scratch memory that no call uses."""


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
    native = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * (len(arrays) + 3))(call_at)
    pack = struct.Struct("=" + "".join("d" if kind == FLOAT64 else "q" for kind in arguments)).pack
    reader = _ResultReader(code, make_result, ctypes.CFUNCTYPE(None, ctypes.c_void_p)(release_at))
    names = [f"value{index}" for index in range(len(arguments))]
    pointers = "".join(
        f"{name} if type({name}) is bytes else pointer({name}), "
        for name in (names[index] for index in arrays)
    )
    numbers = ", ".join(f"len({name})" if index in arrays else name for index, name in enumerate(names))
    # Written out, as the constructors of dataclasses are: loops over arguments took as long as the call.
    source = f"""
def call({", ".join(names)}):
    scratch = spare.pop() if spare else Scratch()
    results = Results()
    if native({pointers}pack({numbers}), results, scratch):
        raise_error(results)
    try:
        return {"read(results, scratch)" if code.results else "None"}
    finally:
        spare.append(scratch)
"""
    names_in_source: dict[str, Any] = {
        "native": native,
        "pack": pack,
        "pointer": _pointer,
        "raise_error": _raise_error,
        "read": reader.read,
        "Results": reader.room,
        "Scratch": ctypes.c_char * SCRATCH_SIZE,
        "spare": _spare,
    }
    exec(source, names_in_source)  # noqa: S102 - of the names above alone
    caller: Callable[..., Any] = names_in_source["call"]
    return caller


class _ResultReader:
    """Makes Python's values of the results of a function."""

    def __init__(self, code: NativeCode, make_result: Any, release: Callable[..., Any]) -> None:
        formats = "".join(_FORMATS[field.kind] for field in code.results)
        self.room = ctypes.c_char * (8 * max(len(formats), 1))
        self._unpack = struct.Struct("=" + formats).unpack_from
        self._make_result = make_result
        self._is_tuple = code.is_tuple
        self._release = release
        dtypes = [None if field.dtype is None else np.dtype(field.dtype) for field in code.results]
        self._arrays = [(at, dtype, dtype.itemsize) for at, dtype in enumerate(dtypes) if dtype is not None]

    def read(self, results: Any, scratch: Any) -> Any:
        """Return what the function returns."""
        values = [*self._unpack(results)]
        is_owned = False
        for index, dtype, size in self._arrays:
            owner, address, length = values[index : index + 3]
            array = None
            if owner:
                is_owned = True
                array = np.frombuffer(ctypes.string_at(address, length * size), dtype)
            elif length > 0:
                array = np.frombuffer(scratch[address : address + length * size], dtype)
            elif length == 0:
                array = np.empty(0, dtype)
            values[index : index + 3] = [array]
        if is_owned:
            self._release(results)
        return self._make_result(values) if self._is_tuple else values[0]


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
