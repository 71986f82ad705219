"""Sums up requests: reads their logs a page at a time, counts in Python by the desk's clocks, keeps only the sums."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database
from graph_crm.parties import checks
from graph_crm.requests.analytics import cypher
from graph_crm.requests.analytics.kinds import TIMES, Dimension
from graph_crm.requests.analytics.measures import Counted, Fact, Tally, count
from graph_crm.requests.analytics.phrases import Phrase, Phrases
from graph_crm.requests.desk import Desk
from graph_crm.requests.kinds import EntryKind, RequestKind, RequestOutcome, RequestStatus
from graph_crm.requests.standing import instant, read_log

PAGE = 2_000
"""Requests of one statement."""
LONGEST_DAYS = 3 * 366
MOST_REQUESTS = 100_000
"""Requests that one question sums up at most; the report of the command has no such bound."""
MOST_GROUPS = 10_000
MOST_DIMENSIONS = 3
LETTERS = 1_000
"""Letters of a text that are looked at for phrases: its beginning, where people say what they want."""
LARGEST_FIRST = 1_000
Seen: TypeAlias = Callable[[Collection[str]], Awaitable[Collection[str]]]
"""Says which of these customers whoever asks may see."""

_COUNTED = (
    EntryKind.OPENED,
    EntryKind.SORTED,
    EntryKind.CUSTOMER_WROTE,
    EntryKind.ANSWERED,
    EntryKind.WAITING,
    EntryKind.RESUMED,
    EntryKind.BREACHED,
    EntryKind.CLOSED,
    EntryKind.REOPENED,
)
_TELLING = (EntryKind.OPENED, EntryKind.SORTED, EntryKind.BREACHED)
"""Entries whose data clocks read."""
_BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which requests are summed up; None: all."""

    category: str | None = None
    kind: RequestKind | None = None
    product: str | None = None
    party: str | None = None
    channel: str | None = None
    team: str | None = None
    owner: str | None = None
    severity: str | None = None
    status: RequestStatus | None = None

    def parameters(self) -> dict[str, Any]:
        """As the statements take it."""
        return {name: None if value is None else str(value) for name, value in vars(self).items()}


EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class GroupKey:
    """One side of a group: by what, its code or id (None: not known), and what people call it."""

    dimension: Dimension
    key: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """The sums of the requests that have something in common."""

    keys: tuple[GroupKey, ...]
    tally: Tally


@dataclass(frozen=True)
class Analysis:
    """The sums of a period, in all and by group, the largest group first or in the order of time."""

    first: dt.date
    last: dt.date
    zone: str
    total: Tally
    groups: tuple[Group, ...]
    more: int
    """Groups that are left out because only the first ones were asked for."""


@dataclass(frozen=True, slots=True)
class BacklogDay:
    """A day of the desk: what came, what went, and what was open at its end."""

    day: dt.date
    opened: int
    reopened: int
    closed: int
    open: int


@dataclass(frozen=True)
class Question:
    """What many customers ask: a category, and what they say most often."""

    category: str | None
    name: str
    requests: int
    share: float
    """Of all requests of the period, 0 to 1."""
    phrases: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class ArticleUse:
    """What an article did in a period."""

    id: str
    title: str
    language: str
    helped: int
    solved: int


class _Named:
    """The customers by whom groups may be named: those whom whoever asks sees; None: all."""

    def __init__(self, seen: Seen | None) -> None:
        self._seen = seen
        self._known: dict[str, bool] = {}

    async def only(self, rows: Iterable[Sequence[Any]], place: int) -> list[Sequence[Any]]:
        """The rows, without the customer at ``place`` of each where it is not to be named."""
        found = list(rows)
        if self._seen is None:
            return found
        asked = sorted({row[place] for row in found if row[place] is not None} - self._known.keys())
        if asked:
            seen = frozenset(await self._seen(asked))
            self._known |= {one: one in seen for one in asked}
        return [row if self._known.get(row[place], True) else [*row[:place], None, *row[place + 1 :]] for row in found]


@dataclass
class _Sums:
    """The sums while they grow."""

    total: Tally = field(default_factory=Tally)
    groups: dict[tuple[str | None, ...], Tally] = field(default_factory=dict)

    def of(self, keys: tuple[str | None, ...]) -> Tally:
        found = self.groups.get(keys)
        if found is None:
            if len(self.groups) >= MOST_GROUPS:
                raise InvalidInput(
                    f"There are more than {MOST_GROUPS:,} groups.",
                    hint="Ask for a shorter period, a filter, or fewer groupings.",
                    field="groupBy",
                    limit=MOST_GROUPS,
                )
            found = self.groups[keys] = Tally()
        return found


