import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midiprism.stores.files.naming import NAMING_VERSION, safe_name

FROZEN = {
    "Piano": "Piano",
    "  Lead  Guitar ": "Lead Guitar",
    "a/b\\c:d": "a_b_c_d",
    '<>:"/\\|?*': "",
    "..": "",
    ".hidden": "hidden",
    "-rf": "rf",
    "ends. . ": "ends",
    "tab\tand\nline": "tab and line",
    "bell\a\0nul": "bell_nul",
    "\x1b[31mred": "_[31mred",
    "evil\u202egnp.mid": "evilgnp.mid",
    "zero\u200bwidth": "zerowidth",
    "soft\xadhyphen": "softhyphen",
    "cafe\u0301": "caf\u00e9",
    "\u0301accent": "accent",
    "wide\u3000space": "wide space",
    "\U0001f3b9 keys": "_ keys",
    "lone\udc80": "lone_",
    "private\ue000": "private_",
    "ピアノ": "ピアノ",
    "CON": "CON_",
    "con.mid": "con_.mid",
    "Lpt1": "Lpt1_",
    "COM\u00b9": "COM\u00b9_",
    "AUX .x": "AUX _.x",
    "CONDUCTOR": "CONDUCTOR",
    "": "",
    "_": "",
}


@pytest.mark.parametrize(("text", "name"), FROZEN.items())
def test_names_are_made_safe_as_they_were_when_the_rule_was_frozen(text: str, name: str) -> None:
    assert NAMING_VERSION == 1
    assert safe_name(text, 80) == name


def test_a_name_is_cut_between_code_points() -> None:
    assert safe_name("é" * 50, 81) == "é" * 40
    assert safe_name("a" * 79 + " tail", 80) == "a" * 79


def test_a_reserved_name_at_the_limit_stays_within_it() -> None:
    assert safe_name("CON.4567", 8) == "CO_.4567"


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=60) | st.text(), st.integers(8, 100))
def test_any_text_becomes_a_name_that_every_system_takes(text: str, most: int) -> None:
    name = safe_name(text, most)
    assert len(name.encode()) <= most
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f\x7f]', name)
    assert name == name.strip(" ") == name.lstrip(".-").rstrip(".")
    assert unicodedata.normalize("NFC", name) == name
    assert not any(unicodedata.category(character)[0] == "C" for character in name)
    assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)", name.split(".")[0].rstrip())


@given(st.text(), st.integers(8, 100))
def test_a_safe_name_stays_as_it_is(text: str, most: int) -> None:
    name = safe_name(text, most)
    assert safe_name(name, most) == name


@given(st.text(alphabet=" -_abcABC019()+'&!.", max_size=12))
def test_the_short_way_for_plain_names_gives_what_the_long_way_gives(text: str) -> None:
    assert safe_name(text, 80) == safe_name("\u200b" + text, 80)
