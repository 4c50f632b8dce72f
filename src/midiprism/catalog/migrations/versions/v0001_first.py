"""The first version: the tables that ``midiprism.catalog.schema`` describes.

A new catalog is created in the newest version, so no upgrade leads to this one.
"""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Do nothing: there is no version before the first."""
