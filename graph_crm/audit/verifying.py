"""Finds out whether the audit is whole: every entry of every chain, its end, and what the anchors saw of it.

What it can find: an entry that was altered, removed, inserted, moved or put in a second time; a chain whose end was cut
off, up to the last anchor; an anchor that was altered. Without the key nobody can make an entry that it takes for one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import orjson

from graph_crm.audit import cypher
from graph_crm.audit.anchors import Anchor, read, signed
from graph_crm.audit.chains import SHARDS, sealed
from graph_crm.audit.entries import derived
from graph_crm.audit.keys import AuditKey, Keyring
from graph_crm.graph.database import Database

PAGE: Final = 1_000
"""Entries that are read at a time: what the check holds in memory."""
MOST_FINDINGS: Final = 1_000
FIRST: Final = -(2**62)
SECONDS: Final = 120.0


class Fault(StrEnum):
    """What is wrong."""

    ALTERED = "ALTERED"
    """The entry is not what was written."""
    REMOVED = "REMOVED"
    """Entries are missing in the middle."""
    CUT_OFF = "CUT_OFF"
    """Entries are missing at the end."""
    INSERTED = "INSERTED"
    """An entry that the platform did not write, or one more at a place that has one."""
    MOVED = "MOVED"
    """An entry, or a copy of it, stands where another one was written."""
    BROKEN = "BROKEN"
    """The entry follows another one than it was written after."""
    UNKNOWN_KEY = "UNKNOWN_KEY"
    """It was made with a key that is not known here, so nobody can say."""
    RETIRED_KEY = "RETIRED_KEY"
    """It was made with a key that had been replaced by then."""
    HEAD = "HEAD"
    """The end of the chain is not where the chain's own record says."""
    ANCHOR = "ANCHOR"
    """An anchor was altered, removed, or saw something else."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where: chain and number of the entry; of an anchor the number of its line."""

    fault: Fault
    told: str
    shard: int | None = None
    seq: int | None = None


@dataclass
class Verdict:
    """What a check found."""

    entries: int = 0
    records: int = 0
    chains: int = 0
    anchors: int = 0
    last_anchor: dt.datetime | None = None
    findings: list[Finding] = field(default_factory=list)
    more: int = 0
    """Findings beyond the first thousand."""

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def add(self, fault: Fault, told: str, shard: int | None = None, seq: int | None = None) -> None:
        """Note one more finding."""
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(fault, told, shard, seq))
        else:
            self.more += 1


@dataclass
class _Chain:
    """What is known of a chain while it is walked along."""

    shard: int
    expected: int = 1
    previous: str | None = ""
    """The hash that the next entry must follow; None: not known, because the one before it is wrong or missing."""
    newest_key: str = ""
    last_hash: str = ""


