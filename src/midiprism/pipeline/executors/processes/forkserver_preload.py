"""What worker processes find loaded when they start: imported only by the server that forks them.

So loading costs once what it would cost each of them. If the splitter is not compiled yet, that is left to
the first worker, which tells the run that it will take long; so is whatever cannot be loaded, which the
worker explains.
"""

import contextlib

with contextlib.suppress(Exception):
    from midiprism.pipeline.executors.processes import worker_process  # noqa: F401 - for the workers

with contextlib.suppress(Exception):
    from midiprism.smf.kernel import split_kernel

    if split_kernel.is_compiled():
        split_kernel.prepare()
