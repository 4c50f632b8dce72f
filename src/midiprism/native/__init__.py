"""Machine code of kernels: compiled by Numba, kept or shipped as a file, loaded without Numba."""
