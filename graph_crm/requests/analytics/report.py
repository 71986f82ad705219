"""The report of the service desk: one HTML page that needs no network, every chart with its numbers in a table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from graph_crm.requests.analytics import charts
from graph_crm.requests.analytics.kinds import Dimension
from graph_crm.requests.analytics.measures import Tally
from graph_crm.requests.analytics.service import EVERYTHING, Analysis, Filter, RequestAnalytics, Seen
from graph_crm.requests.kinds import RequestKind

MOST_ROWS = 20
"""Rows of a table, but for days and weeks: those are all there."""
LONG = 32
"""A table with more rows is folded."""
NONE = "(none)"
_TEMPLATE = "report.html"


@dataclass(frozen=True)
class Column:
    """A column of a table; ``text`` is written from the left."""

    title: str
    text: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the report."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    chart: str = ""
    note: str = ""

    @property
    def long(self) -> bool:
        """Whether its table is folded."""
        return len(self.rows) > LONG


@dataclass(frozen=True)
class Report:
    """Everything that the page shows."""

    title: str
    lead: str
    sections: tuple[Section, ...]

    def html(self) -> str:
        """The page; what customers and employees wrote is escaped."""
        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
        )
        return environment.get_template(_TEMPLATE).render(title=self.title, lead=self.lead, sections=self.sections)


def number(value: float | None, digits: int = 0) -> str:
    """A number as the tables show it; nothing where there is none."""
    return "" if value is None else f"{value:,.{digits}f}"


def percent(value: float | None) -> str:
    """A share as the tables show it."""
    return "" if value is None else f"{value:.1%}"


def hours(seconds: float | None) -> str:
    """Business time as the tables show it: hours with two decimals."""
    return "" if seconds is None else f"{seconds / 3600:,.2f}"


async def make_report(
    analytics: RequestAnalytics,
    first: dt.date,
    last: dt.date,
    *,
    wanted: Filter = EVERYTHING,
    language: str | None = None,
    at: dt.datetime | None = None,
    seen: Seen | None = None,
) -> Report:
    """Read and draw everything; the numbers are those of the API. ``seen``: whom the reader sees; None: everybody."""

    async def by(*dimensions: Dimension, most: int = MOST_ROWS, only: Filter = wanted) -> Analysis:
        return await analytics.analyse(first, last, dimensions, wanted=only, most=most, language=language, seen=seen)

    categories = await by(Dimension.CATEGORY)
    complaints = Filter(**{**vars(wanted), "kind": RequestKind.COMPLAINT})
    sections = [
        _total(categories.total),
        _backlog(await analytics.backlog(first, last, wanted=wanted)),
        _categories(categories),
        _times("response-times", "First response by category", categories, "first_response"),
        _times("resolution-times", "Resolution by category", categories, "resolution"),
        _weeks(await by(Dimension.WEEK, most=1_000)),
        _asked(await analytics.most_asked(first, last, wanted=wanted, most=10, phrases=5, language=language)),
        _plain("products", "Requests by product", "Product", await by(Dimension.PRODUCT)),
        _plain("channels", "Requests by channel", "Channel", await by(Dimension.CHANNEL)),
        _plain("teams", "Requests by team", "Team", await by(Dimension.TEAM)),
        _plain("owners", "Requests by employee", "Employee", await by(Dimension.OWNER)),
        _plain("customers", "Customers who asked most", "Customer", await by(Dimension.CUSTOMER, most=10)),
        _plain("severity", "Complaints by severity", "Severity", await by(Dimension.SEVERITY, only=complaints)),
        _plain("causes", "Complaints by cause", "Cause", await by(Dimension.ROOT_CAUSE, only=complaints)),
        _articles(await analytics.articles(first, last)),
    ]
    made = (at or dt.datetime.now(dt.UTC)).strftime("%Y-%m-%d %H:%M UTC")
    chosen = ", ".join(f"{name} {value}" for name, value in wanted.parameters().items() if value is not None)
    return Report(
        title=f"The service desk, {first} to {last}",
        lead=f"Made {made}. Days are those of {analytics.zone}; both ends count."
        + (f" Only: {chosen}." if chosen else ""),
        sections=tuple(sections),
    )


def _total(tally: Tally) -> Section:
    first, resolution = tally.first_response.summary(), tally.resolution.summary()
    rows = [
        ("Requests that came in", number(tally.requests)),
        ("of them complaints", number(tally.complaints)),
        ("of them open now", number(tally.open)),
        ("of them opened again", number(tally.reopened)),
        ("of them past a target", number(tally.breached)),
        ("Solved by an article, without a request", number(tally.helped)),
        ("Settled at first contact", percent(tally.first_contact_share)),
        ("First response, median (business hours)", hours(first.p50)),
        ("First response, 95% within (business hours)", hours(first.p95)),
        ("Resolution, median (business hours)", hours(resolution.p50)),
        ("Resolution, 95% within (business hours)", hours(resolution.p95)),
        ("Customers' score of closed complaints (1 to 5)", number(tally.survey_mean, 2)),
    ]
    return Section("total", "All of it", (Column("What"), Column("How much")), tuple(rows))


def _backlog(days: Sequence[Any]) -> Section:
    labels = [one.day.isoformat() for one in days]
    chart = ""
    if days:
        chart = charts.lines(
            labels,
            [
                charts.Series("open at the end of the day", [one.open for one in days]),
                charts.Series("came in", [one.opened + one.reopened for one in days]),
                charts.Series("closed", [one.closed for one in days]),
            ],
            title="backlog",
            unit="requests",
        )
    rows = tuple(
        (label, *(number(value) for value in (one.opened, one.reopened, one.closed, one.open)))
        for label, one in zip(labels, days, strict=True)
    )
    columns = ("Day", "Came in", "Opened again", "Closed", "Open at its end")
    return Section("backlog", "What is left to do", tuple(map(Column, columns)), rows, chart)


_SUMS = ("Requests", "Complaints", "Open", "Past a target", "Opened again", "Settled at first contact")


def _sums(tally: Tally) -> tuple[str, ...]:
    return (
        number(tally.requests),
        number(tally.complaints),
        number(tally.open),
        number(tally.breached),
        number(tally.reopened),
        percent(tally.first_contact_share),
    )


def _named(found: Analysis) -> list[tuple[str, Tally]]:
    return [(one.keys[0].name or NONE, one.tally) for one in found.groups]


def _more(found: Analysis) -> str:
    return f"{found.more:,} more are left out." if found.more else ""


def _categories(found: Analysis) -> Section:
    named = _named(found)
    chart = ""
    if named:
        chart = charts.bars(
            [name for name, _ in named],
            [
                charts.Series("requests", [tally.requests for _, tally in named]),
                charts.Series("past a target", [tally.breached for _, tally in named]),
            ],
            title="categories",
            unit="requests",
        )
    rows = tuple((name, *_sums(tally)) for name, tally in named)
    columns = tuple(map(Column, ("Category", *_SUMS)))
    return Section("categories", "What customers ask", columns, rows, chart, _more(found))


def _times(name: str, title: str, found: Analysis, measured: str) -> Section:
    named = [(label, getattr(tally, measured).summary()) for label, tally in _named(found)]
    told = [(label, summary) for label, summary in named if summary.count]
    chart = ""
    if told:
        series = [
            charts.Series(word, [getattr(summary, key) / 3600 for _, summary in told])
            for key, word in (("p50", "half"), ("p90", "90%"), ("p95", "95%"))
        ]
        chart = charts.bars([label for label, _ in told], series, title=name, unit="business hours")
    rows = tuple(
        (
            label,
            number(summary.count),
            *(hours(value) for value in (summary.mean, summary.p50, summary.p90, summary.p95, summary.longest)),
        )
        for label, summary in told
    )
    columns = ("Category", "How many", "Mean", "Half within", "90% within", "95% within", "Longest")
    note = "Hours of business time; the time in which the customer was to answer does not count."
    return Section(name, title, tuple(map(Column, columns)), rows, chart, note)


def _weeks(found: Analysis) -> Section:
    named = [(one.keys[0].key or NONE, one.tally) for one in found.groups]
    chart = ""
    if named:
        shares = [(label, tally.first_contact_share, tally) for label, tally in named]
        chart = charts.lines(
            [label for label, _, _ in shares],
            [
                charts.Series("settled at first contact", [None if one is None else one * 100 for _, one, _ in shares]),
                charts.Series(
                    "past a target",
                    [100 * one.breached / one.requests if one.requests else None for _, _, one in shares],
                ),
            ],
            title="weeks",
            unit="%",
        )
    rows = tuple(
        (
            label,
            number(tally.requests),
            number(tally.helped),
            percent(tally.first_contact_share),
            percent(tally.breached / tally.requests if tally.requests else None),
            hours(tally.first_response.summary().p50),
            hours(tally.resolution.summary().p50),
        )
        for label, tally in named
    )
    columns = (
        "Week from",
        "Requests",
        "Solved by an article",
        "Settled at first contact",
        "Past a target",
        "First response, median hours",
        "Resolution, median hours",
    )
    return Section("weeks", "Week by week", tuple(map(Column, columns)), rows, chart)


def _asked(questions: Sequence[Any]) -> Section:
    said = [(phrase.text, phrase.requests) for one in questions for phrase in one.phrases]
    said = sorted(said, key=lambda one: (-one[1], one[0]))[:15]
    chart = ""
    if said:
        chart = charts.bars(
            [text for text, _ in said],
            [charts.Series("requests", [count for _, count in said])],
            title="phrases",
            unit="requests that say so",
        )
    rows = tuple(
        (
            one.name if one.category else NONE,
            number(one.requests),
            percent(one.share),
            "; ".join(f"{phrase.text} ({phrase.requests})" for phrase in one.phrases),
        )
        for one in questions
    )
    columns = (Column("Category"), Column("Requests"), Column("Share"), Column("In their words", text=True))
    return Section("questions", "Most asked questions", columns, rows, chart)


def _plain(name: str, title: str, what: str, found: Analysis) -> Section:
    named = _named(found)
    scored = name in ("severity", "causes")
    chart = ""
    if named:
        series = [charts.Series("requests", [tally.requests for _, tally in named])]
        chart = charts.bars([label for label, _ in named], series, title=name, unit="requests")
    rows = tuple((label, *_sums(tally), *((number(tally.survey_mean, 2),) if scored else ())) for label, tally in named)
    columns = (what, *_SUMS, *(("Customers' score",) if scored else ()))
    return Section(name, title, tuple(map(Column, columns)), rows, chart, _more(found))


def _articles(used: Sequence[Any]) -> Section:
    chart = ""
    if used:
        chart = charts.bars(
            [f"{one.title} ({one.language})" for one in used],
            [
                charts.Series("helped before a request", [one.helped for one in used]),
                charts.Series("requests solved", [one.solved for one in used]),
            ],
            title="articles",
            unit="times",
        )
    rows = tuple((f"{one.title} ({one.language})", number(one.helped), number(one.solved)) for one in used)
    columns = ("Article", "Helped before a request", "Requests solved")
    return Section("articles", "What the knowledge base solved", tuple(map(Column, columns)), rows, chart)


def plainly(report: Report) -> Mapping[str, Any]:
    """The report as JSON-safe values, without its charts."""
    return {
        "title": report.title,
        "sections": {
            one.name: [dict(zip((column.title for column in one.columns), row, strict=True)) for row in one.rows]
            for one in report.sections
        },
    }
