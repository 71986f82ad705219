"""Texts in the form in which keywords and the classifier read them: the same words are the same."""

from __future__ import annotations

import re
import unicodedata

READ = 800
"""Characters of a request that are read: people say what they want at the beginning."""
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe"})
_DIGIT = re.compile(r"\d")
_SPACE = re.compile(r"\s+")


def folded(text: str) -> str:
    """Small letters without accents, every digit a 0, every gap one space: how Zażółć and zazolc become the same."""
    small = text[: READ * 2].casefold().translate(_LETTERS)
    if not small.isascii():
        small = "".join(one for one in unicodedata.normalize("NFKD", small) if not unicodedata.combining(one))
    return _SPACE.sub(" ", _DIGIT.sub("0", small)).strip()[:READ]


def asked(subject: str, text: str) -> str:
    """Subject and text as one; a subject that is the beginning of the text is not read twice."""
    subject = subject.strip()
    return text if not subject or text.strip().startswith(subject.rstrip("…")) else f"{subject}\n{text}"
