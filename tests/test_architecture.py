"""Tests of the rules of ARCHITECTURE.md on imports, SQL, sizes and docstrings."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "midiprism"
PYTHON_FOLDERS = ("src", "tests", "benchmarks", "fuzz")

LAYERS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli",),
    ("midiprism",),
    ("api",),
    ("api_export", "api_similarity"),
    ("api_values",),
    ("web",),
    ("advise",),
    ("export", "relocate", "removal", "integrity", "adopt", "mirror"),
    ("search",),
    ("similarity",),
    ("generations",),
    ("pipeline",),
    ("results",),
    ("catalog",),
    ("stores",),
    ("sources",),
    ("records",),
    ("features",),
    ("sample",),
    ("smf",),
    ("native",),
    ("objects",),
    ("metrics",),
    ("fs",),
    ("optional_packages",),
    ("errors",),
    ("lazy_names",),
    ("memory",),
)
"""Packages from the top down. Each imports only packages of later rows. ``midiprism`` is ``__init__.py``."""

SAMPLE_IMPORTS = {"smf", "native", "errors", "fs"}

SQL_LIBRARIES = {"sqlalchemy", "alembic", "sqlite3", "psycopg"}
SQL_PACKAGES = ("catalog", "adopt.db")

INTERFACES = {
    "TrackStore": "stores",
    "Catalog": "catalog",
    "Executor": "pipeline",
    "Source": "sources",
    "CommitHook": "catalog",
    "ObjectStorage": "objects",
    "Engine": "generations",
}
"""Interfaces and the packages of their implementations, whose class names end as the interface's does."""

HEAVY_LIBRARIES = ("numba", "sqlalchemy", "pyarrow", "psycopg", "obstore")

MAX_LINES = 400
MAX_QUESTION_DOCSTRINGS = 20
QUESTION_WORD = re.compile(r"\s*(What|Which|Where|How|Whether|Who)\b")
QUOTED_QUESTION_WORD = re.compile('"' + QUESTION_WORD.pattern)

KNOWN_VIOLATIONS: Mapping[str, tuple[str, ...]] = {
    "layers": (),
    "package circles": (),
    "module circles": (),
    "sql": (),
    "isinstance": (),
    "lines": (),
}
"""Patterns of the violations that are still there. Entries may be removed, never added."""


def assert_no_new_violations(rule: str, violations: Iterable[str]) -> None:
    known = KNOWN_VIOLATIONS[rule]
    new = sorted({found for found in violations if not any(fnmatchcase(found, pattern) for pattern in known)})
    assert not new, "\n".join(new)


@cache
def modules() -> dict[str, Path]:
    """Return the file of each module by its name below ``midiprism``, which is the name of the package."""
    files = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "midiprism"] = path
    return files


@cache
def syntax_tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_names(path: Path) -> Iterator[str]:
    """Yield the full names of all that a file imports, anywhere in it."""
    for node in ast.walk(syntax_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def imported_modules(name: str) -> frozenset[str]:
    """Return the modules of midiprism that a module imports, also in functions and under TYPE_CHECKING."""
    found = set()
    for imported in imported_names(modules()[name]):
        if imported == "midiprism":
            found.add("midiprism")
        elif imported.startswith("midiprism."):
            inner = imported.removeprefix("midiprism.")
            while inner and inner not in modules():  # a name in a module
                inner = inner.rpartition(".")[0]
            found.add(inner or "midiprism")
    return frozenset(found - {name})


def package_of(module: str) -> str:
    return module.split(".")[0]


def rank(package: str) -> int:
    return next(index for index, layer in enumerate(LAYERS) if package in layer)


def find_circles(graph: Mapping[str, Iterable[str]]) -> list[set[str]]:
    """Return the groups of nodes that reach each other, by Tarjan's algorithm."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    circles: list[set[str]] = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        stack.append(node)
        for successor in graph[node]:
            if successor not in order:
                visit(successor)
                lowest[node] = min(lowest[node], lowest[successor])
            elif successor in stack:
                lowest[node] = min(lowest[node], order[successor])
        if lowest[node] == order[node]:
            position = stack.index(node)
            if len(stack) - position > 1:
                circles.append(set(stack[position:]))
            del stack[position:]

    for node in graph:
        if node not in order:
            visit(node)
    return circles


def imports_within_circles(graph: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Yield the imports that make up the circles of a graph."""
    for circle in find_circles(graph):
        for name in circle:
            yield from (f"{name} imports {imported}" for imported in circle.intersection(graph[name]))


def class_names_checked(path: Path) -> Iterator[str]:
    """Yield the classes that a file asks for with ``isinstance``, ``issubclass`` or ``match``."""
    for node in ast.walk(syntax_tree(path)):
        checked: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("isinstance", "issubclass"):
                checked = node.args[1:]
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Call) and ast.unparse(side.func) == "type" for side in sides):
                checked = sides
        elif isinstance(node, ast.MatchClass):
            checked = [node.cls]
        for expression in checked:
            yield from (name.id for name in ast.walk(expression) if isinstance(name, ast.Name))
            yield from (name.attr for name in ast.walk(expression) if isinstance(name, ast.Attribute))


