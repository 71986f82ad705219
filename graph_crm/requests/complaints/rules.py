"""The bank's rules about complaints, from ``seed/complaints.toml`` or a file of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from graph_crm.parties.names import name_key
from graph_crm.requests.kinds import Severity
from graph_crm.resources import folder
from graph_crm.settings.files import read_settled

FILE = "complaints.toml"
_HINT = "docs/complaints.md explains the file, seed/complaints.toml is a complete one."

Days = Annotated[int, Field(ge=1, le=3650)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WordRule(_Strict):
    """Words that make a complaint as serious as ``severity`` says."""

    severity: Severity
    any: tuple[str, ...] = Field(min_length=1)

    @field_validator("any")
    @classmethod
    def _searchable(cls, terms: tuple[str, ...]) -> tuple[str, ...]:
        for term in terms:
            if not _words(term):
                raise ValueError(f"{term!r} holds no letter")
        return terms

    @cached_property
    def terms(self) -> tuple[tuple[str, tuple[str, ...], bool], ...]:
        """Each term as it is written, as words to look for, and whether its last word may go on."""
        return tuple((term, _words(term), term.rstrip().endswith("*")) for term in self.any)


class RepeatedRule(_Strict):
    """How serious the complaint of a customer is who complained before."""

    severity: Severity
    complaints: Annotated[int, Field(ge=1)]
    days: Days


class SeverityRules(_Strict):
    """How serious a complaint is."""

    otherwise: Severity
    vulnerable: Severity
    repeated: RepeatedRule
    words: tuple[WordRule, ...] = ()


class SurveyRules(_Strict):
    """When the customer is asked how the complaint was dealt with."""

    send: bool
    after_hours: Annotated[int, Field(ge=0, le=24 * 90)]
    answer_days: Days


@dataclass(frozen=True)
class Assessment:
    """How serious a complaint is, and which rules say so, in English."""

    severity: Severity
    reasons: tuple[str, ...]


class ComplaintRules(_Strict):
    """Everything that the bank has settled about complaints."""

    reopen_days: Days
    severity: SeverityRules
    survey: SurveyRules

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """The rules of ``path``, else the shipped ones. Raises ConfigurationError that names what is wrong."""
        unread = "Correct GRAPH_CRM_COMPLAINT_RULES, or unset it for the shipped rules."
        file = path or folder("seed") / FILE
        return read_settled(cls, file, "The rules of complaints", hint=_HINT, unread=unread)

    def assess(self, subject: str, text: str, *, vulnerable: bool, earlier: int) -> Assessment:
        """How serious a complaint is: the most serious of the rules that fit.

        ``earlier`` is the number of the customer's complaints in the days that `RepeatedRule` counts. Words that make
        a complaint less serious than usual count only where nothing else fits.
        """
        words = _words(f"{subject}\n{text}")
        found = [
            (rule.severity, f"the text says {term!r}")
            for rule in self.severity.words
            for term, looked_for, goes_on in rule.terms
            if _occurs(looked_for, words, goes_on=goes_on)
        ]
        if vulnerable:
            found.append((self.severity.vulnerable, "the customer needs special care"))
        repeated = self.severity.repeated
        if earlier >= repeated.complaints:
            found.append((repeated.severity, f"{earlier} complaints in {repeated.days} days before"))
        if not found:
            return Assessment(self.severity.otherwise, ("no rule makes it more or less serious",))
        most = max((severity for severity, _ in found), key=list(Severity).index)
        return Assessment(most, tuple(reason for severity, reason in found if severity is most))


def _words(text: str) -> tuple[str, ...]:
    key = name_key(text)
    return tuple("".join(each if each.isalnum() else " " for each in key).split())


def _occurs(looked_for: Sequence[str], words: Sequence[str], *, goes_on: bool) -> bool:
    """Whether the words stand side by side; with ``goes_on`` the last one may have any ending."""
    *first, last = looked_for
    size = len(looked_for)
    return any(
        list(words[place : place + size - 1]) == first
        and (words[place + size - 1].startswith(last) if goes_on else words[place + size - 1] == last)
        for place in _places(words, size)
    )


def _places(words: Sequence[str], size: int) -> Iterable[int]:
    return range(len(words) - size + 1)


@cache
def shipped() -> ComplaintRules:
    """The rules of ``seed/complaints.toml``, read once."""
    return ComplaintRules.load()
