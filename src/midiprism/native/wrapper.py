"""The function by which Python calls compiled code: takes addresses and numbers, calls Numba's function."""

from collections.abc import Sequence
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.np import numpy_support
from numba.np.arrayobj import populate_array

from midiprism.native.loader import CALL_PREFIX, RELEASE_PREFIX
from midiprism.native.types import SCRATCH_SIZE, SLOTS, ResultField

types: Any = numba.types
_POINTER = ir.IntType(8).as_pointer()
_WORD = ir.IntType(64)
_INT32 = ir.IntType(32)
_WORDS = _WORD.as_pointer()


def describe_results(returned: Any) -> tuple[tuple[ResultField, ...], bool]:
    """Return the fields of Numba's type of what a function returns, and whether it is a tuple.

    Raises:
        TypeError: it cannot be passed to Python.
    """
    if isinstance(returned, types.NoneType):
        return (), False
    is_tuple = isinstance(returned, types.BaseTuple)
    return tuple(_describe(kind) for kind in (returned if is_tuple else (returned,))), is_tuple


def _describe(kind: Any) -> ResultField:
    if isinstance(kind, types.Integer | types.Boolean):
        return ResultField("int")
    if kind == types.float64:
        return ResultField("float")
    array = kind.type if isinstance(kind, types.Optional) else kind
    if not (isinstance(array, types.Array) and array.ndim == 1 and array.layout == "C"):
        raise TypeError(f"a compiled function cannot return {kind}")
    dtype = numpy_support.as_dtype(array.dtype)
    described = dtype.str if dtype.fields is None else dtype.descr
    return ResultField("array" if array is kind else "optional array", described)


def make_wrapper_module(context: Any, function: Any, fields: Sequence[ResultField], name: str) -> ir.Module:
    """Return the module with the functions that call compiled code and that free its results.

    Args:
        context: Numba's target context.
        function: Numba's description of the compiled function.
        fields: what it returns.
        name: of the function, for its symbols.
    """
    module = context.create_module("midiprism_wrapper")
    convention = context.call_conv
    callee = ir.Function(
        module, convention.get_function_type(function.restype, function.argtypes), function.llvm_func_name
    )
    arrays = sum(isinstance(kind, types.Array) for kind in function.argtypes)
    signature = ir.FunctionType(_INT32, [*[_POINTER] * arrays, _WORDS, _WORDS, _POINTER])
    call = ir.Function(module, signature, CALL_PREFIX + name)
    builder = ir.IRBuilder(call.append_basic_block())
    *pointers, numbers, results, scratch = call.args
    arguments = _load_arguments(context, builder, function.argtypes, pointers, numbers)
    status, returned = convention.call_function(
        builder, callee, function.restype, function.argtypes, arguments
    )
    with builder.if_then(status.is_error, likely=False):
        _store(builder, results, 0, builder.ptrtoint(status.excinfoptr, _WORD))
        builder.ret(status.code)
    if fields:
        _Results(context, builder, results, scratch).store(function.restype, returned)
    builder.ret(_INT32(0))
    _define_release(module, fields, name)
    return module


def _word(builder: Any, words: Any, index: int) -> Any:
    return builder.gep(words, [_INT32(index)])


def _store(builder: Any, words: Any, index: int, value: Any) -> None:
    builder.store(value, _word(builder, words, index))


def _load_arguments(
    context: Any, builder: Any, kinds: Sequence[Any], pointers: Sequence[Any], numbers: Any
) -> list[Any]:
    remaining = iter(pointers)
    loaded = []
    for index, kind in enumerate(kinds):
        number = builder.load(_word(builder, numbers, index))
        if isinstance(kind, types.Array):
            array = context.make_array(kind)(context, builder)
            size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
            data = builder.bitcast(next(remaining), array.data.type)
            populate_array(array, data, [number], [_WORD(size)], size, None)
            loaded.append(array._getvalue())
        elif kind == types.float64:
            loaded.append(builder.bitcast(number, ir.DoubleType()))
        elif kind == types.boolean:
            loaded.append(builder.icmp_unsigned("!=", number, _WORD(0)))
        else:
            loaded.append(number)
    return loaded


