"""Fixtures that tests of relocations share."""

import pytest

from support.relocation import forbid_renames


@pytest.fixture
def separate_file_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make all folders look as if they were on different file systems."""
    forbid_renames(monkeypatch)
