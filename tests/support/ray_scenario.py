"""A program that splits songs on a Ray cluster of some nodes, and may kill parts of it meanwhile.

It runs in namespaces of its own: Ray listens where nobody else is, and every process ends with the first.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

LOOPBACK = "127.0.0.1"
VICTIMS = ("child", "agent", "raylet", "head", "driver")
MOST_KILLS = {"child": 2, "agent": 3, "raylet": 1, "head": 1, "driver": 1}
TIMEOUT_SECONDS = 240
END_SECONDS = 20
"""Time within which agents end; those of a raylet that was killed look for it now and then."""


_GET_FLAGS, _SET_FLAGS, _IS_UP = 0x8913, 0x8914, 1
"""Requests and the flag of network interfaces on Linux."""

VERIFY = "verify"


class Outcome(NamedTuple):
    """The end of a scenario.

    Attributes:
        code: exit code of the command.
        output: of the command.
        kills: number of processes that were killed.
        listeners: addresses at which processes listened.
        agents_left: agents that were there when ``END_SECONDS`` had passed since the command ended.
        check: last line of ``midiprism verify`` on the same cluster, where that was asked for.
    """

    code: int
    output: str
    kills: int
    listeners: Sequence[str]
    agents_left: int
    check: str


def run_scenario(
    victim: str, source: str, url: str, *options: str, nodes: int = 2, timeout: float = TIMEOUT_SECONDS
) -> Outcome:
    """Run ``midiprism split`` on a cluster, and kill ``victim`` meanwhile; with an empty one, kill nobody.

    With ``VERIFY`` for the victim, kill nobody and check the result.
    """
    command = in_namespaces(["-m", "support.ray_scenario", victim, source, url, str(nodes), *options])
    with ray_environment() as environment:
        ended = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=timeout, check=False
        )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return Outcome(**json.loads(ended.stdout.splitlines()[-1]))


@contextlib.contextmanager
def ray_environment() -> Iterator[dict[str, str]]:
    """Give an environment in which Ray keeps its files apart from those of other clusters; remove them."""
    # Ray puts sockets there, whose paths must be short.
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
            "RAY_TMPDIR": folder,
            "RAY_USAGE_STATS_ENABLED": "0",
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
        }


def in_namespaces(arguments: Sequence[str], python: str = sys.executable) -> list[str]:
    """Return a command that runs Python where only the loopback interface is, and no other process."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    namespaces = ["unshare", *user, "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    # The shell collects the processes whose parents have ended.
    return [*namespaces, "sh", "-c", '"$@"; exit $?', "sh", python, *arguments]


def bring_loopback_up() -> None:
    """Bring the only interface of a new network namespace up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = fcntl.ioctl(any_socket, _GET_FLAGS, struct.pack("16sh14x", b"lo", 0))
        name, flags = struct.unpack("16sh14x", asked)
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", name, flags | _IS_UP))


def start_cluster(nodes: int) -> Any:
    """Start a Ray cluster with one processor on each node."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False, "node_ip_address": LOOPBACK}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(nodes - 1):
        cluster.add_node(num_cpus=1, node_ip_address=LOOPBACK)
    return cluster


def agents() -> list[psutil.Process]:
    """Return the processes of agents."""
    return [
        it
        for it in psutil.process_iter(["cmdline"])
        if "ray::NodeAgent" in " ".join(it.info["cmdline"] or ())
    ]


def _find(victim: str, cluster: Any, driver: "subprocess.Popen[str]") -> list[int]:
    """Return the ids of the processes that end a victim; none if it is not there yet."""
    running = agents()
    if victim == "agent":
        return [running[0].pid] if running else []
    if victim == "child":
        children = [child for agent in running for child in agent.children(recursive=True)]
        return [child.pid for child in children if not child.children()][-1:]
    if len(running) < 2:
        return []
    if victim == "driver":
        return [driver.pid]
    node = cluster.head_node if victim == "head" else next(iter(cluster.worker_nodes))
    kinds = ("gcs_server", "raylet") if victim == "head" else ("raylet",)
    return [info.process.pid for kind in kinds for info in node.all_processes[kind]]


def _recorded(url: str) -> int:
    """Return the number of tasks that have a record."""
    return len([*Path(url.removeprefix("file://")).glob("work/*/[abc]/*.json")])


def _kill_meanwhile(victim: str, cluster: Any, driver: "subprocess.Popen[str]", url: str) -> int:
    kills, done = 0, _recorded(url)
    while victim in MOST_KILLS and driver.poll() is None and kills < MOST_KILLS[victim]:
        time.sleep(0.05)
        if _recorded(url) < done + 2:
            continue
        try:
            for pid in _find(victim, cluster, driver):
                os.kill(pid, signal.SIGKILL)
                kills += 1
                done = _recorded(url)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    return kills


def _until(is_so: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end:
        time.sleep(0.1)


def _listeners() -> list[str]:
    found = psutil.net_connections("tcp")
    return sorted({it.laddr.ip for it in found if it.laddr and it.status == psutil.CONN_LISTEN})


def _last_line(command: Sequence[str]) -> str:
    """Run a command, and return the last line that it prints."""
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return ended.stdout.splitlines()[-1]


def main(victim: str, source: str, url: str, nodes: str, *options: str) -> None:
    bring_loopback_up()
    cluster = start_cluster(int(nodes))
    midiprism = [sys.executable, "-m", "midiprism"]
    where = ["--engine", "ray", "--address", cluster.address, "--workers", "1"]
    command = [*midiprism, "split", source, "-o", url, *where, *options]
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    kills = _kill_meanwhile(victim, cluster, driver, url)
    listeners = _listeners()
    output, _ = driver.communicate()
    check = ""
    if victim == VERIFY:
        check = _last_line([*midiprism, "verify", url, "--json", "--quiet", *where])
    _until(lambda: not agents(), END_SECONDS)
    outcome = Outcome(driver.returncode, output, kills, listeners, len(agents()), check)
    print(json.dumps(outcome._asdict()), flush=True)
    os._exit(0)  # the namespace ends all processes of Ray


if __name__ == "__main__":
    main(*sys.argv[1:])
