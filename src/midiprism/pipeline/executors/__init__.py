"""The executors by name. A new one is a module in this package and a line in ``EXECUTORS``."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from midiprism.errors import UsageError
from midiprism.features.tolerant_facts import FactsFunction
from midiprism.pipeline.executor import Executor, ExecutorContext
from midiprism.pipeline.executors.inline import InlineExecutor, inline_facts
from midiprism.pipeline.executors.processes.background_process import run_in_process
from midiprism.pipeline.executors.processes.facts_processes import FactsProcesses
from midiprism.pipeline.executors.processes.process_executor import ProcessExecutor
from midiprism.pipeline.executors.processes.start_process import start_process_server
from midiprism.pipeline.settings import Resources
from midiprism.pipeline.splitter import LoadFacts, load_facts_calculator
from midiprism.results.background import Background, run_inline

EXECUTORS: dict[str, Callable[[ExecutorContext], Executor]] = {
    "inline": InlineExecutor,
    "processes": ProcessExecutor,
}


def make_executor(name: str | None, context: ExecutorContext) -> Executor:
    """Return an executor by its name; without a name, ``inline`` for no workers and ``processes`` for some.

    Raises:
        UsageError: there is no executor of that name.
    """
    name = name or ("processes" if context.workers else "inline")
    if name not in EXECUTORS:
        raise UsageError(f"There is no executor {name!r}: choose one of {', '.join(EXECUTORS)}.")
    return EXECUTORS[name](context)


def prepare_executor(name: str | None, workers: int | None) -> None:
    """Start what a new result needs first, while its catalog is opened: both take as long.

    Args:
        name: of the executor; None to choose it by ``workers``.
        workers: worker processes; None if their number is not known yet.
    """
    if name == "processes" or (name is None and workers != 0):
        start_process_server()


def background_for(workers: int) -> Background:
    """Return the means to do work during the end of a run: another process, if the run had any."""
    return run_in_process if workers else run_inline


@contextmanager
def facts_for(
    resources: Resources | None = None, load_facts: LoadFacts = load_facts_calculator
) -> Iterator[FactsFunction]:
    """Provide what computes facts that tracks lack, in worker processes, unless a run is to have none.

    Args:
        resources: of the run; None for those that a run has by default.
        load_facts: loads what computes facts.
    """
    resources = resources or Resources()
    if resources.workers == 0:
        yield inline_facts(load_facts)
        return
    with closing(FactsProcesses(load_facts, resources.timeout)) as processes:
        yield processes.compute
