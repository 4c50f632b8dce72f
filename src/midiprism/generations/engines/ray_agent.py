"""The agent that runs tasks on one node of a Ray cluster, with the executor of that machine."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from importlib.metadata import version as version_of
from operator import add
from typing import Any, NamedTuple

from midiprism.errors import MidiprismError, UsageError
from midiprism.generations.engine import EngineTask
from midiprism.generations.layout import PASSES_OF_REDO
from midiprism.generations.open_generation import OpenGeneration
from midiprism.generations.pass_task import PassTask
from midiprism.generations.result import open_result
from midiprism.generations.splitting import Machine
from midiprism.generations.verification.check_task import Checker, CheckTask
from midiprism.metrics.stage_timers import COUNTER_COUNT
from midiprism.objects import ObjectMissingError, ObjectStorageError, open_storage
from midiprism.pipeline.executors import prepare_executor

PARENT_LOOK_SECONDS = 1.0
PROGRESS_SECONDS = 1.0


class AgentSettings(NamedTuple):
    """Settings of an agent, which come from the command that started it and never from the result.

    Attributes:
        result_url: of the result.
        source_url: of the songs; nothing else is read. Empty where no songs are read.
        workers: worker processes of the node; 0 for none.
        version: of midiprism, which the node must have too.
    """

    result_url: str
    source_url: str
    workers: int
    version: str = version_of("midiprism")


class AgentTotals(NamedTuple):
    """The work of an agent since it began.

    Attributes:
        songs: songs that were split, of which those of passes A and C count separately, or files that were
            checked.
        timers: the stage timers of its workers; see ``midiprism.metrics.stage_timers``.
    """

    songs: int = 0
    timers: Sequence[int] = (0,) * COUNTER_COUNT


class TaskFailure(NamedTuple):
    """An error that kept a task from being done.

    Attributes:
        message: of the error.
        is_missing: whether an object is not there: others may have finished the generation.
        is_usage: whether trying again cannot help.
    """

    message: str
    is_missing: bool = False
    is_usage: bool = False


class TaskAnswer(NamedTuple):
    """The answer to a task: its failure, None if it is done, the totals of the agent, and its own answer."""

    failure: TaskFailure | None
    totals: AgentTotals
    value: Any = None


class NodeAgent:
    """Runs tasks one after the other on its node. Its methods answer errors as values, not as exceptions.

    Timeouts of songs, and the search for the song that killed a worker, are those of the executor.

    The thread in which Ray calls a method is in that call for as long as a task runs, which has a thread of
    its own. With a thread of Ray's for each kind of method, Ray would interrupt Python 100 times a second.

    Args:
        settings: of the agent.
        progress_seconds: time between two statements of what it has done so far.
    """

    def __init__(self, settings: AgentSettings, progress_seconds: float = PROGRESS_SECONDS) -> None:
        self._settings = settings
        self._progress_seconds = progress_seconds
        self._totals = AgentTotals()
        self._generation: OpenGeneration | None = None
        self._pass_name = ""
        self._checker: Checker | None = None
        self._thread = ThreadPoolExecutor(1, "midiprism-task")

    def prepare_process(self) -> None:
        """Load what workers need, and end this process when Ray's process of the node has ended.

        Ray does not always do that.
        """
        if self._settings.source_url:
            prepare_executor(None, self._settings.workers)
        threading.Thread(target=_exit_without, args=(os.getppid(),), daemon=True).start()

    def check(self) -> TaskFailure | None:
        """Return why this node can run no task; None if it can."""
        here, there = version_of("midiprism"), self._settings.version
        if here != there:
            return TaskFailure(f"It has midiprism {here}, and the command has {there}: install the same.")
        return self._failure(lambda: open_result(open_storage(self._settings.result_url)))

    def run(self, generation: int, name: str, number: int) -> Iterator[AgentTotals | TaskAnswer]:
        """Do a task of a generation; yield now and then what the agent has done so far, last the answer."""
        task = self._thread.submit(self._answer, generation, name, number)
        while not wait([task], self._progress_seconds).done:
            yield self._totals
        yield task.result()

    def _answer(self, generation: int, name: str, number: int) -> TaskAnswer:
        values: list[Any] = []
        failure = self._failure(lambda: values.append(self._task(generation, name)(number)))
        return TaskAnswer(failure, self._totals, *values)

    def release(self) -> None:
        """End the workers, and remove local files."""
        if self._generation is not None:
            self._generation.release_machine()

    def _task(self, number: int, name: str) -> EngineTask:
        """Return a task, whose workers stay until those of another pass begin."""
        if name not in PASSES_OF_REDO:
            return CheckTask(self._open_checker(number), name)
        generation = self._open(number)
        if name != self._pass_name:
            generation.release_machine()
            self._pass_name = name
        return PassTask(generation, name)

    def _open_checker(self, number: int) -> Checker:
        """Return what checks a generation, whose manifest is read once for all tasks."""
        if self._checker is None or self._checker.number != number:
            result = open_result(open_storage(self._settings.result_url))
            self._checker = Checker(result, number, self._machine())
        return self._checker

    def _machine(self) -> Machine:
        return Machine(self._settings.workers, on_songs=self._add_songs, on_timers=self._add_timers)

    def _open(self, number: int) -> OpenGeneration:
        """Return a generation, whose records are read once for all tasks.

        Raises:
            UsageError: its songs are not those that the command named.
        """
        if self._generation is None or self._generation.plan.number != number:
            settings = self._settings
            result = open_result(open_storage(settings.result_url))
            plan = result.read_plan(number)
            # Songs are read from the source that the command names, and from no other.
            is_known = plan.source == settings.source_url
            source = open_storage(settings.source_url) if is_known else None
            if self._generation is not None:
                self._generation.release_machine()
            self._generation = OpenGeneration(result, plan, source, self._machine())
        return self._generation

    def _add_songs(self, count: int) -> None:
        self._totals = self._totals._replace(songs=self._totals.songs + count)

    def _add_timers(self, added: Sequence[int]) -> None:
        self._totals = self._totals._replace(timers=(*map(add, self._totals.timers, added),))

    @staticmethod
    def _failure(call: Callable[[], object]) -> TaskFailure | None:
        try:
            call()
        except MidiprismError as error:
            is_final = isinstance(error, UsageError) or (
                isinstance(error, ObjectStorageError) and not error.is_transient
            )
            return TaskFailure(str(error), isinstance(error, ObjectMissingError), is_final)
        return None


def _exit_without(parent: int) -> None:
    """End this process once it has another parent. Its worker processes notice that, and end too."""
    while os.getppid() == parent:
        time.sleep(PARENT_LOOK_SECONDS)
    os._exit(1)
