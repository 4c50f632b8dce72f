"""What is done beside something else: by a worker that has nothing to do, if there is one."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class BackgroundTask(NamedTuple):
    """A call for another process: of a function that it can import, with arguments that can cross to it."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class Background(Protocol):
    """Begins a call; what it gives back, gives what came of it."""

    def __call__(self, function: Callable[..., T], *arguments: Any) -> Callable[[], T]: ...


def run_inline(function: Callable[..., T], *arguments: Any) -> Callable[[], T]:
    """Nobody else is there: it is done when its result is asked for."""
    return partial(function, *arguments)
