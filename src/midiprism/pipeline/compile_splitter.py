"""Compile the splitter in another process, so that this one can be stopped meanwhile.

A signal that arrives while machine code is being generated is handled only afterwards, which may take
minutes. The process that compiles can be ended at any time: its compiled form is written as a whole, or not
at all.
"""

import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess

from midiprism.pipeline.executors.processes.compile_process import compile_facts_in_process
from midiprism.pipeline.executors.processes.start_process import process_context, start_process
from midiprism.pipeline.executors.processes.worker_process import ignore_signals_and_die_with_coordinator
from midiprism.pipeline.splitter import (
    facts_are_compiled,
    is_kernel_compiled,
    keeps_kernel,
    prepare_kernel,
)

CompileListener = Callable[[float], None]
"""Called with the seconds that compiling has taken so far: first with 0, then several times a second."""

_POLL_SECONDS = 0.1


def compile_splitter(stop: Callable[[], bool], on_compile: CompileListener, *, facts: bool = False) -> bool:
    """Compile the splitter unless that was done before, and return whether it can start now.

    Where its compiled form cannot be kept, nothing is compiled: the process that uses it has to do so.

    Args:
        stop: once true, compiling ends, and the answer is False.
        on_compile: called if something has to be compiled.
        facts: compile also what computes the facts of tracks, at the same time.

    Raises:
        MidiprismError: it cannot be loaded at all.
    """
    tasks = [] if is_kernel_compiled() else [_compile_splitter]
    if facts and not facts_are_compiled():
        tasks.append(compile_facts_in_process)
    return not tasks or _run(tasks, stop, on_compile)


def compile_facts(stop: Callable[[], bool], on_compile: CompileListener) -> bool:
    """Compile what computes the facts of tracks, and not the splitter; see ``compile_splitter``."""
    return facts_are_compiled() or _run([compile_facts_in_process], stop, on_compile)


def _run(tasks: Sequence[Callable[[], None]], stop: Callable[[], bool], on_compile: CompileListener) -> bool:
    """Do tasks in a process each, and return whether that was not stopped."""
    started = time.perf_counter()
    on_compile(0.0)
    processes: list[BaseProcess] = []
    try:
        processes += [
            start_process(process_context(), task, (), import_main=False)
            for task in (tasks if keeps_kernel() else ())
        ]
        for process in processes:
            while process.is_alive() and not stop():
                process.join(_POLL_SECONDS)
                on_compile(time.perf_counter() - started)
    finally:
        for process in processes:
            process.kill()
            process.join()
    return not stop()


def _compile_splitter() -> None:
    ignore_signals_and_die_with_coordinator()
    prepare_kernel()
