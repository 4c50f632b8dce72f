"""Tests that the documentation agrees with the code: generated parts, links, names of tests, packages."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
COMMAND_PAGES = DOCS / "reference" / "commands"
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
OLD_TERMS = re.compile(r"\b(catalogues?|parents?)\b", re.IGNORECASE)
PAGES_WITH_OLD_TERMS = {
    "advice-story.md",  # quotes a report as it was measured
    "adopt-a-library.md",  # names columns of the owner's tables, such as parent_file_id
    "catalog-undo.md",
    "source-files.md",  # generated from docstrings
}


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "scripts" / "make_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_docs = load_generator()
COMMANDS = make_docs.command_pages()


def page_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_generated_parts_are_current() -> None:
    stale = [page_id(path) for path in make_docs.stale_pages(write=False)]
    assert stale == [], "run `make docs`"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page_with_its_options(command: str) -> None:
    text = (COMMAND_PAGES / make_docs.page_name(command)).read_text(encoding="utf-8")
    assert text.startswith(f"# midiprism {command}\n")
    assert f"<!-- generated: options of {command} -->" in text
    names = [
        name
        for parameter in make_docs.own_parameters(COMMANDS[command])
        for name in parameter.opts
        if name.startswith("-")
    ]
    assert [name for name in names if f"`{name}" not in text] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_on_its_page_or_in_the_table_of_common_options(command: str) -> None:
    common = (COMMAND_PAGES / "README.md").read_text(encoding="utf-8")
    own = make_docs.own_parameters(COMMANDS[command])
    others = [option for option in COMMANDS[command].params if option not in own and option.name != "help"]
    assert [option.name for option in others if f"`{option.opts[-1]}" not in common] == []


def test_every_page_of_a_command_has_its_command() -> None:
    pages = {path.name for path in COMMAND_PAGES.glob("*.md")} - {"README.md"}
    assert pages == {make_docs.page_name(command) for command in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_has_a_help_text(command: str) -> None:
    assert COMMANDS[command].help
    assert [p.name for p in COMMANDS[command].params if not getattr(p, "help", None)] == []


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_links_lead_to_pages_and_headings_that_exist(path: Path) -> None:
    broken = []
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        page = (path.parent / target).resolve() if target else path
        if not page.exists() or (anchor and anchor not in anchors(page)):
            broken.append(link)
    assert broken == []


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (path.parent / link.partition("#")[0]).resolve()
        for path in PAGES
        for link in LINK.findall(path.read_text(encoding="utf-8"))
        if "://" not in link
    }
    assert [page_id(path) for path in DOCS.rglob("*.md") if path not in linked] == []


def test_tests_that_the_documentation_names_exist() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = {
        name
        for path in PAGES
        for name in re.findall(r"`(test_[a-z0-9_]+)`", path.read_text(encoding="utf-8"))
    }
    assert [name for name in sorted(named) if f"def {name}(" not in source] == []


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_pages_use_the_terms_of_the_glossary(path: Path) -> None:
    if path.name not in PAGES_WITH_OLD_TERMS:
        assert OLD_TERMS.findall(path.read_text(encoding="utf-8")) == []


def test_the_architecture_is_two_pages() -> None:
    assert len(ARCHITECTURE.splitlines()) <= 150


def test_the_architecture_lists_every_package() -> None:
    table = ARCHITECTURE.partition("\n## Packages\n")[2].partition("\n## ")[0]
    first_cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    listed = {name.strip("`/") for cell in first_cells for name in cell.split(", ")}
    source = ROOT / "src" / "midiprism"
    packages = {path.parent.name for path in source.glob("*/__init__.py")}
    modules = {path.name for path in source.glob("*.py") if not path.name.startswith("__")}
    assert listed == packages | modules
