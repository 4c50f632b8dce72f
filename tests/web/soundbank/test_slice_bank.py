"""Tests of cutting sound banks, read back by another program's reader."""

import io
import warnings
from pathlib import Path
from typing import Any

import pytest

from midiprism.web.soundbank.errors import SoundBankError
from midiprism.web.soundbank.find_bank import find_bank
from midiprism.web.soundbank.slice_bank import ALL_KEYS, slice_bank
from midiprism.web.soundbank.sound_bank import Preset, SoundBank
from support.sound_banks import PRESETS, write_bank

PIANO, BASS, KIT = Preset(0, 0), Preset(0, 33), Preset(128, 0)


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports audioop
    from sf2utils.sf2parse import Sf2File


def read(data: bytes) -> Any:
    """Return a bank as sf2utils reads it."""
    return Sf2File(io.BytesIO(data))


def presets_of(bank: Any) -> list[tuple[int, int]]:
    return [(it.bank, it.preset) for it in bank.presets if it.name != "EOP"]


def sample_points(bank: Any) -> dict[str, set[int]]:
    """Return the different points of each sample."""
    found = {}
    for sample in bank.samples:
        if sample.name != "EOS":
            data = sample.raw_sample_data
            found[sample.name] = {
                int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)
            }
    return found


@pytest.fixture
def bank(tmp_path: Path) -> SoundBank:
    return SoundBank(str(write_bank(tmp_path / "bank.sf2")))


def test_a_slice_has_the_presets_with_their_own_samples(bank: SoundBank) -> None:
    found = read(slice_bank(bank, {BASS: ALL_KEYS, KIT: ALL_KEYS}))
    assert presets_of(found) == [(0, 33), (128, 0)]
    assert sample_points(found) == {"sample 2": {3}, "sample 4": {5}, "sample 5": {6}, "sample 6": {7}}
    bass, kit = found.presets[:2]
    assert [bag.sample.name for inst in bass.instruments for bag in inst.bags if bag.sample] == ["sample 2"]
    ranges = [bag.key_range for inst in kit.instruments for bag in inst.bags if bag.sample]
    assert ranges == [[36, 36], [38, 38], [42, 46]]


def test_all_presets_together_are_the_same_as_before(bank: SoundBank, tmp_path: Path) -> None:
    whole = read(slice_bank(bank, dict.fromkeys(bank.presets, ALL_KEYS)))
    original = read(Path(bank.path).read_bytes())
    assert presets_of(whole) == sorted(presets_of(original))
    assert sample_points(whole) == sample_points(original)
    assert [(it.start_loop, it.end_loop) for it in whole.samples[:-1]] == [(10, 90)] * 7


def test_zones_that_play_none_of_the_keys_are_left_out(bank: SoundBank) -> None:
    found = read(slice_bank(bank, {KIT: frozenset((36, 44)), PIANO: frozenset((72,))}))
    assert sample_points(found) == {"sample 1": {2}, "sample 4": {5}, "sample 6": {7}}


def test_compressed_samples_are_copied_as_they_are(tmp_path: Path) -> None:
    bank = SoundBank(str(write_bank(tmp_path / "bank.sf3", compressed=True)))
    assert bank.is_compressed
    (tmp_path / "slice.sf3").write_bytes(slice_bank(bank, {KIT: ALL_KEYS}))
    part = SoundBank(str(tmp_path / "slice.sf3"))
    headers = part.tables["shdr"][:-1]
    contents = [bytes(part.samples[header["start"] : header["end"]]) for header in headers]
    assert contents == [b"OggS" + bytes((number + 1,)) * (200 + number) for number in (4, 5, 6)]
    assert headers["loop_start"].tolist() == [10, 10, 10]
    assert headers["type"].tolist() == [0x11] * 3


def test_a_slice_can_be_sliced_again(bank: SoundBank, tmp_path: Path) -> None:
    path = tmp_path / "slice.sf2"
    path.write_bytes(slice_bank(bank, {BASS: ALL_KEYS, KIT: ALL_KEYS}))
    again = slice_bank(SoundBank(str(path)), {KIT: ALL_KEYS})
    assert again == slice_bank(bank, {KIT: ALL_KEYS})


def test_the_name_and_the_license_stay(bank: SoundBank, tmp_path: Path) -> None:
    path = tmp_path / "slice.sf2"
    path.write_bytes(slice_bank(bank, {BASS: ALL_KEYS}))
    part = SoundBank(str(path))
    assert part.info_text(b"INAM") == "Made bank"
    assert part.info_text(b"ICOP") == "Free for all"
    assert part.info(b"ICMT") is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Preset(8, 33), Preset(8, 33)),
        (Preset(8 << 7, 33), Preset(8, 33)),
        (Preset(16, 0), PIANO),
        (Preset(128, 25), KIT),
        (Preset(0, 99), None),
    ],
)
def test_a_missing_preset_is_played_by_the_nearest_one(
    bank: SoundBank, wanted: Preset, found: Preset | None
) -> None:
    assert bank.nearest_preset(wanted) == found


def test_a_bank_without_the_presets_is_an_error(bank: SoundBank) -> None:
    with pytest.raises(SoundBankError, match="none of these presets"):
        slice_bank(bank, {Preset(0, 99): ALL_KEYS})


def test_files_that_are_cut_off_or_changed_are_an_error_or_a_bank(tmp_path: Path) -> None:
    whole = write_bank(tmp_path / "bank.sf2").read_bytes()
    path = tmp_path / "damaged.sf2"
    failed = 0
    for at in range(0, len(whole), 7):
        for damaged in (whole[:at], whole[:at] + b"\xff\xff\xff" + whole[at + 3 :]):
            path.write_bytes(damaged)
            try:
                bank = SoundBank(str(path))
                slice_bank(bank, dict.fromkeys(bank.presets, ALL_KEYS))
            except SoundBankError:
                failed += 1
    assert failed > 100


def test_the_best_bank_in_the_folders_of_a_system_is_found(tmp_path: Path) -> None:
    for name in ("Other.sf2", "FluidR3_GM.sf2", "FluidR3Mono_GM.sf3"):
        write_bank(tmp_path / name)
    (tmp_path / "MS Basic.sf3").write_bytes(b"no bank")
    found = find_bank([str(tmp_path / "missing"), str(tmp_path)])
    assert found is not None
    assert found.path == str(tmp_path / "FluidR3Mono_GM.sf3")
    assert find_bank([str(tmp_path / "missing")]) is None


def test_a_bank_without_a_piano_is_not_taken(tmp_path: Path) -> None:
    write_bank(tmp_path / "drums.sf2", PRESETS[3:])
    assert find_bank([str(tmp_path)]) is None


def test_a_song_with_the_bank_of_this_system_is_a_megabyte_at_most() -> None:
    bank = find_bank()
    if bank is None or "FluidR3Mono" not in bank.path:
        pytest.skip("this system has no FluidR3Mono_GM.sf3")
    melody, low = frozenset(range(60, 85)), frozenset(range(28, 52))
    kit = frozenset((35, 36, 38, 42, 46, 49, 51))
    wanted = {Preset(0, 73): melody, BASS: low, Preset(0, 25): melody, PIANO: melody, KIT: kit}
    data = slice_bank(bank, wanted)
    assert len(data) < 1_000_000
    assert presets_of(read(data)) == sorted((preset.bank, preset.program) for preset in wanted)
