"""``midiprism bench strategies``: measure what would make runs faster with one's own songs."""

import os
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.database import refuse_password
from midiprism.cli.interrupt import interruptible
from midiprism.cli.options import ArchivesOption, JsonOption, QuietOption, parse_path
from midiprism.cli.render.bench_text import experiment_to_json, print_experiments
from midiprism.cli.render.terminal import escape_unprintable, pluralize, print_json, printable_path
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.advise.bench.experiments import ExperimentOptions


@dataclass(frozen=True, slots=True)
class ExperimentOptionGroup:
    """Options of the experiments: folders, settings and durations."""

    work: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            parser=parse_path,
            help="Folder for temporary results.  [default: the system's]",
        ),
    ] = None
    seconds: Annotated[float, typer.Option(min=0.5, metavar="S", help="Longest duration of a run.")] = 5.0
    rounds: Annotated[int, typer.Option(min=1, metavar="N", help="How often each strategy is run.")] = 3
    place: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR", parser=parse_path, help="Also try results in this folder. May be repeated."
        ),
    ] = None
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Also try the catalog in PostgreSQL, in schemas that are made and dropped."
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Workers of the base.  [default: one per processor]"),
    ] = None
    batch_size: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Batch size of the base.  [default: 250]")
    ] = None
    in_flight: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Batches in flight of the base.  [default: enough for the workers]"
        ),
    ] = None

    def parse(self) -> "ExperimentOptions":
        """Return the options as the library takes them.

        Raises:
            UsageError: a folder does not exist, or the address of the database is not valid.
        """
        from midiprism.advise.bench.experiments import ExperimentOptions
        from midiprism.catalog import PostgresAddress
        from midiprism.pipeline import Resources, Settings

        if self.database is not None:
            refuse_password(self.database)
            PostgresAddress(self.database)  # raises if it is not an address
        folders = [
            os.path.abspath(path) for path in (self.work or tempfile.gettempdir(), *(self.place or ()))
        ]
        for folder in folders:
            if not os.path.isdir(folder):
                raise UsageError(f"{printable_path(folder)} is not an existing folder: name one, or make it.")
        return ExperimentOptions(
            folders[0],
            tuple(dict.fromkeys(folders[1:])),
            self.database,
            Settings(resources=Resources(self.workers, self.batch_size, in_flight=self.in_flight)),
            self.seconds,
            self.rounds,
        )


def strategies(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            parser=parse_path,
            help="Folders, archives, Parquet files, as `split` takes them.",
        ),
    ],
    experiments: ExperimentOptionGroup,
    songs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Songs of the sample, spread over the library.")
    ] = 20_000,
    archives: ArchivesOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int | None:
    """Measure strategies off and on, alone and together, on a sample of a library, beside the predictions.

    Runs take turns, and everything they write is removed.
    """
    from midiprism.advise.bench.experiments import run_experiments, sample_songs
    from midiprism.sources import open_source

    options = experiments.parse()
    with interruptible("Stopping, and removing what was written; a second signal stops at once.") as stop:
        sample = sample_songs(open_source(sources, enter_archives=archives), songs)

        def print_progress(message: str) -> None:
            if not quiet:
                typer.echo(escape_unprintable(message), err=True)

        print_progress(f"{pluralize(len(sample.songs), 'song')}; runs of at most {experiments.seconds:g} s.")
        results = run_experiments(sample, options, stop, print_progress)
        if results is None:
            return stop.exit_code
    print_experiments(results, stderr=as_json)
    if as_json:
        print_json({"songs": len(sample.songs), "strategies": [*map(experiment_to_json, results)]})
    return None
