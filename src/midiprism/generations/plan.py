"""The plan of a generation, and its settings."""

from dataclasses import dataclass
from typing import Any

from midiprism.errors import UsageError
from midiprism.generations.layout import PASSES, PASSES_OF_REDO
from midiprism.generations.stored_objects import StoredObject
from midiprism.pipeline.settings import DEFAULT_TIMEOUT_SECONDS, song_limits
from midiprism.smf.types import CONTRACT_VERSION, Limits


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """Settings of a generation, which its plan states.

    Attributes:
        max_song_size: songs of more bytes are not split.
        encoding: of the texts of songs; None to guess it.
        facts: whether facts of tracks are computed.
        timeout: seconds that a worker may spend on one song; None for no limit.
    """

    max_song_size: int | None = None
    encoding: str | None = None
    facts: bool = True
    timeout: float | None = DEFAULT_TIMEOUT_SECONDS

    @property
    def limits(self) -> Limits:
        """Bounds on what one song may cost.

        Raises:
            UsageError: the size is not one that a song may have.
        """
        return song_limits(self.max_song_size)


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a generation.

    Attributes:
        number: of the generation, from 1.
        base: the generation whose files stay part of the result; 0 for none.
        source: URL of the songs.
        chunks: a Parquet file for each, with its songs in the order of their paths.
        contract: version that its songs are split by.
        redo: whether its songs get new outcomes, links and tracks where ``base`` has some.
    """

    number: int
    base: int
    source: str
    settings: SplitSettings
    chunks: tuple[StoredObject, ...]
    contract: int = CONTRACT_VERSION
    redo: bool = False

    @property
    def song_count(self) -> int:
        return sum(chunk.rows for chunk in self.chunks)

    @property
    def passes(self) -> tuple[str, ...]:
        """Names of its passes, in their order."""
        return PASSES_OF_REDO if self.redo else PASSES

    def as_json(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "midiprism": "plan",
            "generation": self.number,
            "redone" if self.redo else "base": self.base,  # versions that cannot redo refuse such a plan
            "contract": self.contract,
            "source": self.source,
            "max_song_size": settings.max_song_size,
            "encoding": settings.encoding,
            "facts": settings.facts,
            "timeout": settings.timeout,
            "chunks": [chunk.as_json() for chunk in self.chunks],
        }


def require_settings(settings: SplitSettings) -> None:
    """Check the settings of a plan, which whoever writes to the result may have changed.

    Raises:
        UsageError: one is not possible.
    """
    from midiprism.smf.text.decode import check_encoding

    _ = settings.limits
    if settings.encoding is not None:
        check_encoding(str(settings.encoding))
    if settings.timeout is not None and not settings.timeout > 0:
        raise UsageError("The seconds that a song may take must be more than 0.")
