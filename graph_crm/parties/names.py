"""Names as people type them, made comparable: the key for sorting and filtering, the words for the search index.

Both sides of a search, what is stored and what is asked, go through the functions of this module. The fulltext index
therefore uses the `whitespace` analyzer: it must not change the words again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

import phonenumbers

# Letters that Unicode does not decompose into a base letter and an accent, though people search for the base letter.
_FOLDED = str.maketrans(
    {
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "ø": "o",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "\u0131": "i",  # dotless i
        "ħ": "h",
        "ŧ": "t",
        "ŋ": "ng",
        "ĸ": "k",
    }
)
_ADDRESS_SIGNS = frozenset("@.+-_!#$%&*/=?^`{|}~:")
# ASCII, grave, acute, the turned and modifier ones, the stress mark, quotation marks, prime, full width.
_APOSTROPHES = dict.fromkeys([0x27, 0x60, 0xB4, 0x2BB, 0x2BC, 0x2BD, 0x2C8, 0x2018, 0x2019, 0x201B, 0x2032, 0xFF07])

MAX_KEY_LENGTH = 2000
"""Characters of a key, of at most four bytes each."""
MAX_WORDS = 10
"""How many words of a search text are looked at; the rest is ignored."""
MAX_WORD_LENGTH = 64
"""Characters of a word that are indexed and searched; Lucene refuses terms of 32 kB."""
FUZZY_FROM = 3
"""Words of at least so many characters forgive a typo; shorter ones would match half of the bank."""

EXACT_BOOST, PREFIX_BOOST, FUZZY_BOOST = 100, 10, 0.1

GENERATED = "party:"
"""How generated ids begin: no part of what is searched, or the word "party" would find every party."""

MATCH_NOTHING = "[z TO a]"
"""A Lucene query that is valid and finds nothing (an empty query would be an error)."""

_PHONE_RUN = re.compile(r"(?<![^\s,;])\+?[(]?\d[\d\s().\-/\u00a0]{3,}\d(?![^\s,;])")
_INTERNATIONAL = re.compile(r"^(?:\+|00|011(?=\d{9}))")
MIN_PHONE_DIGITS = 5


def name_key(text: str) -> str:
    """The text casefolded, without accents, whitespace collapsed: `"  Łukasz  GROSS "` is `"lukasz gross"`.

    Stable under itself (`name_key(name_key(x)) == name_key(x)`), for every text, and at most `MAX_KEY_LENGTH`
    characters: one letter can fold to eighteen, and the database refuses to index what is longer than 8 kB.
    """
    key = text
    for _ in range(4):  # folding can uncover more to fold (compatibility letters with capitals inside)
        folded = unicodedata.normalize("NFKD", key).casefold().translate(_FOLDED)
        folded = unicodedata.normalize("NFKD", folded)
        folded = "".join(letter for letter in folded if not unicodedata.combining(letter))
        folded = " ".join(folded.split())[:MAX_KEY_LENGTH].rstrip()
        if folded == key:
            break
        key = folded
    return key


def _is_letter(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "Mc"


def _parts(chunk: str) -> list[str]:
    """The runs of letters and digits of one chunk of a key."""
    return "".join(character if _is_letter(character) else " " for character in chunk).split()


def _address(chunk: str) -> str:
    """The chunk as one term: letters, digits and the signs that addresses are written with."""
    return "".join(character for character in chunk if _is_letter(character) or character in _ADDRESS_SIGNS)[
        :MAX_WORD_LENGTH
    ]


def search_words(text: str) -> list[str]:
    """The words under which a name is found: `"O'Brien Jean-Luc"` gives `obrien`, `jean`, `luc`, `jeanluc`."""
    words: list[str] = []
    for chunk in name_key(text.translate(_APOSTROPHES)).split():
        parts = _parts(chunk)
        words += parts
        if len(parts) > 1:
            words.append("".join(parts))
    return [word[:MAX_WORD_LENGTH] for word in dict.fromkeys(words)]


def phone_words(e164: str) -> list[str]:
    """An E.164 number as search words: all its digits, and the national number that people know by heart."""
    digits = e164.lstrip("+")
    try:
        national = phonenumbers.national_significant_number(phonenumbers.parse(e164, None))
    except phonenumbers.NumberParseException:
        return [digits]
    return list(dict.fromkeys([digits, national.lstrip("0") or national]))


def search_text(
    name: str, *, phones: Iterable[str] = (), emails: Iterable[str] = (), identifiers: Iterable[str] = ()
) -> str:
    """What the index `party_search` holds of a party: its name, E.164 phones, e-mails and identifiers as words.

    The same words whatever the order and repetitions of the contact points.
    """
    words = search_words(name)
    for phone in sorted(set(phones)):
        words += phone_words(phone)
    words += [_address(name_key(email.translate(_APOSTROPHES))) for email in sorted(set(emails))]
    for identifier in sorted(set(identifiers)):
        parts = _parts(name_key(identifier).removeprefix(GENERATED))
        words.append("".join(parts)[:MAX_WORD_LENGTH])
        # The number inside ("CZ-12345678") is what people read out; short parts and plain words would be noise.
        words += [part[:MAX_WORD_LENGTH] for part in parts if len(part) > FUZZY_FROM and any(map(str.isdigit, part))]
    return " ".join(dict.fromkeys(word for word in words if word))


Word = Callable[[str], str]
"""Makes the query of one word."""


def _escaped(word: str) -> str:
    """The word as a Lucene term: everything but letters and digits neutralised."""
    return "".join(character if _is_letter(character) else "\\" + character for character in word)


def _word_query(word: str) -> str:
    """One word: exactly, as a prefix, or with one typo, ranked in this order.

    The exact word is a range of one term: like the prefix it scores a constant, so that the three ranks never mix
    whatever the frequency of the word. Its ends are quoted: in a bare end a brace ends the range, escaped or not.
    """
    term = _escaped(word[:MAX_WORD_LENGTH])
    kinds = [f'["{term}" TO "{term}"]^{EXACT_BOOST}', f"{term}*^{PREFIX_BOOST}"]
    # One digit off is another customer's phone or contract, not a typo to forgive.
    if len(word) >= FUZZY_FROM and not word.isdigit():
        kinds.append(f"{term}~1^{FUZZY_BOOST}")
    return f"({' OR '.join(kinds)})"


def _grouped(query: str) -> str:
    """The query as one term that can be boosted."""
    return query if query.startswith("(") else f"({query})"


def _exact_query(word: str) -> str:
    """One word, as it is."""
    term = _escaped(word[:MAX_WORD_LENGTH])
    return f'["{term}" TO "{term}"]^{EXACT_BOOST}'


def _phone_query(run: str, query: Word) -> str | None:
    """The run of digits as a phone (international or national) or an identifier; None when it is too short."""
    digits = re.sub(r"\D", "", run)
    if len(digits) < MIN_PHONE_DIGITS:
        return None
    words = [digits]
    compact = re.sub(r"[^\d+]", "", run)
    international = _INTERNATIONAL.match(compact)
    if international:
        words.insert(0, compact[international.end() :])
        try:
            number = phonenumbers.parse("+" + compact[international.end() :], None)
            words.insert(0, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).lstrip("+"))
        except phonenumbers.NumberParseException:
            pass  # not a number of any country: the digits as typed may still be an identifier
    elif digits.startswith("0"):
        words.append(digits.lstrip("0") or digits)
    return f"({' OR '.join(query(word) for word in dict.fromkeys(words) if word)})"


def _chunk_query(chunk: str, query: Word) -> str | None:
    chunk = chunk.removeprefix(GENERATED)
    parts = _parts(chunk)
    if not parts:
        return None
    if len(parts) == 1 and parts[0] == chunk:
        return query(chunk)
    # The whole chunk outranks any sum of its parts.
    whole = [f"{_grouped(query(''.join(parts)))}^{min(len(parts), MAX_WORDS) + 1}"]
    if "@" in chunk or "." in chunk:
        whole.insert(0, query(_address(chunk)))
    # Half of an address must not find everybody with its provider: an e-mail is never taken apart.
    if len(parts) > 1 and "@" not in chunk:
        whole.append(f"({' AND '.join(query(part) for part in parts[:MAX_WORDS])})")
    return f"({' OR '.join(whole)})"


def search_query(text: str) -> str:
    """A Lucene query for what somebody typed: names in any order, a phone, an e-mail, an identifier.

    Every word must match, exactly, as a prefix or with one typo; the ranks are in this order. A phone is found in any
    common way of writing it. Never a query that Lucene refuses, whatever the text.
    """
    return _query(text, _word_query)


def exact_query(text: str) -> str:
    """The same for what must be known whole: no beginnings and no typos, which would tell of the rest."""
    return _query(text, _exact_query)


def _query(text: str, word: Word) -> str:
    queries: list[str] = []

    def take_phone(match: re.Match[str]) -> str:
        query = _phone_query(match.group(), word)
        if query is None:
            return match.group()
        queries.append(query)
        return " "

    plain = unicodedata.normalize("NFKC", text[: MAX_WORDS * MAX_WORD_LENGTH])
    plain = _PHONE_RUN.sub(take_phone, plain)
    for chunk in name_key(plain.translate(_APOSTROPHES)).split():
        query = _chunk_query(chunk, word)
        if query:
            queries.append(query)
    return " AND ".join(list(dict.fromkeys(queries))[:MAX_WORDS]) or MATCH_NOTHING
