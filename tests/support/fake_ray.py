"""A stand-in for the package ``ray`` whose actors run in this process, at once, and are lost on request."""

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any


class RayError(Exception):
    """An error of Ray."""


class RayTaskError(RayError):
    """An exception that an actor has raised."""


def node_id(number: int) -> str:
    """Return the id of a node, as long as those of Ray."""
    return f"{number + 1:056x}"


class FakeRay:
    """Nodes with actors.

    Args:
        cpus: processors of each node.
        loses: called with the node, the method and the arguments of each call; returns whether the actor is
            lost before it answers.
    """

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def __init__(self, cpus: Sequence[int] = (1, 1), loses: Callable[..., bool] = lambda *_: False) -> None:
        self.cpus = {node_id(number): count for number, count in enumerate(cpus)}
        self.loses = loses
        self.actors_started: list[str] = []
        self.options: list[dict[str, Any]] = []

    def is_initialized(self) -> bool:
        return True

    def nodes(self) -> list[dict[str, Any]]:
        return [{"NodeID": name, "Alive": True, "Resources": {"CPU": it}} for name, it in self.cpus.items()]

    def remote(self, kind: type) -> "_ActorClass":
        return _ActorClass(self, kind)

    def wait(self, answers: list[Any], timeout: float, num_returns: int = 1) -> tuple[list[Any], list[Any]]:
        return answers[:num_returns], answers[num_returns:]

    def get(self, answer: "_Answer") -> Any:
        if isinstance(answer.value, Exception):
            raise answer.value
        return answer.value

    def kill(self, handle: "_Actor") -> None:
        handle.is_lost = True


class _Answer:
    def __init__(self, value: Any) -> None:
        self.value = value


class _ActorClass:
    def __init__(self, ray: FakeRay, kind: type) -> None:
        self._ray = ray
        self._kind = kind
        self._node = ""

    def options(self, **options: Any) -> "_ActorClass":
        self._ray.options.append(options)
        self._node = options["scheduling_strategy"].node_id
        return self

    def remote(self, *arguments: Any) -> "_Actor":
        self._ray.actors_started.append(self._node)
        return _Actor(self._ray, self._node, self._kind(*arguments))


class _Actor:
    def __init__(self, ray: FakeRay, node: str, inner: Any) -> None:
        self._ray = ray
        self._node = node
        self._inner = inner
        self.is_lost = False

    def __getattr__(self, name: str) -> "_Method":
        return _Method(lambda *arguments: self._call(name, *arguments))

    def _call(self, name: str, *arguments: Any) -> _Answer:
        self.is_lost |= self._node not in self._ray.cpus or self._ray.loses(self._node, name, *arguments)
        if self.is_lost:
            self._inner.release()  # this process, in which it runs, goes on
            return _Answer(RayError("The actor died.\n\tIts process was killed."))
        if name == "prepare_process":  # this process is no node's
            return _Answer(None)
        try:
            return _Answer(getattr(self._inner, name)(*arguments))
        except Exception as error:
            return _Answer(RayTaskError(str(error)))


class _Method:
    def __init__(self, call: Callable[..., _Answer]) -> None:
        self.remote = call

    def options(self, *, num_returns: str) -> "_StreamingMethod":
        assert num_returns == "streaming"
        return _StreamingMethod(self.remote)


class _StreamingMethod:
    def __init__(self, call: Callable[..., _Answer]) -> None:
        self._call = call

    def remote(self, *arguments: Any) -> Iterator[_Answer]:
        answer = self._call(*arguments)
        if isinstance(answer.value, Exception):
            yield answer
        else:
            yield from map(_Answer, answer.value)
