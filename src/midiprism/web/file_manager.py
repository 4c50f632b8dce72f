"""Opens the file manager of a system at a file."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from midiprism.errors import UsageError


def show_file(path: str) -> None:
    """Open the file manager at a file, which it selects where it can.

    Raises:
        UsageError: there is none.
    """
    command = file_manager_command(path, sys.platform)
    if shutil.which(command[0]) is None:
        raise UsageError(f"This system has no {command[0]} to open a file manager: the file is {path}.")
    subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def file_manager_command(path: str, platform: str) -> Sequence[str]:
    """Return the command that opens the file manager of a system at a file.

    Args:
        path: absolute, of the file.
        platform: as ``sys.platform``.
    """
    if platform == "darwin":
        return ["open", "-R", path]
    if platform == "win32":
        return ["explorer", f"/select,{path}"]
    return ["xdg-open", os.path.dirname(path)]
