"""Tests that the tables of docs/reference/split-contract.md agree with the code."""

import re
from pathlib import Path

from midiprism.smf.problems import PROBLEM_KINDS
from support.any_bytes import REFUSAL_CODES

ROOT = Path(__file__).parents[1]
CONTRACT = (ROOT / "docs" / "reference" / "split-contract.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading of the contract."""
    section = re.search(rf"^### {heading}$(.*?)(?=^##|\Z)", CONTRACT, re.MULTILINE | re.DOTALL)
    assert section, f"The contract has no section {heading}"
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section[1].splitlines()
        if line.startswith("| `")
    ]


def test_the_contract_lists_every_problem_with_whether_it_is_repaired() -> None:
    listed = [(code.strip("`"), repaired) for code, _, repaired in rows("Problems")]
    assert listed == [(kind.code, "yes" if kind.repaired else "no") for kind in PROBLEM_KINDS]


def test_the_contract_lists_every_reason_to_refuse_a_file() -> None:
    assert [code.strip("`") for code, _ in rows("Refusals")] == list(REFUSAL_CODES)
