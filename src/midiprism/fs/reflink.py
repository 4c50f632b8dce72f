"""Files that share the blocks of others, where the file system supports it: Btrfs, XFS."""

import os
import sys

from midiprism.fs.open_flags import READ_FLAGS

_FICLONE = 0x40049409  # linux/fs.h


class Reflinker:
    """Fills new files without writing them.

    Attributes:
        supported: False once the file system has refused.
    """

    def __init__(self) -> None:
        self.supported = sys.platform == "linux"

    def reflink(self, source_path: str, descriptor: int) -> bool:
        """Let ``descriptor``, a new file, share the blocks of a file; return whether it does.

        Raises:
            OSError: ``source_path`` cannot be opened.
        """
        if not self.supported:
            return False
        import fcntl

        file = os.open(source_path, READ_FLAGS)
        try:
            fcntl.ioctl(descriptor, _FICLONE, file)
        except OSError:  # another file system, or one without shared blocks
            self.supported = False
            return False
        finally:
            os.close(file)
        return True
