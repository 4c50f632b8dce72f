"""Finds a sound bank where systems keep them."""

import os
import sys
from collections.abc import Iterable, Iterator
from glob import glob

from midiprism.web.soundbank.errors import SoundBankError
from midiprism.web.soundbank.sound_bank import Preset, SoundBank

_KNOWN = (
    "FluidR3Mono_GM",
    "FluidR3_GM",
    "MS Basic",
    "MuseScore_General",
    "GeneralUser",
    "default-GM",
    "TimGM6mb",
)
"""Beginnings of the names of banks that have all sounds of General MIDI, the best first."""

_PIANO = Preset(0, 0)


def bank_folders(platform: str = sys.platform, home: str | None = None) -> list[str]:
    """Return the folders, or patterns of them, in which a system keeps sound banks.

    Args:
        platform: as ``sys.platform``.
        home: of the user; None for the real one.
    """
    home = home or os.path.expanduser("~")
    if platform == "win32":
        programs = os.environ.get("PROGRAMFILES", r"C:\Program Files")
        return [
            os.path.join(programs, "MuseScore*", "sound"),
            r"C:\soundfonts",
            os.path.join(home, "Documents", "SoundFonts"),
        ]
    if platform == "darwin":
        return [
            os.path.join(home, "Library/Audio/Sounds/Banks"),
            "/Library/Audio/Sounds/Banks",
            "/opt/homebrew/share/soundfonts",
            "/usr/local/share/soundfonts",
            "/Applications/MuseScore*.app/Contents/Resources/sound",
        ]
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(home, ".local/share")
    return [
        *(os.path.join(data, name) for name in ("sounds/sf3", "sounds/sf2", "soundfonts")),
        *(f"/usr/local/share/{name}" for name in ("sounds/sf3", "sounds/sf2", "soundfonts")),
        *(f"/usr/share/{name}" for name in ("sounds/sf3", "sounds/sf2", "soundfonts")),
        *("/usr/share/mscore*/sound", "/usr/share/musescore*/sound", "/usr/share/midi/*"),
    ]


def find_bank(folders: Iterable[str] | None = None) -> SoundBank | None:
    """Return the best sound bank of this system; None without one that can be used.

    Args:
        folders: to look in, or patterns of them; None for those of this system.
    """
    paths = sorted({*_bank_files(bank_folders() if folders is None else folders)}, key=_preference)
    for path in paths:
        try:
            bank = SoundBank(path)
        except SoundBankError:
            continue
        if _PIANO in bank.presets:
            return bank
    return None


def _bank_files(folders: Iterable[str]) -> Iterator[str]:
    for pattern in folders:
        for folder in glob(pattern):
            try:
                names = os.listdir(folder)
            except OSError:
                continue
            yield from (
                os.path.join(folder, name) for name in names if name.lower().endswith((".sf2", ".sf3"))
            )


def _preference(path: str) -> tuple[int, bool, str]:
    name = os.path.basename(path)
    known = next((rank for rank, start in enumerate(_KNOWN) if name.startswith(start)), len(_KNOWN))
    return known, not name.lower().endswith(".sf3"), path
