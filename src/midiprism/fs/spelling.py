"""Decides whether two spellings of a path lead to one file.

Some file systems list names in another spelling than they were created with: in small letters, or with
letters and accents apart. There a comparison of names takes a file for another one.
"""

import os
from unicodedata import normalize

from midiprism.fs.file_system import FileSystem
from midiprism.fs.path_text import native_path, text_of_native


def fold_name(name: str) -> str:
    """Return a name in the form that all its spellings share, by case and by Unicode's normal forms."""
    return normalize("NFD", normalize("NFD", name).casefold())


def is_same_file(file_system: FileSystem, root: str, listed_path: str, path: str) -> bool:
    """Return whether an entry of a listing is the file that ``path`` leads to.

    The same device and number are a proof, unless the file has two names. Where they differ, or are not to be
    trusted, two spellings are one file if ``path`` leads somewhere and its own spelling is not listed.

    Args:
        root: the folder below which both paths are.
        listed_path: with ``/`` between its parts; each part was listed.
        path: likewise; nothing need be there.
    """
    if listed_path == path:
        return True
    if _have_one_identity(file_system, _absolute(root, listed_path), _absolute(root, path)):
        return True
    listed_parts, parts = listed_path.split("/"), path.split("/")
    if [*map(fold_name, listed_parts)] != [*map(fold_name, parts)]:
        return False
    for count, (listed, part) in enumerate(zip(listed_parts, parts, strict=True)):
        if listed != part and not _is_one_entry(file_system, _absolute(root, *parts[:count]), listed, part):
            return False
    return True


def _is_one_entry(file_system: FileSystem, folder: str, listed: str, part: str) -> bool:
    """Return whether two names in a folder, which differ in their spelling, are one entry."""
    own = _absolute(folder, part)
    try:
        file_system.lstat(own)
        names = {text_of_native(entry.name) for entry in file_system.list_folder(folder)}
    except OSError:
        return False
    return part not in names or _have_one_identity(file_system, _absolute(folder, listed), own)


def _have_one_identity(file_system: FileSystem, first: str, second: str) -> bool:
    """Return whether two paths lead to one file that has one name only, or to one folder."""
    try:
        one, other = file_system.lstat(first), file_system.lstat(second)
    except OSError:
        return False
    if not one.st_ino or (one.st_dev, one.st_ino) != (other.st_dev, other.st_ino):
        return False
    return one.st_nlink == 1 or one.st_mode & 0o170000 == 0o040000


def _absolute(root: str, *paths: str) -> str:
    return os.path.join(root, *(native_path(part) for path in paths for part in path.split("/")))
