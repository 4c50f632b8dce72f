"""Facts of a track that are computed from its notes: key, tempo, meter, role and others. No input or output.

[docs/reference/features.md](../../../docs/reference/features.md) defines each fact.
"""
