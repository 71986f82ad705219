"""Which entries of the outbox a worker gets: what is due, first in its partition, and of a partition nobody works on.

One lease is chosen at a time, over all workers (`TAKE_TURN`). It looks at the first due entries of each topic, a window
of them by index, and at the lines in which they stand: the entries of their partitions in order. What it can't give out
now - its partition is worked on, or something before it waits for another attempt - it puts behind, out of the window,
so that a customer with a hundred thousand entries costs the others nothing. Whoever ends with a partition names it at
its next lease, which looks at that partition's line directly; so what was put behind is found at once. For the case
that this worker dies in between, the first of a line comes back by itself when the lease before it would have run out.

An entry whose lease ran out stays leased and is a stray: its worker is dead, and may have died of it. Strays are given
out few at a time; who takes them handles one after the other, each in a transaction of its own, and writes down before
that it begins it. So what was only leased beside the entry that kills its worker is not blamed for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graph_crm.graph.database import Transaction

BEYOND = 0.25
"""By this share of the wanted entries, and some more, a window is longer: some partitions are worked on."""
LONGEST_RUN = 50
"""At most so many entries of one partition are given out at once."""
LONG_LINE = 32
"""A partition with so many entries in a window has a long line: more of it is put behind at once."""
LONGEST_PUT_BEHIND = 5_000
BEHIND_SECONDS = 300.0
"""For so long an entry stays behind that is not the first of its line."""
NO_ROOM_SECONDS = 1.0
"""For so long an entry stays behind whose predecessor is of a topic that the worker has no room for now."""

DUE = """
WITH datetime.realtime() AS now
UNWIND $topics AS topic
WITH now, topic, EXISTS {
  MATCH (e:OutboxEntry) WHERE e.topic = topic AND e.state = 'PENDING' AND e.availableAt <= now
} AS due, EXISTS {
  MATCH (e:OutboxEntry) WHERE e.topic = topic AND e.state = 'LEASED' AND e.availableAt <= now
} AS strays
WITH now, collect(CASE WHEN due THEN topic END) AS topics, collect(CASE WHEN strays THEN topic END) AS strays
RETURN topics, size(strays) > 0 AS strays, [key IN $finished WHERE EXISTS {
  MATCH (e:OutboxEntry)
  WHERE e.partitionKey = key AND e.state = 'PENDING' AND e.at <= now AND e.topic IN $topics
}] AS finished
"""

# The lock's node has no other use.
TAKE_TURN = "MERGE (l:Lock {name: 'outbox'}) SET l.turn = coalesce(l.turn, 0) + 1"

# Locked in one statement and judged in the next: the holder may complete in between. Of a partition only the first,
# when nothing before it waits for another attempt: entries leased together are to be handled in their order.
EXPIRED = """
WITH datetime.realtime() AS now
UNWIND $topics AS topic
CALL (topic, now) {
  MATCH (e:OutboxEntry) WHERE e.topic = topic AND e.state = 'LEASED' AND e.availableAt <= now
  AND NOT EXISTS {
    MATCH (b:OutboxEntry) WHERE b.partitionKey = e.partitionKey AND b.state = 'LEASED' AND b.at <= e.at
    AND (b.at < e.at OR b.id < e.id)
  }
  AND NOT EXISTS {
    MATCH (b:OutboxEntry) WHERE b.partitionKey = e.partitionKey AND b.state = 'PENDING' AND b.at <= e.at
    AND (b.at < e.at OR b.id < e.id) AND b.topic IN $topics
  }
  RETURN e LIMIT $most
}
WITH e ORDER BY e.availableAt, e.id LIMIT $most
WITH e ORDER BY e.id
SET e.lock = 0
RETURN collect(e.id) AS ids
"""

SET_ASIDE = """
UNWIND $ids AS id
MATCH (e:OutboxEntry {id: id})
WHERE e.state = 'LEASED' AND e.availableAt <= datetime.realtime() AND coalesce(e.alone, 0) >= $maxAlone
SET e.state = 'FAILED', e.availableAt = datetime.realtime(), e.leasedBy = null, e.alone = null,
    e.failedAt = datetime.realtime(), e.firstFailedAt = coalesce(e.firstFailedAt, datetime.realtime()),
    e.error = 'Its worker was lost ' + toString($maxAlone) + ' times while it handled nothing but this entry'
