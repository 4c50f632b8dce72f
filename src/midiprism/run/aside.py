"""What is done beside something else: by a worker that has nothing to do, if there is one."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class Errand(NamedTuple):
    """A call for another process: of a function that it can import, with arguments that can cross to it."""

    work: Callable[..., Any]
    arguments: tuple[Any, ...]


class Aside(Protocol):
    """Begins a call; what it gives back, gives what came of it."""

    def __call__(self, work: Callable[..., T], *arguments: Any) -> Callable[[], T]: ...


def here(work: Callable[..., T], *arguments: Any) -> Callable[[], T]:
    """Nobody else is there: it is done when its result is asked for."""
    return partial(work, *arguments)
