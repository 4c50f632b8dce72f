"""The search page: its address is the query, and all of it works with the keyboard."""

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import pytest

from support.axe import axe_script, serious_findings
from web.browser.conftest import OpenPage
from web.browser.finding import find, is_ready

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route


COUNT_IS = "n => document.querySelector('#results-count b').textContent == n"
COUNT_IS_NOT = "n => document.querySelector('#results-count b').textContent != n"


def found(page: "Page") -> int:
    """Return how many tracks the page says it has found."""
    return int(page.locator("#results-count b").inner_text().replace(",", ""))


def ask(page: "Page", query: str) -> int:
    """Type a query, and return how many tracks are found."""
    page.locator("#query").fill(query)
    with page.expect_response(lambda response: "/api/search" in response.url):
        page.locator("#query").press("Enter")
    page.wait_for_function("q => new URLSearchParams(location.search).get('q') === q", arg=query)
    page.wait_for_timeout(80)
    return found(page)


@pytest.fixture
def search(page: "Page") -> "Page":
    page.goto("/")
    is_ready(page)
    return page


def rows(page: "Page") -> "Locator":
    return page.locator(".row:not(.is-empty)")


def test_the_address_is_the_query_and_the_back_button_works(search: "Page") -> None:
    everything = found(search)
    some = ask(search, "role:bass")
    one = ask(search, "song:=Melody")
    assert 1 == one < some < everything
    assert rows(search).count() == 1
    search.go_back()
    search.wait_for_function("() => document.querySelector('#query').value === 'role:bass'")
    search.wait_for_function(COUNT_IS, arg=str(some))
    search.reload()
    is_ready(search)
    assert (found(search), search.locator("#query").input_value()) == (some, "role:bass")


@pytest.mark.parametrize("query", ["", "song:=Melody", "-name:~é*x sort:notes-"])
def test_a_page_asks_for_its_first_answer_once_and_comes_in_few_requests(page: "Page", query: str) -> None:
    paths: list[str] = []
    page.on("request", lambda request: paths.append(urlsplit(request.url).path))
    page.goto("/?" + urlencode({"q": query}) if query else "/")
    is_ready(page)
    assert found(page) > 0
    assert paths.count("/api/search") == (1 if query else 0)  # all tracks are in the page
    page.wait_for_timeout(300)
    assert len([path for path in paths if path.endswith((".js", ".css"))]) == 2
    assert len(paths) < 15


def test_a_facet_puts_its_term_into_the_query_and_takes_it_out(search: "Page") -> None:
    everything = found(search)
    section = search.locator(".facet", has_text="Role")
    bass = section.locator(".facet-value", has_text="bass")
    count = int(bass.locator(".figure").inner_text())
    bass.click()
    search.wait_for_url(re.compile("role%3Abass"))
    search.wait_for_function(COUNT_IS, arg=str(count))
    drums = section.locator(".facet-value", has_text="drums")  # others can still be chosen
    both = count + int(drums.locator(".figure").inner_text())
    drums.click()
    search.wait_for_function(COUNT_IS, arg=str(both))
    assert search.locator("#query").input_value() == "role:bass,role:drums"
    for value in (bass, drums):
        assert value.get_attribute("aria-pressed") == "true"
        value.click()
        search.wait_for_timeout(150)
    assert (search.locator("#query").input_value(), found(search)) == ("", everything)


def test_a_range_is_dragged_over_a_histogram(search: "Page") -> None:
    everything = found(search)
    strip = search.get_by_role("slider", name="Tempo, range")
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    search.mouse.move(box["x"] + box["width"] * 0.3, middle)
    search.mouse.down()
    search.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=4)
    search.mouse.up()
    search.wait_for_url(re.compile(r"bpm%3A[\d.]+\.\.[\d.]+"))
    search.wait_for_function(COUNT_IS_NOT, arg=f"{everything:,}")
    assert 0 < found(search) < everything
    low, high = map(float, search.locator("#query").input_value().removeprefix("bpm:").split(".."))
    tempi = [float(text) for text in search.locator(".row .cell-bpm").all_inner_texts() if text]
    assert tempi
    assert all(low - 0.1 <= tempo <= high + 0.1 for tempo in tempi)


