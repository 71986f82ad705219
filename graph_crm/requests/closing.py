"""How a request ends: by an employee, or by itself because the customer wrote nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graph_crm.parties import checks
from graph_crm.requests.draft import Draft
from graph_crm.requests.kinds import EntryKind, RequestKind, RequestOutcome, RequestStatus


def close_draft(
    draft: Draft,
    outcome: RequestOutcome | None,
    *,
    by: str | None,
    root_cause: str | None = None,
    text: str | None = None,
    articles: Sequence[str] = (),
) -> None:
    """Close the request of a draft. Raises InvalidInput where an employee closes a complaint without an outcome."""
    complaint = RequestKind(draft.value("kind")) is RequestKind.COMPLAINT
    if outcome is None and complaint and by is not None:
        raise checks.refuse(
            "outcome", "is missing: a complaint is closed with one", "Use UPHELD, PARTLY_UPHELD or REJECTED."
        )
    ended = outcome or RequestOutcome.SOLVED
    data: dict[str, Any] = {"outcome": ended.value}
    if root_cause is not None:
        data["rootCause"] = checks.code("rootCause", root_cause)
    if articles:
        data["articles"] = list(articles)
    entry = draft.log(EntryKind.CLOSED, by=by, text=text, data=data)
    draft.set(
        status=RequestStatus.CLOSED.value,
        closedAt=draft.now,
        waitingSince=None,
        outcome=ended.value,
        rootCause=data.get("rootCause"),
        rootCauseText=text,
    )
    draft.happened(EntryKind.CLOSED, entry, by=by, text=text, outcome=ended, articles=articles, data=data)
