"""Parts of Numba's runtime as LLVM code that goes into machine code: making, counting and freeing arrays."""

from typing import Any

from llvmlite import ir

from midiprism.native.loader import ALLOCATE, FREE

_POINTER = ir.IntType(8).as_pointer()
_WORD = ir.IntType(64)
_INT32 = ir.IntType(32)
_OWNER = ir.LiteralStructType([_WORD, _POINTER, _POINTER, _POINTER, _WORD, _POINTER])
"""The owner of an array's memory, as Numba has it: references, destructor, its argument, address, size,
allocator."""
_OWNER_SIZE = 48


def make_runtime_module(data_layout: str, triple: str) -> ir.Module:
    """Return the module that defines what Numba's code calls."""
    module = ir.Module("midiprism_runtime")
    module.data_layout, module.triple = data_layout, triple
    allocate = ir.Function(module, ir.FunctionType(_POINTER, [_WORD]), ALLOCATE)
    free = ir.Function(module, ir.FunctionType(ir.VoidType(), [_POINTER]), FREE)
    for name in ("NRT_MemInfo_alloc_aligned", "NRT_MemInfo_alloc_safe_aligned"):
        _define_allocation(module, allocate, name)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_POINTER]), "NRT_MemInfo_call_dtor")
    builder = ir.IRBuilder(function.append_basic_block())
    builder.call(free, [function.args[0]])
    builder.ret_void()
    _define_counting(module, function)
    return module


def _define_counting(module: ir.Module, destroy: ir.Function) -> None:
    """Define the functions that count the references to an array, and free it with the last.

    Numba's own lock the memory, which takes longer than all else that they do: but the arrays of a call are
    used by its thread alone.
    """
    for name, change in (("NRT_incref", 1), ("NRT_decref", -1)):
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_POINTER]), name)
        function.attributes.add("noinline")  # until references that cancel out are removed
        builder = ir.IRBuilder(function.append_basic_block())
        (owner,) = function.args
        with builder.if_then(builder.icmp_unsigned("==", owner, _POINTER(None)), likely=False):
            builder.ret_void()
        address = builder.bitcast(owner, _WORD.as_pointer())
        count = builder.add(builder.load(address), _WORD(change))
        builder.store(count, address)
        if change < 0:
            with builder.if_then(builder.icmp_signed("==", count, _WORD(0))):
                builder.call(destroy, [owner])
        builder.ret_void()


def _define_allocation(module: ir.Module, allocate: ir.Function, name: str) -> None:
    """Define a function that returns the owner of new memory, or null: the memory follows its owner."""
    function = ir.Function(module, ir.FunctionType(_POINTER, [_WORD, _INT32]), name)
    size, alignment = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    wide: Any = builder.zext(alignment, _WORD)
    room = builder.add(builder.add(size, wide), _WORD(_OWNER_SIZE))
    block = builder.call(allocate, [room])
    with builder.if_then(builder.icmp_unsigned("==", block, _POINTER(None)), likely=False):
        builder.ret(block)
    end = builder.add(builder.add(builder.ptrtoint(block, _WORD), _WORD(_OWNER_SIZE)), wide)
    misplaced = builder.urem(end, wide)
    data = builder.inttoptr(builder.sub(end, misplaced), _POINTER)
    owner = builder.bitcast(block, _OWNER.as_pointer())
    for index, value in enumerate((_WORD(1), _POINTER(None), _POINTER(None), data, size, _POINTER(None))):
        builder.store(value, builder.gep(owner, [_INT32(0), _INT32(index)]))
    builder.ret(block)
