"""The shape of the house: imports go one way, files stay small."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "midiprism"
ROOMS = {
    "smf": set(),
    "sample": {"smf"},
    "library": {"smf.types"},
    "store": set(),
    "catalog": set(),
    "meter": set(),
    "run": {"library", "store", "catalog", "meter", "smf"},
    "advise": {"catalog", "meter", "run", "store", "library", "smf"},
    "cli": {"advise", "run", "library", "store", "catalog", "meter", "smf", "sample"},
}
LONGEST = 400


def files(room: str) -> list[Path]:
    return sorted((SOURCE / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Our own modules that a file imports, also inside functions, without the package's name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.update({f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""})
    return {name.removeprefix("midiprism.") for name in found if name.startswith("midiprism.")}


def allowed(name: str, room: str) -> bool:
    permitted = {room, "errors", "__version__", *ROOMS[room]}
    return any(
        name == other or name.startswith(f"{other}.") or other.startswith(f"{name}.") for other in permitted
    )


def test_every_room_is_known() -> None:
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    wrong = [
        (path.name, name)
        for path in files(room)
        for name in sorted(imported(path))
        if not allowed(name, room)
    ]
    assert wrong == []


def test_the_catalogue_is_the_only_room_that_speaks_sql() -> None:
    speakers = {
        path.relative_to(SOURCE).parts[0]
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        )
        if name and name.split(".")[0] in ("sqlalchemy", "sqlite3", "psycopg")
    }
    assert speakers == {"catalog"}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_fits_in_the_head_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    assert ast.get_docstring(ast.parse(text)), "every module has a docstring"
