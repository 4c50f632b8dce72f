"""A process that compiles what computes the facts of tracks, while a worker compiles the splitter."""

from multiprocessing.process import BaseProcess

from midiprism.pipeline.executors.processes.start_process import process_context, start_process
from midiprism.pipeline.executors.processes.worker_process import ignore_signals_and_die_with_coordinator
from midiprism.pipeline.splitter import facts_are_compiled, keeps_kernel, load_facts_calculator


def start_compiling_facts() -> BaseProcess | None:
    """Start a process that compiles what computes the facts of tracks; None if nothing is to be compiled.

    The caller ends it.
    """
    if facts_are_compiled() or not keeps_kernel():
        return None
    return start_process(process_context(), compile_facts_in_process, (), import_main=False)


def compile_facts_in_process() -> None:
    """Compile what computes the facts of tracks, as the target of a process."""
    ignore_signals_and_die_with_coordinator()
    load_facts_calculator()
