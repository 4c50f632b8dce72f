"""Keeps the memory of processes that read and write large objects small."""

import ctypes

_MMAP_THRESHOLD = -3
"""``M_MMAP_THRESHOLD`` of the header ``malloc.h`` of glibc."""
_LARGE_BLOCK = 1 << 20


def return_large_blocks() -> bool:
    """Let the C library return blocks of a MiB or more to the system once they are free.

    Otherwise glibc keeps those of up to 32 MiB for later use as soon as one was freed, in an arena of each
    thread: ranges of packs and shards would take several times the memory that is in use. This holds for the
    whole process, so programs that import midiprism decide for themselves.

    Returns:
        Whether that is so from now on; False where the C library is another.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGE_BLOCK))
