"""Files that once made the engine break a promise, each with a description."""

FUZZ_FINDINGS: list[tuple[str, bytes]] = [
    (
        "a system message that ends a track without end",
        bytes.fromhex("4d546864000000060001000101e04d54726b0000000d00912440814081240000f1c0ff2f00"),
    ),
    (
        "a system message before the end of track",
        bytes.fromhex("4d546864000000060001000101e04d54726b0000000f0091244081408124000010f800ff2f00"),
    ),
]
"""Found by ``fuzz/fuzz_split.py``. Each stays here for good."""
