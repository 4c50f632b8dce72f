"""What worker processes find loaded when they begin: imported by nobody but the server that forks them.

So loading costs once what it would cost each of them. What is not compiled yet is left to the first worker,
which tells the run that it will take long; and so is whatever cannot be loaded, which it explains.
"""

import contextlib

with contextlib.suppress(Exception):
    from midiprism.smf.kernel import split_kernel

    if split_kernel.is_compiled():
        split_kernel.prepare()
