"""The scripts and styles of pages, put together in memory: one response each instead of one for each source.

Sources stay ES modules that browsers run as they are. A module becomes a function that returns what it
exports, behind those that it imports. Whatever this cannot express, such as modules in a circle, is refused.
"""

import gzip
import hashlib
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from urllib.parse import quote

from midiprism.web.errors import PageSourceError

STATIC = Path(__file__).parent / "static"
SCRIPTS = STATIC / "js"
_STYLE_NAMES = ("base", "layout", "lists", "player", "roll", "panels")
STYLE = "style.css"
_FIRST = "main.js"
_IMPORT = re.compile(r'^import \{([^}"]*)\} from "(\.[^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function|class|const) (\w+)", re.MULTILINE)
_NOT_UNDERSTOOD = re.compile(r"^(?:import\b(?!\()|export\b).*", re.MULTILINE)
_RENAMED = re.compile(r"(\w+) as (\w+)")


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file that pages load.

    Attributes:
        name: in its address.
        media_type: of its content.
        content: UTF-8.
        compressed: the content in gzip.
        version: changes with the content.
    """

    name: str
    media_type: str
    content: bytes
    compressed: bytes
    version: str

    @property
    def address(self) -> str:
        """The path and the query at which a browser may keep it for ever."""
        return f"/files/{quote(self.name)}?v={self.version}"


class PageFiles:
    """The scripts and styles of pages, made again when a source has changed. Any thread may use it.

    Args:
        pages: names of the pages, which are those of their modules.
        static: folder of the sources: scripts in ``js``, styles in ``css``.
    """

    def __init__(self, pages: Iterable[str], static: Path = STATIC) -> None:
        self._folders = static / "js", static / "css"
        scripts, styles = self._folders
        self._makers = {f"{page}.js": partial(_script_file, page, scripts) for page in pages}
        self._makers[STYLE] = partial(_style_file, styles)
        self._lock = Lock()
        self._state: tuple[tuple[str, int], ...] = ()
        self._files: dict[str, PageFile] = {}

    def get(self, name: str) -> PageFile | None:
        """Return a file: the style, or the name of a page with ``.js``; None for another name.

        Raises:
            PageSourceError: a module has something that cannot be put together.
        """
        maker = self._makers.get(name)
        if maker is None:
            return None
        with self._lock:
            state = tuple(_source_state(*self._folders))
            if state != self._state:
                self._files.clear()
                self._state = state
            if name not in self._files:
                self._files[name] = maker()
            return self._files[name]

    def address(self, name: str) -> str:
        """Return the address of a file; errors as for ``get``.

        Raises:
            KeyError: there is none of this name.
        """
        file = self.get(name)
        if file is None:
            raise KeyError(name)
        return file.address


def _style_file(styles: Path) -> PageFile:
    text = "\n".join((styles / f"{name}.css").read_text(encoding="utf-8") for name in _STYLE_NAMES)
    return _page_file(STYLE, "text/css", text)


def _script_file(page: str, scripts: Path) -> PageFile:
    return _page_file(f"{page}.js", "text/javascript", page_script(page, scripts))


def page_script(page: str, scripts: Path = SCRIPTS) -> str:
    """Return the module that starts a page; it exports ``modules``, the exports of each source by its path.

    Args:
        page: name of the page.
        scripts: folder of the sources.

    Raises:
        PageSourceError: a module has something that cannot be put together.
    """
    own = f"pages/{page}.js"
    parts = [_as_function(name, _text_of(name, scripts)) for name in page_modules(page, scripts)]
    return (
        "export const modules = {};\n"
        + "".join(parts)
        + f'await modules["{_FIRST}"].startPage(modules["{own}"].start);\n'
    )


def page_modules(page: str, scripts: Path = SCRIPTS) -> tuple[str, ...]:
    """Return the paths below ``scripts`` of the modules of a page, each behind those that it imports.

    Raises:
        PageSourceError: modules import each other in a circle, or one is missing.
    """
    found: dict[str, None] = {}

    def add(name: str, importers: tuple[str, ...]) -> None:
        if name in importers:
            raise PageSourceError(name, "imports itself, over " + ", ".join(importers))
        if name in found:
            return
        for _, target in _IMPORT.findall(_text_of(name, scripts)):
            add(_resolve(name, target), (*importers, name))
        found[name] = None

    for name in (_FIRST, f"pages/{page}.js"):
        add(name, ())
    return tuple(found)


def _as_function(name: str, source: str) -> str:
    """Return a statement that runs a module and keeps what it exports."""
    exported: list[str] = []

    def bind(match: re.Match[str]) -> str:
        names = _RENAMED.sub(r"\1: \2", " ".join(match[1].split()))
        return f'const {{ {names} }} = modules["{_resolve(name, match[2])}"];\n'

    def declare(match: re.Match[str]) -> str:
        exported.append(match[2])
        return f"{match[1]} {match[2]}"

    text = _EXPORT.sub(declare, _IMPORT.sub(bind, source))
    other = _NOT_UNDERSTOOD.search(text)
    if other is not None:
        raise PageSourceError(name, f"has a line that cannot be put together with others: {other[0]}")
    return f'modules["{name}"] = (() => {{\n{text}return {{ {", ".join(exported)} }};\n}})();\n'


def _resolve(importer: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), target))


def _text_of(name: str, scripts: Path) -> str:
    try:
        return (scripts / name).read_text(encoding="utf-8")
    except OSError as error:
        raise PageSourceError(name, f"cannot be read: {error.strerror or error}") from error


def _source_state(*folders: Path) -> Iterator[tuple[str, int]]:
    """Yield the paths of all sources, with the times of their last changes."""
    for folder in folders:
        for parent, inner, names in os.walk(folder):
            inner.sort()
            for name in sorted(names):
                path = os.path.join(parent, name)
                yield path, os.stat(path).st_mtime_ns


def _page_file(name: str, media_type: str, text: str) -> PageFile:
    content = text.encode()
    version = hashlib.blake2b(content, digest_size=9).hexdigest()
    return PageFile(name, media_type, content, gzip.compress(content, 9, mtime=0), version)
