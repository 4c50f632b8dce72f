"""Record a real run as the picture of README.md, ``docs/images/recording.svg``.

Sample songs are written to a temporary folder, and the commands below are run there with the output that a
terminal of 100 columns shows. An earlier run, which is not shown, compiles the splitter.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "recording.svg"
WIDTH = 100
COMMANDS = (
    "midiprism split songs -o split",
    "midiprism list split --instrument bass --limit 4",
    "midiprism export split --to tree --by instrument --instrument bass",
)
PREPARATION = (
    ("sample", "songs", "--songs", "200", "--seed", "1", "--quiet"),
    ("split", "songs", "-o", "first", "--quiet"),
)
FONT_FACE = re.compile(r"@font-face \{.*?\}", re.DOTALL)


def main() -> None:
    console = Console(record=True, width=WIDTH, force_terminal=True, file=open(os.devnull, "w"))  # noqa: SIM115
    with tempfile.TemporaryDirectory() as folder:
        for arguments in PREPARATION:
            run(arguments, folder)
        for command in COMMANDS:
            console.print(Text(f"$ {command}", style="bold"))
            printed = run(command.split()[1:], folder).replace(f"{folder}{os.sep}", "")
            console.print(Text.from_ansi(printed))
    PICTURE.parent.mkdir(exist_ok=True)
    svg = console.export_svg(title="midiprism", clear=False)
    # Fixed identifiers keep the picture as long as the output is the same; no font is loaded from elsewhere.
    PICTURE.write_text(FONT_FACE.sub("", re.sub(r"terminal-\d+", "terminal", svg)), encoding="utf-8")


def run(arguments: tuple[str, ...] | list[str], folder: str) -> str:
    """Run a command of midiprism and return what it prints, without progress."""
    done = subprocess.run(
        [sys.executable, "-m", "midiprism", *arguments],
        cwd=folder,
        env=os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    main()