def test_words_are_completed(search: "Page") -> None:
    query = search.locator("#query")
    query.press_sequentially("rol")
    choices = search.get_by_role("listbox", name="Completions")
    choices.get_by_role("option").filter(has_text="role:").first.wait_for()
    query.press("ArrowDown")
    query.press("Enter")
    assert query.input_value().startswith("role")


def test_an_error_is_shown_at_its_place(new_page: OpenPage) -> None:
    with new_page(expected_errors=1) as page:
        page.goto("/")
        is_ready(page)
        page.locator("#query").fill("notes:5.. instrumnt:bass")
        page.locator(".query-mirror mark", has_text="instrumnt").wait_for()
        assert page.locator(".query-mirror mark").text_content() == "instrumnt"
        assert "instrument" in page.locator("#query-message").inner_text()
        assert page.locator("#query").get_attribute("aria-invalid") == "true"


def test_the_keyboard_does_it_all(search: "Page") -> None:
    search.keyboard.press("/")
    search.keyboard.type("song:=Band notes:1..")
    search.keyboard.press("Enter")
    search.wait_for_function("() => document.querySelector('#results-count b').textContent === '3'")
    search.keyboard.press("ArrowDown")
    grid = search.get_by_role("grid", name="Tracks")
    assert grid.evaluate("it => it === document.activeElement")
    search.keyboard.press("End")
    assert grid.get_attribute("aria-activedescendant") == "row-2"
    search.keyboard.press(" ")
    search.get_by_role("region", name="Player").get_by_role("button", name="Pause", exact=True).wait_for()
    name = search.locator(".row.is-selected .row-name").inner_text()
    assert search.locator(".player-title").inner_text() == name
    search.keyboard.press(" ")
    search.get_by_role("region", name="Player").get_by_role("button", name="Play", exact=True).wait_for()
    search.keyboard.press("Enter")
    search.wait_for_url(re.compile("/tracks/[0-9a-f]{64}"))
    is_ready(search)
    assert search.get_by_role("heading", level=1).inner_text() == name
    search.go_back()
    search.locator("#row-2.is-selected").wait_for()


def test_the_selected_row_is_in_view_after_going_back_in_a_low_window(new_page: OpenPage) -> None:
    with new_page(viewport={"width": 1280, "height": 400}) as page:
        page.goto("/")
        is_ready(page)
        grid = page.get_by_role("grid", name="Tracks")
        grid.focus()
        for _ in range(31):
            page.keyboard.press("ArrowDown")
        page.locator("#row-30.is-selected .row-name").wait_for()
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/tracks/"))
        is_ready(page)
        page.go_back()
        page.locator("#row-30.is-selected").wait_for()
        page.wait_for_timeout(100)
        row, around = (it.bounding_box() for it in (page.locator("#row-30"), grid))
        assert row is not None
        assert around is not None
        assert around["y"] <= row["y"] <= around["y"] + around["height"] + 1 - row["height"]


def test_a_facet_narrows_a_sorted_list(search: "Page") -> None:
    ask(search, "sort:notes-")
    section = search.locator(".facet", has_text="Role")
    bass = section.locator(".facet-value", has_text="bass")
    count = int(bass.locator(".figure").inner_text())
    bass.click()
    search.wait_for_function(COUNT_IS, arg=str(count))
    section.locator(".facet-value", has_text="drums").wait_for()  # others can still be chosen


def test_a_column_sorts_up_down_and_not_at_all(search: "Page") -> None:
    button = search.locator(".sort-button", has_text="Notes")
    for term, order in (("sort:notes", "ascending"), ("sort:notes-", "descending"), ("", None)):
        button.click()
        search.wait_for_function("q => document.querySelector('#query').value === q", arg=term)
        state = f"[aria-sort={order}]" if order else ":not([aria-sort])"
        search.locator(f"[role=columnheader]{state}", has=button).wait_for()
        search.wait_for_timeout(60)
        if order:
            cells = search.locator(".row .cell-notes").all_inner_texts()
            counts = [int(text.replace(",", "")) for text in cells if text]
            assert counts[0] == (min(counts) if order == "ascending" else max(counts))


