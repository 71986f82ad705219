"""Articles made searchable: the words under which one is found, and the Lucene query for what somebody types.

Both sides go through `parties.names`, so that case and accents don't matter; the index `article_search` uses the
whitespace analyzer and does not change the words again.
"""

from __future__ import annotations

from collections.abc import Iterable

from graph_crm.parties.names import MATCH_NOTHING, search_words

MOST_WORDS = 24
"""Words of a typed text that are looked for: its beginning, where people say what it is about, and its end."""
MOST_LOOKED_AT = 4_000
"""Characters of a typed text that are looked at."""
FUZZY_WORDS = 6
"""So many of the words, the longest ones, forgive a typo: Lucene bounds what a query may expand to."""
SHORTEST, TYPED_FROM, FUZZY_FROM, STEM_FROM = 3, 2, 5, 5
"""Letters from which a word counts, is looked for while it is typed, forgives a typo, and stands for its forms."""
SHORTEST_STEM = 4
_TAIL = 8

_SAYS_NOTHING = """
the and for with from this that have has had not are was were can cannot could would should will what when where which
who why how you your our their they them his her its please want need like about into out get got did does don done been
but any all some there here just also very more than then too yes hello dear regards thanks thank

nie tak jak czy ale dla jest byl byla bylo moge moja moj moje mam chce prosze przez pod nad bez oraz lub tez sie jaki
jaka jakie kiedy gdzie dlaczego ktory ktora ktore ten tego tej jestem bardzo dzien dobry witam pozdrawiam dziekuje
panstwo pan pani zeby aby juz tylko moze mozna

neni jsem jste kdy kde proc ktery tato toto muj chci prosim pres nebo take jeste jen muze mohu den dekuji pozdravem
"""  # English, Polish and Czech, without accents
STOP_WORDS = frozenset(_SAYS_NOTHING.split())
"""Words that say nothing about a problem."""


def article_words(text: str) -> str:
    """What the index holds of a title or a text."""
    return " ".join(search_words(text))


def scope_words(language: str, products: Iterable[str], *, active: bool) -> str:
    """What narrows a search: language and products; nothing where an article is not suggested any more."""
    if not active:
        return "retired"
    return " ".join([f"lang_{language.lower()}", *(f"product_{code.lower()}" for code in products)])


def meaning_words(text: str) -> list[str]:
    """The words of a text that say what it is about, in their order, each once."""
    return [word for word in search_words(text[:MOST_LOOKED_AT]) if len(word) >= SHORTEST and word not in STOP_WORDS]


def suggestion_query(text: str) -> str:
    """A Lucene query for a text that is being typed; never one that Lucene refuses, whatever the text.

    Words of the title count most. A word is found exactly, without its ending, with a typo where it is long, and the
    last one by its beginning, because it may not be finished yet. `search_words` leaves letters and digits only.
    """
    words = meaning_words(text)
    typed = search_words(text[-MOST_LOOKED_AT:])[-1:]
    if len(words) > MOST_WORDS:
        words = [*words[: MOST_WORDS - _TAIL], *words[-_TAIL:]]
    fuzzy = set(sorted((word for word in words if not word.isdigit()), key=len, reverse=True)[:FUZZY_WORDS])
    clauses = [clause for word in words for clause in _clauses(word, fuzzy=word in fuzzy)]
    for word in typed:  # also a short one: it goes on
        if len(word) >= TYPED_FROM and word not in STOP_WORDS:
            clauses += [f"titleWords:{word}*", f"textWords:{word}*^0.3"]
    return f"+({' '.join(dict.fromkeys(clauses))})" if clauses else f"+titleWords:{MATCH_NOTHING}"


def _clauses(word: str, *, fuzzy: bool) -> list[str]:
    clauses = [f"titleWords:{word}^1.5", f"textWords:{word}^0.7"]
    if len(word) >= STEM_FROM and not word.isdigit():
        stem = word[: max(SHORTEST_STEM, len(word) * 2 // 3)]  # kart for "kartą", zgubi for "zgubiłam"
        clauses += [f"titleWords:{stem}*^5", f"textWords:{stem}*"]
    if fuzzy and len(word) >= FUZZY_FROM:
        clauses += [f"titleWords:{word}~1", f"textWords:{word}~1^0.2"]
    return clauses