"""

TAKE_STRAYS = """
UNWIND $ids AS id
MATCH (e:OutboxEntry {id: id}) WHERE e.state = 'LEASED' AND e.availableAt <= datetime.realtime()
SET e.leasedBy = $worker, e.lease = coalesce(e.lease, 0) + 1,
    e.availableAt = datetime.realtime() + duration({milliseconds: $milliseconds})
WITH e ORDER BY e.at, e.id
RETURN collect([e.id, e.topic, e.partitionKey, e.payload, e.attempts + 1, e.lease, true, coalesce(e.alone, 0)])
  AS entries
"""

WINDOWS = """
WITH datetime.realtime() AS now
UNWIND $topics AS topic
CALL (topic, now) {
  MATCH (e:OutboxEntry)
  USING INDEX e:OutboxEntry(topic, state, availableAt)
  WHERE e.topic = topic AND e.state = 'PENDING' AND e.availableAt <= now
  WITH e ORDER BY e.topic, e.state, e.availableAt LIMIT $window
  RETURN collect([e.id, e.partitionKey]) AS entries
}
RETURN collect([topic, entries]) AS windows
"""

# A partition is worked on while a lease in it runs. What stands after a stray waits for that.
LINES = """
WITH datetime.realtime() AS now
UNWIND $keys AS key
CALL (key, now) {
  MATCH (b:OutboxEntry)
  USING INDEX b:OutboxEntry(partitionKey, state, at)
  WHERE b.partitionKey = key AND b.state = 'LEASED' AND b.at IS NOT NULL
  WITH b ORDER BY b.at, b.id
  RETURN max(CASE WHEN b.availableAt > now THEN b.availableAt END) AS busyUntil,
    head(collect(CASE WHEN b.availableAt <= now THEN b END)) AS stray
}
CALL (key, now, stray) {
  MATCH (e:OutboxEntry)
  USING INDEX e:OutboxEntry(partitionKey, state, at)
  WHERE e.partitionKey = key AND e.state = 'PENDING' AND e.at <= now AND e.topic IN $topics
  WITH e ORDER BY e.partitionKey, e.state, e.at, e.id LIMIT $run
  RETURN collect([e.id, e.topic, coalesce(e.behind, false), e.availableAt.epochMillis, e.at.epochMillis,
    stray IS NOT NULL AND (e.at > stray.at OR (e.at = stray.at AND e.id > stray.id))]) AS line
}
RETURN collect([key, now.epochMillis, busyUntil.epochMillis, line]) AS lines
"""

TAKE = """
WITH datetime.realtime() AS now
UNWIND $ids AS id
MATCH (e:OutboxEntry {id: id})
SET e.lock = 0
WITH e, now WHERE e.state = 'PENDING'
SET e.state = 'LEASED', e.leasedBy = $worker, e.lease = coalesce(e.lease, 0) + 1, e.attempts = e.attempts + 1,
    e.availableAt = now + duration({milliseconds: $milliseconds}), e.behind = null
RETURN collect([e.id, e.topic, e.partitionKey, e.payload, e.attempts, e.lease, false, coalesce(e.alone, 0)]) AS entries
"""

PUT_BEHIND = """
WITH datetime.realtime() AS now
UNWIND $behind AS row
MATCH (e:OutboxEntry {id: row[0]})
SET e.lock = 0
WITH e, row, now WHERE e.state = 'PENDING'
SET e.behind = CASE WHEN row[1] > 0 THEN true END, e.availableAt = now + duration({milliseconds: row[1]})
"""

# The entries of long lines that the window did not reach yet, behind those that were looked at one by one.
PUT_LINES_BEHIND = """
WITH datetime.realtime() AS now
UNWIND $keys AS key
CALL (key, now) {
  MATCH (e:OutboxEntry)
  USING INDEX e:OutboxEntry(partitionKey, state, at)
  WHERE e.partitionKey = key AND e.state = 'PENDING' AND e.at <= now
  WITH e ORDER BY e.partitionKey, e.state, e.at SKIP $looked
  WITH e WHERE e.availableAt <= now
  RETURN e LIMIT $most
}
SET e.behind = true, e.availableAt = now + duration({milliseconds: $milliseconds})
"""

WAKE = """
WITH datetime.realtime() AS now
UNWIND $keys AS key
CALL (key, now) {
  MATCH (e:OutboxEntry) WHERE e.partitionKey = key AND e.state = 'PENDING' AND e.at <= now
  WITH e ORDER BY e.partitionKey, e.state, e.at LIMIT 1
  WITH e WHERE e.behind
  RETURN e
}
SET e.availableAt = now, e.behind = null
"""


@dataclass(frozen=True, slots=True)
class Due:
    """What a lease may find."""

    topics: frozenset[str]
    """Topics of which entries are due."""
    strays: bool
    """Whether leases ran out."""
    finished: frozenset[str]
    """Of the partitions that were asked about, those in which more waits."""

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.topics or self.strays or self.finished)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a worker asks for; see `graph_crm.graph.outbox.Outbox.lease`."""

    worker: str
    seconds: float
    topics: frozenset[str]
    room: Mapping[str, int]
    finished: frozenset[str] = frozenset()
    strays: int = 0
    max_alone: int = 3


