"""Asking plugins about what comes in: is a document harmless, and which category does a text belong to."""

from __future__ import annotations

from collections.abc import Callable

from graph_crm.errors import RuleError
from graph_crm.rules.intake import Document, RequestText, Scan
from graph_crm.rules.manager import RuleBook

SCAN = "scan_attachment"
CATEGORISE = "categorise"
LONGEST_REASON = 200


class ScanFailed(Exception):
    """A scanner could not say whether a document is harmless: it is not served until one can."""


def scans(book: RuleBook) -> bool:
    """Whether any plugin scans documents, one that is suspended included: then what it did not see is not served."""
    return any(SCAN in one.hooks for one in book.plugins)


def scanned(book: RuleBook, document: Document) -> Scan:
    """What the scanners together say: the first that is not content decides.

    Raises: ScanFailed where one of them raised, is suspended or answered nothing that can be used.
    """
    wanted = [one.name for one in book.plugins if SCAN in one.hooks]
    answers = {one.plugin: one.value for one in book.ask(SCAN, _scan, documents=[document])}
    for name in wanted:
        found = answers.get(name)
        if found is not None and not found.clean:
            return Scan(clean=False, reason=(found.reason or f"refused by {name}")[:LONGEST_REASON])
    silent = [name for name in wanted if name not in answers]
    if silent:
        raise ScanFailed(f"no answer of {', '.join(silent)}")
    return Scan(clean=True)


def categorised(book: RuleBook, text: RequestText, known: Callable[[str], bool]) -> str | None:
    """The category that the first plugin with an opinion names; one that is not ``known`` is a fault of the plugin."""

    def check(value: object) -> str | None:
        if not isinstance(value, list | tuple) or len(value) != 1:
            raise RuleError("a list of 1 category or None, one a text")
        (found,) = value
        if found is not None and not (isinstance(found, str) and known(found)):
            raise RuleError("a category of the service desk, or None")
        return found

    return next((one.value for one in book.ask(CATEGORISE, check, texts=[text]) if one.value is not None), None)


def _scan(value: object) -> Scan:
    if not isinstance(value, list | tuple) or len(value) != 1 or not isinstance(value[0], Scan):
        raise RuleError("a list of 1 Scan, one a document")
    return value[0]
