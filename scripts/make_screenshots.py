"""Take the pictures of the pages of `midiprism serve` in ``docs/images``, with sample songs.

    PYTHONPATH=tests python scripts/make_screenshots.py [NAME ...]

Look at each of them before it is committed.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.browser import open_browser
from support.pages import open_page, serve
from support.web_client import split, write_samples

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PICTURES = Path(__file__).parents[1] / "docs" / "images"
WORK = Path(tempfile.gettempdir()) / "midiprism-pictures"
SONGS = 300
MORE_SONGS = 6_000
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 780}
_SEARCH = (
    "q => fetch(`/api/search?${new URLSearchParams({ q, limit: 100, facets: 0 })}`).then((it) => it.json())"
)

_WITH_SIMILAR = """async (q) => {
  const read = async (path) => (await fetch(path)).json();
  const { tracks } = await read(`/api/search?${new URLSearchParams({ q, limit: 200, facets: 0 })}`);
  for (const { digest } of tracks) {
    let answer;
    while ((answer = await read(`/api/tracks/${digest}/similar`)).pending) continue;
    if (answer.tracks.length) return digest;
  }
}"""
"""Returns the digest of a track whose music another one has."""


def main() -> None:
    """Take all pictures, or those that are named."""
    wanted = set(sys.argv[1:]) or set(SHOTS)
    shutil.rmtree(WORK, ignore_errors=True)
    result = split(write_samples(WORK / "songs", SONGS), WORK / "my-library")
    try:
        with serve(result, WORK) as address, open_browser() as browser:
            for name in [name for name in SHOTS if name in wanted]:
                _take(browser, address, name, **SHOTS[name])
    finally:
        shutil.rmtree(WORK)


def _take(
    browser: "Browser",
    address: str,
    name: str,
    prepare: Callable[["Page"], None],
    *,
    dark: bool = False,
    size: dict[str, int] = WIDE,
) -> None:
    scheme = "dark" if dark else "light"
    with open_page(browser, address, viewport=size, color_scheme=scheme) as page:
        prepare(page)
        page.wait_for_timeout(300)
        if name != "runs":  # taken while it goes on
            page.screenshot(path=PICTURES / f"{name}.png")
        print(f"{name}.png: {(PICTURES / f'{name}.png').stat().st_size / 1e3:.0f} kB")


def _first(page: "Page", query: str) -> dict[str, Any]:
    page.goto("/static/prism.svg")
    rows: list[dict[str, Any]] = page.evaluate(_SEARCH, query)["tracks"]
    # Not every machine has the fonts for all languages.
    return next(row for row in rows if f"{row['song']}{row['name']}".isascii())


def _play_for(page: "Page", milliseconds: int) -> None:
    page.get_by_role("region", name="Player").get_by_role("button", name="Play", exact=True).click()
    page.wait_for_timeout(milliseconds)


def _search(page: "Page") -> None:
    page.goto("/?q=family:bass,guitar%20bpm:80..130%20key:minor")
    page.locator(".row-name").nth(3).wait_for()
    page.locator(".list").focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    page.wait_for_timeout(2_500)


def _track(page: "Page") -> None:
    page.goto(f"/tracks/{_first(page, 'role:melody notes:400..700 sort:notes')['digest']}")
    page.locator(".roll").wait_for()
    _play_for(page, 2_600)
    box = page.locator(".roll").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 330, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 690, box["y"] + 8, steps=5)
    page.mouse.up()
    page.wait_for_timeout(1_200)


def _comparison(page: "Page") -> None:
    page.goto("/static/prism.svg")
    page.goto(f"/tracks/{page.evaluate(_WITH_SIMILAR, 'notes:100..500 -family:drums')}")
    page.locator(".roll").wait_for()
    page.get_by_role("button", name="Find", exact=True).click()
    page.locator(".similar-row").first.get_by_role("button").click()
    page.get_by_role("button", name="Hear both there").click()
    page.wait_for_timeout(2_000)
    page.locator(".head").scroll_into_view_if_needed()


def _drums(page: "Page") -> None:
    page.goto(f"/tracks/{_first(page, 'role:drums notes:500.. sort:notes')['digest']}")
    page.locator(".roll").wait_for()
    page.wait_for_timeout(300)


def _song(page: "Page") -> None:
    row = _first(page, "track:6.. notes:300.. sort:song")
    page.goto(f"/songs/{row['song_id']}")
    page.locator(".roll").wait_for()
    page.locator(".lane-solo").nth(1).click()
    page.locator(".lane-solo").nth(2).click()
    _play_for(page, 3_000)


def _collections(page: "Page") -> None:
    page.goto("/collections")
    for name in ("Bass lines to practise", "Slow pianos"):
        page.get_by_role("textbox", name="Name of a new collection").fill(name)
        page.get_by_role("button", name="Create").click()
        page.get_by_role("heading", name=name).wait_for()
    page.goto("/?q=family:piano%20bpm:..90%20notes:100..%20shared:1")
    for index in range(5):
        page.locator(f"#row-{index}").click()
        page.get_by_role("button", name="Add to collection").click()
        page.get_by_role("dialog").get_by_role("button", name="Slow pianos").click()
        page.get_by_role("dialog").wait_for(state="detached")
    page.goto("/collections")
    page.get_by_role("link", name="Slow pianos").click()
    page.locator(".row-name").nth(2).wait_for()


def _library(page: "Page") -> None:
    page.goto("/library")
    page.locator(".plot").first.wait_for()


def _runs(page: "Page") -> None:
    more = write_samples(WORK / "more", MORE_SONGS, seed=2)
    command = [
        sys.executable,
        "-m",
        "midiprism",
        "split",
        str(more),
        "-o",
        str(WORK / "my-library"),
        "--quiet",
    ]
    with subprocess.Popen(command) as run:
        page.goto("/runs")
        page.locator(".line-plot").nth(1).wait_for(timeout=60_000)
        page.wait_for_function("() => document.querySelector('[role=progressbar]')?.ariaValueNow > 35")
        page.screenshot(path=PICTURES / "runs.png")
        run.wait()


def _run(page: "Page") -> None:
    page.goto("/runs/2")
    page.locator(".report-sections").wait_for()


SHOTS: dict[str, dict[str, Any]] = {
    "search": {"prepare": _search},
    "search-dark": {"prepare": _search, "dark": True},
    "search-narrow": {"prepare": _search, "size": NARROW},
    "track": {"prepare": _track},
    "comparison": {"prepare": _comparison},
    "drums-dark": {"prepare": _drums, "dark": True},
    "song": {"prepare": _song},
    "song-narrow": {"prepare": _song, "size": NARROW, "dark": True},
    "collections": {"prepare": _collections},
    "library": {"prepare": _library},
    "runs": {"prepare": _runs},
    "run": {"prepare": _run},
}
"""Pictures by name. Those of runs come last: they add songs to the library."""


if __name__ == "__main__":
    main()
