"""Compile the kernels while a wheel is built, so that nobody who installs it has to wait for that.

Where this fails, as without Numba, the wheel has no machine code: midiprism then compiles on first use.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULE_GROUPS = (
    ("midiprism.smf.kernel.split_kernel",),
    (
        "midiprism.features.kernel.facts_kernel",
        "midiprism.sample.harmony",
        "midiprism.sample.render",
        "midiprism.sample.rng",
        "midiprism.similarity.kernel.align",
        "midiprism.similarity.kernel.bands",
        "midiprism.similarity.kernel.compare",
        "midiprism.similarity.kernel.fingerprint_kernel",
    ),
)
"""The modules with entry points: a process compiles each group, which take about as long."""

SHIPPED_FOLDER = "midiprism/native/shipped"


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc] # hatchling has no types here
    """Adds the machine code of all entry points to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless the sources are to be used where they are, since those change."""
        if version == "editable" or os.environ.get("MIDIPRISM_SHIP_CODE") == "0":
            return
        folder = Path(self.directory, "shipped")
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier build
        command = [sys.executable, "-m", "midiprism.native.ship", str(folder)]
        environment = os.environ | {"PYTHONPATH": self.module_path(), "PYTHONDONTWRITEBYTECODE": "1"}
        compilers = [subprocess.Popen([*command, *modules], env=environment) for modules in MODULE_GROUPS]
        codes = [compiler.wait() for compiler in compilers]
        if any(codes):
            self.app.display_warning(
                "The kernels could not be compiled: midiprism compiles them on first use."
            )
        if folder.exists():
            build_data["force_include"][str(folder)] = SHIPPED_FOLDER

    def module_path(self) -> str:
        """Return PYTHONPATH: the sources, then the packages that pip gives an isolated build."""
        return os.pathsep.join(filter(None, [str(Path(self.root, "src")), os.environ.get("PYTHONPATH")]))

    def finalize(self, *_arguments: Any) -> None:
        """Remove what is in the wheel now."""
        shutil.rmtree(Path(self.directory, "shipped"), ignore_errors=True)
