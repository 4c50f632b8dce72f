import os
from pathlib import Path

import pytest

from midiprism.errors import PathMapRuleError
from midiprism.sources.path_map import parse_path_map


def test_whole_components_are_replaced() -> None:
    paths = parse_path_map(["/old/midi/=/new"])
    assert paths.to_local(b"/old/midi/a/b.mid") == b"/new/a/b.mid"
    assert paths.to_local(b"/old/midi") == b"/new"
    assert paths.to_local(b"/old/midi2/a.mid") == b"/old/midi2/a.mid"
    assert paths.to_recorded(b"/new/a/b.mid") == b"/old/midi/a/b.mid"
    assert paths.to_recorded(b"/newer/a.mid") == b"/newer/a.mid"


def test_the_longest_rule_holds_in_both_directions() -> None:
    paths = parse_path_map(["/a=/x", "/a/b=/x/y/z", "/a/b/c=/w"])
    assert [paths.to_local(p) for p in (b"/a/q", b"/a/b/q", b"/a/b/c/q")] == [b"/x/q", b"/x/y/z/q", b"/w/q"]
    assert [paths.to_recorded(p) for p in (b"/x/q", b"/x/y/z/q", b"/w/q")] == [
        b"/a/q",
        b"/a/b/q",
        b"/a/b/c/q",
    ]


def test_the_root_and_relative_paths_may_be_mapped() -> None:
    assert parse_path_map(["/=/mnt"]).to_local(b"/a.mid") == b"/mnt/a.mid"
    assert parse_path_map(["/mnt=/"]).to_local(b"/mnt/a.mid") == b"/a.mid"
    assert parse_path_map(["/mnt=/"]).to_local(b"/mnt") == b"/"
    assert parse_path_map(["songs=/mnt"]).to_local(b"songs/a.mid") == b"/mnt/a.mid"


def test_a_new_folder_may_be_relative_to_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_path_map(["/old=here"]).to_local(b"/old/a") == os.fsencode(tmp_path / "here" / "a")


def test_paths_that_are_not_text_are_mapped() -> None:
    assert parse_path_map(["/old\udcff=/new"]).to_local(b"/old\xff/\xfe.mid") == b"/new/\xfe.mid"


def test_no_mapped_path_leads_out_of_its_folder() -> None:
    outside = b"/old/../../etc/passwd"
    assert parse_path_map(["/old=/new"]).to_local(outside) == outside
    for rule in ("/old/..=/new", "/old=../new"):
        with pytest.raises(PathMapRuleError) as raised:
            parse_path_map([rule])
        assert raised.value.fault == "parent_folder"


@pytest.mark.parametrize("rule", ["/old", "=/new", "/old=", ""])
def test_a_rule_without_both_paths_is_refused(rule: str) -> None:
    with pytest.raises(PathMapRuleError) as raised:
        parse_path_map([rule])
    assert (raised.value.rule, raised.value.fault) == (rule, "incomplete")


def test_a_folder_is_mapped_once() -> None:
    with pytest.raises(PathMapRuleError) as raised:
        parse_path_map(["/old=/a", "/old/=/b"])
    assert (raised.value.rule, raised.value.fault) == ("/old", "duplicate")
