"""Fold texts for comparison: the same letters in another case, width or composition are equal."""

from unicodedata import normalize


def fold_text(text: str) -> str:
    """Return text after compatibility composition (NFKC) and case folding.

    ``Köln`` in its composed and decomposed spelling give ``köln``, full-width ``Ｆｕｌｌ`` gives ``full``.
    """
    if text.isascii():
        return text.lower()
    # Folding the case may leave letters decomposed, and some compositions have a case of their own.
    return normalize("NFKC", normalize("NFKC", text).casefold()).casefold()
