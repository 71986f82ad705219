"""Reading the audit: who saw and changed the data of whom, the newest first; and taking all of it along."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import orjson

from graph_crm.audit import cypher
from graph_crm.audit.entries import Hidden, Record, records_of, token
from graph_crm.audit.kinds import AuditKind
from graph_crm.audit.reading import ENTRY_SECONDS
from graph_crm.audit.service import Audit
from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database

CHUNK: Final = 200
"""Entries that are read at a time."""
NEWEST: Final = 20_000
"""So many of the newest entries are looked through by their time, before the index of words is asked for the rest."""
_EVER: Final = 2**62
_NOWHERE: Final = 2**40
_Entries: TypeAlias = AsyncGenerator[tuple[str, int], None]


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for; what is not given does not matter. ``since`` is inclusive, ``until`` is not."""

    about: str | None = None
    """An id: of the party, request, document or whatever else the entry is about."""
    who: str | None = None
    kinds: Collection[AuditKind] = ()
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    hidden: tuple[Hidden, ...] = ()
    """What made the keyed hashes under which a customer's name, and what was no id, may stand in the entries."""

    @property
    def abouts(self) -> frozenset[str]:
        """Under which of these the record stands that it asks for; empty: it asks for none."""
        return _spelled(self.about, self.hidden)

    @property
    def whos(self) -> frozenset[str]:
        """The same of who acted."""
        return _spelled(self.who, self.hidden)

    def fits(self, record: Record) -> bool:
        """Whether the record is one of those."""
        return (
            (self.about is None or record.party == self.about or not self.abouts.isdisjoint(record.ids))
            and (self.who is None or record.who in self.whos)
            and (not self.kinds or record.kind in self.kinds)
            and (self.since is None or record.at >= _milliseconds(self.since))
            and (self.until is None or record.at < _milliseconds(self.until))
        )

    def words(self) -> list[list[str]]:
        """The words of an entry that may fit: one at least of each list. Empty: any entry may."""
        asked = (
            [token("p", one) for one in self.abouts],
            [token("w", one) for one in self.whos],
        )
        wanted = [sorted(one) for one in asked if one]
        if wanted and self.kinds:
            wanted.append([f"k{one.value.lower()}" for one in self.kinds])
        return wanted


def _spelled(name: str | None, hidden: Collection[Hidden]) -> frozenset[str]:
    return frozenset() if name is None else frozenset({name, *(one.hash(name) for one in hidden)})


class AuditTrail:
    """Looks entries up. Who asks must be allowed to, and is written down, too: by the caller of this."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _asked(self, question: Question) -> Question:
        """The question with the keys of this process: under them stand names of customers, and what was no id."""
        journal = self._database.journal
        if not isinstance(journal, Audit):
            return question
        return replace(question, hidden=tuple(Hidden(one.secret) for one in journal.keys().known.values()))

    async def find(self, question: Question, most: int, after: str | None = None) -> list[tuple[str, Record]]:
        """At most so many records, the newest entries first, each with the cursor to go on after it.

        Raises InvalidInput for a cursor that is none.
        """
        question = self._asked(question)
        _, shard, seq, place = start = _place(after)
        found: list[tuple[str, Record]] = []
        async with aclosing(self._entries(question, start)) as entries:
            async for body, at in entries:
                for record in reversed(list(records_of(orjson.loads(body)))):
                    seen = (record.shard, record.seq) == (shard, seq) and record.place >= place
                    if not seen and question.fits(record):
                        found.append((f"{at}.{record.shard}.{record.seq}.{record.place}", record))
                        if len(found) >= most:
                            return found
        return found

    async def _entries(self, question: Question, start: tuple[int, int, int, int]) -> _Entries:
        """Text and last instant of the entries that may fit, the newest first, from that of ``start`` on."""
        to = _EVER if question.until is None else _milliseconds(question.until)
        words = question.words()
        asked: dict[str, Any] = {
            "since": -_EVER if question.since is None else _milliseconds(question.since),
            "until": min(start[0], to + round(ENTRY_SECONDS * 1000)),
            "to": to,
            "shard": start[1],
            "seq": start[2],
            "groups": words,
            "words": " ".join(f"+({' '.join(one)})" for one in words),
            "most": CHUNK,
            "newest": NEWEST,
        }
        if words and question.about is None:  # of one record there are few, of one who works here there are very many
            (row,) = await self._database.read(cypher.NEWEST_FITTING, asked)
            for body, at in row["entries"]:
                yield body, at
            if row["end"] is None:
                return
            asked |= _before(*row["end"])
        if words:
            await self._database.read(cypher.REFRESHED)
        while True:
            rows = await self._database.read(cypher.FOUND if words else cypher.NEWEST, asked)
            for row in rows:
                yield row["body"], row["last"]
            if len(rows) < CHUNK:
                return
            told = orjson.loads(rows[-1]["body"])
            asked |= _before(rows[-1]["last"], told["shard"], told["seq"])

    async def export(self, *, since: dt.datetime | None, until: dt.datetime | None) -> AsyncIterator[dict[str, Any]]:
        """Every entry of the period as it is stored, chain by chain, in its order: enough to check the hashes again."""
        first = -_EVER if since is None else _milliseconds(since)
        end = _EVER if until is None else _milliseconds(until)
        for row in await self._database.read(cypher.SHARDS):
            start = 0
            while True:
                found = await self._database.read(cypher.NEXT, {"shard": row["shard"], "from": start})
                if not found:
                    break
                start = found[0]["seq"] + CHUNK
                page = {"shard": row["shard"], "from": found[0]["seq"], "below": start}
                (entries,) = await self._database.read(cypher.PAGE, page)
                for shard, seq, previous, hash_, key, body, earliest, latest, *_ in entries["entries"]:
                    if latest >= first and earliest < end:
                        yield {
                            "shard": shard,
                            "seq": seq,
                            "previous": previous,
                            "hash": hash_,
                            "key": key,
                            "body": body,
                        }


def _before(last: int, shard: int, seq: int) -> dict[str, int]:
    """What goes on behind the entry at this place."""
    return {"until": last, "shard": shard, "seq": seq - 1}


def _milliseconds(at: dt.datetime) -> int:
    return round(at.timestamp() * 1000)


def _place(after: str | None) -> tuple[int, int, int, int]:
    if after is None:
        return _EVER, _NOWHERE, _NOWHERE, 0
    parts = after.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts):  # noqa: PLR2004 - the parts of a cursor
        raise InvalidInput("after is no cursor of this list.", hint="Give the cursor of the last entry that you have.")
    last, shard, seq, place = (int(part) for part in parts)
    return last, shard, seq, place
