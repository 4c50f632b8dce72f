"""The files in docs/how-to/cluster.md: their syntax, Ray's rules, and commands and options that exist."""

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from midiprism.cli.app import make_app

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "how-to" / "cluster.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LAUNCHER, JOBS = 0, 1


def blocks(language: str) -> list[str]:
    """Return the blocks of code in a language; those without a name are commands for a shell."""
    return [text for name, text in BLOCK.findall(TEXT) if name == language]


def jobs() -> list[dict[str, Any]]:
    return [*yaml.safe_load_all(blocks("yaml")[JOBS])]


def commands() -> Iterator[list[str]]:
    """Yield the arguments of every ``midiprism`` command."""
    for text in [*blocks(""), *blocks("sh")]:
        for line in text.splitlines():
            for found in re.findall(r"(?:^|\s|/)midiprism ((?:split|work) [^'\n]*)", line):
                yield shlex.split(found)
    for job in jobs():
        yield job["spec"]["template"]["spec"]["containers"][0]["args"]


def test_every_command_has_options_that_exist() -> None:
    group: Any = typer.main.get_command(make_app())
    found = [*commands()]
    assert len(found) == 6
    for name, *arguments in found:
        known = {option for parameter in group.commands[name].params for option in parameter.opts}
        assert {each for each in arguments if each.startswith("-")} <= known
        assert sum("://" in each for each in arguments) == 2


def test_the_file_of_the_cluster_keeps_the_rules_of_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load(blocks("yaml")[LAUNCHER])
    prepared = prepare_config(config)
    validate_config(prepared)
    assert config["head_node_type"] in prepared["available_node_types"]


def test_jobs_are_what_kubernetes_takes() -> None:
    for job in jobs():
        assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
        pod = job["spec"]["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        (container,) = pod["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        assert pod["restartPolicy"] == "Never"


@pytest.mark.parametrize("text", [*blocks(""), *blocks("sh")])
def test_scripts_have_no_errors_of_syntax(text: str) -> None:
    subprocess.run(["sh", "-n"], input=text, text=True, check=True)


def test_the_image_and_the_wheel_have_extras_and_files_that_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    docker = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (default,) = re.findall(r"^ARG EXTRAS=(\S+)$", docker, re.MULTILINE)
    (for_clusters,) = re.findall(r"--build-arg EXTRAS=(\S+)", TEXT)
    (of_the_wheel,) = re.findall(r"whl\)\[(\S+)\]", TEXT)
    for names in (default, for_clusters, of_the_wheel):
        assert {*names.split(",")} <= extras.keys()
    assert '"/source[$EXTRAS]"' in docker
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", docker, re.MULTILINE)
    assert [name for line in copied for name in line.split() if not (ROOT / name).exists()] == []
