from itertools import pairwise

from midiprism.metrics.downsample import samples_to_drop


def kept(seconds: int, every: int = 60) -> list[float]:
    """What is left of a sample a second, thinned every so often."""
    moments: list[float] = []
    for at in range(seconds):
        moments.append(float(at))
        if at % every == 0:
            gone = set(samples_to_drop(moments, at))
            moments = [one for one in moments if one not in gone]
    return moments


def test_a_run_of_fourteen_hours_keeps_some_hundreds_of_samples() -> None:
    moments = kept(14 * 3_600)
    assert moments[0] == 0
    assert 500 < len(moments) < 1_500


def test_the_last_minutes_are_kept_whole_and_no_gap_is_wider_than_its_age_allows() -> None:
    end = 14 * 3_600
    moments = kept(end)
    assert moments[-100:] == [float(at) for at in range(end - 100, end)]
    for one, after in pairwise(moments):
        age = end - one
        assert after - one <= (1 if age < 120 else 20 if age < 3_600 else 120 if age < 36_000 else 1_200)


def test_thinning_twice_takes_nothing_more() -> None:
    moments = kept(5_000, every=5_000 - 1)
    assert samples_to_drop(moments, 4_999.0) == []


def test_nothing_is_superfluous_while_a_run_is_young() -> None:
    assert samples_to_drop([float(at) for at in range(100)], 100.0) == []
