"""Where a library is now whose paths were recorded elsewhere: ``--path-map OLD=NEW``."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from midiprism.errors import UsageError

_SEPARATOR = b"/"


@dataclass(frozen=True, slots=True)
class PathMap:
    """Paths as they are recorded, and as they are here.

    A rule holds for whole components: ``/old`` is the beginning of ``/old/a`` and not of ``/older/a``. Of
    several that fit, the longest holds. A path with a component ``..``, which could lead out of what a rule
    speaks of, is left as it is.

    Attributes:
        rules: recorded beginnings and what stands for them here, without a separator at their ends.
    """

    rules: tuple[tuple[bytes, bytes], ...] = ()

    def to_local(self, recorded_path: bytes) -> bytes:
        """Where a recorded path is."""
        return _apply_rules(recorded_path, self.rules)

    def to_recorded(self, local_path: bytes) -> bytes:
        """How a path here would be recorded; of rules to the same place the first one holds."""
        return _apply_rules(local_path, [(new, old) for old, new in self.rules])


NO_PATH_MAP = PathMap()


def parse_path_map(rules: Sequence[str]) -> PathMap:
    """Rules as they were given, each ``OLD=NEW``; NEW may be relative to the folder one is in.

    Raises:
        UsageError: one is no such rule, has a component ``..``, or two have the same OLD.
    """
    found: dict[bytes, bytes] = {}
    for rule in rules:
        old, equals, new = os.fsencode(rule).partition(b"=")
        if not equals or not old or not new:
            raise UsageError(f"--path-map {rule} is not OLD=NEW: the beginning of paths, and what it is now.")
        if b".." in old.split(_SEPARATOR) or b".." in new.split(_SEPARATOR):
            raise UsageError(f"--path-map {rule} has a component `..`: write the path out.")
        old = _normalize(old)
        if old in found:
            raise UsageError(f"--path-map names {os.fsdecode(old) or '/'} twice.")
        found[old] = os.path.abspath(new).rstrip(_SEPARATOR)
    return PathMap(tuple(found.items()))


def _normalize(path: bytes) -> bytes:
    """``/a//b/./`` as ``/a/b``."""
    parts = [part for part in path.split(_SEPARATOR) if part not in (b"", b".")]
    start = _SEPARATOR if path.startswith(_SEPARATOR) and parts else b""
    return start + _SEPARATOR.join(parts)


def _apply_rules(path: bytes, rules: Iterable[tuple[bytes, bytes]]) -> bytes:
    if b".." in path.split(_SEPARATOR):
        return path
    best: tuple[bytes, bytes] | None = None
    for old, new in rules:
        fits = path == old or path.startswith(old + _SEPARATOR)
        if fits and (best is None or len(old) > len(best[0])):
            best = old, new
    return path if best is None else (best[1] + path[len(best[0]) :] or _SEPARATOR)
