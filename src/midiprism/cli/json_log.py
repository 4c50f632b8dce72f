"""Write what a command says on standard error as JSON, one object per line (``--log-json``)."""

import io
import json
import sys
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

LOG_JSON_OPTION = "--log-json"

Level = Literal["info", "warning", "error"]


class JsonLog(io.TextIOBase):
    """A text stream, each piece of which, up to the end of a line, becomes a JSON object with level ``info``.

    Args:
        stream: gets the objects.
    """

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        self._begun += text
        if self._begun.endswith("\n"):
            self.flush()
        return len(text)

    def flush(self) -> None:
        message, self._begun = self._begun.strip("\n"), ""
        if message.strip():
            self.record("info", message)
        self._stream.flush()

    def record(self, level: Level, message: str, **facts: Any) -> None:
        """Write an object with the time in UTC, a level, a message, and facts under their names."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        entry = {"time": time, "level": level, "message": message, **facts}
        self._stream.write(json.dumps(entry) + "\n")


def start_json_log() -> None:
    """Turn standard error into JSON, unless it is; ``standard_streams`` restores it."""
    if not isinstance(sys.stderr, JsonLog):
        sys.stderr = JsonLog(sys.stderr)


def is_json() -> bool:
    """Return whether standard error is JSON."""
    return isinstance(sys.stderr, JsonLog)


def log_record(level: Level, message: str, **facts: Any) -> bool:
    """Write an object if standard error is JSON, and return whether it is."""
    if not isinstance(sys.stderr, JsonLog):
        return False
    sys.stderr.record(level, message, **facts)
    return True
