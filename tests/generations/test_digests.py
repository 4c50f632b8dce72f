"""Tests that compare the chunks that have digests first with a plain computation."""

from hypothesis import given
from hypothesis import strategies as st

from midiprism.generations.digests import DIGEST_BYTES, first_bits, select

# Few values of each half, so that many digests share one of them.
HALVES = st.sampled_from([bytes(8), b"\xff" * 8, b"\x80" + bytes(7), bytes(7) + b"\x01", b"midipris"])
DIGESTS = st.builds(bytes.__add__, HALVES, HALVES)
LANES = st.lists(st.frozensets(DIGESTS, max_size=12), max_size=5)


@given(LANES, LANES)
def test_the_first_chunk_with_a_digest_has_its_bit(
    chunks: list[frozenset[bytes]], earlier: list[frozenset[bytes]]
) -> None:
    lanes = [b"".join(sorted(chunk)) for chunk in chunks]
    known = [b"".join(sorted(index)) for index in earlier]
    bits, new = first_bits(b"".join(lanes), [len(chunk) for chunk in chunks], known)
    seen = {digest for index in earlier for digest in index}
    expected = []
    for chunk in chunks:
        expected.append(sorted(chunk - seen))
        seen |= chunk
    assert [select(lane, of_lane) for lane, of_lane in zip(lanes, bits, strict=True)] == expected
    assert new == b"".join(sorted({digest for chunk in expected for digest in chunk}))
    assert len(new) % DIGEST_BYTES == 0
