"""Measure a generation of very many songs with made-up digests, and forecast clusters on paper.

    python benchmarks cluster_simulation generation [--songs 100000 1000000] [--work FOLDER]
    python benchmarks cluster_simulation prefix [--records 18750000] [--chunks 20000]
    python benchmarks cluster_simulation lanes [--chunks 2000] [--prefixes 2048]
    python benchmarks cluster_simulation paper [--songs 1000000000] [--nodes 100 1000]

``generation`` plans, does all of pass B, reads its answers, commits, and compares the source with the result
as the next run does: requests of the generation for 1,000 songs, and the most memory of each stage, each in a
process of its own. Reading the songs from packs, and writing packs and shards, is counted by their sizes.
``prefix`` does one task of pass B of the size that 10**9 songs have with 256 prefixes. ``lanes`` reads
records of pass A as every process does. ``paper`` hands tasks to nodes.
"""

import argparse
import math
import shutil
from pathlib import Path

import cluster_stages as stages
from cluster_paper import ClusterSpeed, Forecast, forecast
from cluster_stages import SONG_BYTES, TRACKS_PER_SONG, Measured, measured
from common import machine_description
from midiprism.generations.digests import prefixes_for
from midiprism.generations.pass_a import PART_BYTES
from midiprism.generations.pass_c import RANGE_BYTES
from midiprism.generations.planning import ChunkLimits
from midiprism.objects import RequestCounts
from midiprism.stores.parquet.shard_writer import LINKS_PER_SHARD
from midiprism.stores.parquet.shards import SHARD_ROWS

_MB = 1e6
_PASS_NAMES = {"a": "pass A", "b": "pass B", "c": "pass C"}


