"""Files that share the blocks of others, where the file system can: Btrfs, XFS."""

import os
import sys

_READ_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)
_FICLONE = 0x40049409  # linux/fs.h


class Reflinker:
    """Fills new files without writing them.

    Attributes:
        works: whether the file systems concerned have not refused it yet.
    """

    def __init__(self) -> None:
        self.supported = sys.platform == "linux"

    def reflink(self, source_path: str, descriptor: int) -> bool:
        """Let ``descriptor``, a new file, share the blocks of ``source``; whether it does.

        Raises:
            OSError: ``source`` cannot be opened.
        """
        if not self.supported:
            return False
        import fcntl

        file = os.open(source_path, _READ_FLAGS)
        try:
            fcntl.ioctl(descriptor, _FICLONE, file)
        except OSError:  # another file system, or one without shared blocks
            self.supported = False
            return False
        finally:
            os.close(file)
        return True