class RequestAnalytics:
    """Counts over many requests. It reads only, and what it keeps does not grow with the number of requests."""

    def __init__(
        self, database: Database, desk: Desk | None = None, *, page: int = PAGE, most: int | None = MOST_REQUESTS
    ) -> None:
        self._database = database
        self._desk = desk or Desk.load()
        self._page = page
        self._most = most

    @property
    def zone(self) -> str:
        """The time zone in which days begin and end: that of the desk's own country."""
        return self._desk.calendar(self._desk.country).zone

    async def analyse(
        self,
        first: dt.date,
        last: dt.date,
        group_by: Sequence[Dimension] = (),
        *,
        wanted: Filter = EVERYTHING,
        most: int = 100,
        language: str | None = None,
        seen: Seen | None = None,
    ) -> Analysis:
        """Sum up the requests that came in from ``first`` to ``last``, both included.

        By customer, those whom ``seen`` leaves out (None: nobody) count as nobody whom the bank knows.
        One statement for each `PAGE` requests. Raises InvalidInput for a period that ends before it begins or is longer
        than three years, for more than 3 groupings or two of time, and where there are too many requests or groups.
        """
        since, until = self._period(first, last)
        dimensions = _dimensions(group_by)
        _check_first(most)
        sums, now = _Sums(), None
        named = _Named(seen if Dimension.CUSTOMER in dimensions else None)
        async for page_now, rows in self._facts(since, until, wanted):
            now = now or page_now
            facts = await named.only(rows, _PARTY)
            # In a thread: what a page comes to takes a while, and this process answers others meanwhile.
            await asyncio.to_thread(self._count, sums, facts, dimensions, now)
        await self._add_helped(sums, since, until, wanted, dimensions, named)
        ordered = _ordered(sums.groups, dimensions)
        groups = await self._named(ordered[:most], dimensions, language)
        return Analysis(first, last, self.zone, sums.total, groups, max(len(ordered) - most, 0))

    async def backlog(self, first: dt.date, last: dt.date, *, wanted: Filter = EVERYTHING) -> list[BacklogDay]:
        """What came, what went and what was open at the end of each day from ``first`` to ``last``; one statement.

        A day that has not come has no row. What is filtered by is what requests are now, not what they were then.
        """
        since, _ = self._period(first, last)
        parameters = {**wanted.parameters(), "since": since, "zone": self.zone, "open": _OPEN}
        row = (await self._database.read(cypher.BACKLOG, parameters))[0]
        changes: dict[str, Counter[str]] = {}
        for day, kind, number in row["changes"]:
            changes.setdefault(day, Counter())[kind] += number
        days: list[BacklogDay] = []
        left: int = row["open"]
        # Backwards from what is open now.
        for day in sorted({*changes, *_days(first, min(last, dt.date.fromisoformat(row["today"])))}, reverse=True):
            of_day = changes.get(day, Counter())
            if first.isoformat() <= day <= last.isoformat():
                days.append(
                    BacklogDay(dt.date.fromisoformat(day), of_day["OPENED"], of_day["REOPENED"], of_day["CLOSED"], left)
                )
            left -= of_day["OPENED"] + of_day["REOPENED"] - of_day["CLOSED"]
        return days[::-1]

    async def most_asked(
        self,
        first: dt.date,
        last: dt.date,
        *,
        wanted: Filter = EVERYTHING,
        most: int = 10,
        phrases: int = 5,
        language: str | None = None,
    ) -> list[Question]:
        """The categories that customers asked about most, each with the phrases that its requests have in common."""
        since, until = self._period(first, last)
        _check_first(most)
        _check_first(phrases, "phrases")
        numbers: Counter[str | None] = Counter()
        said: dict[str | None, Phrases] = {}

        def count_page(rows: Iterable[Sequence[Any]]) -> None:
            for identifier, _at, category, subject, text, party in rows:
                numbers[category] += 1
                # A subject that was made of the text would count its words twice in one text, which changes nothing.
                said.setdefault(category, Phrases()).add(f"{subject or ''}\n{text}", by=party or identifier)

        async for row in self._pages(cypher.WORDS, since, until, {**wanted.parameters(), "letters": LETTERS}):
            await asyncio.to_thread(count_page, row["rows"])
        total = numbers.total()
        ordered = sorted(numbers.items(), key=lambda one: (-one[1], one[0] or ""))
        return [
            Question(
                category,
                self._category(category, language),
                number,
                number / total,
                tuple(said[category].most(phrases)),
            )
            for category, number in ordered[:most]
        ]

    async def articles(self, first: dt.date, last: dt.date, *, most: int = 20) -> list[ArticleUse]:
        """What articles helped and solved in a period, the most useful first."""
        since, until = self._period(first, last)
        rows = await self._database.read(cypher.ARTICLES, {"since": since, "until": until, "first": most})
        return [ArticleUse(**row) for row in rows]

    def _period(self, first: dt.date, last: dt.date) -> tuple[dt.datetime, dt.datetime]:
        checks.date("from", first)
        checks.date("to", last)
        if last < first:
            raise checks.refuse("to", "is before from", "Both days count: send the same day twice for one day.")
        if (last - first).days >= LONGEST_DAYS:
            raise checks.refuse("to", "is too far from from", f"Ask for {LONGEST_DAYS} days at most.")
        return self._midnight(first), self._midnight(last + dt.timedelta(days=1))

    def _midnight(self, day: dt.date) -> dt.datetime:
        return dt.datetime.combine(day, dt.time.min, ZoneInfo(self.zone)).astimezone(dt.UTC)

    async def _pages(
        self, statement: str, since: dt.datetime, until: dt.datetime, parameters: Mapping[str, Any]
    ) -> AsyncIterator[Mapping[str, Any]]:
        after_at, after_id, read = since, "", 0
        while True:
            asked = {**parameters, "until": until, "afterAt": after_at, "afterId": after_id, "page": self._page}
            row = (await self._database.read(statement, asked))[0]
            rows = row["rows"]
            read += len(rows)
            if self._most is not None and read > self._most:
                raise InvalidInput(
                    f"The period holds more than {self._most:,} requests.",
                    hint="Ask for a shorter one or a filter; `graph-crm requests report` has no such bound.",
                    field="from",
                    limit=self._most,
                )
            if rows:
                yield row
            if len(rows) < self._page:
                return
            after_id, after_at = rows[-1][0], instant(rows[-1][1])

    async def _facts(
        self, since: dt.datetime, until: dt.datetime, wanted: Filter
    ) -> AsyncIterator[tuple[dt.datetime, list[Any]]]:
        parameters = {**wanted.parameters(), "kinds": list(_COUNTED), "telling": list(_TELLING)}
        async for row in self._pages(cypher.FACTS, since, until, parameters):
            yield instant(row["now"]), row["rows"]

    def _count(
        self, sums: _Sums, rows: Iterable[Sequence[Any]], dimensions: Sequence[Dimension], now: dt.datetime
    ) -> None:
        zone = ZoneInfo(self.zone)
        for row in rows:
            fact = _fact(row)
            counted: Counted = count(fact, self._desk, now)
            sums.total.add(fact, counted)
            if dimensions:
                sums.of(tuple(_KEYS[one](fact, zone) for one in dimensions)).add(fact, counted)

    async def _add_helped(
        self,
        sums: _Sums,
        since: dt.datetime,
        until: dt.datetime,
        wanted: Filter,
        dimensions: Sequence[Dimension],
        shown: _Named,
    ) -> None:
        """Add the problems that articles solved; they belong to no group of a team, an owner or a product."""
        parameters = {
            **wanted.parameters(),
            "since": since,
            "until": until,
            "zone": self.zone,
            "byParty": Dimension.CUSTOMER in dimensions,
        }
        rows = (await self._database.read(cypher.HELPED, parameters))[0]["rows"]
        for day, category, channel, party, helped in await shown.only(rows, _HELPED_PARTY):
            sums.total.helped += helped
            known = {
                Dimension.CATEGORY: category,
                Dimension.CHANNEL: channel,
                Dimension.CUSTOMER: party,
                **{one: _bucket(one, dt.date.fromisoformat(day)) for one in TIMES},
            }
            if dimensions and all(one in known for one in dimensions):
                sums.of(tuple(known[one] for one in dimensions)).helped += helped

    async def _named(
        self,
        groups: Sequence[tuple[tuple[str | None, ...], Tally]],
        dimensions: Sequence[Dimension],
        language: str | None,
    ) -> tuple[Group, ...]:
        wanted: dict[Dimension, set[str]] = {one: set() for one in _LOOKED_UP}
        for keys, _ in groups:
            for dimension, key in zip(dimensions, keys, strict=True):
                if key is not None and dimension in wanted:
                    wanted[dimension].add(key)
        names: dict[Dimension, dict[str, str]] = {}
        if any(wanted.values()):
            asked = {name: sorted(wanted[one]) for one, name in _LOOKED_UP.items()}
            row = (await self._database.read(cypher.NAMES, asked))[0]
            names = {one: {key: name for key, name in row[place] if name} for one, place in _LOOKED_UP.items()}

        def name(dimension: Dimension, key: str | None) -> str | None:
            if dimension is Dimension.CATEGORY:
                return self._category(key, language)
            return names.get(dimension, {}).get(key or "", key)

        return tuple(
            Group(
                tuple(GroupKey(one, key, name(one, key)) for one, key in zip(dimensions, keys, strict=True)),
                tally,
            )
            for keys, tally in groups
        )

    def _category(self, code: str | None, language: str | None) -> str:
        found = None if code is None else self._desk.category(code)
        return found.name(language) if found else code or "?"


