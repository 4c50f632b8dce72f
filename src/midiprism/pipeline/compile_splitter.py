"""Compile the splitter in another process, so that this one can be stopped meanwhile.

A signal that arrives while machine code is being generated is handled only afterwards, which may take
minutes. The process that compiles can be ended at any time: its compiled form is written as a whole, or not
at all.
"""

import time
from collections.abc import Callable

from midiprism.pipeline.executors.processes.start_process import process_context, start_process
from midiprism.pipeline.executors.processes.worker_process import ignore_signals_and_die_with_coordinator
from midiprism.pipeline.splitter import is_kernel_compiled, keeps_kernel, prepare_kernel

CompileListener = Callable[[float], None]
"""Called with the seconds that compiling has taken so far: first with 0, then several times a second."""

_POLL_SECONDS = 0.1


def compile_splitter(stop: Callable[[], bool], on_compile: CompileListener) -> bool:
    """Compile the splitter unless that was done before, and return whether it can start now.

    Where its compiled form cannot be kept, nothing is compiled: the process that uses it has to do so.

    Args:
        stop: once true, compiling ends, and the answer is False.
        on_compile: called if the splitter has to be compiled.

    Raises:
        MidiprismError: it cannot be loaded at all.
    """
    if is_kernel_compiled():
        return True
    started = time.perf_counter()
    on_compile(0.0)
    if keeps_kernel():
        process = start_process(process_context(), _compile, (), import_main=False)
        try:
            while process.is_alive() and not stop():
                process.join(_POLL_SECONDS)
                on_compile(time.perf_counter() - started)
        finally:
            process.kill()
            process.join()
    return not stop()


def _compile() -> None:
    ignore_signals_and_die_with_coordinator()
    prepare_kernel()
