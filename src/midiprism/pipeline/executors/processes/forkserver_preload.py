"""Load the splitter before worker processes start: imported only by the server that forks them.

So the splitter is loaded once instead of once per worker. If it is not compiled yet, the first worker
compiles it, and announces that this takes long. If it cannot be loaded, the worker reports the error.

A run that ends meanwhile ends the server too: it would keep the output of the run open. Later the server
notices when the process that uses it dies, and the kernel ends the workers with the server. They cannot
notice it themselves: one that compiles runs no Python for a minute, and all of them keep open the pipe at
whose end the server would end.
"""

import contextlib

from midiprism.pipeline.executors.processes.start_process import die_with_parent, watch_parent

die_with_parent()

with contextlib.suppress(Exception):
    from midiprism.pipeline.executors.processes import worker_process  # noqa: F401 - for the workers

with contextlib.suppress(Exception):
    from midiprism.smf.kernel import split_kernel

    if split_kernel.is_compiled():
        split_kernel.prepare()

with contextlib.suppress(Exception):
    from midiprism.features.kernel.facts_kernel import facts_kernel

    if facts_kernel.is_compiled():
        facts_kernel.prepare()

watch_parent()
die_with_parent(enabled=False)  # from now on it ends with the process, and not with a thread of it
