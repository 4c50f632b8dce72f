"""Write the generated parts of the documentation: options of the commands, columns, source files.

A generated part is between two comments, ``<!-- generated: NAME -->`` and ``<!-- end -->``. ``--check``
writes nothing, and fails if a part is not current.
"""

import argparse
import ast
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from enum import EnumType
from pathlib import Path
from typing import Any

from typer.main import get_command

from midiprism.cli.app import make_app
from midiprism.cli.common_options import common_parameters
from midiprism.cli.render.track_list import json_fields
from midiprism.generations.tables import GROUP_COLUMNS
from midiprism.search.query_fields import QUERY_FIELDS
from midiprism.smf.kernel.drum_pieces import KIT_MAPS, KIT_NAMES
from midiprism.stores.parquet.schema import LINK_COLUMNS, SONG_COLUMNS, TRACK_COLUMNS

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "midiprism"
PART = re.compile(r"(<!-- generated: ([\w .-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

COMMON_HELP_TEXTS = {
    option.help for parameter in common_parameters() for option in parameter.annotation.__metadata__
}
"""Help texts of the options that all commands have: a table of their own describes them."""

COUNTED_FROM_1 = {"track": "number of the MTrk in the song, from 1", "channel": "1 to 16; null for several"}
COLUMNS = {
    "tracks": TRACK_COLUMNS,
    "links": LINK_COLUMNS,
    "songs": SONG_COLUMNS,
    "groups": GROUP_COLUMNS,
}


def command_pages() -> dict[str, Any]:
    """Return every command by its full name, such as ``catalog check``."""
    return dict(_walk_commands(get_command(make_app()), ""))


def own_parameters(command: Any) -> list[Any]:
    """Return the parameters of a command without the options that all commands have."""
    return [
        parameter
        for parameter in command.params
        if parameter.name != "help" and parameter.help not in COMMON_HELP_TEXTS
    ]


def page_name(command: str) -> str:
    """Return the file name of a command's page."""
    return f"{command.replace(' ', '-')}.md"


def generated_parts() -> dict[str, Callable[[], str]]:
    """Return the generated parts by name."""
    parts: dict[str, Callable[[], str]] = {
        f"options of {name}": lambda command=command, name=name: _command_part(name, command)  # type: ignore[misc]
        for name, command in command_pages().items()
    }
    parts |= {f"columns of {table}": lambda table=table: _columns(table) for table in COLUMNS}  # type: ignore[misc]
    return parts | {
        "commands": _command_list,
        "common options": _common_options,
        "keys of list": _list_keys,
        "python api": _python_api,
        "source files": _source_files,
        "drum pieces": _drum_pieces,
        "fields of queries": _query_fields,
        "benchmarks": _benchmarks,
    }


def _benchmarks() -> str:
    """Return the benchmarks, by the first sentences of their docstrings."""
    measured = runpy.run_path(str(ROOT / "benchmarks" / "__main__.py"))["benchmarks"]()
    lines = [f"| `{name}` | {text} |" for name, text in measured.items()]
    return "\n".join(["| benchmark | |", "|---|---|", *lines]) + "\n"


def stale_pages(*, write: bool) -> list[Path]:
    """Return the pages with a generated part that is not current; bring them up to date if ``write``."""
    parts = generated_parts()
    stale = []
    for path in [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "ARCHITECTURE.md", ROOT / "README.md"]:
        text = path.read_text(encoding="utf-8")
        current = PART.sub(lambda match: f"{match[1]}{parts[match[2]]()}{match[3]}", text)
        if current != text:
            stale.append(path)
            if write:
                path.write_text(current, encoding="utf-8")
    return stale


def _walk_commands(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _walk_commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def _command_list() -> str:
    rows = [
        f"| [`midiprism {name}`]({page_name(name)}) | {_escape(command.help.partition(chr(10) * 2)[0])} |"
        for name, command in command_pages().items()
    ]
    return "\n".join(["| command | what it does |", "|---|---|", *rows, ""])


def _common_options() -> str:
    """Return the options that every command has."""
    # This command has none of its own that replaces one of them.
    options = [
        parameter for parameter in command_pages()["sample"].params if parameter.help in COMMON_HELP_TEXTS
    ]
    rows = [f"| {_option_names(option)} | {_help(option)} |" for option in options]
    return "\n".join(["| option | meaning |", "|---|---|", *rows, ""])


def _command_part(name: str, command: Any) -> str:
    """Return the usage line of a command and the tables of its arguments and options."""
    arguments = [parameter for parameter in command.params if not parameter.opts[0].startswith("-")]
    options = [parameter for parameter in own_parameters(command) if parameter not in arguments]
    required = "".join(
        f" {parameter.opts[0]} {parameter.metavar}" for parameter in options if parameter.required
    )
    named = "".join(f" {_argument_name(argument)}" for argument in arguments)
    usage = f"midiprism {name}{named}{required} [options]"
    lines = ["```", usage, "```", ""]
    if arguments:
        lines += ["| argument | meaning |", "|---|---|"]
        lines += [f"| `{argument.metavar}` | {_help(argument)} |" for argument in arguments] + [""]
    lines += ["| option | meaning |", "|---|---|"]
    lines += [f"| {_option_names(option)} | {_help(option)} |" for option in options]
    return "\n".join([*lines, ""])


def _argument_name(argument: Any) -> str:
    name = argument.metavar.strip("[]")
    return name if argument.required else f"[{name}]"


def _option_names(option: Any) -> str:
    *short, last = option.opts
    value = "" if option.is_flag else f" {_metavar(option)}"
    return ", ".join([*(f"`{name}`" for name in short), f"`{_escape(last + value)}`"])


def _metavar(option: Any) -> str:
    """Return the placeholder of an option's value, or its choices."""
    if hasattr(option, "type_descriptor"):
        kind = option.type_descriptor.annotation
        choices = [*kind] if isinstance(kind, EnumType) else []
    else:  # older versions of Typer
        choices = [*getattr(option.type, "choices", ())]
        kind = {"integer": int, "float": float}.get(option.type.name)
    if choices:
        return "|".join(str(getattr(choice, "value", choice)) for choice in choices)
    return option.metavar or ("N" if kind in (int, float) else "TEXT")


def _help(parameter: Any) -> str:
    text = re.sub(r"\s*\[default: (.*)\]$", r" Default: \1.", parameter.help.strip())
    default = parameter.default
    if "Default:" not in text and not parameter.required and type(default) in (int, float, str):
        text += f" Default: {default:g}." if isinstance(default, float) else f" Default: {default}."
    return _escape(text)


def _escape(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _columns(table: str) -> str:
    """Return the columns of a table of Parquet files."""
    rows = [
        f"| `{column.name}` | {'string' if column.type == 'digest' else column.type} | "
        f"{_description(column.description)} |"
        for column in COLUMNS[table]
    ]
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *rows, ""])


def _list_keys() -> str:
    """Return the keys of a track in the JSON of ``list`` that derive from the list of fields."""
    rows = [
        f"| `{key}` | {COUNTED_FROM_1.get(key) or _description(field.description)} |"
        for key, field in json_fields().items()
    ]
    return "\n".join(["| key | meaning |", "|---|---|", *rows, ""])


def _query_fields() -> str:
    """Return the fields of queries, with their other names, what they take and what they mean."""
    rows = [
        f"| `{field.name}` | {', '.join(f'`{name}`' for name in field.aliases)} | {field.kind} | "
        f"{_escape(field.shown_description)} |"
        for field in QUERY_FIELDS.values()
    ]
    return "\n".join(["| field | also | takes | meaning |", "|---|---|---|---|", *rows, ""])


def _drum_pieces() -> str:
    """Return the pieces of drum kits: all of General MIDI, and those of other kits that differ."""
    rows = []
    for kit, pieces in zip(KIT_NAMES, KIT_MAPS, strict=False):
        for number, (name, notes) in sorted(pieces.items()):
            if kit == KIT_NAMES[0] or KIT_MAPS[0].get(number) != (name, notes):
                listed = [str(note) for note in notes]
                rows.append(f"| {kit} | {number} | {name} | {', '.join(listed)} |")
    return "\n".join(["| kit | `drum_piece` | `instrument` | notes |", "|---|---|---|---|", *rows, ""])


def _description(text: str) -> str:
    return _escape(text.replace("NULL", "null"))


def _python_api() -> str:
    """Return the functions and methods for whole collections with their docstrings."""
    names = (
        "api.py",
        "api_export.py",
        "api_similarity.py",
        "generations/table_files.py",
        "catalog/song_row.py",
    )
    paths = [SOURCE / name for name in names]
    nodes = [node for path in paths for node in ast.parse(path.read_text(encoding="utf-8")).body]
    lines: list[str] = []
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            lines += _function_part(node, f"midiprism.{node.name}")
        elif isinstance(node, ast.ClassDef):
            name = "Result" if node.name.endswith("Methods") else node.name
            if name == node.name:
                lines += [f"### midiprism.{name}", "", *_docstring_part(node), ""]
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
                    lines += _function_part(method, f"{name}.{method.name}")
    return "\n".join(lines)


def _function_part(function: ast.FunctionDef, name: str) -> list[str]:
    """Return the heading, the signature and the docstring of a function."""
    declared = function.args
    parameters = [
        _parameter(argument, default)
        for argument, default in zip(declared.args, _padded(declared), strict=True)
        if argument.arg != "self"
    ]
    if declared.kwonlyargs:
        parameters.append("*")
    for argument, default in zip(declared.kwonlyargs, declared.kw_defaults, strict=True):
        parameters.append(_parameter(argument, default))
    if declared.kwarg:
        parameters.append(f"**{ast.unparse(declared.kwarg)}")
    returned = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    joined = "".join(f"    {parameter},\n" for parameter in parameters)
    signature = f"{function.name}(\n{joined})" if parameters else f"{function.name}()"
    return [
        f"### {name}",
        "",
        "```python",
        f"{signature}{returned}",
        "```",
        "",
        *_docstring_part(function),
        "",
    ]


def _padded(declared: ast.arguments) -> list[ast.expr | None]:
    """Return the defaults of all positional parameters; None for one without."""
    return [None] * (len(declared.args) - len(declared.defaults)) + declared.defaults


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(argument) + (f" = {ast.unparse(default)}" if default is not None else "")


def _docstring_part(node: ast.FunctionDef | ast.ClassDef) -> list[str]:
    """Return a docstring as Markdown, with its sections as lists and its examples as code."""
    lines: list[str] = []
    for paragraph in (ast.get_docstring(node) or "").replace("``", "`").split("\n\n"):
        first, _, rest = paragraph.partition("\n")
        if first in ("Args:", "Attributes:", "Raises:", "Returns:"):
            lines += [f"**{first}**", "", *_section_items(rest, named=first != "Returns:"), ""]
        elif first.startswith(">>>"):
            lines += ["```python", paragraph, "```", ""]
        else:
            lines += [" ".join(paragraph.split()), ""]
    return lines[:-1]


def _section_items(text: str, *, named: bool) -> list[str]:
    """Return the entries of a section of a docstring, each of which may go over several lines."""
    entries = [" ".join(entry.split()) for entry in re.split(r"\n(?=    \S)", text)]
    if not named:
        return [" ".join(entries)]
    return [f"- `{name}`: {meaning}" for name, _, meaning in (entry.partition(": ") for entry in entries)]


def _source_files() -> str:
    """Return a table for each package with its files and their docstrings."""
    lines: list[str] = []
    folders = sorted({path.parent for path in SOURCE.rglob("*.py")})
    for folder in folders:
        package = "/".join(("midiprism", *folder.relative_to(SOURCE).parts))
        files = [path for path in sorted(folder.glob("*.py")) if path.name != "__init__.py"]
        lines += [f"## {package}", "", _summary(folder / "__init__.py"), ""]
        if files:
            lines += ["| file | what it does |", "|---|---|"]
            lines += [f"| `{path.name}` | {_summary(path)} |" for path in files] + [""]
    return "\n".join(lines)


def _summary(path: Path) -> str:
    """Return the first paragraph of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return _escape(text.partition("\n\n")[0].removesuffix("::"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a part is stale")
    check = parser.parse_args().check
    stale = stale_pages(write=not check)
    for path in stale:
        print(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
