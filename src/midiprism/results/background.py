"""Runs functions in the background: in an idle worker process, if there is one."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class BackgroundTask(NamedTuple):
    """A call in another process, of a function that it can import, with arguments that can be pickled."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class Background(Protocol):
    """Starts a call, and returns a function that waits for its result and returns it."""

    def __call__(self, function: Callable[..., T], *arguments: Any) -> Callable[[], T]: ...


def run_inline(function: Callable[..., T], *arguments: Any) -> Callable[[], T]:
    """Return a function that makes the call in this process, when the result is wanted."""
    return partial(function, *arguments)
