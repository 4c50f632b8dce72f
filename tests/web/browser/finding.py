"""Finds what tests of pages look at."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

_SEARCH = "q => fetch(`/api/search?${new URLSearchParams({ q })}`).then(it => it.json())"


def find(page: "Page", query: str) -> dict[str, Any]:
    """Return the row of the only track that a query finds; the page is one of the server afterwards."""
    if page.url == "about:blank":
        page.goto("/static/prism.svg")
    answer = page.evaluate(_SEARCH, query)
    assert len(answer["tracks"]) == 1
    row: dict[str, Any] = answer["tracks"][0]
    return row


def is_ready(page: "Page") -> None:
    """Wait until a page shows its content."""
    page.locator("#content[aria-busy=false], #results-count b").first.wait_for()