_OPEN = [one.value for one in RequestStatus if one is not RequestStatus.CLOSED]
_PARTY, _HELPED_PARTY = 6, 3
"""Where the customer stands in rows of `cypher.FACTS` and `cypher.HELPED`."""
_LOOKED_UP = {Dimension.CUSTOMER: "parties", Dimension.PRODUCT: "products", Dimension.OWNER: "owners"}


def _bucket(dimension: Dimension, day: dt.date) -> str:
    if dimension is Dimension.WEEK:
        day -= dt.timedelta(days=day.weekday())
    return day.isoformat()[:7] if dimension is Dimension.MONTH else day.isoformat()


def _when(dimension: Dimension) -> Callable[[Fact, ZoneInfo], str | None]:
    return lambda fact, zone: _bucket(dimension, fact.opened_at.astimezone(zone).date())


_KEYS: Mapping[Dimension, Callable[[Fact, ZoneInfo], str | None]] = {
    Dimension.CATEGORY: lambda fact, _zone: fact.category,
    Dimension.KIND: lambda fact, _zone: fact.kind.value,
    Dimension.PRODUCT: lambda fact, _zone: fact.product,
    Dimension.CUSTOMER: lambda fact, _zone: fact.party,
    Dimension.CHANNEL: lambda fact, _zone: fact.channel,
    Dimension.TEAM: lambda fact, _zone: fact.team,
    Dimension.OWNER: lambda fact, _zone: fact.owner,
    Dimension.SEVERITY: lambda fact, _zone: fact.severity,
    Dimension.ROOT_CAUSE: lambda fact, _zone: fact.root_cause,
    **{one: _when(one) for one in TIMES},
}


