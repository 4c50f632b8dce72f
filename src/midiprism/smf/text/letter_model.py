"""The likelihood of a text in a language, by its letters and by what stands next to what."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache, lru_cache, partial
from math import log
from operator import add
from typing import NamedTuple

from midiprism.smf.text.words_of_letters import WORDS_OF_LETTERS
from midiprism.smf.text.words_of_syllables import FREQUENT_CHARACTERS, WORDS_OF_SYLLABLES

Characters = Callable[[str], float]
"""The probability of a character in a language, whatever stands before it."""

GENERIC = "Western"
"""Any language of Western Europe, without words."""

ASCII_SHARE, SPACE_SHARE = 1 / 30, 1 / 6
ASCII_COST = log(ASCII_SHARE)
"""Cost of an ASCII character that follows another; the same in all languages."""
FOREIGN_COST = log(1 / 2)
"""Additional cost of an ASCII letter in a language that has other letters."""
CASE_COST = log(1 / 400)
"""Cost of a capital letter within a word of small ones: ``flÖte``, ``FLöte``."""

_WESTERN_LETTERS = "àáâãäåæçèéêëìíîïñòóôõöøùúûüßœ"
_FREQUENT_PUNCTUATION = "’“”–•…©®°"
_PUNCTUATION = "‘—«»·´€£§¡¿ªº„™"
_WIDE_PUNCTUATION = "　、。・「」『』（）ー～！？：〜【】〈〉《》…―×★☆♪→，～＆／．＋－＃"
_VOICED_MARKS, _VOICEABLE_HALF_WIDTH = "ﾞﾟ", frozenset("ｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾊﾋﾌﾍﾎｳ")

_WESTERN_SHARE = 0.2
_FREQUENT_PUNCTUATION_SHARE, _PUNCTUATION_SHARE = 2e-2, 2e-3
_WIDE_PUNCTUATION_SHARE = 0.03
_SPACED_BEFORE, _SPACED_AFTER = frozenset("“•–©„«"), frozenset("”•–…®»")
_UNUSUAL = 0.02
_FULL_WIDTH_SHARE, _FULL_WIDTH_AFTER_SAME = 0.02, 0.5
_FREQUENT_SHARE = 0.2
_FOREIGN_LETTER = 1e-6
_NO_LETTER = 1e-8
_PREVIOUS_WEIGHT = 5.0
"""Number of characters seen after another that outweighs the probability without it."""
_MAX_KNOWN_PAIRS = 20_000
_SCRIPT_CHANGE = 0.03
"""Share of ASCII letters that touch a character of another script."""


class Outline(NamedTuple):
    """All that the likelihood of a text depends on, in any language.

    Attributes:
        pairs: neighbours of which one at least is not ASCII. Letters are small, and what is neither a letter
            nor beyond ASCII is a space, as are the ends of the text.
        ascii_letters: number of ASCII letters that follow an ASCII character.
        ascii_others: number of other ASCII characters that do.
        case_changes: number of pairs in which a capital letter stands within a word of small ones.
    """

    pairs: tuple[str, ...]
    ascii_letters: int
    ascii_others: int
    case_changes: int


@lru_cache(4096)  # several encodings often read the same from the same bytes
def outline_text(text: str) -> Outline:
    """Return what the likelihood of a text depends on."""
    pairs: list[str] = []
    ascii_letters = ascii_others = case_changes = 0
    previous = " "
    was_small = was_capital = were_capitals = False
    for letter in text:
        folded, is_small, is_capital = _classify(letter)
        if letter < "\x80" and previous < "\x80":
            if folded == " ":
                ascii_others += 1
            else:
                ascii_letters += 1
        else:
            pairs.append(previous + folded)
            case_changes += (was_small and is_capital) or (were_capitals and is_small)
        was_small, were_capitals, was_capital = is_small, was_capital and is_capital, is_capital
        previous = folded
    if previous >= "\x80":
        pairs.append(previous + " ")
    return Outline(tuple(pairs), ascii_letters, ascii_others, case_changes)


class LetterModel:
    """The words and letters of a language, as far as they are known.

    Args:
        words: that it has.
        character: the probability of a character, whatever stands before it.
        touches_ascii: whether ASCII letters stand next to its other letters as often as next to each other.
    """

    def __init__(self, words: Iterable[str], character: Characters, *, touches_ascii: bool) -> None:
        self._character = character
        self._touches_ascii = touches_ascii
        self._ascii_letter_cost = ASCII_COST if touches_ascii else ASCII_COST + FOREIGN_COST
        text = " ".join(["", *words, ""])
        self._pairs = Counter(map(add, text, text[1:]))
        self._totals = Counter(text[:-1])
        self._log_probabilities: dict[str, float] = {}

    def log_likelihood(self, outline: Outline) -> float:
        """Return the logarithm of the probability of a text.

        ASCII characters cost the same in every language, unless they touch others.
        """
        known = self._log_probabilities
        total = outline.ascii_others * ASCII_COST + outline.ascii_letters * self._ascii_letter_cost
        total += outline.case_changes * CASE_COST
        for pair in outline.pairs:
            cost = known.get(pair)
            if cost is None:
                if len(known) >= _MAX_KNOWN_PAIRS:
                    known.clear()
                cost = known[pair] = self._log_probability(*pair)
            total += cost
        return total

    def _log_probability(self, previous: str, letter: str) -> float:
        """Return the logarithm of the probability of a letter after another; a space is no letter."""
        is_ascii = letter < "\x80"
        share = (SPACE_SHARE if letter == " " else ASCII_SHARE) if is_ascii else self._character(letter)
        if " " not in (previous, letter) and not self._touches_ascii and is_ascii != (previous < "\x80"):
            share *= _SCRIPT_CHANGE
        if _is_unusual(previous, letter):
            share *= _UNUSUAL
        if _is_full_width(letter) and _is_full_width(previous):
            share += _FULL_WIDTH_AFTER_SAME / 94
        if letter in _VOICED_MARKS and previous not in _VOICEABLE_HALF_WIDTH:
            share = _NO_LETTER
        pairs, total = self._pairs.get(previous + letter, 0), self._totals.get(previous, 0)
        return log((pairs + _PREVIOUS_WEIGHT * share) / (total + _PREVIOUS_WEIGHT))


def _is_unusual(previous: str, letter: str) -> bool:
    """Return whether punctuation touches a letter where it mostly has a space."""
    if letter in _SPACED_BEFORE:
        return previous != " "
    return previous in _SPACED_AFTER and letter != " "


def _is_full_width(letter: str) -> bool:
    return "！" <= letter <= "～"


@lru_cache(4096)
def _classify(letter: str) -> tuple[str, bool, bool]:
    """Return a letter as it is counted, whether it is small, and whether it is a capital."""
    folded = letter.lower() if letter >= "\x80" or letter.isalpha() else " "
    # A dotted capital I becomes two letters.
    return folded if len(folded) == 1 else "i", letter.islower(), letter.isupper()


@cache
def letter_model(language: str) -> LetterModel:
    """Return the model of a language, or of ``GENERIC``."""
    if language == GENERIC:
        shares = dict.fromkeys(_WESTERN_LETTERS, _WESTERN_SHARE / len(_WESTERN_LETTERS))
        return LetterModel((), partial(_share, shares), touches_ascii=True)
    is_syllabic = language in WORDS_OF_SYLLABLES
    words = (WORDS_OF_SYLLABLES if is_syllabic else WORDS_OF_LETTERS)[language].lower().split()
    letters = Counter(letter for word in words for letter in word if not letter.isascii())
    if is_syllabic:
        return LetterModel(words, _syllables(language, letters), touches_ascii=False)
    total = sum(map(len, words))
    shares = {letter: count / total for letter, count in letters.items()}
    return LetterModel(words, partial(_share, shares), touches_ascii=letters.total() < total / 2)


def _share(shares: dict[str, float], letter: str) -> float:
    """Return the share of a letter of an alphabet, or of what stands between letters."""
    share = shares.get(letter)
    if share is not None:
        return share
    if letter in _FREQUENT_PUNCTUATION:
        return _FREQUENT_PUNCTUATION_SHARE / len(_FREQUENT_PUNCTUATION)
    if letter in _PUNCTUATION:
        return _PUNCTUATION_SHARE / len(_PUNCTUATION)
    return _FOREIGN_LETTER if letter.isalpha() else _NO_LETTER


def _syllables(language: str, letters: Counter[str]) -> Characters:
    """Return the probability of the characters of a language with thousands of them."""
    frequent = frozenset("".join(FREQUENT_CHARACTERS[language].split()))
    total = letters.total()
    block = _BLOCKS[language]

    def probability(letter: str) -> float:
        share = 0.6 * letters[letter] / total
        if letter in frequent:
            share += _FREQUENT_SHARE / len(frequent)
        if letter in _WIDE_PUNCTUATION:
            return share + _WIDE_PUNCTUATION_SHARE / len(_WIDE_PUNCTUATION)
        if _is_full_width(letter):
            return share + _FULL_WIDTH_SHARE / 94
        return share + block(letter)

    return probability


def _by_lead_byte(encoding: str, blocks: Iterable[tuple[int, int, float]]) -> Characters:
    """Return the probability of a character by the first byte that a standard gives it.

    Args:
        encoding: of the standard, which has no rarer characters than those of general use.
        blocks: first and last lead byte, and the share of each character.
    """
    ranges = [*blocks]

    def probability(letter: str) -> float:
        try:
            lead = letter.encode(encoding)[0]
        except UnicodeEncodeError:
            return _NO_LETTER
        return next((share for first, last, share in ranges if first <= lead <= last), _NO_LETTER)

    return probability


_BLOCKS: dict[str, Characters] = {
    # Hiragana and katakana, half-width katakana, and the two levels of kanji.
    "Japanese": _by_lead_byte(
        "cp932",
        [
            (0x82, 0x82, 0.1 / 83),
            (0x83, 0x83, 0.1 / 86),
            (0xA6, 0xDF, 0.05 / 58),
            (0x88, 0x97, 0.06 / 2965),
            (0x98, 0x9F, 0.004 / 3390),
            (0xE0, 0xEA, 0.004 / 3390),
        ],
    ),
    "Chinese": _by_lead_byte("gb2312", [(0xB0, 0xD7, 0.15 / 3755), (0xD8, 0xF7, 0.01 / 3008)]),
    "Chinese (traditional)": _by_lead_byte("big5", [(0xA4, 0xC6, 0.15 / 5401), (0xC9, 0xF9, 0.005 / 7652)]),
    "Korean": _by_lead_byte("euc_kr", [(0xB0, 0xC8, 0.08 / 2350), (0xCA, 0xFD, 0.002 / 4888)]),
}
