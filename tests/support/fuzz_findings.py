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
    (
        "an event of another track on port 0, merged into a track that states devices",
        bytes.fromhex(
            "4d546864010004e3646c617465724d54726b000000ee00ff510307000000993d7f19ff0901828534893dff20"
            "010000ff0906408360ff2f004d54726b0000007780808113b90000"
        ),
    ),
]
"""Found by ``fuzz/fuzz_split.py``. Each stays here for good."""
