"""The scripts that a page imports, which its shell names so that the browser fetches them all at once."""

import re
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parent / "static" / "js"
_FIRST = "main.js"
_IMPORT = re.compile(
    r'^(?:import|export)\b[^"\';]*\bfrom\s+"(\.[^"]+)";|^import\s+"(\.[^"]+)";', re.MULTILINE
)


@cache
def page_modules(page: str) -> tuple[str, ...]:
    """Return the paths below ``static/js`` of all modules that a page loads, directly or not.

    Args:
        page: name of the page, which is that of its module.
    """
    found: dict[str, None] = {}
    waiting = [SCRIPTS / _FIRST, SCRIPTS / "pages" / f"{page}.js"]
    while waiting:
        file = waiting.pop(0)
        name = file.relative_to(SCRIPTS).as_posix()
        if name in found:
            continue
        found[name] = None
        imports = _IMPORT.findall(file.read_text(encoding="utf-8"))
        waiting += [(file.parent / (one or other)).resolve() for one, other in imports]
    return tuple(found)
