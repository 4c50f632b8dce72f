"""Archives and Parquet files of songs, written for tests."""

import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

TAR_MODES = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}
ARCHIVE_SUFFIXES = (".zip", *TAR_MODES)


def write_archive(path: Path, files: dict[str, bytes]) -> Path:
    """Write an archive of the kind of its suffix, with its members in this order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return path
    return write_tar(path, [(tar_member(name, len(data)), data) for name, data in files.items()])


def zip_of(files: dict[str, bytes]) -> bytes:
    """Return the bytes of a zip archive with its members in this order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def damaged_zip_of(files: dict[str, bytes]) -> bytes:
    """Return the bytes of a zip archive whose first member, a song, cannot be read."""
    archive = bytearray(zip_of(files))
    archive[200:220] = bytes(20)  # inside the data of the first member
    return bytes(archive)


def tar_member(name: str, size: int = 0, **fields: object) -> tarfile.TarInfo:
    """Return a member of a tar archive with these fields."""
    info = tarfile.TarInfo(name)
    info.size = size
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def write_tar(path: Path, members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """Write a tar archive with these members."""
    mode: Any = next(mode for suffix, mode in reversed(TAR_MODES.items()) if path.name.endswith(suffix))
    with tarfile.open(path, mode) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return path


def write_parquet(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    """Write a Parquet file with these columns, each a list or an array of pyarrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, **options)
    return path
