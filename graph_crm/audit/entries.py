"""What an entry holds, and the one text of it that is signed.

An entry is one node with one or many *records*: a change has one, an hour of reading has many that differ in little
but the ids. What records have in common stands once, as their *context*. The text (`body`) is all there is: the other
properties of the node are made of it, for indexes, and `graph-crm audit verify` compares them.

Values of persons never stand here: ids, names of fields, codes. What is no id is kept as a keyed hash.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from graph_crm.audit.acting import LONGEST_ID, MOST_IDS, SYSTEM, Acting, Actor
from graph_crm.audit.kinds import AuditKind
from graph_crm.security.roles import Role

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/|~-]{0,99}")
_NAME: Final = re.compile(r"[A-Za-z0-9_. :>/-]{0,160}")
MOST_DETAILS: Final = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is written down.

    ``what`` names it in the platform's words: a mutation, a root field, a command, a code. ``ids`` are the records that
    it is about. ``details`` are codes and numbers, never values of persons.
    """

    kind: AuditKind
    what: str
    ids: Sequence[str] = ()
    actor: Actor | None = None
    operation: str = ""
    document: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    at: float | None = None
    """Seconds since 1970; None: now."""
    times: int = 1
    """How often, where equal things were folded."""

    def context(self, acting: Acting | None, hidden: Hidden) -> dict[str, Any]:
        """What it has in common with others of its kind."""
        actor = self.actor or (acting.actor if acting else SYSTEM)
        return context(
            self.kind,
            self.what,
            actor,
            hidden,
            operation=self.operation or (acting.operation if acting else ""),
            document=self.document or (acting.document if acting else ""),
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """What an answer shows of persons."""

    fields: tuple[str, ...] = ()
    """By type: ``Party(displayName,birthDate)``."""
    classes: tuple[str, ...] = ()
    """The classes of data that the fields belong to (`graph_crm/security/matrix.toml`)."""


NOTHING: Final = Shown()


def context(
    kind: AuditKind,
    what: str,
    actor: Actor,
    hidden: Hidden,
    *,
    operation: str = "",
    document: str = "",
    shown: Shown = NOTHING,
) -> dict[str, Any]:
    """The part of a record that many records share; nothing stands in it that is empty."""
    made: dict[str, Any] = {"kind": kind.value, "what": _plain(what), "who": hidden.who(actor), "role": actor.role}
    given = (
        ("party", actor.party_id),
        ("operation", _plain(operation)),
        ("document", document),
        ("fields", list(shown.fields)),
        ("classes", list(shown.classes)),
        ("why", actor.reason),
        ("from", actor.address),
        ("with", actor.agent),
    )
    return made | {name: value for name, value in given if value}


def _plain(name: str) -> str:
    return name if _NAME.fullmatch(name) else re.sub(r"[^A-Za-z0-9_. :>/-]", "_", name)[:160]


class Hidden:
    """Makes of what is no id a keyed hash: equal for equal texts, telling nothing of them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def who(self, actor: Actor) -> str:
        """Who acted. The name by which a customer logs in is often an address: of it only a keyed hash is kept."""
        return self.hash(actor.subject) if actor.role == Role.CUSTOMER.value else actor.subject

    def ids(self, given: Iterable[str]) -> list[str]:
        """Ids as they may be kept, each once; at most `MOST_IDS` of them."""
        found: dict[str, None] = {}
        for one in given:
            found[one if _ID.fullmatch(one) else self.hash(one)] = None
            if len(found) >= MOST_IDS:
                break
        return list(found)

    def hash(self, text: str) -> str:
        """The keyed hash of a text, with a mark before it that no id begins with."""
        return "#" + hmac.digest(self._secret, text[:10_000].encode("utf-8", "replace"), "sha256").hex()[:16]


def body(shard: int, seq: int, contexts: Sequence[Mapping[str, Any]], records: Sequence[Sequence[Any]]) -> str:
    """The text that is signed: the place in the chain, the contexts, the records.

    A record is [milliseconds since 1970, number of its context, ids, times, details or null].
    """
    made = {"shard": shard, "seq": seq, "contexts": contexts, "records": records}
    return orjson.dumps(made, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str).decode()


def token(sort: str, name: str) -> str:
    """What an entry is found by in the index of words: the hash of an id or of a name, with its sort before it."""
    return sort + hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=9).hexdigest()


def derived(told: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of the node that are made of its text: for the index of time, and of what it is about."""
    records: list[list[Any]] = told["records"]
    contexts: list[dict[str, Any]] = told["contexts"]
    words = {token("p", identifier) for record in records for identifier in record[2]}
    for one in contexts:
        words.add(token("w", one["who"]))
        words.add("k" + one["kind"].lower())
        if "party" in one:
            words.add(token("p", one["party"]))
    at = [record[0] for record in records]
    return {"first": min(at), "last": max(at), "about": " ".join(sorted(words)), "records": len(records)}


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it is shown: whole, with its context and its place."""

    shard: int
    seq: int
    place: int
    at: int
    """Milliseconds since 1970."""
    kind: AuditKind
    what: str
    who: str
    role: str
    ids: tuple[str, ...]
    times: int
    operation: str | None
    document: str | None
    fields: tuple[str, ...]
    classes: tuple[str, ...]
    why: str | None
    address: str | None
    agent: str | None
    party: str | None
    details: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its place: shard, number in the shard, number in the entry."""
        return f"{self.shard}.{self.seq}.{self.place}"


def records_of(told: Mapping[str, Any]) -> Iterable[Record]:
    """The records of an entry's text, in their order."""
    contexts = told["contexts"]
    for place, (at, which, ids, times, details) in enumerate(told["records"]):
        own = contexts[which]
        yield Record(
            shard=told["shard"],
            seq=told["seq"],
            place=place,
            at=at,
            kind=AuditKind(own["kind"]),
            what=own["what"],
            who=own["who"],
            role=own["role"],
            ids=tuple(ids),
            times=times,
            operation=own.get("operation"),
            document=own.get("document"),
            fields=tuple(own.get("fields", ())),
            classes=tuple(own.get("classes", ())),
            why=own.get("why") or " ".join((details or {}).get("cases", ())) or None,
            address=own.get("from"),
            agent=own.get("with"),
            party=own.get("party"),
            details=details or {},
        )


__all__ = [
    "LONGEST_ID",
    "Entry",
    "Hidden",
    "Record",
    "Shown",
    "body",
    "context",
    "derived",
    "records_of",
    "token",
]
