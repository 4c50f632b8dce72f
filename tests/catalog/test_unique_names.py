from functools import partial

from midiprism.catalog import UniqueNames


def numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name} ({number})"


def numbers(*names: str) -> list[str]:
    given = []
    with UniqueNames() as claims:
        for name in names:
            number = claims.claim(partial(numbered, name))
            given.append(numbered(name, number))
    return given


def test_repeated_names_are_numbered() -> None:
    assert numbers("a", "b", "a", "a") == ["a", "b", "a (2)", "a (3)"]


def test_numbered_names_that_exist_are_skipped() -> None:
    assert numbers("a (2)", "a", "a", "a (2)") == ["a (2)", "a", "a (3)", "a (2) (2)"]


def test_a_name_can_be_repeated_thousands_of_times() -> None:
    given = numbers(*["same"] * 5_000)
    assert len(set(given)) == 5_000
    assert given[-1] == "same (5000)"