@cache
def implementation_classes() -> dict[str, str]:
    """Return the package of each class that implements an interface, by the name of the class."""
    last_words = tuple(re.findall("[A-Z][a-z]+", interface)[-1] for interface in INTERFACES)
    return {
        node.name: package_of(name)
        for name, path in modules().items()
        for node in ast.walk(syntax_tree(path))
        if isinstance(node, ast.ClassDef) and node.name.endswith(last_words) and node.name not in INTERFACES
    }


def docstrings(path: Path) -> Iterator[str]:
    """Yield every docstring of a file, those of attributes too."""
    for node in ast.walk(syntax_tree(path)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text


def test_every_package_has_its_place_in_the_table() -> None:
    known = {package for layer in LAYERS for package in layer}
    assert {package_of(name) for name in modules()} <= known


def test_imports_go_only_to_packages_further_down() -> None:
    assert_no_new_violations(
        "layers",
        (
            f"{name} imports {imported}"
            for name in modules()
            for imported in imported_modules(name)
            if package_of(imported) != package_of(name)
            and rank(package_of(imported)) <= rank(package_of(name))
        ),
    )


def test_sample_imports_only_the_engine() -> None:
    imported = {
        package_of(imported)
        for name in modules()
        if package_of(name) == "sample"
        for imported in imported_modules(name)
    }
    assert imported - {"sample"} <= SAMPLE_IMPORTS


def test_packages_import_each_other_in_no_circle() -> None:
    graph: dict[str, set[str]] = {}
    for name in modules():
        graph.setdefault(package_of(name), set()).update(map(package_of, imported_modules(name)))
    assert_no_new_violations(
        "package circles",
        imports_within_circles({name: imported - {name} for name, imported in graph.items()}),
    )


def test_modules_import_each_other_in_no_circle() -> None:
    graph = {name: imported_modules(name) for name in modules()}
    assert_no_new_violations("module circles", imports_within_circles(graph))


def test_only_the_catalog_and_adopted_databases_use_sql_libraries() -> None:
    assert_no_new_violations(
        "sql",
        (
            f"{name} imports {imported.split('.')[0]}"
            for name, path in modules().items()
            if not f"{name}.".startswith(tuple(f"{package}." for package in SQL_PACKAGES))
            for imported in imported_names(path)
            if imported.split(".")[0] in SQL_LIBRARIES
        ),
    )


def test_isinstance_on_implementations_is_used_only_in_their_own_package() -> None:
    packages = implementation_classes()
    assert_no_new_violations(
        "isinstance",
        (
            f"{name} asks for {checked}"
            for name, path in modules().items()
            for checked in class_names_checked(path)
            if checked in packages and packages[checked] != package_of(name)
        ),
    )


def test_implementations_of_every_interface_are_known() -> None:
    assert {*INTERFACES.values()} <= {*implementation_classes().values()}


def test_no_file_is_longer_than_400_lines() -> None:
    assert_no_new_violations(
        "lines",
        (
            path.relative_to(ROOT).as_posix()
            for folder in PYTHON_FOLDERS
            for path in (ROOT / folder).rglob("*.py")
            if len(path.read_text(encoding="utf-8").splitlines()) > MAX_LINES
        ),
    )


def test_every_module_has_a_docstring() -> None:
    assert [name for name, path in modules().items() if not ast.get_docstring(syntax_tree(path))] == []


def test_docstrings_begin_with_what_is_returned_or_done() -> None:
    questions = [
        f"{path.relative_to(ROOT)}: {text.strip().splitlines()[0]}"
        for folder in PYTHON_FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if QUOTED_QUESTION_WORD.search(path.read_text(encoding="utf-8"))  # parsing takes far longer
        for text in docstrings(path)
        if QUESTION_WORD.match(text)
    ]
    assert len(questions) < MAX_QUESTION_DOCSTRINGS, "\n".join(questions)


@pytest.mark.parametrize(
    "program",
    ["import midiprism", "from midiprism.cli import main; main(['--help'])"],
    ids=["import", "help"],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(program: str) -> None:
    report = f"import sys; print([name for name in {HEAVY_LIBRARIES} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{report}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_circles_are_found() -> None:
    graph = {"a": ["b"], "b": ["c", "d"], "c": ["a"], "d": ["e"], "e": []}
    assert find_circles(graph) == [{"a", "b", "c"}]
