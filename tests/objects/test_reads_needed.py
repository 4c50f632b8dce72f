"""The number of reads that are under way at once."""

from midiprism.objects.obstore_storage import reads_needed

MOST = 64


def test_few_reads_are_under_way_until_some_have_been_answered() -> None:
    assert reads_needed([], MOST) == reads_needed([0.03] * 3, MOST) == 4


def test_the_longer_answers_take_the_more_are_under_way() -> None:
    assert reads_needed([0.0001] * 32, MOST) == 4
    assert reads_needed([0.002] * 32, MOST) == 20
    assert reads_needed([0.03] * 32, MOST) == MOST


def test_reads_that_waited_for_a_processor_do_not_count() -> None:
    assert reads_needed([0.0001, 0.05, 0.05] * 10, MOST) == 4


def test_never_more_are_under_way_than_are_allowed() -> None:
    assert reads_needed([], 2) == reads_needed([0.03] * 32, 2) == 2
