"""On whose behalf the running code works: set where a request or a command begins, read where something is written.

It travels in a context variable, so that no use case has to hand it on, and none can forget it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Final

from graph_crm.audit.kinds import AuditKind
from graph_crm.errors import InvalidInput

SEEN: Final = "seen"
"""The name among a statement's bound values under which it is collected whose data an answer shows."""
LONGEST_ID: Final = 100
MOST_IDS: Final = 1_000
"""Ids of one entry; of more the entry says how many there were."""
LONGEST_AGENT: Final = 60
LONGEST_REASON: Final = 80
_REASON: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:#/-]{0,79}")
_NAMES_IDS: Final = re.compile(r"^ids?$|_ids?$|[a-z]Ids?$")
_UNSHOWN: Final = re.compile(r"[^A-Za-z0-9 ._/;:()+-]")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, from where and why."""

    subject: str
    """The name in the token, ``cli:USER`` for a command, ``system`` for work that nobody asked for."""
    role: str
    address: str | None = None
    agent: str | None = None
    """The program at the other end, shortened."""
    reason: str | None = None
    """Why: what the header X-Reason says, a short code such as ``case:SR-2026-000012``."""
    party_id: str | None = None
    """The caller's own party."""


@dataclass(slots=True)
class Acting:
    """What is being done for an actor now. One of its mutations is current at a time: they run one after the other."""

    actor: Actor
    operation: str = ""
    """``query NAME`` of the document, or the command."""
    document: str = ""
    """The beginning of the document's SHA-256."""
    writes: str = ""
    """The mutation, command or form that is running; empty: nothing that may write is."""
    ids: list[str] = field(default_factory=list)
    """Ids that it is about."""
    shows: Mapping[str, Any] = field(default_factory=dict)
    """By response key, what the answer shows of persons (`entries.Shown`); what shows nothing is not there."""
    roots: Mapping[str, str] = field(default_factory=dict)
    """By response key, the root field."""

    def begin(self, writes: str, ids: Iterable[str] = ()) -> None:
        """From now on the actor's ``writes`` runs, about these records."""
        self.writes = writes
        self.ids = list(ids)

    @property
    def about(self) -> list[str]:
        """The ids, each once, in their order."""
        return list(dict.fromkeys(self.ids))


_acting: ContextVar[Acting | None] = ContextVar("audit_acting", default=None)


def current() -> Acting | None:
    """For whom this code runs; None: for nobody, as in the worker and its timers."""
    return _acting.get()


@contextmanager
def acting(actor: Actor, operation: str = "", *, document: str = "", writes: str = "") -> Iterator[Acting]:
    """Run the block for ``actor``: everything it writes is put down to it."""
    made = Acting(actor, operation, document, writes)
    token = _acting.set(made)
    try:
        yield made
    finally:
        _acting.reset(token)


def act(made: Acting | None) -> None:
    """From now on this context acts so, to its end; for places that can't be a block."""
    _acting.set(made)


def known(subject: str, role: str, party_id: str | None = None) -> None:
    """It is known by now who acts: the token or the link says so. Where and why stay as they were."""
    made = _acting.get()
    if made is not None:
        made.actor = replace(made.actor, subject=subject, role=role, party_id=party_id)


def about(*ids: str | None) -> None:
    """Tell which records the running change made or changed, where somebody acts."""
    made = _acting.get()
    if made is not None and len(made.ids) <= MOST_IDS:
        made.ids.extend(one for one in ids if one)


def ids_in(arguments: Mapping[str, Any]) -> list[str]:
    """The ids among the arguments of a field, in their order: what is called ``id``, ``partyId``, ``ids`` and so on.

    Numbers of requests count as ids, telephone numbers do not.
    """
    found: list[str] = []
    _gather(arguments, found)
    return found


def _gather(value: Any, found: list[str]) -> None:
    if len(found) > MOST_IDS:
        return
    if isinstance(value, Mapping):
        for name, each in value.items():
            if isinstance(each, str):
                if _NAMES_IDS.search(name) or (name in _NUMBERS and each.strip(_OF_PHONES)):
                    found.append(each)
            elif isinstance(each, list | tuple) and _NAMES_IDS.search(name):
                found.extend(one for one in each if isinstance(one, str))
            else:
                _gather(each, found)
    elif isinstance(value, list | tuple):
        for each in value:
            _gather(each, found)


_NUMBERS: Final = frozenset({"number", "request", "requestNumber"})
_OF_PHONES: Final = "+0123456789 -()/."


def reason_of(header: str | None) -> str | None:
    """The reason that a caller gave in ``X-Reason``.

    Raises InvalidInput for a text: it could hold what the audit may not keep.
    """
    if not header:
        return None
    given = header.strip()
    if not given:
        return None
    if _REASON.fullmatch(given) is None:
        raise InvalidInput(
            "X-Reason is a short code, not a text.",
            hint=f"At most {LONGEST_REASON} letters, digits and _.:#/-, for example case:SR-2026-000012.",
        )
    return given


def short_agent(header: str | None) -> str | None:
    """The program at the other end: the first words of its User-Agent, without anything that could be more."""
    if not header:
        return None
    return _UNSHOWN.sub("", header)[:LONGEST_AGENT].strip() or None


SYSTEM: Final = Actor("system", "system")
"""Who does what nobody asked for."""

__all__ = [
    "MOST_IDS",
    "SYSTEM",
    "Acting",
    "Actor",
    "AuditKind",
    "about",
    "act",
    "acting",
    "current",
    "ids_in",
    "reason_of",
    "short_agent",
]
