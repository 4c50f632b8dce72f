"""Collections are made, filled, exported and deleted by clicks."""

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from web.browser.finding import find, is_ready

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_a_track_goes_into_a_collection_and_out_of_it(page: "Page", tmp_path: Path) -> None:
    page.goto(f"/tracks/{find(page, 'song:=Band name:=Flute')['digest']}")
    is_ready(page)
    page.get_by_role("button", name="Add to collection").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("For <b>later</b>")
    dialog.get_by_role("button", name="Create").click()
    dialog.wait_for(state="detached")
    page.goto("/collections")
    is_ready(page)
    page.get_by_role("link", name="For <b>later</b>").click()
    page.locator(".row-name", has_text="Flute").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="ZIP").click()
    saved = tmp_path / "collection.zip"
    waiting.value.save_as(saved)
    with zipfile.ZipFile(io.BytesIO(saved.read_bytes())) as archive:
        assert [name.rsplit(".", 1)[-1] for name in archive.namelist()] == ["mid"]
    page.get_by_role("grid").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("button", name="Take out").click()
    page.get_by_text("Nothing in it yet").wait_for()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("No collections yet").wait_for()
