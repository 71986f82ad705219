"""Every page has its words in every language that is shipped, for each value that it may show."""

from __future__ import annotations

import re

import pytest

from graph_crm import texts
from graph_crm.api.pages.web import HERE, problem
from graph_crm.errors import (
    AlreadyDecided,
    AlreadyExists,
    DatabaseBusy,
    DatabaseTimeout,
    DatabaseUnavailable,
    Forbidden,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
    RequestClosed,
    RuleError,
    Unauthenticated,
    VersionConflict,
)
from graph_crm.requests.attachments.kinds import AttachmentState
from graph_crm.requests.attachments.service import AttachmentRefused, AttachmentTooLarge
from graph_crm.requests.attachments.store import StorageUnavailable
from graph_crm.requests.complaints.kinds import RootCause
from graph_crm.requests.complaints.survey import BEST, WORST
from graph_crm.requests.flooding import TooOften
from graph_crm.requests.kinds import EntryKind, RequestKind, RequestOutcome, RequestStatus

TEMPLATES = sorted((HERE / "templates").glob("*.html"))
NAMED = re.compile(r'say\(\s*"([a-z0-9-]+)"\s*[,)]')
MADE_UP = {
    *(f"page-status-{one.value.lower().replace('_', '-')}" for one in RequestStatus),
    *(f"page-kind-{one.value.lower()}" for one in RequestKind),
    *(f"page-entry-{one.value.lower().replace('_', '-')}" for one in EntryKind),
    *(f"page-cause-{one.value.lower().replace('_', '-')}" for one in RootCause),
    *(f"page-outcome-{one.value.lower().replace('_', '-')}" for one in (
        RequestOutcome.UPHELD, RequestOutcome.PARTLY_UPHELD, RequestOutcome.REJECTED)),
    *(f"page-survey-{score}" for score in range(WORST, BEST + 1)),
    *(f"page-problem-{kind}" for kind in ("link", "missing", "other")),
    "page-from-you", "page-from-bank",
}  # fmt: skip
VALUES = {
    "at": "2026-11-23T10:00:00Z", "name": "x", "number": "R-1", "files": 5, "bytes": 1, "state": "CLEAN",
    "channel": "EMAIL", "purpose": "MARKETING",
}  # fmt: skip


@pytest.mark.parametrize("language", ["en", "pl"])
def test_each_language_says_all_of_it(language: str):
    named = {name for file in TEMPLATES for name in NAMED.findall(file.read_text("utf-8"))}
    assert len(named) > 40
    for name in sorted(named | MADE_UP | {f"state-{one.value.lower()}" for one in AttachmentState}):
        assert texts.current().message(name, VALUES, language), name


ERRORS = {
    AlreadyDecided: (), AlreadyExists: (), AttachmentRefused: (), AttachmentTooLarge: (), DatabaseBusy: (),
    DatabaseTimeout: (), DatabaseUnavailable: (), IdempotencyKeyReused: (), NotFound: (), RequestClosed: (),
    StorageUnavailable: (), TooOften: (), Unauthenticated: (), VersionConflict: (),
    Forbidden: ("scanning", "refused"),
    InvalidInput: ("category", "email", "file", "language", "outcome", "rootCause", "score", "subject", "text",
                   "token", "website"),
}  # fmt: skip
"""What pages may have to tell, and what of it they tell apart."""


@pytest.mark.parametrize("language", ["en", "pl"])
def test_each_language_says_what_went_wrong(language: str):
    raw = "What the error says in English."
    for kind, places in ERRORS.items():
        general = problem(TooOften(raw, hint="Wait.", limit=1) if kind is TooOften else kind(raw, name="x"), language)
        assert raw not in general, kind
        told = {problem(kind(raw, field=one), language) for one in places}
        assert len(told | {general}) == len(places) + 1, kind
    assert (
        problem(RuleError(raw, hint="Try."), language)
        == {
            "en": f"{raw} Try.",
            "pl": texts.current().say("page-error", {}, "pl"),
        }[language]
    )


def test_no_template_says_words_of_its_own():
    for file in TEMPLATES:
        text = re.sub(r"\{[{%].*?[%}]\}|<[^>]+>", "", file.read_text("utf-8"), flags=re.DOTALL)
        assert not re.search(r"[^\W\d_]{2,}", text), file.name
