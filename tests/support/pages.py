"""A server of pages in a process of its own, and pages of it in a browser that notices what goes wrong."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

MODULES = "import(document.querySelector('script[type=module]').src).then((it) => it.modules)"
"""Returns the modules of a page that is open, by their paths, in its own state."""

_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


@contextmanager
def serve(result: Path, data: Path, *options: str) -> Iterator[str]:
    """Yield the address of a server of a result, whose collections are below ``data``."""
    environment = {
        **os.environ,
        "MIDIPRISM_SEARCHES": str(data / "searches"),
        "MIDIPRISM_DATA": str(data / "data"),
        "XDG_DATA_HOME": str(data / "data"),
        "COLUMNS": "500",
    }
    command = [sys.executable, "-m", "midiprism", "serve", str(result), "--port", "0", "--no-open", *options]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            lines = iter(server.stderr.readline, "")
            found = next(filter(None, map(_ADDRESS.search, lines)), None)
            assert found is not None, "the server printed no address"
            yield found.group()
        finally:
            server.terminate()
            server.communicate()


@dataclass(slots=True)
class Trouble:
    """What went wrong on a page.

    Attributes:
        messages: errors of scripts, and dialogs.
        foreign: requests to another host.
    """

    messages: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


@contextmanager
def open_page(
    browser: "Browser", address: str, *, expected_errors: int = 0, sound: str = "builtin", **options: Any
) -> Iterator["Page"]:
    """Yield a page of a fresh profile; at the end nothing may have gone wrong on it.

    Args:
        browser: that opens it.
        address: of the server.
        expected_errors: messages that may come.
        sound: ``builtin``, or ``auto`` for a sound bank.
        options: of the browser's context.
    """
    settings = {"viewport": {"width": 1280, "height": 800}, "base_url": address, **options}
    with browser.new_context(**settings) as context:
        context.add_init_script(f"localStorage.setItem('midiprism.sound', '{sound}')")
        page = context.new_page()
        trouble = _watch(page, address)
        yield page
        assert trouble.foreign == []
        assert len(trouble.messages) <= expected_errors, trouble.messages


def _watch(page: "Page", address: str) -> Trouble:
    trouble = Trouble()

    def note_message(kind: str, text: str) -> None:
        if kind == "error" and not text.startswith("Failed to load resource"):
            trouble.messages.append(text)

    def note_dialog(dialog: "Dialog") -> None:
        trouble.messages.append(dialog.message)
        dialog.dismiss()

    def note_response(status: int, url: str) -> None:
        if status >= 400:
            trouble.messages.append(f"{status} {url}")

    def note_request(url: str) -> None:
        if not url.startswith((address, "data:", "blob:")):
            trouble.foreign.append(url)

    page.on("console", lambda message: note_message(message.type, message.text))
    page.on("pageerror", lambda error: trouble.messages.append(str(error)))
    page.on("dialog", note_dialog)
    page.on("response", lambda response: note_response(response.status, response.url))
    page.on("request", lambda request: note_request(request.url))
    return trouble
