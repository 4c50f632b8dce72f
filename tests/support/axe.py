"""axe-core, which finds what keeps people with disabilities out of a page."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

_SCRIPT = Path(__file__).parents[2] / "scripts" / "web" / "node_modules" / "axe-core" / "axe.min.js"


def axe_script() -> str:
    """Return axe-core. Without it, skip the test, or fail it if the browser is required."""
    if not _SCRIPT.exists():
        reason = "axe-core is missing: run .ci/web"
        if os.environ.get("CI") or os.environ.get("MIDIPRISM_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return _SCRIPT.read_text(encoding="utf-8")


def serious_findings(page: "Page", script: str) -> list[dict[str, Any]]:
    """Return what axe-core finds serious or critical on a page."""
    page.evaluate(script)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        {"rule": it["id"], "where": [node["html"][:160] for node in it["nodes"][:3]], "help": it["help"]}
        for it in found["violations"]
        if it["impact"] in ("serious", "critical")
    ]
