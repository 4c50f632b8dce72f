"""The searches that a user has saved under names: a file each in the folder of the user's settings.

A search belongs to its user rather than to a result, so it works with every result, also with one that the
user may only read.
"""

import os
import re
from collections.abc import Sequence
from contextlib import suppress

from platformdirs import user_config_dir

from midiprism.errors import StoreError, UsageError
from midiprism.fs.atomic_write import atomic_replace, fsync_folder

FOLDER_VARIABLE = "MIDIPRISM_SEARCHES"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SUFFIX = ".query"


def default_folder() -> str:
    """Return the folder of the searches of this user, or the one that the environment names."""
    named = os.environ.get(FOLDER_VARIABLE)
    return named or os.path.join(user_config_dir("midiprism", appauthor=False), "searches")


class SavedSearches:
    """The searches in a folder.

    Args:
        folder: that holds them; it is made when one is saved.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def names(self) -> Sequence[str]:
        """Return the names of all searches, sorted."""
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
        return sorted(filter(_NAME.fullmatch, stems))

    def read(self, name: str) -> str | None:
        """Return the text of a search; None if there is none of that name.

        Raises:
            UsageError: it cannot be read.
        """
        if not _NAME.fullmatch(name.lower()):
            return None
        try:
            with open(self._path(name), encoding="utf-8") as file:
                return file.read().strip()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise UsageError(f"The search {name} cannot be read: {error}.") from error

    def save(self, name: str, text: str) -> None:
        """Save a search, in place of another one of that name.

        Raises:
            UsageError: the name is none.
            StoreError: it cannot be written.
        """
        if not _NAME.fullmatch(name.lower()):
            raise UsageError(
                f"A search cannot be called {name}: use at most 64 letters from a to z, digits, - and _."
            )
        try:
            os.makedirs(self.folder, exist_ok=True)
            with atomic_replace(self._path(name)) as descriptor:
                os.write(descriptor, f"{text}\n".encode())
            fsync_folder(self.folder)
        except OSError as error:
            raise StoreError(f"{self.folder} cannot be written: {error.strerror or error}.") from error

    def delete(self, name: str) -> bool:
        """Delete a search, and return whether there was one.

        Raises:
            StoreError: it cannot be deleted.
        """
        if not _NAME.fullmatch(name.lower()):
            return False
        try:
            with suppress(FileNotFoundError):
                os.unlink(self._path(name))
                return True
        except OSError as error:
            raise StoreError(f"{self.folder} cannot be written: {error.strerror or error}.") from error
        return False

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name.lower() + _SUFFIX)