def _fact(row: Sequence[Any]) -> Fact:
    """A request from a row of `cypher.FACTS`."""
    identifier, opened, kind, status, category, product, party, channel, team, owner, severity, outcome, *rest = row
    root_cause, survey, log = rest
    return Fact(
        id=identifier,
        opened_at=instant(opened),
        kind=RequestKind(kind),
        status=RequestStatus(status),
        category=category,
        product=product,
        party=party,
        channel=channel,
        team=team,
        owner=owner,
        severity=severity,
        outcome=None if outcome is None else RequestOutcome(outcome),
        root_cause=root_cause,
        survey=survey,
        log=read_log(log),
    )


def _dimensions(group_by: Sequence[Dimension]) -> tuple[Dimension, ...]:
    found = tuple(dict.fromkeys(group_by))
    if len(found) > MOST_DIMENSIONS:
        raise checks.refuse("groupBy", "names too many groupings", f"Name at most {MOST_DIMENSIONS}.")
    if sum(one in TIMES for one in found) > 1:
        raise checks.refuse("groupBy", "names two groupings by time", "Choose one of DAY, WEEK and MONTH.")
    return found


def _ordered(
    groups: Mapping[tuple[str | None, ...], Tally], dimensions: Sequence[Dimension]
) -> list[tuple[tuple[str | None, ...], Tally]]:
    """Groups in the order of time where there is one, and the largest first."""
    time = next((place for place, one in enumerate(dimensions) if one in TIMES), None)

    def order(one: tuple[tuple[str | None, ...], Tally]) -> tuple[Any, ...]:
        keys, tally = one
        when = "" if time is None else keys[time] or ""
        return (when, -(tally.requests + tally.helped), tuple(key or "" for key in keys))

    return sorted(groups.items(), key=order)


def _check_first(value: int, name: str = "first") -> None:
    if not 1 <= value <= LARGEST_FIRST:
        raise checks.refuse(name, "is out of range", f"Ask for 1 to {LARGEST_FIRST:,}.")


def _days(first: dt.date, last: dt.date) -> Iterable[str]:
    return ((first + dt.timedelta(days=number)).isoformat() for number in range((last - first).days + 1))
