"""The words of a mail: bytes of any charset as text, HTML as plain text, an answer without what it quotes."""

from __future__ import annotations

import codecs
import re
import unicodedata

from charset_normalizer import from_bytes
from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig
from lxml.etree import LxmlError
from mailparser_reply import EmailReplyParser

READ_BYTES = 1_000_000
"""So much of a text is looked at; the mail itself is kept whole."""
_GUESSED_BYTES = 50_000
_STRIPPED_CHARACTERS = 20_000
_STRIPPED_LINE = 1_000
"""Beyond these quotes are not looked for: the library's patterns take long on what nobody typed."""
_LANGUAGES = ["en", "pl", "cs", "de", "fr", "it", "es"]
_NO_TEXT = frozenset(
    {"punycode", "idna", "undefined", "unicode_escape", "unicode-escape", "raw_unicode_escape", "utf-7"}
)
"""Codecs of Python that no mail needs and that are slow or strange."""
_KEPT = frozenset("\n\t")
_MANY_LINES = re.compile(r"\n{3,}")
_TAG = re.compile(r"<[^<>]{0,2000}>")
_CONFIG = ParserConfig(css=CSS_PROFILES["strict"], display_links=False)
_WROTE_LINES = 2
_WROTE = re.compile(
    r"\n[^\n]{0,200}(?:wrote|writes|napisał(?:a|\(a\))?|pisze|napsal(?:a|\(a\))?|schrieb)[^\n]{0,100}:\s*\Z",
    re.IGNORECASE,
)


def decoded(content: bytes, charset: str | None) -> str:
    """The text of ``content``: in the charset that is named where it fits, otherwise in the one that it looks like."""
    content = content[:READ_BYTES]
    try:
        name = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):
        name = "utf-8"
    for each in dict.fromkeys((name, "utf-8")):
        if each in _NO_TEXT:
            continue
        try:
            return content.decode(each)
        except (UnicodeError, LookupError):
            continue
        except ValueError:  # a codec that is no text encoding
            continue
    guess = from_bytes(content[:_GUESSED_BYTES]).best()
    return content.decode(guess.encoding if guess else "utf-8", "replace")


def plain(text: str) -> str:
    """The text as it may be stored: composed, one kind of line end, without control characters and halves of pairs."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(one for one in composed if one in _KEPT or unicodedata.category(one) not in {"Cc", "Cs", "Cn"})
    return _MANY_LINES.sub("\n\n", "\n".join(line.rstrip() for line in kept.split("\n"))).strip()


def one_line(text: str, limit: int) -> str:
    """The text in one line of at most ``limit`` characters, without marks that change the direction of writing."""
    words = "".join(" " if one.isspace() else one for one in text[: limit * 4])
    kept = "".join(one for one in words if unicodedata.category(one) not in {"Cc", "Cs", "Cn", "Cf"})
    shown = " ".join(unicodedata.normalize("NFC", kept).split())
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"


def from_html(html: str) -> str:
    """What a page of HTML says, as plain text; nothing is fetched and nothing is run."""
    try:
        found = str(get_text(html, _CONFIG))
    except (LxmlError, ValueError, TypeError, AttributeError, RecursionError, AssertionError):
        found = ""
    # The parser gives up beyond some depth; the letters of such a page are better than nothing.
    return found if found.strip() else _TAG.sub(" ", html)


def without_quotes(text: str) -> str:
    """An answer without the mail that it answers; the whole text where nothing but quotes would go, or is left.

    Signatures stay: cutting them off takes sentences with them that begin like one.
    """
    text = plain(text)  # the patterns take long on runs of empty lines
    if len(text) > _STRIPPED_CHARACTERS or any(len(line) > _STRIPPED_LINE for line in text.splitlines()):
        return text
    replies = EmailReplyParser(languages=list(_LANGUAGES)).read(text).replies
    latest = str(replies[0].content) if replies else text
    lines = latest.rstrip().split("\n")
    said = len(lines)
    while said and (not lines[said - 1].strip() or lines[said - 1].lstrip().startswith(">")):
        said -= 1
    if said < len(lines):
        # Only the last lines can say who wrote what: in front of them the pattern would look at every line.
        before, last = lines[: max(0, said - _WROTE_LINES)], lines[max(0, said - _WROTE_LINES) : said]
        latest = "\n".join([*before, _WROTE.sub("", "\n" + "\n".join(last))])
    return latest.strip() or text