def _drop_function(module: ir.Module) -> Any:
    """Return Numba's function that gives up a reference to memory."""
    return cgutils.get_or_insert_function(module, ir.FunctionType(ir.VoidType(), [_POINTER]), "NRT_decref")


class _Results:
    """Stores what a function returns.

    An array goes to the scratch memory of the caller as long as there is room: its place there is its
    address then, and it has no owner. Other arrays keep their owner.
    """

    def __init__(self, context: Any, builder: Any, results: Any, scratch: Any) -> None:
        self._context = context
        self._builder = builder
        self._results = results
        self._scratch = scratch
        self._used = cgutils.alloca_once_value(builder, _WORD(0))
        self._slot = 0

    def store(self, returned: Any, value: Any) -> None:
        """Store a value or the values of a tuple, of Numba's type ``returned``."""
        builder = self._builder
        is_tuple = isinstance(returned, types.BaseTuple)
        kinds = tuple(returned) if is_tuple else (returned,)
        values = cgutils.unpack_tuple(builder, value) if is_tuple else [value]
        for kind, part in zip(kinds, values, strict=True):
            if isinstance(kind, types.Optional):
                option = self._context.make_helper(builder, kind, value=part)
                is_there = builder.trunc(option.valid, ir.IntType(1))
                with builder.if_else(is_there) as (then, otherwise):
                    with then:
                        self._store_array(kind.type, option.data)
                    with otherwise:
                        self._store_words(_WORD(0), _WORD(0), _WORD(-1))
            elif isinstance(kind, types.Array):
                self._store_array(kind, part)
            elif kind == types.float64:
                self._store_words(builder.bitcast(part, _WORD))
            elif part.type == _WORD:
                self._store_words(part)
            else:
                is_signed = isinstance(kind, types.Integer) and kind.signed
                self._store_words((builder.sext if is_signed else builder.zext)(part, _WORD))
            self._slot += SLOTS[_describe(kind).kind]

    def _store_words(self, *words: Any) -> None:
        for offset, word in enumerate(words):
            _store(self._builder, self._results, self._slot + offset, word)

    def _store_array(self, kind: Any, value: Any) -> None:
        builder = self._builder
        array = self._context.make_array(kind)(self._context, builder, value)
        size = builder.mul(array.nitems, array.itemsize)
        used = builder.load(self._used)
        end = builder.add(used, size)
        fits = builder.icmp_signed("<=", end, _WORD(SCRATCH_SIZE))
        with builder.if_else(fits) as (then, otherwise):
            with then:
                place = builder.gep(self._scratch, [used])
                cgutils.raw_memcpy(builder, place, builder.bitcast(array.data, _POINTER), size, 1)
                builder.store(end, self._used)
                builder.call(_drop_function(builder.module), [array.meminfo])
                self._store_words(_WORD(0), used, array.nitems)
            with otherwise:
                owner = builder.ptrtoint(array.meminfo, _WORD)
                self._store_words(owner, builder.ptrtoint(array.data, _WORD), array.nitems)


def _define_release(module: ir.Module, fields: Sequence[ResultField], name: str) -> None:
    """Define the function that gives up the arrays among the results."""
    release = ir.Function(module, ir.FunctionType(ir.VoidType(), [_WORDS]), RELEASE_PREFIX + name)
    builder = ir.IRBuilder(release.append_basic_block())
    drop = _drop_function(module)
    slot = 0
    for field in fields:
        if field.dtype is not None:
            owner = builder.load(_word(builder, release.args[0], slot))
            builder.call(drop, [builder.inttoptr(owner, _POINTER)])
        slot += SLOTS[field.kind]
    builder.ret_void()
