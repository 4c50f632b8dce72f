"""Parts of Numba's runtime as LLVM code that goes into machine code: making and freeing arrays."""

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
    return module


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
