"""URLs of object storage, which never hold credentials."""

from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from midiprism.errors import UsageError

SCHEMES = ("s3", "gs", "az", "file", "memory")
"""Schemes of URLs; ``memory`` is storage that ends with its process, for tests."""


class StorageUrl(NamedTuple):
    """A place in object storage, below which names of objects are relative.

    Attributes:
        scheme: one of ``SCHEMES``.
        authority: bucket, container or name of a memory; empty for ``file``.
        path: below it, without slashes at its ends.
    """

    scheme: str
    authority: str
    path: str

    def __str__(self) -> str:
        place = "/".join(part for part in (self.authority, self.path) if part)
        return f"file:///{quote(self.path)}" if self.scheme == "file" else f"{self.scheme}://{place}"

    def contains(self, other: "StorageUrl") -> bool:
        """Return whether ``other`` is this place or below it."""
        if self[:2] != other[:2]:
            return False
        return not self.path or other.path == self.path or other.path.startswith(f"{self.path}/")


def is_storage_url(text: str) -> bool:
    """Return whether a text is the URL of object storage, and not a path."""
    scheme, separator, _ = text.partition("://")
    return bool(separator) and scheme.lower() in SCHEMES


def parse_storage_url(text: str) -> StorageUrl:
    """Return a URL in its parts.

    Raises:
        UsageError: it is no URL of object storage, or holds credentials.
    """
    if not is_storage_url(text):
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES[:-1])
        raise UsageError(f"The URL of a place in object storage begins with one of {known}.")
    parts = urlsplit(text)
    # The text is not repeated: it may hold a secret.
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            "A URL of object storage names a place only: leave user, password, query and fragment out. "
            "Credentials are taken from where the tools of the cloud have them."
        )
    scheme = parts.scheme.lower()
    if scheme == "file":
        if parts.netloc or not parts.path.startswith("/"):
            raise UsageError("The URL of a folder is file:/// and its absolute path.")
    elif not parts.netloc:
        raise UsageError(f"{scheme}:// needs a name after it, such as that of a bucket.")
    encoded_path = unquote(parts.path) if scheme == "file" else parts.path
    path = "/".join(part for part in encoded_path.split("/") if part)
    if any(part in (".", "..") for part in path.split("/")):
        raise UsageError("The path in a URL of object storage has no parts '.' or '..'.")
    return StorageUrl(scheme, parts.netloc, path)
