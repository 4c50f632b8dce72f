"""What holds for all pages: no overflow, no small print, nothing from elsewhere, accessible to all."""

from typing import TYPE_CHECKING, Literal

import pytest

from support.axe import axe_script, serious_findings
from support.played_songs import HOSTILE
from web.browser.conftest import OpenPage
from web.browser.finding import find, is_ready

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCREENS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((390, "light"), (1280, "dark"), (2560, "dark"))
PAGES = ("search", "track", "drums", "song", "collections", "library", "runs", "run")


def address_of(page: "Page", name: str) -> str:
    """Return the address of a page that has something to show."""
    if name == "search":
        return "/?q=sort:notes-"
    if name in ("track", "drums"):
        played = "Bass" if name == "track" else "Strokes"
        return f"/tracks/{find(page, f'song:=Band name:={played}')['digest']}"
    if name == "song":
        return f"/songs/{find(page, 'song:=Band name:=Bass')['song_id']}"
    return "/runs/1" if name == "run" else f"/{name}"


def assert_fits(page: "Page") -> None:
    """Check that nothing is wider than the page, and that all text can be read."""
    inside, outside = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert inside <= outside
    beyond = page.evaluate(
        """() => {
          const isClipped = (element) => {
            for (let at = element.parentElement; at && at !== document.body; at = at.parentElement) {
              if (getComputedStyle(at).overflowX !== "visible") return true;
            }
            return false;
          };
          return [...document.querySelectorAll("body *")]
            .filter((it) => it.getBoundingClientRect().right > innerWidth + 1 && !isClipped(it))
            .map((it) => it.outerHTML.slice(0, 100));
        }"""
    )
    assert beyond == []
    scrolls = page.evaluate(
        "[...document.querySelectorAll('main, .content')]"
        ".filter((it) => it.scrollWidth > it.clientWidth + 1).length"
    )
    assert scrolls == 0
    smallest = page.evaluate(
        """Math.min(...[...document.querySelectorAll('body *')]
          .filter((it) => it.children.length === 0 && it.textContent.trim() && it.checkVisibility())
          .map((it) => parseFloat(getComputedStyle(it).fontSize)))"""
    )
    assert smallest >= 12


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_narrow_and_wide_screens_and_has_no_serious_finding(
    new_page: OpenPage, name: str
) -> None:
    axe = axe_script()
    with new_page(bypass_csp=False, color_scheme="light") as page:
        page.goto(address_of(page, name))
        is_ready(page)
        for width, scheme in SCREENS:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.wait_for_timeout(60)
            assert_fits(page)
            if width < 2560:
                assert serious_findings(page, axe) == []


def test_a_chosen_theme_is_that_of_all_pages_before_their_scripts_run(page: "Page") -> None:
    page.goto("/library")
    is_ready(page)
    page.locator("#theme").click()
    assert page.locator("#theme").get_attribute("aria-label") == "Colors: light"
    assert 'data-theme="light"' in page.goto("/").text()  # type: ignore[union-attr]
    assert page.locator("#theme").get_attribute("aria-label") == "Colors: light"


def test_a_theme_that_was_kept_in_the_browser_is_taken_over_once(page: "Page") -> None:
    page.goto("/static/prism.svg")
    page.evaluate("localStorage.setItem('midiprism.theme', 'dark')")
    page.goto("/library")
    is_ready(page)
    assert page.locator("#theme").get_attribute("aria-label") == "Colors: dark"
    assert page.evaluate("localStorage.getItem('midiprism.theme')") is None
    assert 'data-theme="dark"' in page.goto("/").text()  # type: ignore[union-attr]


def test_numbers_are_written_as_in_english(page: "Page") -> None:
    page.goto("/static/prism.svg")
    different = page.evaluate(
        """async () => {
          const { count, oneDigit, shortCount } = await import("/static/js/format.js");
          const intl = (options) => new Intl.NumberFormat("en", options);
          const one = { maximumFractionDigits: 1 };
          const [whole, tenths] = [intl({ maximumFractionDigits: 0 }), intl(one)];
          const compact = intl({ ...one, notation: "compact" });
          const short = (value) => (value < 10_000 ? whole : compact).format(value);
          const powers = [...Array(40).keys()].map((power) => 2 ** power);
          const limits = [999_499, 999_950, 999_949_999, 999_950_000];
          return [0, 9_999, 10_049, 10_050, 99_949, 99_950, 1_234_567, ...limits, ...powers]
            .flatMap((it) => [[count(it), whole.format(it)], [shortCount(it), short(it)],
                              [oneDigit(it / 16), tenths.format(it / 16)]])
            .filter(([own, other]) => own !== other);
        }"""
    )
    assert different == []


def test_names_and_words_from_files_stay_text(page: "Page") -> None:
    row = find(page, 'name:"img src"')
    for address in ("/?q=name:img", f"/tracks/{row['digest']}", f"/songs/{row['song_id']}"):
        page.goto(address)
        is_ready(page)
        assert HOSTILE in page.locator("#main").inner_text()
        assert page.locator("#main img, #main script").count() == 0


def test_a_page_that_does_not_exist_says_so(new_page: OpenPage) -> None:
    with new_page(expected_errors=2) as page:
        page.goto("/songs/999999")
        assert "no such song" in page.get_by_role("alert").inner_text()
