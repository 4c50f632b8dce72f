"""``midiprism split`` into object storage."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from midiprism.cli import exit_codes
from midiprism.cli.commands.split_adopt import AdoptOptions
from midiprism.cli.commands.split_options import (
    EngineChoice,
    EngineOptions,
    ExtentOptions,
    IdentityOptions,
    RerunOptions,
    SourceOptions,
    WorkOptions,
)
from midiprism.cli.interrupt import interruptible
from midiprism.cli.metrics import MetricsOptions
from midiprism.cli.options import CatalogOptions, SummaryOptions
from midiprism.cli.render.cost_text import estimate_to_json, print_estimate
from midiprism.cli.render.generation_text import (
    announce_redo,
    print_generation,
    show_generation_progress,
    summary_to_json,
)
from midiprism.cli.render.terminal import print_json, print_message
from midiprism.cli.shell import compile_display
from midiprism.errors import UsageError
from midiprism.objects.url import is_storage_url

if TYPE_CHECKING:
    from midiprism.generations.prices import Prices
    from midiprism.generations.run import RunOptions
    from midiprism.generations.run_parts import RunParts
    from midiprism.generations.summary import GenerationSummary

STOPPING = "Stopping without recording the current chunks; a second signal stops at once."
_STORE = "parquet"


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """Groups of options of ``midiprism split`` of which most have no meaning in object storage."""

    source: SourceOptions
    catalog: CatalogOptions
    adopt: AdoptOptions
    metrics: MetricsOptions
    work: WorkOptions
    extent: ExtentOptions
    rerun: RerunOptions
    identity: IdentityOptions

    def require_none(self) -> None:
        """Refuse the options that only local results have.

        Raises:
            UsageError: one is given.
        """
        allowed = {
            *(
                "sources",
                "archives",
                "workers",
                "timeout",
                "max_song_size",
                "encoding",
                "no_facts",
                "dry_run",
                "allow_failed_songs",
            ),
            *("retry_failed", "redo", "prune", "yes", "by", "context"),
        }
        if self.identity.store == _STORE:
            allowed.add("store")
        for group in (getattr(self, field.name) for field in fields(self)):
            for field in fields(group):
                if field.name not in allowed and getattr(group, field.name) != field.default:
                    name = _NAMES.get(field.name, field.name.replace("_", "-"))
                    raise UsageError(
                        f"--{name} is not for results in object storage: leave it out, or name a folder with "
                        "--out."
                    )


_NAMES = {"id_column": "id"}


def is_in_storage(out: str, sources: list[str]) -> bool:
    """Return whether a run is one between places in object storage.

    Raises:
        UsageError: it is one between a place there and a folder.
    """
    urls = [source for source in sources if is_storage_url(source)]
    if is_storage_url(out):
        if len(sources) != 1 or not urls:
            raise UsageError(
                "A result in object storage has its songs there too: name one SOURCE by its URL. That of a "
                "folder is file:// and its absolute path."
            )
        return True
    if urls:
        raise UsageError(
            "Songs in object storage have their result there too: give --out a URL. That of a folder is "
            "file:// and its absolute path."
        )
    return False


def split_in_storage(
    out: str,
    options: LocalOptions,
    engine: EngineOptions,
    output: SummaryOptions,
    prices: "Prices | None",
) -> int:
    """Split songs in object storage, or print what that will cost, and return the exit code."""
    from midiprism.generations.plan import SplitSettings
    from midiprism.generations.run import RunOptions, split_to_storage
    from midiprism.results.identity import RequestedIdentity

    options.require_none()
    engine.require_ray()
    (source,) = options.source.sources or []
    identity, extent, rerun = options.identity, options.extent, options.rerun
    run_options = RunOptions(
        RequestedIdentity(
            None if identity.by is None else identity.by.value,
            None if identity.context is None else identity.context.value,
        ),
        SplitSettings(
            extent.parse_max_song_size(), extent.encoding, not extent.no_facts, options.work.timeout or None
        ),
        rerun.retry_failed,
        rerun.prune,
        options.adopt.yes,
        archives=options.source.archives,
        redo=rerun.redo,
    )
    workers = options.work.parse_workers()
    if extent.dry_run:
        _print_cost(source, out, run_options, workers, output, prices)
        return exit_codes.DONE
    return run_or_stop(
        workers,
        output,
        lambda parts: split_to_storage(source, out, run_options, parts),
        prices,
        engine,
        allow_failed_songs=extent.allow_failed_songs,
    )


def _print_cost(
    source: str,
    out: str,
    options: "RunOptions",
    workers: int | None,
    output: SummaryOptions,
    prices: "Prices | None",
) -> None:
    from midiprism.generations.dry_run import estimate_split
    from midiprism.generations.prices import Prices
    from midiprism.pipeline.resource_defaults import cpus

    dry_run, prices = estimate_split(source, out, options), prices or Prices()
    cores = workers or (1 if workers == 0 else cpus())
    if not output.quiet:
        print_estimate(dry_run, prices, cores, stderr=output.as_json)
    if output.as_json:
        print_json(estimate_to_json(dry_run, prices, cores))


def run_or_stop(
    workers: int | None,
    output: SummaryOptions,
    run: "Callable[[RunParts], GenerationSummary | None]",
    prices: "Prices | None" = None,
    engine_options: EngineOptions | None = None,
    *,
    allow_failed_songs: bool = False,
) -> int:
    """Make a run that shows progress and can be stopped, print what is there then, and return the exit code.

    Args:
        workers: worker processes of each machine; None for one per processor.
        output: how to print.
        run: the run; returns None if there was nothing to do.
        prices: at which the cost of the run is stated; None for the default.
        engine_options: options that choose the engine; None for this machine.
        allow_failed_songs: whether songs of the result may have failed.
    """
    from midiprism.generations import engine
    from midiprism.generations.engines import ENGINES
    from midiprism.generations.errors import GenerationStoppedError
    from midiprism.generations.prices import Prices
    from midiprism.generations.run_parts import RunParts, ignore
    from midiprism.generations.splitting import Machine
    from midiprism.pipeline.resource_defaults import cpus

    with ExitStack() as stack:
        stop = stack.enter_context(interruptible(STOPPING))
        display = stack.enter_context(show_generation_progress(quiet=output.quiet))
        machine = Machine(
            cpus() if workers is None else workers,
            stop=stop,
            on_compile=compile_display(display.bar),
            on_songs=display.add_songs,
        )
        name, address = EngineChoice.local, None
        if engine_options is not None:
            name, address = engine_options.engine or name, engine_options.address
        chosen = stack.enter_context(closing(ENGINES[name](engine.EngineOptions(machine, workers, address))))
        on_redo = ignore if output.quiet else announce_redo
        try:
            summary = run(RunParts(machine, chosen, display.show, on_redo=on_redo))
        except GenerationStoppedError as error:
            print_message(str(error))
            return stop.exit_code
    prices = prices or Prices()
    print_generation(summary, prices, quiet=output.quiet, stderr=output.as_json)
    if output.as_json:
        print_json(summary_to_json(summary, prices))
    has_failed = summary is not None and summary.songs_failed > 0 and not allow_failed_songs
    return exit_codes.FAILED if has_failed else exit_codes.DONE
