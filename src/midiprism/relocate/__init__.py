"""Move a result to another folder."""
