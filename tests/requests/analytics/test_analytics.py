"""What requests come to, on a small desk where every answer is known by hand, and against a count of its own."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from written_log import at, request, store

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database
from graph_crm.requests.analytics.kinds import Dimension
from graph_crm.requests.analytics.measures import Tally
from graph_crm.requests.analytics.service import Filter, RequestAnalytics
from graph_crm.requests.kinds import RequestKind, RequestStatus
from graph_crm.security.roles import Caller, Role

FIRST, LAST = dt.date(2026, 11, 2), dt.date(2026, 11, 13)  # Mondays to Fridays, 08:00 to 18:00; the 11th is a holiday

KNOWN = [
    # Answered after 30 minutes, closed at once: first contact.
    request(
        "quick",
        ("OPENED", "2026-11-02 09:00"),
        ("ANSWERED", "2026-11-02 09:30"),
        ("CLOSED", "2026-11-02 09:30"),
        status="CLOSED",
        outcome="SOLVED",
        partyId="anna",
        product="CURRENT_ACCOUNT",
        ownerId="eva",
    ),
    # In the evening: an hour that day, two the next; the customer wrote once more.
    request(
        "evening",
        ("OPENED", "2026-11-02 17:00"),
        ("ANSWERED", "2026-11-03 10:00"),
        ("CUSTOMER_WROTE", "2026-11-03 12:00"),
        ("RESUMED", "2026-11-03 12:00"),
        ("ANSWERED", "2026-11-03 13:00"),
        ("CLOSED", "2026-11-03 13:00"),
        status="CLOSED",
        outcome="SOLVED",
        partyId="anna",
        ownerId="eva",
    ),
    # Asked back after an hour, two days of waiting that don't count, then three hours.
    request(
        "waited",
        ("OPENED", "2026-11-03 09:00"),
        ("WAITING", "2026-11-03 10:00"),
        ("CUSTOMER_WROTE", "2026-11-05 10:00"),
        ("RESUMED", "2026-11-05 10:00"),
        ("ANSWERED", "2026-11-05 13:00"),
        ("CLOSED", "2026-11-05 13:00"),
        status="CLOSED",
        outcome="SOLVED",
        partyId="ben",
        channel="ONLINE",
    ),
    # Late on both clocks: Friday 16:00 to Thursday 10:00 over a weekend and a holiday is 2 + 20 + 2 hours.
    request(
        "late",
        ("OPENED", "2026-11-06 16:00"),
        ("ANSWERED", "2026-11-12 10:00"),
        status="ANSWERED",
        partyId="ben",
        channel="ONLINE",
    ),
    # A complaint that was opened again, without an answer since.
    request(
        "angry",
        ("OPENED", "2026-11-09 08:00"),
        ("ANSWERED", "2026-11-09 12:00"),
        ("CLOSED", "2026-11-09 12:00"),
        ("REOPENED", "2026-11-10 08:00"),
        kind="COMPLAINT",
        category="COMPLAINT_FEES",
        team="COMPLAINTS",
        status="REOPENED",
        partyId="anna",
        severity="MAJOR",
        surveyScore=2,
    ),
    # Nobody knows whose it is, nobody sorted it, and nobody needed an answer.
    request(
        "spam",
        ("OPENED", "2026-11-13 23:30"),
        ("CLOSED", "2026-11-16 08:00"),
        category=None,
        status="CLOSED",
        outcome="SPAM",
        team="SORTING",
    ),
    # Before and after the period.
    request("before", ("OPENED", "2026-11-01 23:59"), ("CLOSED", "2026-11-04 09:00"), status="CLOSED", outcome="SPAM"),
    request("after", ("OPENED", "2026-11-14 00:00"), status="ASSIGNED"),
]


@pytest.fixture(scope="module")
async def desk(database: Database) -> Database:
    await database.execute(
        "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS"
    )
    await database.execute(
        "CREATE (:Party:Person {id: 'anna', displayName: 'Anna'}), (:Party:Person {id: 'ben', displayName: 'Ben'}),"
        " (:Employee {id: 'eva', displayName: 'Eva', capacity: 1, active: true}),"
        " (:Product {code: 'CURRENT_ACCOUNT', name: 'Account'}),"
        " (a:Article {id: 'article:en:transfer', title: 'A transfer', language: 'en', products: ['CURRENT_ACCOUNT']}),"
        " (a)-[:HELPED]->(:FirstContact {id: 'f1', key: 'f1', at: $at, category: 'TRANSFER', channel: 'ONLINE',"
        "   partyId: 'anna'}),"
        " (a)-[:HELPED]->(:FirstContact {id: 'f2', key: 'f2', at: $early, category: 'TRANSFER', channel: 'ONLINE'})",
        {"at": at("2026-11-03 00:00"), "early": at("2026-11-01 23:59")},
    )
    await store(database, KNOWN)
    await database.execute(
        "MATCH (a:Article), (r:ServiceRequest {id: 'quick'}) CREATE (a)-[:SOLVED {at: r.openedAt}]->(r)"
    )
    return database


@pytest.fixture
def analytics(desk: Database) -> RequestAnalytics:
    return RequestAnalytics(desk)


def hours(tally: Tally) -> tuple[list[float | None], list[float | None]]:
    def of(name: str) -> list[float | None]:
        found = getattr(tally, name).summary()
        return [None if each is None else each / 3600 for each in (found.p50, found.p90, found.p95, found.longest)]

    return of("first_response"), of("resolution")


async def test_the_sums_of_a_period_are_known(analytics: RequestAnalytics) -> None:
    total = (await analytics.analyse(FIRST, LAST)).total
    assert (total.requests, total.complaints, total.open, total.settled) == (6, 1, 2, 3)
    assert (total.at_first_answer, total.helped, total.first_contact_share) == (1, 1, 2 / 4)
    assert (total.reopened, total.surveys, total.survey_mean) == (1, 1, 2.0)
    # late: first response and resolution; angry: its resolution runs since it was opened again
    assert (total.late_first_response, total.late_resolution, total.breached) == (1, 2, 2)
    assert total.first_response.summary().count == 5
    assert total.resolution.summary().count == 4
    # first responses: 0.5, 3, 1, 24, 4 hours; resolutions: 0.5, 3 + 1, 1 + 3, 24 hours
    assert hours(total) == ([3, 24, 24, 24], [4, 24, 24, 24])


async def test_groups_add_up_and_are_named(analytics: RequestAnalytics) -> None:
    for dimension in Dimension:
        found = await analytics.analyse(FIRST, LAST, [dimension])
        assert sum(one.tally.requests for one in found.groups) == 6, dimension
    by_category = await analytics.analyse(FIRST, LAST, [Dimension.CATEGORY], language="pl")
    assert [(one.keys[0].key, one.keys[0].name, one.tally.requests) for one in by_category.groups] == [
        ("TRANSFER", "Przelewy i zlecenia stałe", 4),
        (None, "?", 1),
        ("COMPLAINT_FEES", "Reklamacja opłat lub oprocentowania", 1),
    ]
    assert hours(by_category.groups[0].tally) == ([1, 24, 24, 24], [4, 24, 24, 24])
    by_customer = await analytics.analyse(FIRST, LAST, [Dimension.CUSTOMER])
    assert [
        (one.keys[0].key, one.keys[0].name, one.tally.requests, one.tally.helped) for one in by_customer.groups
    ] == [
        ("anna", "Anna", 3, 1),
        ("ben", "Ben", 2, 0),
        (None, None, 1, 0),
    ]
    by_owner = await analytics.analyse(FIRST, LAST, [Dimension.OWNER])
    assert {(one.keys[0].key, one.keys[0].name) for one in by_owner.groups} == {("eva", "Eva"), (None, None)}


async def test_days_are_those_of_the_desk_and_stand_in_their_order(analytics: RequestAnalytics) -> None:
    days = await analytics.analyse(FIRST, LAST, [Dimension.DAY])
    assert days.zone == "Europe/Warsaw"
    assert [(one.keys[0].key, one.tally.requests, one.tally.helped) for one in days.groups] == [
        ("2026-11-02", 2, 0),
        ("2026-11-03", 1, 1),
        ("2026-11-06", 1, 0),
        ("2026-11-09", 1, 0),
        ("2026-11-13", 1, 0),  # at 23:30 in Warsaw
    ]
    weeks = await analytics.analyse(FIRST, LAST, [Dimension.CHANNEL, Dimension.WEEK])
    assert [([key.key for key in one.keys], one.tally.requests) for one in weeks.groups] == [
        (["ONLINE", "2026-11-02"], 2),  # and one whom an article helped: the largest group of its week
        (["EMAIL", "2026-11-02"], 2),
        (["EMAIL", "2026-11-09"], 2),
    ]
    (month,) = (await analytics.analyse(FIRST, LAST, [Dimension.MONTH])).groups
    assert month.keys[0].key == "2026-11"


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Filter(category="TRANSFER"), {"quick", "evening", "waited", "late"}),
        (Filter(kind=RequestKind.COMPLAINT), {"angry"}),
        (Filter(product="CURRENT_ACCOUNT"), {"quick"}),
        (Filter(party="anna"), {"quick", "evening", "angry"}),
        (Filter(channel="ONLINE"), {"waited", "late"}),
        (Filter(team="COMPLAINTS"), {"angry"}),
        (Filter(owner="eva"), {"quick", "evening"}),
        (Filter(severity="MAJOR"), {"angry"}),
        (Filter(status=RequestStatus.CLOSED), {"quick", "evening", "waited", "spam"}),
        (Filter(party="anna", channel="EMAIL", kind=RequestKind.REQUEST), {"quick", "evening"}),
        (Filter(category="NOTHING"), set()),
    ],
)
async def test_a_filter_takes_what_matches_all_of_it(
    analytics: RequestAnalytics, wanted: Filter, names: set[str]
) -> None:
    assert (await analytics.analyse(FIRST, LAST, wanted=wanted)).total.requests == len(names)


async def test_the_size_of_a_page_changes_nothing(desk: Database) -> None:
    whole = await RequestAnalytics(desk).analyse(FIRST, LAST, [Dimension.CATEGORY])
    for page in (1, 2, 5, 6, 7):
        found = await RequestAnalytics(desk, page=page).analyse(FIRST, LAST, [Dimension.CATEGORY])
        assert [(one.keys, hours(one.tally), one.tally.requests) for one in found.groups] == [
            (one.keys, hours(one.tally), one.tally.requests) for one in whole.groups
        ]


async def test_a_page_is_one_statement(desk: Database) -> None:
    with desk.counting() as count:
        await RequestAnalytics(desk).analyse(FIRST, LAST)
    assert len(count.statements) == 2  # requests, and what articles solved without one


async def test_the_backlog_of_each_day_is_known(analytics: RequestAnalytics) -> None:
    days = await analytics.backlog(dt.date(2026, 10, 31), dt.date(2026, 11, 16))
    assert len(days) == 17
    found = {one.day.day: (one.opened, one.reopened, one.closed, one.open) for one in days}
    assert found[31] == (0, 0, 0, 0)
    assert found[1] == (1, 0, 0, 1)
    assert found[2] == (2, 0, 1, 2)
    assert found[3] == (1, 0, 1, 2)
    assert found[4] == (0, 0, 1, 1)
    assert found[5] == (0, 0, 1, 0)
    assert found[6] == (1, 0, 0, 1)
    assert found[8] == (0, 0, 0, 1)
    assert found[9] == (1, 0, 1, 1)
    assert found[10] == (0, 1, 0, 2)
    assert found[13] == (1, 0, 0, 3)
    assert found[14] == (1, 0, 0, 4)
    assert found[16] == (0, 0, 1, 3)
    only = await analytics.backlog(FIRST, LAST, wanted=Filter(kind=RequestKind.COMPLAINT))
    assert [one.open for one in only if one.day.day in (8, 9, 10, 13)] == [0, 0, 1, 1]


async def test_a_day_that_has_not_come_has_no_backlog(analytics: RequestAnalytics) -> None:
    today = dt.datetime.now(dt.UTC).date()
    days = await analytics.backlog(today - dt.timedelta(days=2), today + dt.timedelta(days=30))
    assert 3 <= len(days) <= 4
    assert await analytics.backlog(today + dt.timedelta(days=5), today + dt.timedelta(days=9)) == []


async def test_what_is_asked_most_comes_with_its_words(desk: Database, analytics: RequestAnalytics) -> None:
    await desk.execute(
        "MATCH (r:ServiceRequest {category: 'TRANSFER'}) SET r.text = 'My transfer has not arrived since ' + r.id"
    )
    found = await analytics.most_asked(FIRST, LAST)
    assert [(one.category, one.requests) for one in found] == [("TRANSFER", 4), (None, 1), ("COMPLAINT_FEES", 1)]
    assert found[0].share == 4 / 6
    assert found[0].phrases[0].requests == 4
    assert (await analytics.most_asked(FIRST, LAST, most=1, phrases=1))[0].category == "TRANSFER"


async def test_what_articles_did_is_told(analytics: RequestAnalytics) -> None:
    (used,) = await analytics.articles(FIRST, LAST)
    assert (used.id, used.helped, used.solved) == ("article:en:transfer", 1, 1)


@pytest.mark.parametrize(
    ("first", "last", "groups", "field"),
    [
        (LAST, FIRST, [], "to"),
        (dt.date(2020, 1, 1), dt.date(2026, 1, 1), [], "to"),
        (dt.date(1, 1, 1), FIRST, [], "from"),
        (FIRST, LAST, [Dimension.DAY, Dimension.WEEK], "groupBy"),
        (FIRST, LAST, [Dimension.TEAM, Dimension.OWNER, Dimension.KIND, Dimension.DAY], "groupBy"),
    ],
)
async def test_what_can_not_be_summed_up_is_refused_by_its_field(
    analytics: RequestAnalytics, first: dt.date, last: dt.date, groups: list[Dimension], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await analytics.analyse(first, last, groups)
    assert caught.value.details["field"] == field


async def test_more_than_can_be_held_is_refused_and_not_begun_to_be_told(desk: Database) -> None:
    with pytest.raises(InvalidInput, match="more than 5 requests"):
        await RequestAnalytics(desk, most=5, page=2).analyse(FIRST, LAST)
    assert (await RequestAnalytics(desk, most=6).analyse(FIRST, LAST)).total.requests == 6
    left = await RequestAnalytics(desk).analyse(FIRST, LAST, [Dimension.CUSTOMER], most=1)
    assert (len(left.groups), left.more) == (1, 2)


ASK = """query ($from: Date!, $to: Date!) {
  requestAnalytics(from: $from, to: $to, groupBy: [CATEGORY, MONTH], filter: {kind: REQUEST}) {
    timeZone total { requests settled helpedByArticles breached firstResponse { count p50 p95 } resolution { mean } }
    groups { keys { dimension key name } sums { requests firstContactShare } } moreGroups }
  requestBacklog(from: $from, to: $to) { day open }
  mostAskedQuestions(from: $from, to: $to, first: 2) { category name share } }"""


async def ask(desk: Database, role: Role) -> dict[str, Any]:
    given = {"from": FIRST.isoformat(), "to": LAST.isoformat()}
    caller = Caller("somebody", role, party_id="anna" if role is Role.CUSTOMER else None)
    return await Executor(platform_schema(), desk).execute(Request(ASK, caller, given))


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.AGENT, Role.SERVICE, Role.RULE_AUTHOR])
async def test_who_has_no_insight_is_refused(desk: Database, role: Role) -> None:
    answer = await ask(desk, role)
    assert {one["extensions"]["code"] for one in answer["errors"]} == {"FORBIDDEN"}


@pytest.mark.parametrize("role", [Role.MARKETER, Role.ANALYST, Role.AUDITOR, Role.RELATIONSHIP_MANAGER])
async def test_the_api_tells_the_same_numbers(desk: Database, role: Role) -> None:
    answer = await ask(desk, role)
    assert "errors" not in answer, answer
    found = answer["data"]["requestAnalytics"]
    assert found["total"] == {
        "requests": 5,
        "settled": 3,
        "helpedByArticles": 0,  # they are of no kind
        "breached": 1,
        "firstResponse": {"count": 4, "p50": 60.0, "p95": 1440.0},
        "resolution": {"mean": (0.5 + 4 + 4 + 24) / 4 * 60},
    }
    assert found["groups"][0]["keys"] == [
        {"dimension": "CATEGORY", "key": "TRANSFER", "name": "Transfers and standing orders"},
        {"dimension": "MONTH", "key": "2026-11", "name": "2026-11"},
    ]
    assert len(answer["data"]["requestBacklog"]) == 12
    assert answer["data"]["mostAskedQuestions"][0]["category"] == "TRANSFER"


async def test_counting_by_hand_over_all_of_them_gives_the_same(desk: Database, analytics: RequestAnalytics) -> None:
    rows = await desk.read("MATCH (r:ServiceRequest) RETURN r.category AS category, r.openedAt.epochMillis AS at")
    counted = Counter(
        row["category"]
        for row in rows
        if at("2026-11-02 00:00").timestamp() <= row["at"] / 1000 < at("2026-11-14 00:00").timestamp()
    )
    groups = (await analytics.analyse(FIRST, LAST, [Dimension.CATEGORY])).groups
    assert {one.keys[0].key: one.tally.requests for one in groups} == counted
