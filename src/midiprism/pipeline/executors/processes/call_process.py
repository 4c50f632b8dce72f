"""A worker process that calls functions of modules, one after the other."""

from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from midiprism.pipeline.executors.processes.start_process import (
    describe_exit,
    process_context,
    start_process,
)
from midiprism.pipeline.executors.processes.worker_process import ignore_signals_and_die_with_coordinator

Call = Callable[..., Any]


class CallProcess:
    """A worker process. It ends with the process that started it.

    Attributes:
        connection: on which its answers come.
    """

    def __init__(self) -> None:
        context = process_context()
        self.connection, other = context.Pipe()
        self._process = start_process(context, _work, (other,), import_main=False)
        other.close()

    def begin(self, call: Call, arguments: tuple[Any, ...]) -> None:
        """Let the process call a function with plain values."""
        with suppress(OSError):  # where the process has ended, there will be no answer
            self.connection.send((call, arguments))

    def answer(self, timeout: float | None = None) -> Any:
        """Return the answer of the function, or the exception that it has raised.

        Args:
            timeout: seconds to wait for it; None for no limit.

        Raises:
            EOFError: the process has ended.
            OSError: likewise; a TimeoutError, if there is no answer yet.
        """
        if not self.connection.poll(timeout):
            raise TimeoutError
        return self.connection.recv()

    def end(self) -> str:
        """End the process, also in the midst of a call, and return its exit code or signal in words."""
        self._process.kill()
        self._process.join()
        self.connection.close()
        return describe_exit(self._process)


def _work(connection: Connection) -> None:
    ignore_signals_and_die_with_coordinator()
    with suppress(EOFError, OSError):  # the process that started this one has ended
        while True:
            call, arguments = connection.recv()
            connection.send(_answer(call, arguments))


def _answer(call: Call, arguments: tuple[Any, ...]) -> Any:
    """Return the answer of a function, or the error that is raised where its caller is."""
    try:
        return call(*arguments)
    except Exception as error:  # noqa: BLE001 - raised where the answer is used
        return error
