"""Shells of pages name the modules that the pages load."""

import re

import pytest

from midiprism.web.app import PAGES
from midiprism.web.page_modules import SCRIPTS, page_modules


@pytest.mark.parametrize("page", [name for _, name in PAGES])
def test_all_modules_of_a_page_are_named_once(page: str) -> None:
    modules = page_modules(page)
    assert modules[:2] == ("main.js", f"pages/{page}.js")
    assert len({*modules}) == len(modules)
    assert {"dom.js", "player/transport.js", "player/voice.js"} <= {*modules}


def test_every_script_is_loaded_by_some_page() -> None:
    loaded = {name for _, page in PAGES for name in page_modules(page)}
    there = {path.relative_to(SCRIPTS).as_posix() for path in SCRIPTS.rglob("*.js")}
    assert there - loaded == {"early.js"}


def test_no_script_names_another_host_and_texts_are_set_as_texts() -> None:
    for path in SCRIPTS.rglob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)
