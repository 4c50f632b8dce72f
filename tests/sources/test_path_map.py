import os
from pathlib import Path

import pytest

from midiprism.errors import UsageError
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


def test_a_new_place_may_be_named_from_the_folder_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_path_map(["/old=here"]).to_local(b"/old/a") == os.fsencode(tmp_path / "here" / "a")


def test_bytes_that_are_no_text_stay() -> None:
    assert parse_path_map(["/old\udcff=/new"]).to_local(b"/old\xff/\xfe.mid") == b"/new/\xfe.mid"


def test_no_path_leads_out_of_a_rule() -> None:
    outside = b"/old/../../etc/passwd"
    assert parse_path_map(["/old=/new"]).to_local(outside) == outside
    for rule in ("/old/..=/new", "/old=../new"):
        with pytest.raises(UsageError, match=r"has a component `\.\.`"):
            parse_path_map([rule])


@pytest.mark.parametrize("rule", ["/old", "=/new", "/old=", ""])
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(UsageError, match="is not OLD=NEW"):
        parse_path_map([rule])


def test_a_beginning_is_named_once() -> None:
    with pytest.raises(UsageError, match="names /old twice"):
        parse_path_map(["/old=/a", "/old/=/b"])
