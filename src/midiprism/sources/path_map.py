"""Mapping paths that were recorded elsewhere to local paths."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from midiprism.errors import PathMapRuleError
from midiprism.fs.path_text import path_text

_SEPARATOR = b"/"


@dataclass(frozen=True, slots=True)
class PathMap:
    """Rules that map recorded paths to local ones.

    A rule applies to whole components: ``/old`` matches ``/old/a`` and not ``/older/a``. Of several rules
    that match, the longest applies. A path with a component ``..``, which could lead out of the folder of a
    rule, is not mapped.

    Attributes:
        rules: pairs of a recorded folder and the local one, without separators at their ends.
    """

    rules: tuple[tuple[bytes, bytes], ...] = ()

    def to_local(self, recorded_path: bytes) -> bytes:
        """Return the local path of a recorded path."""
        return _apply_rules(recorded_path, self.rules)

    def to_recorded(self, local_path: bytes) -> bytes:
        """Return the recorded path of a local path; of rules with the same local folder the first applies."""
        return _apply_rules(local_path, [(local, recorded) for recorded, local in self.rules])


NO_PATH_MAP = PathMap()


def parse_path_map(rules: Sequence[str]) -> PathMap:
    """Return the map of rules of the form ``OLD=NEW``; NEW may be relative to the working folder.

    Raises:
        PathMapRuleError: a rule is not of this form, has a component ``..``, or two have the same OLD.
    """
    local_by_recorded: dict[bytes, bytes] = {}
    for rule in rules:
        recorded, equals, local = os.fsencode(rule).partition(b"=")
        if not equals or not recorded or not local:
            raise PathMapRuleError(rule, "incomplete")
        if b".." in recorded.split(_SEPARATOR) or b".." in local.split(_SEPARATOR):
            raise PathMapRuleError(rule, "parent_folder")
        recorded = _normalize(recorded)
        if recorded in local_by_recorded:
            raise PathMapRuleError(path_text(recorded) or "/", "duplicate")
        local_by_recorded[recorded] = os.path.abspath(local).rstrip(_SEPARATOR)
    return PathMap(tuple(local_by_recorded.items()))


def _normalize(path: bytes) -> bytes:
    """Return ``/a//b/./`` as ``/a/b``."""
    parts = [part for part in path.split(_SEPARATOR) if part not in (b"", b".")]
    start = _SEPARATOR if path.startswith(_SEPARATOR) and parts else b""
    return start + _SEPARATOR.join(parts)


def _apply_rules(path: bytes, rules: Iterable[tuple[bytes, bytes]]) -> bytes:
    if b".." in path.split(_SEPARATOR):
        return path
    best_old = best_new = None
    for old, new in rules:
        matches = path == old or path.startswith(old + _SEPARATOR)
        if matches and (best_old is None or len(old) > len(best_old)):
            best_old, best_new = old, new
    if best_old is None or best_new is None:
        return path
    return best_new + path[len(best_old) :] or _SEPARATOR
