"""Reading the audit: who saw and changed the data of whom, the newest first; and taking all of it along."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Any, Final

import orjson

from graph_crm.audit import cypher
from graph_crm.audit.entries import Record, records_of, token
from graph_crm.audit.kinds import AuditKind
from graph_crm.audit.reading import ENTRY_SECONDS
from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database

CHUNK: Final = 200
"""Entries that are read at a time."""
_EVER: Final = 2**62
_NOWHERE: Final = 2**40


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for; what is not given does not matter. ``since`` is inclusive, ``until`` is not."""

    about: str | None = None
    """An id: of the party, request, document or whatever else the entry is about."""
    who: str | None = None
    kinds: Collection[AuditKind] = ()
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    def fits(self, record: Record) -> bool:
        """Whether the record is one of those."""
        return (
            (self.about is None or self.about in record.ids or self.about == record.party)
            and (self.who is None or record.who == self.who)
            and (not self.kinds or record.kind in self.kinds)
            and (self.since is None or record.at >= _milliseconds(self.since))
            and (self.until is None or record.at < _milliseconds(self.until))
        )

    def words(self) -> str | None:
        """What the index of words is asked for; None: nothing, all entries are looked through by their time."""
        wanted = [f"+{token('p', self.about)}"] if self.about is not None else []
        if self.who is not None:
            wanted.append(f"+{token('w', self.who)}")
        if not wanted:
            return None
        if self.kinds:
            wanted.append(f"+({' '.join(f'k{one.value.lower()}' for one in self.kinds)})")
        return " ".join(wanted)


class AuditTrail:
    """Looks entries up. Who asks must be allowed to, and is written down, too: by the caller of this."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, question: Question, most: int, after: str | None = None) -> list[tuple[str, Record]]:
        """At most so many records, the newest entries first, each with the cursor to go on after it.

        Raises InvalidInput for a cursor that is none.
        """
        last, shard, seq, place = _place(after)
        words = question.words()
        if words is not None:
            await self._database.read(cypher.REFRESHED)
        found: list[tuple[str, Record]] = []
        to = _EVER if question.until is None else _milliseconds(question.until)
        parameters: dict[str, Any] = {
            "since": -_EVER if question.since is None else _milliseconds(question.since),
            "until": min(last, to + round(ENTRY_SECONDS * 1000)),
            "to": to,
            "words": words,
            "most": CHUNK,
        }
        while True:
            asked = {**parameters, "until": min(last, parameters["until"]), "shard": shard, "seq": seq}
            rows = await self._database.read(cypher.FOUND if words else cypher.NEWEST, asked)
            for row in rows:
                told = orjson.loads(row["body"])
                records = list(records_of(told))
                for record in reversed(records):
                    if (record.shard, record.seq) == (shard, seq) and record.place >= place:
                        continue
                    if question.fits(record):
                        found.append((f"{row['last']}.{record.shard}.{record.seq}.{record.place}", record))
                        if len(found) >= most:
                            return found
                last, shard, seq, place = row["last"], told["shard"], told["seq"], 0
            if len(rows) < CHUNK:
                return found

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