def main() -> None:
    """Run a part of the simulation, and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("generation", "prefix", "lanes", "paper"))
    parser.add_argument("--songs", type=int, nargs="+", help="default: 100000 1000000; for paper 1000000000")
    parser.add_argument("--records", type=int, default=18_750_000, help="default: 18750000")
    parser.add_argument("--chunks", type=int, help="default: 20000; for lanes 2000")
    parser.add_argument("--prefixes", type=int, help="default: chosen by the songs; for lanes 2048")
    parser.add_argument("--nodes", type=int, nargs="+", default=[100, 1_000], help="default: 100 1000")
    parser.add_argument("--work", type=Path, default=Path("build/bench/cluster"), help="removed in the end")
    options = parser.parse_args()
    if options.part == "paper":
        for songs in options.songs or [1_000_000_000]:
            print_paper(songs, options.nodes, options.prefixes or prefixes_for(songs))
        return
    print(machine_description(), flush=True)
    folder: Path = options.work.absolute()
    try:
        if options.part == "generation":
            for songs in options.songs or [100_000, 1_000_000]:
                simulate_generation(
                    f"{folder.as_uri()}/{songs}", songs, options.prefixes or prefixes_for(songs)
                )
        elif options.part == "prefix":
            simulate_prefix(f"{folder.as_uri()}/prefix", options.records, options.chunks or 20_000)
        else:
            simulate_lanes(f"{folder.as_uri()}/lanes", options.chunks or 2_000, options.prefixes or 2_048)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def simulate_generation(url: str, songs: int, prefixes: int) -> None:
    """Make a generation with made-up digests, and print its requests and the memory of its stages."""
    print(f"\n{songs:,} songs, {prefixes} prefixes", flush=True)
    plan = measured(stages.plan, url, songs, prefixes)
    per_chunk = math.ceil(songs / plan.value)
    shards = max(1, math.ceil(per_chunk * TRACKS_PER_SONG / SHARD_ROWS))
    done = {
        "plan": plan,
        "a (made up)": measured(stages.invent_pass_a, url),
        "b": measured(stages.pass_b, url, range(prefixes)),
        "c (made up)": measured(stages.invent_pass_c, url, shards),
        "commit": measured(stages.commit, url),
    }
    for name, stage in done.items():
        _print_stage(name, stage)
    _print_stage("next run", measured(stages.compare, url, songs))
    manifest_bytes, recorded = done["commit"].value
    total = recorded.plus(_of_contents(per_chunk, plan.value))
    for stage in done.values():
        total = total.plus(stage.requests)
    thousands = songs / 1_000
    print(
        f"  {plan.value:,} chunks; manifest {manifest_bytes / _MB:.2f} MB; for 1,000 songs "
        f"{total.gets / thousands:.2f} GET, {total.puts / thousands:.3f} PUT, "
        f"{total.heads / thousands:.3f} HEAD",
        flush=True,
    )


def _of_contents(per_chunk: int, chunks: int) -> RequestCounts:
    """Return the requests for songs, packs, shards and small objects, which the stages do not make."""
    size = per_chunk * SONG_BYTES
    ranges, parts = math.ceil(size / RANGE_BYTES), math.ceil(size / PART_BYTES)
    links = per_chunk * TRACKS_PER_SONG
    shards = math.ceil(links / SHARD_ROWS) + math.ceil(links / LINKS_PER_SHARD) + 1
    # Songs and packs in ranges; in pass C plan, index twice and digests.
    return RequestCounts(gets=chunks * (2 * ranges + 4), puts=chunks * (parts + shards), heads=2 * chunks)


def simulate_prefix(url: str, records: int, chunks: int) -> None:
    """Do one task of pass B, and print what it takes."""
    measured(stages.make_one_prefix, url, records, chunks)
    base = measured(stages.load_records, url)
    task = measured(stages.pass_b, url, [0])
    print(f"{records:,} digests in {chunks:,} chunks")
    _print_stage("records", base)
    _print_stage("task of pass B", task)
    print(f"  {(task.peak - base.peak) / records:.0f} bytes of memory for a digest", flush=True)


def simulate_lanes(url: str, chunks: int, prefixes: int) -> None:
    """Read the records of pass A of many chunks, and print what that takes."""
    measured(stages.make_lanes, url, chunks, prefixes)
    small = measured(stages.load_records, url, 1)
    full = measured(stages.load_records, url)
    print(f"{chunks:,} records of {2 * prefixes:,} lanes")
    _print_stage("one record", small)
    _print_stage("all records", full)
    print(
        f"  {(full.peak - small.peak) / full.value:.1f} bytes of memory, "
        f"{full.requests.bytes_read / full.value:.1f} bytes read, "
        f"{(full.core_seconds - small.core_seconds) / full.value * 1e9:.0f} ns for a lane of a chunk",
        flush=True,
    )


def _print_stage(name: str, stage: Measured) -> None:
    print(
        f"  {name:<16} {stage.seconds:8.1f} s {stage.core_seconds:8.1f} s of processor time "
        f"{stage.peak / _MB:8.0f} MB at most",
        flush=True,
    )


def print_paper(songs: int, nodes: list[int], prefixes: int) -> None:
    """Print forecasts for clusters, with the songs one by one and in packs."""
    speed, limits = ClusterSpeed(), ChunkLimits()
    gigabits = speed.bytes_per_second * 8 / 1e9
    print(
        f"{songs:,} songs of {SONG_BYTES:,} bytes, {prefixes:,} prefixes, chunks of {limits.max_songs:,} "
        f"songs; nodes of {speed.cores} processors, {gigabits:.0f} Gbit/s, answers after "
        f"{speed.latency * 1e3:.0f} ms, {speed.requests_per_second:,.0f} requests a second of the store"
    )
    for packed in (False, True):
        for count in nodes:
            found = forecast(songs, count, prefixes, SONG_BYTES, packed=packed, speed=speed)
            print(f"\n{count:,} nodes, songs {'in packs' if packed else 'one by one'}")
            _print_forecast(found, songs)


def _print_forecast(found: Forecast, songs: int) -> None:
    times = ", ".join(
        f"{_PASS_NAMES.get(name, name)} {seconds / 60:,.1f} min" for name, seconds in found.seconds.items()
    )
    counts, thousands = found.requests, songs / 1_000
    name, size = found.largest_object
    print(f"  {sum(found.seconds.values()) / 3600:,.2f} h: {times}")
    print(
        f"  {counts.gets / 1e6:,.1f}M GET ({counts.gets / thousands:,.1f} for 1,000 songs), "
        f"{counts.puts / 1e6:,.2f}M PUT ({counts.puts / thousands:,.2f}), {counts.lists / 1e6:,.3f}M LIST; "
        f"{counts.bytes_read / 1e12:,.1f} TB read, {counts.bytes_written / 1e12:,.1f} TB written"
    )
    print(f"  ${found.dollars[0]:,.0f} for requests, ${found.dollars[1]:,.0f} for nodes while they are held")
    print(
        f"  a task of pass B {found.largest_task / 1e9:,.2f} GB of memory, the records of pass A "
        f"{found.records / 1e9:,.2f} GB in each process; largest object: {name}, {size / _MB:,.0f} MB"
    )


if __name__ == "__main__":
    main()
