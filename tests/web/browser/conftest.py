"""One library, one server and one browser for all tests of pages in a process."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.browser import open_browser
from support.pages import open_page, serve
from support.played_songs import write_played_songs
from support.sound_banks import write_bank
from support.web_client import split, write_samples

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@dataclass(frozen=True, slots=True)
class Site:
    """A library that is served.

    Attributes:
        address: of the server.
        result: folder of the library.
    """

    address: str
    result: Path


OpenPage = Callable[..., AbstractContextManager["Page"]]


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Yield a browser without a window."""
    with open_browser() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def site(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Yield a served library of played songs and samples; without a browser, tests skip first."""
    folder = tmp_path_factory.mktemp("pages")
    songs = write_samples(write_played_songs(folder / "songs"), 60)
    result = split(songs, folder / "result", context="full")
    bank = write_bank(folder / "made.sf2", is_heard=True)
    with serve(result, folder, "--soundfont", str(bank)) as address:
        yield Site(address, result)


@pytest.fixture
def new_page(browser: "Browser", site: Site) -> OpenPage:
    """Return a function that opens a page of the site, with settings of the browser's context."""

    def new(**options: Any) -> AbstractContextManager["Page"]:
        return open_page(browser, site.address, **options)

    return new


@pytest.fixture
def page(new_page: OpenPage) -> Iterator["Page"]:
    """Yield a page of the site, on which nothing has gone wrong at the end."""
    with new_page() as page:
        yield page