class Verifying:
    """Checks one database against its keys and its anchors."""

    def __init__(
        self,
        database: Database,
        keys: Keyring,
        anchors: Sequence[Path] = (),
        *,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        self._database = database
        self._keys = keys
        self._anchors = anchors
        self._progress = progress

    async def run(self) -> Verdict:
        """Check everything; it reads a page at a time and may run while entries are added."""
        found = Verdict()
        for path in self._anchors:
            self._check_anchors(path, found)
        rows = await self._database.read(cypher.HEADS, timeout=SECONDS)
        shards = {row["shard"] for row in rows}
        shards |= {row["shard"] for row in await self._database.read(cypher.SHARDS, timeout=SECONDS)}
        shards |= {
            shard for path in self._anchors for one in read(path) if isinstance(one, Anchor) for shard in one.heads
        }
        (row,) = await self._database.read(cypher.PLACELESS, timeout=SECONDS)
        if row["entries"]:
            found.add(Fault.INSERTED, f"{row['entries']} entries have no place in any chain")
        for shard in sorted(one for one in shards if isinstance(one, int)):
            found.chains += 1
            if not 0 <= shard < SHARDS:  # nothing writes there: a key that was replaced could begin a chain of its own
                found.add(Fault.INSERTED, "there is no such chain", shard)
            await self._walk(shard, found)
        return found

    # Chains

    async def _walk(self, shard: int, found: Verdict) -> None:
        before = await self._head(shard)
        chain = _Chain(shard)
        saw = _Saw(self._seen_by_anchors(shard), found, shard)
        start = FIRST
        hash_at_head: str | None = None
        while (first := await self._next(shard, start)) is not None:
            start = first + PAGE
            for entry in await self._page(shard, first, start):
                self._entry(chain, entry, found)
                saw.reach(entry[1], entry[3])
                if before is not None and entry[1] == before[0]:
                    hash_at_head = entry[3]
            if self._progress:
                self._progress(f"chain {shard}", chain.expected - 1, before[0] if before else chain.expected - 1)
        last = chain.expected - 1
        saw.end(last)
        after = await self._head(shard)
        if after is None:
            if last:
                found.add(Fault.HEAD, "the record of the chain's end is missing", shard)
            return
        if before is not None and before[0] > last:
            found.add(Fault.CUT_OFF, f"entries {last + 1} to {before[0]} at the end are missing", shard, last + 1)
        elif before is not None and before[0] and hash_at_head is not None and hash_at_head != before[1]:
            found.add(
                Fault.HEAD, f"the last entry is not the one that the chain ended with at {before[0]}", shard, last
            )
        if after[0] < last:
            found.add(Fault.HEAD, f"the chain has entries up to {last}, its own record says {after[0]}", shard, last)

    async def _head(self, shard: int) -> tuple[int, str] | None:
        rows = await self._database.read(cypher.HEAD_OF, {"shard": shard}, timeout=SECONDS)
        if not rows:
            return None
        seq, hash_ = rows[0]["seq"], rows[0]["hash"]
        return (seq if isinstance(seq, int) else -1), str(hash_)

    async def _next(self, shard: int, start: int) -> int | None:
        rows = await self._database.read(cypher.NEXT, {"shard": shard, "from": start}, timeout=SECONDS)
        found: int | None = rows[0]["seq"] if rows else None
        return found

    async def _page(self, shard: int, start: int, below: int) -> list[list[Any]]:
        (row,) = await self._database.read(
            cypher.PAGE, {"shard": shard, "from": start, "below": below}, timeout=SECONDS
        )
        entries: list[list[Any]] = row["entries"]
        return entries

    def _entry(self, chain: _Chain, entry: list[Any], found: Verdict) -> None:
        shard, seq, previous, hash_, key_id, text = entry[:6]
        found.entries += 1
        if seq < chain.expected:
            found.add(Fault.INSERTED, "one more entry stands at this place", shard, seq)
            return
        if seq > chain.expected:
            told = (
                f"entry {chain.expected} is"
                if seq == chain.expected + 1
                else f"entries {chain.expected} to {seq - 1} are"
            )
            found.add(Fault.REMOVED, f"{told} missing", shard, chain.expected)
            chain.previous = None
        chain.expected = seq + 1
        sound = self._sound(chain, entry, found)
        if sound and chain.previous is not None and previous != chain.previous:
            found.add(Fault.BROKEN, "it was written after another entry than the one before it", shard, seq)
        chain.previous = hash_ if sound else None
        del text, key_id

    def _sound(self, chain: _Chain, entry: list[Any], found: Verdict) -> bool:
        """Whether the entry by itself is what was written."""
        shard, seq, previous, hash_, key_id, text, first, last, about, records = entry
        key = self._keys.find(key_id) if isinstance(key_id, str) else None
        if key is None:
            found.add(
                Fault.UNKNOWN_KEY, f"it was made with the key {str(key_id)[:20]!r}, which is not known", shard, seq
            )
            return False
        if not isinstance(text, str) or sealed(key, shard, seq, str(previous), text) != hash_:
            self._tell_wrong(key, entry, found)
            return False
        try:
            told = orjson.loads(text)
            made = derived(told)
        except (ValueError, LookupError, TypeError):  # its beginning was put to the hash before it
            found.add(Fault.ALTERED, "its text is not whole", shard, seq)
            return False
        if (first, last, about, records) != (made["first"], made["last"], made["about"], made["records"]):
            found.add(Fault.ALTERED, "what it is found by was altered, its text was not", shard, seq)
        if self._keys.retired(key.id, chain.newest_key):
            found.add(Fault.RETIRED_KEY, f"the key {key.id} had been replaced before", shard, seq)
        else:
            chain.newest_key = key.id
        found.records += made["records"]
        return True

    @staticmethod
    def _tell_wrong(key: AuditKey, entry: list[Any], found: Verdict) -> None:
        shard, seq, previous, hash_, _, text = entry[:6]
        try:
            told = orjson.loads(text)
            own = (int(told["shard"]), int(told["seq"]))
        except (ValueError, TypeError, KeyError):
            own = (shard, seq)
        if own != (shard, seq) and sealed(key, *own, str(previous), text) == hash_:
            found.add(Fault.MOVED, f"it was written as entry {own[1]} of chain {own[0]}", shard, seq)
        else:
            found.add(Fault.ALTERED, "it is not what was written", shard, seq)

    # Anchors

    def _check_anchors(self, path: Path, found: Verdict) -> None:
        if not path.exists():
            found.add(Fault.ANCHOR, f"there is no file {path}")
            return
        number, previous, newest = 0, "", ""
        ends: dict[int, int] = {}
        for place, one in enumerate(read(path), start=1):
            if not isinstance(one, Anchor):
                found.add(Fault.ANCHOR, f"line {place} of {path.name} can't be read", seq=place)
                number, previous = -1, ""
                continue
            found.anchors += 1
            key = self._keys.find(one.key)
            if key is None:
                found.add(Fault.UNKNOWN_KEY, f"anchor {one.number} was made with a key that is not known", seq=place)
            elif key.mac(signed(one)) != one.mac:
                found.add(Fault.ANCHOR, f"anchor {one.number} was altered", seq=place)
            elif self._keys.retired(key.id, newest):
                found.add(
                    Fault.RETIRED_KEY, f"anchor {one.number}: the key {key.id} had been replaced before", seq=place
                )
            elif number >= 0 and (one.number != number + 1 or one.previous != previous):
                found.add(Fault.ANCHOR, f"before anchor {one.number} lines are missing, or were exchanged", seq=place)
            for shard, (seq, _) in one.heads.items():
                if seq < ends.get(shard, 0):
                    found.add(
                        Fault.ANCHOR,
                        f"chain {shard} had {ends[shard]} entries and at anchor {one.number} {seq}",
                        shard,
                        seq,
                    )
                ends[shard] = max(seq, ends.get(shard, 0))
            number, previous = one.number, one.mac
            newest = key.id if key is not None and not self._keys.retired(key.id, newest) else newest
            found.last_anchor = dt.datetime.fromtimestamp(one.at / 1000, dt.UTC)

    def _seen_by_anchors(self, shard: int) -> Iterable[tuple[int, str, int]]:
        """What the anchors saw of a chain, in its order: number, hash, when (milliseconds)."""
        for path in self._anchors:
            for one in read(path):
                key = self._keys.find(one.key) if isinstance(one, Anchor) else None
                if (
                    isinstance(one, Anchor)
                    and shard in one.heads
                    and key is not None
                    and key.mac(signed(one)) == one.mac
                ):
                    seq, hash_ = one.heads[shard]
                    yield seq, hash_, one.at


class _Saw:
    """Compares a chain with what the anchors saw of it, as it is walked along."""

    def __init__(self, seen: Iterable[tuple[int, str, int]], found: Verdict, shard: int) -> None:
        self._seen: Iterator[tuple[int, str, int]] = iter(seen)
        self._found = found
        self._shard = shard
        self._next = next(self._seen, None)

    def reach(self, seq: int, hash_: str) -> None:
        """The walk has come to this entry."""
        while self._next is not None and self._next[0] <= seq:
            if self._next[0] == seq and self._next[1] != hash_:
                told = f"at {_instant(self._next[2])} another entry stood here"
                self._found.add(Fault.ANCHOR, told, self._shard, seq)
            self._next = next(self._seen, None)

    def end(self, last: int) -> None:
        """The walk has come to the end of the chain."""
        farthest: tuple[int, str, int] | None = None
        while self._next is not None:
            if self._next[0] > last and (farthest is None or self._next[0] > farthest[0]):
                farthest = self._next
            self._next = next(self._seen, None)
        if farthest is not None:
            told = f"entries {last + 1} to {farthest[0]} are missing: they were there at {_instant(farthest[2])}"
            self._found.add(Fault.CUT_OFF, told, self._shard, last + 1)


def _instant(milliseconds: int) -> str:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
