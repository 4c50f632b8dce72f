"""Finds out whether the compiled part of similarity has to be compiled first."""

from midiprism.similarity.kernel.align import align_kernel
from midiprism.similarity.kernel.bands import band_keys_kernel, neighbors_kernel
from midiprism.similarity.kernel.compare import compare_kernel
from midiprism.similarity.kernel.fingerprint_kernel import lines_kernel, phrases_kernel, signatures_kernel

_KERNELS = (
    *(lines_kernel, phrases_kernel, signatures_kernel),
    *(band_keys_kernel, neighbors_kernel, compare_kernel, align_kernel),
)


def is_similarity_compiled() -> bool:
    """Return whether everything starts at once: compiled in this process or, most likely, in the cache."""
    return all(kernel.is_compiled() for kernel in _KERNELS)
