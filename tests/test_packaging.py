"""Tests of the image, the citation and the workflows. ``.ci/container`` tries the image."""

import re
import shlex
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import midiprism

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_citation_has_the_version_and_the_license_of_the_package() -> None:
    citation = dict(re.findall(r"^([a-z-]+): (.+)$", read("CITATION.cff"), re.MULTILINE))
    assert (citation["version"], citation["license"]) == (midiprism.__version__, PROJECT["license"])
    assert citation["title"] == PROJECT["name"]


def test_the_image_runs_as_an_ordinary_user_with_a_volume_for_libraries() -> None:
    lines = read("Dockerfile").splitlines()
    last_stage = lines[max(index for index, line in enumerate(lines) if line.startswith("FROM ")) :]
    instructions = dict(line.split(" ", 1) for line in last_stage if re.match(r"[A-Z]+ \S", line))
    assert instructions["FROM"].endswith("-slim")
    assert instructions["USER"] == "midiprism"
    assert instructions["VOLUME"] == instructions["WORKDIR"] == "/library"


def test_the_image_gets_every_file_that_it_copies() -> None:
    sent = {line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", read("Dockerfile"), re.MULTILINE)
    assert {name for line in copied for name in shlex.split(line)} == sent
    assert all((ROOT / name).exists() for name in sent)


def test_the_wheel_has_machine_code_of_every_entry_point() -> None:
    hook = read("hatch_build.py")
    groups = hook[hook.index("MODULE_GROUPS") : hook.index("SHIPPED_FOLDER")]
    compiled = set(re.findall(r'"(midiprism\.[\w.]+)"', groups))
    source = ROOT / "src"
    with_entry_points = {
        ".".join(path.relative_to(source).with_suffix("").parts)
        for path in source.rglob("*.py")
        if re.search(r"^@entry_point\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert compiled == with_entry_points


@pytest.mark.nightly
def test_pip_compiles_the_kernels_although_its_environment_has_no_compiler(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    command = [
        str(python),
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    shipped = [name for name in zipfile.ZipFile(wheel).namelist() if "/native/shipped/" in name]
    assert len(shipped) >= 4, shipped


def test_the_workflows_try_the_systems_that_are_stated_and_the_oldest_and_newest_python() -> None:
    tests = read(".github/workflows/tests.yml")
    lowest, highest = re.findall(r"3\.(\d+)", PROJECT["requires-python"])
    assert f'python-version: ["3.{lowest}", "3.{int(highest) - 1}"]' in tests
    for name in ("tests", "release"):
        (systems,) = re.findall(r"os: \[(.*)\]", read(f".github/workflows/{name}.yml"))
        assert {system.partition("-")[0] for system in systems.split(", ")} == {"ubuntu", "macos", "windows"}
    stated = read("docs/how-to/install.md")
    assert all(system in stated for system in ("Linux", "macOS", "Windows"))


def test_the_workflows_call_scripts_that_exist() -> None:
    called = re.findall(r"run: (\.ci/\w+)", read(".github/workflows/tests.yml"))
    assert called == [".ci/run", ".ci/container"]
    assert all((ROOT / name).stat().st_mode & 0o100 for name in called)
