"""Rows that are kept on the local disk, divided into lanes that fit into memory."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from midiprism.errors import StoreError


class SpilledRows:
    """Rows of one type, in a file for each lane.

    Args:
        folder: on the local disk; nobody else writes to it.
        name: part of the names of the files.
        row_type: of NumPy.
        lanes: number of them.
    """

    def __init__(self, folder: str, name: str, row_type: np.dtype[Any], lanes: int) -> None:
        self._stem = os.path.join(folder, name)
        self._row_type = row_type
        self.lanes = lanes

    def add(self, rows: NDArray[Any], lanes: NDArray[np.int64]) -> None:
        """Add rows, each to its lane.

        Raises:
            StoreError: they cannot be written.
        """
        order = np.argsort(lanes, kind="stable")
        numbers, starts = np.unique(lanes[order], return_index=True)
        for number, part in zip(numbers.tolist(), np.split(order, starts[1:]), strict=False):
            try:
                with open(self._path(number), "ab") as file:
                    rows[part].tofile(file)
            except OSError as error:
                raise StoreError(f"{self._stem} cannot be written: {error.strerror or error}.") from error

    def take(self, lane: int) -> NDArray[Any]:
        """Return the rows of a lane, in the order in which they were added, and remove them from the disk.

        Raises:
            StoreError: they cannot be read.
        """
        path = self._path(lane)
        try:
            rows: NDArray[Any] = np.fromfile(path, self._row_type)
            os.unlink(path)
        except FileNotFoundError:
            return np.empty(0, self._row_type)
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
        return rows

    def _path(self, lane: int) -> str:
        return f"{self._stem}-{lane}"
