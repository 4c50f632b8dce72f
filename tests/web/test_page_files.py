"""The server puts the modules of a page together into one script."""

import gzip
import json
import os
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from midiprism.web.app import PAGES, THEME_COOKIE, FirstSearch, page_text
from midiprism.web.errors import PageSourceError
from midiprism.web.page_files import SCRIPTS, STYLE, PageFiles, page_modules, page_script

PAGE_NAMES = [name for _, name in PAGES]


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """Return a folder of sources with one page, which imports one module."""
    (tmp_path / "js" / "pages").mkdir(parents=True)
    (tmp_path / "css").mkdir()
    for name in ("base", "layout", "lists", "player", "roll", "panels"):
        (tmp_path / "css" / f"{name}.css").write_text(f".{name} {{}}\n")
    write(tmp_path, "main.js", "export async function startPage(start) {}\n")
    write(tmp_path, "one.js", "export const ONE = 1;\n")
    write(
        tmp_path,
        "pages/only.js",
        'import { ONE as first } from "../one.js";\n\nexport const start = () => first;\n',
    )
    return tmp_path


def write(static: Path, name: str, text: str) -> None:
    (static / "js" / name).write_text(text)


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_a_page_has_each_of_its_modules_once_behind_those_that_it_imports(page: str) -> None:
    modules = page_modules(page)
    assert modules[-1] == f"pages/{page}.js"
    assert len({*modules}) == len(modules)
    assert modules.index("dom.js") < modules.index("player/player.js") < modules.index("main.js")


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_a_script_of_a_page_imports_nothing_from_the_sources(page: str) -> None:
    text = page_script(page)
    assert re.findall(r"^\s*import .*|^export (?!const modules = ).*", text, re.MULTILINE) == []
    assert text.endswith(f'startPage(modules["pages/{page}.js"].start);\n')


def test_every_script_is_loaded_by_some_page() -> None:
    loaded = {name for page in PAGE_NAMES for name in page_modules(page)}
    there = {path.relative_to(SCRIPTS).as_posix() for path in SCRIPTS.rglob("*.js")}
    assert there == loaded


def test_no_script_names_another_host_and_texts_are_set_as_texts() -> None:
    for path in SCRIPTS.rglob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)


def test_imports_become_names_and_exports_become_results(static: Path) -> None:
    text = page_script("only", static / "js")
    assert 'const { ONE: first } = modules["one.js"];' in text
    assert "const ONE = 1;\nreturn { ONE };" in text


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("export let changes = 1;\n", "export let changes"),
        ("export default 1;\n", "export default"),
        ('import * as all from "./other.js";\n', r"import \* as all"),
        ('import { start } from "./pages/only.js";\n', "imports itself"),
        ('import { there } from "./nowhere.js";\n', "nowhere.js cannot be read"),
    ],
)
def test_what_cannot_be_put_together_is_refused(static: Path, source: str, problem: str) -> None:
    write(static, "one.js", source)
    with pytest.raises(PageSourceError, match=problem):
        page_script("only", static / "js")


def test_a_changed_source_gives_another_script_and_another_address(static: Path) -> None:
    files = PageFiles(["only"], static)
    before = files.get("only.js")
    assert before is not None
    assert files.get("only.js") is before
    write(static, "one.js", "export const ONE = 2;\n")
    os.utime(static / "js" / "one.js", (1, 1))
    after = files.get("only.js")
    assert after is not None
    assert b"ONE = 2" in after.content
    assert after.address != before.address
    assert gzip.decompress(after.compressed) == after.content


def test_styles_of_pages_are_one_file_in_their_order(static: Path) -> None:
    style = PageFiles([], static).get(STYLE)
    assert style is not None
    assert re.findall(rb"\.(\w+) {", style.content) == [
        b"base",
        b"layout",
        b"lists",
        b"player",
        b"roll",
        b"panels",
    ]


@pytest.mark.parametrize("page", ["/", "/library"])
def test_files_of_a_shell_are_kept_until_they_change(client: TestClient, page: str) -> None:
    addresses = re.findall(r'(?:src|href)="(/files/[^"]+)"', client.get(page).text)
    assert len(addresses) == 2
    for address in addresses:
        kept = client.get(address)
        assert "immutable" in kept.headers["cache-control"]
        assert kept.headers["content-encoding"] == "gzip"
        plain = client.get(address, headers={"Accept-Encoding": "identity"})
        assert plain.content == kept.content
        assert "content-encoding" not in plain.headers
        assert client.get(address.partition("?")[0]).headers["cache-control"] == "no-cache"
    assert client.get("/files/other.js").status_code == 404


def test_the_shell_of_the_search_page_has_all_tracks(client: TestClient) -> None:
    client.get("/api/search")
    found = re.search(
        r'<script type="application/json" id="first-answer">([^<]+)</script>', client.get("/").text
    )
    assert found is not None
    answers = json.loads(found[1]), client.get("/api/search").json()
    for answer in answers:
        del answer["took_ms"]
    assert answers[0] == answers[1]
    assert answers[0]["tracks"]
    assert "preload" not in client.get("/").text
    assert "first-answer" not in client.get("/", params={"q": "role:bass"}).text + client.get("/library").text


def test_a_shell_waits_for_no_index(client: TestClient) -> None:
    before = client.get("/").text
    assert 'href="/api/search?q=&amp;offset=0&amp;limit=50"' in before
    assert "first-answer" not in before
    client.get("/api/search")
    assert "first-answer" in client.get("/").text


def test_the_search_page_comes_also_if_its_rows_cannot_be_read(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/api/search")
    app = client.app
    assert isinstance(app, Starlette)
    app.state.searches = None  # whatever asks for it fails
    shell = client.get("/")
    assert shell.status_code == 200
    assert 'href="/api/search?q=&amp;offset=0&amp;limit=50"' in shell.text
    assert "first-answer" not in shell.text
    assert "without its first rows" in caplog.text
    assert "AttributeError" in caplog.text


def test_no_name_ends_the_element_of_an_answer(client: TestClient) -> None:
    app = client.app
    assert isinstance(app, Starlette)
    text = page_text(app, "search", first=FirstSearch(answer=b'{"name":"</script><b>"}'))
    assert r'{"name":"\u003c/script>\u003cb>"}</script>' in text


@pytest.mark.parametrize(("cookie", "theme"), [("dark", "dark"), ('"><b>', "auto"), (None, "auto")])
def test_a_shell_has_the_chosen_theme(client: TestClient, cookie: str | None, theme: str) -> None:
    headers = {} if cookie is None else {"Cookie": f"{THEME_COOKIE}={cookie}"}
    for page in ("/", "/library"):
        assert f'<html lang="en" data-theme="{theme}">' in client.get(page, headers=headers).text


def test_the_shell_of_the_search_page_names_its_first_request(client: TestClient) -> None:
    text = client.get("/", params={"q": "name:a~b*c +é&"}).text
    found = re.search(r'<link rel="preload" as="fetch" crossorigin="anonymous" href="([^"]+)">', text)
    assert found is not None
    assert found[1].replace("&amp;", "&") == "/api/search?q=name%3Aa%7Eb*c+%2B%C3%A9%26&offset=0&limit=50"
    assert "preload" not in client.get("/library").text