class Leased(NamedTuple):
    """An entry that was given out, as the statements tell it; see `graph_crm.graph.outbox.OutboxEntry`."""

    id: str
    topic: str
    partition: str
    payload: str
    attempts: int
    lease: int
    stray: bool
    alone: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry in its line. Instants are epoch milliseconds."""

    id: str
    topic: str
    behind: bool
    available: int
    at: int
    after_stray: bool = False

    def ready(self, now: int) -> bool:
        """Whether nothing but its place in the line keeps it back."""
        return not self.after_stray and (self.behind or self.available <= now)


@dataclass(frozen=True, slots=True)
class Line:
    """The first entries of a partition, in order, and until when somebody works on it."""

    key: str
    now: int
    busy_until: int | None
    entries: Sequence[Waiting]

    @property
    def busy(self) -> bool:
        """Whether somebody works on the partition."""
        return self.busy_until is not None

    @property
    def free(self) -> bool:
        """Whether the first entry can be given out."""
        return not self.busy and bool(self.entries) and self.entries[0].ready(self.now)

    def blocked(self, seconds: float) -> int:
        """Milliseconds until the first entry, which can't be given out now, may be; ``seconds``: those of a lease."""
        if self.busy_until is not None:
            return max(self.busy_until - self.now, 1)
        if not self.entries or self.entries[0].after_stray:
            return round(seconds * 1000)
        return max(self.entries[0].available - self.now, 1)

    def first_but(self, taken: Collection[str]) -> Waiting | None:
        """The first entry that is not among ``taken``."""
        return next((one for one in self.entries if one.id not in taken), None)


@dataclass
class Choice:
    """What is given out, in order, and what is put behind, with its milliseconds from now (0: found again at once)."""

    take: list[str] = field(default_factory=list)
    behind: dict[str, int] = field(default_factory=dict)


def choose(
    lines: Iterable[Line],
    windows: Mapping[str, Sequence[tuple[str, str]]],
    room: Mapping[str, int],
    finished: frozenset[str] = frozenset(),
    *,
    seconds: float = 30.0,
    longest: int = LONGEST_RUN,
) -> Choice:
    """Choose from the lines of the partitions that stand in the windows or were finished.

    ``windows``: by topic, the identifiers of due entries with their partitions. ``room``: by topic, how many entries
    may be given out. The partitions whose first entry is the oldest come first; where there are more entries than
    partitions, each partition gets an equal share, at most ``longest`` entries: the first of its line as far as they
    are of one topic.
    """
    by_key = {line.key: line for line in lines}
    choice = Choice()
    runs: dict[str, list[Line]] = {}
    for line in by_key.values():
        if line.free:
            runs.setdefault(line.entries[0].topic, []).append(line)
    blocked = {line.key: line.blocked(seconds) for line in by_key.values() if line.busy or not line.free}
    """By partition, the milliseconds after which its first entry that was not given out is looked at again."""
    for topic, free in runs.items():
        _share(topic, free, room.get(topic, 0), longest, choice, blocked, seconds)
    taken = set(choice.take)
    for line in by_key.values():
        left = line.first_but(taken)
        if left is None or not left.behind:
            continue
        if line.key in blocked:
            # It comes back when what is before it would: not later, should the worker before it die, and not sooner.
            if left.available > line.now + blocked[line.key]:
                choice.behind[left.id] = blocked[line.key]
        elif line.key in finished:
            choice.behind[left.id] = 0  # no room for it here: others must find it
    _put_behind(by_key, windows, taken, blocked, choice)
    return choice