def test_a_list_of_three_million_rows_shows_its_last(search: "Page") -> None:
    shown = search.evaluate(
        """async () => {
          const { VirtualList } = await import("/static/js/search/virtual_list.js");
          const holder = document.createElement("div");
          holder.style.height = "400px";
          document.body.replaceChildren(holder);
          const list = new VirtualList(holder, {
            label: "Many", header: document.createElement("div"), rowHeight: () => 48,
            newRow: () => Object.assign(document.createElement("div"), { className: "row" }),
            fillRow: (row, data) => (row.textContent = data ?? ""),
            fetchPage: async (offset, limit) =>
              Array.from({ length: limit }, (_, at) => `row ${offset + at}`),
          });
          const frames = () => new Promise((done) => setTimeout(done, 120));
          const visible = () => {
            const box = holder.getBoundingClientRect();
            return [...holder.querySelectorAll(".row")].filter((row) => {
              const { top, bottom } = row.getBoundingClientRect();
              return top >= box.top - 1 && bottom <= box.bottom + 1;
            }).map((row) => row.textContent).sort();
          };
          list.reset(3000000);
          await frames();
          const seen = { rows: holder.querySelectorAll(".row").length, first: visible()[0] };
          list.select(2999999);
          await frames();
          seen.last = visible().at(-1);
          list.element.scrollTop -= 480;
          await frames();
          seen.before = visible().at(-1);
          list.element.scrollTop = list.element.scrollHeight / 2;
          await frames();
          seen.middle = Number(visible()[0].slice(4));
          return seen;
        }"""
    )
    assert shown["rows"] < 30
    assert (shown["first"], shown["last"], shown["before"]) == ("row 0", "row 2999999", "row 2999989")
    assert 1_400_000 < shown["middle"] < 1_600_000


def test_a_search_is_saved_and_chosen_again(search: "Page") -> None:
    some = ask(search, "role:bass")
    search.get_by_role("button", name="Save search").click()
    search.get_by_role("textbox", name="Name of the search").fill("basses")
    search.get_by_role("dialog").get_by_role("button", name="Save").click()
    search.get_by_role("button", name="@basses").wait_for()
    ask(search, "song:=Melody")
    search.get_by_role("button", name="@basses").click()
    search.wait_for_function(COUNT_IS, arg=str(some))
    search.get_by_role("button", name="Delete the search basses").click()
    search.locator("#saved-searches").wait_for(state="hidden")


def test_similar_tracks_are_found_from_a_row(search: "Page") -> None:
    ask(search, "song:=Band name:=Bass")
    search.locator("#row-0").click()
    search.get_by_role("button", name="Similar tracks").click()
    search.wait_for_url(re.compile("like%3A"))
    search.wait_for_function("() => document.querySelector('.row-name')?.textContent === 'Bass'")


def test_a_search_that_waits_for_fingerprints_says_how_far_they_are(page: "Page") -> None:
    states = [{"seen": 0, "total": 0, "seconds": 0}, {"seen": 30, "total": 120, "seconds": 1}]
    digest = find(page, "song:=Melody")["digest"]
    is_made = False

    def answer(route: "Route") -> None:
        if is_made:
            route.continue_()
        else:
            route.fulfill(status=202, json={"pending": states[0] if len(states) == 1 else states.pop(0)})

    page.goto("/")
    is_ready(page)
    everything = found(page)
    page.route("**/api/search?*like*", answer)
    page.locator("#query").fill(f"like:{digest[:16]}")
    page.locator("#query").press("Enter")
    bar = page.get_by_role("progressbar", name="Fingerprints")
    bar.wait_for()
    page.get_by_text("30 of 120 tracks").wait_for()
    assert bar.get_attribute("aria-valuenow") == "25"
    assert "fingerprints of all tracks" in page.locator("#announcer").inner_text()
    assert serious_findings(page, axe_script()) == []
    is_made = True
    bar.wait_for(state="detached")
    assert 1 <= found(page) < everything
    assert rows(page).count() == found(page)
    page.locator("#row-0 .row-name").wait_for()
