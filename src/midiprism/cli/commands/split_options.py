"""Groups of the options of ``midiprism split``."""

import os
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midiprism.cli.option_values import parse_auto_int, parse_size
from midiprism.cli.options import ArchivesOption, MaxSongSizeOption, parse_place
from midiprism.errors import UsageError
from midiprism.stores import STORE_KINDS

if TYPE_CHECKING:
    from midiprism.generations.prices import Prices
    from midiprism.sources import Source

MAX_WORKERS, MAX_BATCH_SIZE, MAX_IN_FLIGHT = 1_000, 100_000, 10_000


OutOption = Annotated[
    str,
    typer.Option(
        "-o",
        "--out",
        metavar="OUT",
        parser=parse_place,
        help="Folder of the result, or its URL in object storage, such as s3://BUCKET/FOLDER. It is made if "
        "it does not exist.",
    ),
]
VerboseSplitOption = Annotated[
    bool,
    typer.Option(
        "-v",
        "--verbose",
        help="List up to 100 songs that failed instead of the first five; print what auto changes.",
    ),
]


class ByChoice(StrEnum):
    auto = "auto"
    track = "track"
    channel = "channel"
    program = "program"
    drum = "drum"


class ContextChoice(StrEnum):
    conductor = "conductor"
    full = "full"


class EngineChoice(StrEnum):
    local = "local"
    ray = "ray"


def parse_store_kind(text: str) -> str:
    """Return the name of a kind of store.

    Raises:
        typer.BadParameter: there is no such kind.
    """
    if text not in STORE_KINDS:
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(map(repr, STORE_KINDS))}.")
    return text


@dataclass(frozen=True, slots=True)
class IdentityOptions:
    """Options that define a track and its store; a result keeps them."""

    by: Annotated[
        ByChoice | None,
        typer.Option(help="What becomes a track of its own.  [default: as OUT was made, else auto]"),
    ] = None
    context: Annotated[
        ContextChoice | None,
        typer.Option(
            help="What each track gets of its song: tempo and signatures, or also what other tracks set on "
            "its channels.  [default: as OUT was made, else conductor]"
        ),
    ] = None
    store: Annotated[
        str | None,
        typer.Option(
            parser=parse_store_kind,
            metavar=f"[{'|'.join(STORE_KINDS)}]",
            help="What the tracks are stored in: a file each, or Parquet files with many, beside tables of "
            "links and songs.  [default: as OUT was made, else files]",
        ),
    ] = None


def parse_encoding(name: str) -> str:
    """Return Python's name of an encoding of texts.

    Raises:
        UsageError: there is no such encoding, or it cannot be that of a text in a MIDI file.
    """
    from midiprism.smf.text.decode import check_encoding

    return check_encoding(name)


EncodingOption = Annotated[
    str | None,
    typer.Option(
        parser=parse_encoding,
        metavar="NAME",
        help="Encoding of the texts in songs, such as cp932, gbk or cp1251, without a byte-order mark.  "
        "[default: guessed for each text]",
    ),
]


def parse_price_list(text: str) -> "Prices":
    """Return the default prices with those that a text states.

    Raises:
        UsageError: it states something else.
    """
    from midiprism.generations.prices import parse_prices

    return parse_prices(text)


PricesOption = Annotated[
    Any,
    typer.Option(
        parser=parse_price_list,
        metavar="KIND=DOLLARS,...",
        help="In object storage: prices of 1,000 requests (put, get, list, head) and of a processor for an "
        "hour (core).  [default: list prices of Amazon]",
    ),
]


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """The sources of songs, and options for reading them."""

    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE...",
            parser=parse_place,
            help="Folders, searched with all below; files; archives (.zip .tar .tar.gz ...); Parquet files; "
            "or one URL in object storage, such as s3://BUCKET/FOLDER.",
        ),
    ] = None
    archives: ArchivesOption = False
    column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Column of Parquet files that holds the songs.  [default: the only one of bytes]",
        ),
    ] = None
    id_column: Annotated[
        str | None,
        typer.Option("--id", metavar="NAME", help="Column that names the songs.  [default: the row numbers]"),
    ] = None
    keep: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Columns that the catalog keeps with each song."),
    ] = None

    def open(self, out: str) -> "Source":
        """Open the sources, without what is in the folder ``out``.

        Raises:
            UsageError: a source cannot be used.
        """
        from midiprism.sources import open_source

        return open_source(
            self.sources or [],
            os.fsencode(out),
            enter_archives=self.archives,
            song_column=self.column,
            name_column=self.id_column,
            kept_columns=[name for name in (self.keep or "").split(",") if name],
        )

    def arguments(self) -> list[str]:
        """Return the options as they are repeated on a command line, without the sources themselves."""
        values = {"column": self.column, "id": self.id_column, "keep": self.keep}
        return [
            *(["--archives"] if self.archives else []),
            *(f"--{name}={value}" for name, value in values.items() if value),
        ]