def _share(
    topic: str, lines: list[Line], room: int, longest: int, choice: Choice, blocked: dict[str, int], seconds: float
) -> None:
    """Give each of these partitions its share of the room, the oldest first."""
    lines.sort(key=lambda line: (line.entries[0].at, line.entries[0].id))
    lines_with_room = lines[: max(room, 0)]
    share = min(max(room // len(lines), 1), longest) if lines else 0
    for line in lines_with_room:
        run = 0
        for one in line.entries[: min(share, room)]:
            if one.topic != topic or not one.ready(line.now):
                break
            choice.take.append(one.id)
            run += 1
        room -= run
        if run:
            blocked[line.key] = round(seconds * 1000)
        if room <= 0:
            return


def _put_behind(
    lines: Mapping[str, Line],
    windows: Mapping[str, Sequence[tuple[str, str]]],
    taken: set[str],
    blocked: Mapping[str, int],
    choice: Choice,
) -> None:
    """Put out of the windows what can't be given out now."""
    long = round(BEHIND_SECONDS * 1000)
    for topic, entries in windows.items():
        for identifier, key in entries:
            if identifier in taken or identifier in choice.behind:
                continue
            line = lines[key]
            first = line.first_but(taken)
            if first is not None and first.id == identifier:
                # Free, but without room: it stays where it is and is found again.
                if key in blocked:
                    choice.behind[identifier] = blocked[key]
            elif key in blocked or (first is not None and first.topic == topic):
                choice.behind[identifier] = long
            elif first is not None:
                choice.behind[identifier] = round(NO_ROOM_SECONDS * 1000)


async def take(tx: Transaction, asked: Asked) -> list[Leased]:
    """Choose and lease, in the caller's transaction; the leased entries, strays first.

    Each statement answers with one row: a row costs more on its way than what is in it.
    """
    await tx.run(TAKE_TURN)
    topics = sorted(asked.topics)
    taken = await _strays(tx, asked, topics) if asked.strays > 0 else []
    room = {topic: n for topic, n in asked.room.items() if n > 0}
    if not room and not asked.finished:
        return taken
    most = max(room.values(), default=0)
    window = most + round(BEYOND * most) + 8
    windows: dict[str, list[tuple[str, str]]] = {}
    if room:
        (row,) = await tx.run(WINDOWS, {"topics": sorted(room), "window": window})
        windows = {topic: [(one[0], one[1]) for one in entries] for topic, entries in row["windows"]}
    keys = {key for entries in windows.values() for _, key in entries} | asked.finished
    if not keys:
        return taken
    longest = _longest(most, len(keys))
    run = longest + 1
    (row,) = await tx.run(LINES, {"keys": sorted(keys), "topics": topics, "run": run})
    lines = [Line(key, now, busy, [Waiting(*one) for one in line]) for key, now, busy, line in row["lines"]]
    choice = choose(lines, windows, room, asked.finished, seconds=asked.seconds, longest=longest)
    if choice.take:
        (row,) = await tx.run(
            TAKE,
            {"ids": sorted(choice.take), "worker": asked.worker, "milliseconds": round(asked.seconds * 1000)},
        )
        leased = {one[0]: Leased(*one) for one in row["entries"]}
        taken += [leased[one] for one in choice.take if one in leased]
    if choice.behind:
        await tx.run(PUT_BEHIND, {"behind": sorted([one, wait] for one, wait in choice.behind.items())})
    seen = Counter(key for entries in windows.values() for _, key in entries)
    if long := sorted(key for key, entries in seen.items() if entries >= LONG_LINE):
        behind = {"keys": long, "looked": run, "most": LONGEST_PUT_BEHIND, "milliseconds": round(BEHIND_SECONDS * 1000)}
        await tx.run(PUT_LINES_BEHIND, behind)
    return taken


def _longest(most: int, partitions: int) -> int:
    """So many entries of one partition may be given out; more of each line is not read.

    Of a backlog in which each of many customers has many entries, reading whole lines would cost more than the work.
    Twice the equal share, for some of the partitions are worked on and leave theirs to the others.
    """
    return min(most, LONGEST_RUN, -(-2 * most // partitions))


async def _strays(tx: Transaction, asked: Asked, topics: Sequence[str]) -> list[Leased]:
    (row,) = await tx.run(EXPIRED, {"topics": topics, "most": asked.strays})
    if not row["ids"]:
        return []
    await tx.run(SET_ASIDE, {"ids": row["ids"], "maxAlone": asked.max_alone})
    parameters: dict[str, Any] = {
        "ids": row["ids"],
        "worker": asked.worker,
        "milliseconds": round(asked.seconds * 1000),
    }
    (row,) = await tx.run(TAKE_STRAYS, parameters)
    return [Leased(*one) for one in row["entries"]]
