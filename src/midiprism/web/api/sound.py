"""The sound bank: what it is, and parts of it for what is played."""

import hashlib
import re
from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from midiprism.errors import UsageError
from midiprism.web.errors import NotFoundError
from midiprism.web.json_response import JsonResponse
from midiprism.web.soundbank.slice_bank import ALL_KEYS, Keys, slice_bank
from midiprism.web.soundbank.sound_bank import Preset, SoundBank

MAX_PRESETS = 128
_ITEM = re.compile(r"(\d{1,5})-(\d{1,3})(?::([0-9.-]{1,600}))?")
_KEYS = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?")
_LONG_CACHE = "private, max-age=604800"


def sound(request: Request) -> JsonResponse:
    """Return which sound bank plays; null for none."""
    bank: SoundBank | None = request.app.state.bank
    if bank is None:
        return JsonResponse({"bank": None})
    return JsonResponse(
        {
            "bank": {
                "name": bank.info_text(b"INAM"),
                "license_hint": bank.info_text(b"ICOP"),
                "format": "sf3" if bank.is_compressed else "sf2",
                "version": bank.version,
            }
        }
    )


def part(request: Request) -> Response:
    """Return the sound bank cut to some presets and keys."""
    bank: SoundBank | None = request.app.state.bank
    if bank is None:
        raise NotFoundError("This server has no sound bank.")
    text = request.query_params.get("presets", "")
    wanted: dict[Preset, Keys] = {}
    for preset, keys in parse_presets(text):
        nearest = bank.nearest_preset(preset)
        if nearest is not None:
            wanted[nearest] = wanted.get(nearest, frozenset()) | keys
    if not wanted:
        raise NotFoundError("The sound bank has none of these presets.")
    identity = repr([(preset, sorted(keys)) for preset, keys in sorted(wanted.items())])
    tag = f'"{bank.version}-{hashlib.blake2b(identity.encode(), digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": _LONG_CACHE}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(slice_bank(bank, wanted), media_type="application/octet-stream", headers=headers)


def parse_presets(text: str) -> Iterator[tuple[Preset, Keys]]:
    """Yield the presets of a text, with the keys that each of them plays.

    >>> [(preset, sorted(keys)) for preset, keys in parse_presets("128-0:36.38-40")]
    [(Preset(bank=128, program=0), [36, 38, 39, 40])]

    Raises:
        UsageError: it is not understood, or names too many presets.
    """
    items = text.split(",")
    if len(items) > MAX_PRESETS:
        raise UsageError(f"presets names at most {MAX_PRESETS} presets.")
    for item in items:
        found = _ITEM.fullmatch(item)
        if found is None:
            raise UsageError("presets must be BANK-PROGRAM or BANK-PROGRAM:KEYS, such as 0-33:28-52,128-0.")
        yield Preset(int(found[1]), int(found[2])), ALL_KEYS if found[3] is None else _parse_keys(found[3])


def _parse_keys(text: str) -> Keys:
    keys: set[int] = set()
    for piece in text.split("."):
        found = _KEYS.fullmatch(piece)
        if found is None:
            raise UsageError("Keys must be numbers or ranges with points between them, such as 36.38-40.")
        keys |= {*range(int(found[1]), int(found[2] or found[1]) + 1)}
    return frozenset(keys) & ALL_KEYS
