"""Says why a query may find less than expected."""

import re
from collections.abc import Callable, Iterable, Iterator

from midiprism.catalog.folding import fold_text
from midiprism.search.complete_query import name_words
from midiprism.search.query import Contains, FieldMatch, Group, Query, Term, Word
from midiprism.search.query_fields import QUERY_FIELDS, find_field, nearest_name
from midiprism.smf.instruments import FAMILIES

_OR_WORDS = frozenset(("or", "|", "||"))
_TEMPO = re.compile(r"(\d+(?:\.\d+)?)bpm", re.IGNORECASE)
_MIN_BEGINNING = 3


def computed_fields(query: Query) -> list[str]:
    """Return the names of the fields in a query that are facts computed from the notes."""
    names = {match.field for match in query.matches() if isinstance(match, FieldMatch)}
    names |= {key.field for key in query.sort}
    return sorted(name for name in names if QUERY_FIELDS[name].computed)


def missing_facts_text(query: Query, count: Callable[[], tuple[int, int]]) -> str | None:
    """Return a sentence about facts in a query that were not computed for some tracks; None for no such.

    Args:
        query: the query.
        count: returns the number of tracks whose facts were not computed, and that of all tracks.
    """
    fields = computed_fields(query)
    missing, every = count() if fields else (0, 0)
    if not missing:
        return None
    which = "this result" if missing == every else f"{missing:,} of {every:,} tracks"
    return f"{', '.join(fields)}: not computed yet for {which}."


def offered_text(term: Term) -> str | None:
    """Return what may be meant by the text of a term that no track passes; None for nothing.

    Instruments and families have few names, so a word that is in none of them is a slip. A field with a sign
    behind it is an order in other programs.
    """
    for match in term.matches:
        if isinstance(match, Word) and (offered := _offered_word(match.text)) is not None:
            return offered
        if isinstance(match, FieldMatch) and isinstance(match.test, Contains):
            words = name_words(match.field)
            text = fold_text(match.test.text)
            if words and not any(text in word for word in words):
                nearest = _longest_beginning(text, words) or nearest_name(text, words)
                return None if nearest is None else f"{match.field}:{nearest}"
    return None


def _offered_word(text: str) -> str | None:
    """Return the term that a word stands for in other languages; None for none."""
    if text[-1] in "+-" and find_field(text[:-1]) is not None:
        return f"sort:{text}"
    if text.casefold() in _OR_WORDS:
        return ","
    tempo = _TEMPO.fullmatch(text)
    return None if tempo is None else f"bpm:{tempo[1]}"


def _longest_beginning(text: str, words: Iterable[str]) -> str | None:
    """Return the longest word that the text begins with, as saxophone does with sax; None for none."""
    beginnings = [word for word in words if len(word) >= _MIN_BEGINNING and text.startswith(word)]
    return max(beginnings, key=len, default=None)


def names_unknown_family(term: Term) -> bool:
    """Return whether a term has the text of a family that there is not."""
    for match in term.matches:
        if isinstance(match, FieldMatch) and match.field == "family" and isinstance(match.test, Contains):
            text = fold_text(match.test.text)
            return not any(text in fold_text(family) for family in FAMILIES)
    return False


def terms_without_tracks(query: Query, finds_any: Callable[[Query], bool]) -> Iterator[Term]:
    """Yield the terms of a query with several terms that no track passes, each by itself.

    Args:
        query: that finds nothing.
        finds_any: returns whether a query finds any track.
    """
    terms = dict.fromkeys(query.terms())
    if len(terms) > 1:
        yield from (term for term in terms if not finds_any(Query((Group((term,)),))))


def nothing_found_text(query: Query, finds_any: Callable[[Query], bool]) -> str:
    """Return a sentence that no track matches, which terms match none by themselves, and what may be meant.

    Args:
        query: that finds nothing.
        finds_any: returns whether a query finds any track.
    """
    alone = [*terms_without_tracks(query, finds_any)]
    reason = f" By itself, nothing matches {' or '.join(f'`{term}`' for term in alone)}." if alone else ""
    offers = [text for term in alone or query.terms() if (text := offered_text(term)) is not None]
    offer = f" Do you mean {' or '.join(f'`{text}`' for text in offers)}?" if offers else ""
    unknown = not offers and any(names_unknown_family(term) for term in alone or query.terms())
    families = f" The families are {', '.join(FAMILIES)}." if unknown else ""
    return f"No track matches.{reason}{offer}{families}"
