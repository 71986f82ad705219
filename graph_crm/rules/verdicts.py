"""Answers with their reasons: yes, no, or not known - and unknown is never a yes, nor is its opposite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reason:
    """One fact that an answer rests on."""

    code: str
    """Stable upper-case code: HOLDS, HOLDS_NOT, DID, AGE..."""
    text: str
    """The fact in words, for example "holds CASH_LOAN since 1998-01-05"."""
    numbers: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    """The numbers in it, JSON-safe."""
    evidence: tuple[str, ...] = ()
    """Identifiers of the agreements, events and parties that it rests on."""
    words: Mapping[str, str] = field(default_factory=lambda: _NOTHING, compare=False)
    """What else the text names (a product, a day), so that it can be said in another language."""

    def as_json(self) -> dict[str, Any]:
        """As it is kept in a decision's trace."""
        return {"code": self.code, "text": self.text, "numbers": {**self.numbers, **self.words}}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a condition says about one snapshot."""

    truth: bool | None
    """True, False, or None: not known, because a fact is missing."""
    reasons: tuple[Reason, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the answer is a plain yes."""
        return self.truth is True

    @property
    def reason(self) -> str:
        """All reasons in one line."""
        return "; ".join(one.text for one in self.reasons)

    @property
    def code(self) -> str:
        """Code of the first reason."""
        return self.reasons[0].code if self.reasons else "ALWAYS"

    @property
    def numbers(self) -> dict[str, Any]:
        """The numbers of all reasons; the first that names one wins."""
        merged: dict[str, Any] = {}
        for one in self.reasons:
            merged = {**one.numbers, **merged}
        return merged

    @property
    def evidence(self) -> tuple[str, ...]:
        """Everything that the answer rests on, each once."""
        return tuple(dict.fromkeys(item for one in self.reasons for item in one.evidence))


def all_of(verdicts: Sequence[Verdict]) -> Verdict:
    """Yes when all say yes, no when one says no, else not known; with the reasons of those that settled it."""
    truths = [one.truth for one in verdicts]
    truth = False if False in truths else None if None in truths else True
    return Verdict(truth, _reasons(verdicts, truth))


def any_of(verdicts: Sequence[Verdict]) -> Verdict:
    """Yes when one says yes, no when all say no, else not known; with the reasons of those that settled it."""
    truths = [one.truth for one in verdicts]
    truth = True if True in truths else None if None in truths else False
    return Verdict(truth, _reasons(verdicts, truth))


def opposite(verdict: Verdict) -> Verdict:
    """No for yes, yes for no; what is not known stays so. The facts are the same."""
    return Verdict(None if verdict.truth is None else not verdict.truth, verdict.reasons)


def _reasons(verdicts: Sequence[Verdict], truth: bool | None) -> tuple[Reason, ...]:  # noqa: FBT001 - three-valued
    found: list[Reason] = []
    for one in verdicts:
        if one.truth is truth:
            found += [reason for reason in one.reasons if reason not in found]
    return tuple(found)
