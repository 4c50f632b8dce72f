"""Load the splitter before worker processes start: imported only by the server that forks them.

So the splitter is loaded once instead of once per worker. If it is not compiled yet, the first worker
compiles it, and announces that this takes long. If it cannot be loaded, the worker reports the error.
"""

import contextlib

with contextlib.suppress(Exception):
    from midiprism.pipeline.executors.processes import worker_process  # noqa: F401 - for the workers

with contextlib.suppress(Exception):
    from midiprism.smf.kernel import split_kernel

    if split_kernel.is_compiled():
        split_kernel.prepare()