@dataclass(frozen=True, slots=True)
class RerunOptions:
    """Options for the songs of earlier runs."""

    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Retry what failed in earlier runs.")
    ] = False
    redo: Annotated[
        bool,
        typer.Option(
            "--redo", help="Split known songs again, for example after an update that splits better."
        ),
    ] = False
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Remove the songs that are gone from the sources, with the tracks that no other song has; "
            "`midiprism forget --undo` puts them back, until a later --prune removes others.",
        ),
    ] = False


@dataclass(frozen=True, slots=True)
class WorkOptions:
    """Options that divide the work among processes and batches."""

    lease: Annotated[
        float | None,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="How long batches stay reserved for this run if it dies, where several runs share a catalog "
            "in PostgreSQL.  [default: 60]",
        ),
    ] = None
    workers: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="Number of worker processes. auto: one per processor at first, then more as long as that "
            "helps; one for a small library. 0: everything in this process.",
        ),
    ] = "auto"
    batch_size: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="Most songs that are split, flushed and committed as one. auto: 250, or with "
            "--database first 50 and later 1,000, then more as long as that helps.",
        ),
    ] = "auto"
    in_flight: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="Most batches handed out and not yet committed. auto: enough for the workers, then more as "
            "long as that helps.",
        ),
    ] = "auto"
    timeout: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="Longest time a worker may spend on a song. 0: no limit."
        ),
    ] = 60.0

    def parse_workers(self) -> int | None:
        """Return the number of workers; None for ``auto``."""
        return parse_auto_int("--workers", self.workers, 0, MAX_WORKERS)

    def parse_batch_size(self) -> int | None:
        """Return the batch size; None for ``auto``."""
        return parse_auto_int("--batch-size", self.batch_size, 1, MAX_BATCH_SIZE)

    def parse_in_flight(self) -> int | None:
        """Return the number of batches in flight; None for ``auto``."""
        return parse_auto_int("--in-flight", self.in_flight, 1, MAX_IN_FLIGHT)


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Options that name the machines of a run into object storage."""

    engine: Annotated[
        EngineChoice | None,
        typer.Option(
            help="With URLs: what hands the work to machines. local: this machine; ray: the nodes of a Ray "
            "cluster, whose own credentials and endpoints are used.  [default: local]",
            show_default=False,
        ),
    ] = None
    address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT|auto",
            help="Address of the Ray cluster. Without it RAY_ADDRESS is used; without that, Ray is started "
            "on this machine.",
        ),
    ] = None

    def require_ray(self) -> None:
        """Refuse an address that no engine would use.

        Raises:
            UsageError: there is one.
        """
        if self.address is not None and self.engine is not EngineChoice.ray:
            raise UsageError("--address is that of a Ray cluster: give --engine ray too, or leave it out.")

    def require_none(self) -> None:
        """Refuse these options for a result in a folder.

        Raises:
            UsageError: one is given.
        """
        if self.engine is not None or self.address is not None:
            raise UsageError(
                "--engine and --address are for results in object storage: leave them out, or name SOURCE "
                "and --out by URLs. That of a folder is file:// and its absolute path."
            )


AllowFailedOption = Annotated[
    bool,
    typer.Option(
        "--allow-failed-songs",
        help="Exit with 0 also where songs have failed, for schedulers that start a failed command again.",
    ),
]


@dataclass(frozen=True, slots=True)
class ExtentOptions:
    """Options that limit a run, and those that concern its songs."""

    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Process the first N songs only, in the order of the folders."),
    ] = None
    no_scan: Annotated[
        bool,
        typer.Option("--no-scan", help="Do not count the songs meanwhile, so show no percentage."),
    ] = False
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Read and split, and write nothing. In object storage: list the songs, and print what "
            "splitting them will cost.",
        ),
    ] = False
    max_song_size: MaxSongSizeOption = None
    encoding: EncodingOption = None
    no_facts: Annotated[
        bool,
        typer.Option(
            "--no-facts",
            help="Do not compute facts of tracks such as key and role. `midiprism features` does so later.",
        ),
    ] = False
    allow_failed_songs: AllowFailedOption = False

    def parse_max_song_size(self) -> int | None:
        """Return the most bytes of a song; None for the default."""
        if self.max_song_size is None:
            return None
        from midiprism.smf.types import MAX_SONG_BYTES

        return parse_size("--max-song-size", self.max_song_size, 1, MAX_SONG_BYTES)

    def arguments(self) -> list[str]:
        """Return the options that a command which resumes the run repeats."""
        values = {"max-song-size": self.max_song_size, "encoding": self.encoding}
        flags = {"--no-facts": self.no_facts, "--allow-failed-songs": self.allow_failed_songs}
        options = [f"--{name}={value}" for name, value in values.items() if value]
        return options + [name for name, is_set in flags.items() if is_set]
