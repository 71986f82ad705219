"""What a plugin that looks at what comes in imports: documents to scan, texts to sort, and its answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """A document that came in, as scanners see it."""

    name: str
    """The name after everything dangerous was taken out of it."""
    media_type: str
    """By its content, for example application/pdf."""
    content: bytes


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scanner says of one document; ``reason`` is shown to staff where it is not clean."""

    clean: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RequestText:
    """What somebody asked, as it is to be sorted."""

    subject: str
    text: str
    language: str | None = None
    """ISO 639-1, where it is known."""
