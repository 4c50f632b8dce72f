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
    (
        "a track of one device in a song of two",
        bytes.fromhex(
            "4d54686472030218088740ff2f004d54726b0014009000f005090390808000913c0151038000ff090142693c"
            "004d54726b002b80800090009235ff090141"
        ),
    ),
    (
        "a zone of MPE in another track than its notes",
        bytes.fromhex(
            "4d5468640001000401e04d5472204d54726b00000a0b00ff0306454c4f4459f36b9066893048400091476f78"
            "48406c4840004d54726b0000007800c1215ff00000b165000006001f913c4000ff2f004d54726b00003e8102"
            "b0650000640600066b00c07f520100010021"
        ),
    ),
    (
        "a zone of MPE with a drum channel, divided by drum piece",
        bytes.fromhex(
            "4d546864000000060002000401e04d54726b000000520090131c01650000640600060f00b065000064060006"
            "0f7f99007f0100003e91247f"
        ),
    ),
]
"""Found by ``fuzz/fuzz_split.py``. Each stays here for good."""
