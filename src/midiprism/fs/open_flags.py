"""Flags of ``os.open``, with what each system lacks left out."""

import os

_COMMON = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

READ_FLAGS = os.O_RDONLY | _COMMON | getattr(os, "O_NONBLOCK", 0)
"""To read a file that exists. A symbolic link is not followed, and a pipe does not block."""

FOLLOWING_READ_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a named pipe opens at once instead of waiting for a writer
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
"""To read a file, or the one that a symbolic link leads to."""

CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _COMMON
"""To write a file that does not exist yet."""
