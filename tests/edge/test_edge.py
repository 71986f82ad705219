"""The edge over HTTP: whom it answers, how often, in which form, and what every answer tells a browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from graph_crm.api.app import create_app
from graph_crm.api.edge import front
from graph_crm.api.edge.bodies import BODIES_OF_ONE
from graph_crm.api.edge.callers import Hosts, Origins, address_of, is_loopback
from graph_crm.api.edge.rates import Buckets, Places, RateLimited, Rates
from graph_crm.api.files import FILES_OF_ONE
from graph_crm.api.platform import Platform
from graph_crm.errors import ConfigurationError
from graph_crm.graph.database import Database
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Caller, Role
from graph_crm.security.tokens import Verifier, issue
from graph_crm.settings import Settings

SECRET = "a secret of forty characters for the tests"
DESK = "https://desk.bank.example"
QUERY = {"query": "{ __typename }"}
Opened = Callable[..., Any]


def bearer(subject: str = "jana", role: Role = Role.AGENT) -> dict[str, str]:
    party = "p1" if role is Role.CUSTOMER else None
    return {"authorization": f"Bearer {issue(SECRET, role, subject=subject, party_id=party)}"}


@pytest.fixture
def opened(database: Database, tmp_path: Path) -> Opened:
    """A client of a server with these settings, that comes from this address."""

    @asynccontextmanager
    async def open_(*, address: str = "203.0.113.7", **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        platform = Platform(
            Settings(data_dir=tmp_path, neo4j_uri=None, **settings),
            database,
            Verifier(SECRET),
            RuleBook.load([], installed=False),
        )
        transport = httpx.ASGITransport(create_app(platform), client=(address, 4711), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://crm.bank.example") as client:
            yield client

    return open_


def code(answer: httpx.Response) -> str:
    (error,) = answer.json()["errors"]
    return str(error["extensions"]["code"])


# Headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/graphql"),
        ("GET", "/graphql"),
        ("GET", "/healthz"),
        ("GET", "/livez"),
        ("GET", "/metrics"),
        ("GET", "/nothing/here"),
        ("DELETE", "/attachments"),
        ("GET", "/attachments/x"),
        ("GET", "/mails/x"),
        ("POST", "/callbacks/sms"),
        ("GET", "/desk/requests/R-0000-0000"),
        ("GET", "/r/R-0000-0000"),
        ("GET", "/unsubscribe"),
        ("GET", "/survey"),
        ("GET", "/pages/style.css"),
    ],
)
async def test_every_answer_tells_the_browser_what_it_must_not_do(opened: Opened, method: str, path: str) -> None:
    async with opened(public_url="https://crm.bank.example") as client:
        headers = (await client.request(method, path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert path.startswith(("/attachments", "/mails")) or "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["strict-transport-security"] == f"max-age={365 * 86_400}"
    assert "no-store" in headers["cache-control"] or path == "/pages/style.css"
    assert "access-control-allow-origin" not in headers
    assert "set-cookie" not in headers
    assert "server" not in headers
    assert len(headers.multi_items()) == len(set(headers)), "a header stands twice"


async def test_https_is_demanded_only_where_the_server_is_reached_by_it(opened: Opened) -> None:
    for settings in (
        {"public_url": "http://crm.bank.example"},
        {"public_url": "https://crm.bank.example", "hsts_days": 0},
    ):
        async with opened(**settings) as client:
            for path in ("/healthz", "/graphql"):
                assert "strict-transport-security" not in (await client.get(path)).headers


async def test_a_failure_of_the_server_itself_has_the_headers_too(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened() as client:
        monkeypatch.setattr("graph_crm.api.pages.web.language", None)
        answer = await client.get("/unsubscribe")
    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "Traceback" not in answer.text


# CSRF


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json-patch+json",
        "application/json; charset=utf-16",
        "application/json, text/plain",
    ],
)
async def test_what_a_form_of_another_site_can_send_is_no_request(opened: Opened, kind: str | None) -> None:
    async with opened() as client:
        headers = bearer() | ({} if kind is None else {"content-type": kind})
        answer = await client.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
    assert (answer.status_code, code(answer)) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON", 'application/json; charset="UTF-8"'])
async def test_json_is_a_request_however_it_is_written(opened: Opened, kind: str) -> None:
    async with opened() as client:
        headers = bearer() | {"content-type": kind}
        answer = await client.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
    assert answer.json() == {"data": {"__typename": "Query"}}


async def test_a_token_counts_in_its_header_only(opened: Opened) -> None:
    token = bearer()["authorization"].split()[1]
    async with opened() as client:
        client.cookies.set("authorization", f"Bearer {token}")
        answer = await client.post(f"/graphql?access_token={token}&authorization=Bearer%20{token}", json=QUERY)
    assert answer.status_code == 401


@pytest.mark.parametrize("name", ["host", "authorization", "content-type", "origin"])
async def test_a_header_that_two_readers_could_understand_differently_is_refused(opened: Opened, name: str) -> None:
    headers = [*bearer().items(), ("content-type", "application/json"), ("origin", DESK), ("host", "crm.bank.example")]
    double = [*headers, (name, dict(headers)[name])]
    async with opened() as client:
        for path in ("/graphql", "/healthz"):
            request = httpx.Request("POST", f"http://crm.bank.example{path}", headers=double, content=b"{}")
            answer = await client.send(request)
            assert (answer.status_code, code(answer)) == (400, "BAD_USER_INPUT")


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.CUSTOMER])
async def test_a_change_in_an_address_changes_nothing(opened: Opened, database: Database, role: Role) -> None:
    change = 'mutation { recordEvent(input: {type: "CARD_PAYMENT", partyId: "p1"}) { id } }'
    before = database.statements
    async with opened() as client:
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            for more in ({}, {"operationName": "x"}, {"variables": "{}"}):
                given = {"query": change} | more
                answer = await client.request(method, "/graphql", params=given, headers=bearer("jana", role))
                assert answer.status_code == 405
        answer = await client.post("/graphql", params={"query": change}, json={}, headers=bearer("jana", role))
        assert (answer.status_code, code(answer)) == (400, "BAD_USER_INPUT"), "the address is not where a query stands"
        answer = await client.post("/graphql", params={"query": change}, json=QUERY, headers=bearer("jana", role))
        assert answer.json() == {"data": {"__typename": "Query"}}
    assert database.statements - before <= 1, "nothing but what the audit keeps of the token"


# CORS


async def test_no_application_of_another_origin_may_call_unless_it_is_listed(opened: Opened) -> None:
    ask = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    async with opened() as nobody, opened(allowed_origins=[DESK]) as listed:
        for client, origin, allowed in (
            (nobody, DESK, False),
            (listed, DESK, True),
            (listed, "https://evil.example", False),
            (listed, "http://desk.bank.example", False),
            (listed, f"{DESK}.evil.example", False),
            (listed, f"{DESK}:8443", False),
            (listed, "null", False),
        ):
            for path in ("/graphql", "/attachments", "/mails/x"):
                before = await client.options(path, headers={"origin": origin} | ask)
                answer = await client.post(path, json=QUERY, headers={"origin": origin} | bearer())
                for one in (before, answer):
                    assert one.headers.get("access-control-allow-origin") == (origin if allowed else None)
                    assert "access-control-allow-credentials" not in one.headers
                assert (before.status_code == 204) is allowed
                assert not allowed or "origin" in answer.headers["vary"]
                assert not allowed or before.headers["access-control-allow-methods"] == "GET, POST"


async def test_pages_and_health_are_for_no_other_origin(opened: Opened) -> None:
    async with opened(allowed_origins=[DESK]) as client:
        for path in ("/unsubscribe", "/survey", "/healthz", "/callbacks/sms"):
            answer = await client.get(path, headers={"origin": DESK})
            assert "access-control-allow-origin" not in answer.headers


async def test_a_refusal_can_be_read_by_an_application_that_may_call(opened: Opened) -> None:
    async with opened(allowed_origins=[DESK], requests_per_second={"agent": 0.1}) as client:
        first, second = [
            await client.post("/graphql", json=QUERY, headers=bearer() | {"origin": DESK}) for _ in range(2)
        ]
    assert (first.status_code, second.status_code) == (200, 429)
    assert second.headers["access-control-allow-origin"] == DESK
    assert "retry-after" in second.headers["access-control-expose-headers"]


def test_an_origin_is_compared_whole_and_in_small_letters() -> None:
    origins = Origins(["https://desk.bank.example"], "https://CRM.bank.example/base")
    for origin, may in (
        (None, True),
        (b"https://desk.bank.example", True),
        (b"HTTPS://DESK.BANK.EXAMPLE", True),
        (b"https://crm.bank.example", True),
        (b"http://crm.bank.example", False),
        (b"https://evil.example", False),
        (b"null", False),
        (b"", False),
    ):
        assert origins.may_connect({} if origin is None else {b"origin": origin}) is may, origin


# Hosts


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("crm.bank.example", True),
        ("CRM.bank.example:8443", True),
        ("a.apps.bank.example", True),
        ("apps.bank.example", False),
        ("evilapps.bank.example", False),
        ("evil.example", False),
        ("crm.bank.example.evil.example", False),
        ("evil.example#crm.bank.example", False),
        ("", False),
        ("[::1]:8000", True),
    ],
)
async def test_a_server_answers_to_its_names(opened: Opened, host: str, answered: bool) -> None:  # noqa: FBT001
    async with opened(allowed_hosts=["crm.bank.example", "*.apps.bank.example"]) as client:
        for path in ("/graphql", "/healthz", "/unsubscribe"):
            # IPv6 can't be named in the setting with its colons; it is checked below.
            if host.startswith("["):
                Hosts(["::1"]).check({b"host": host.encode()})
                continue
            answer = await client.get(path, headers={"host": host})
            assert (answer.status_code != 421) is answered
            assert answered or code(answer) == "WRONG_HOST"


# Rates


async def test_a_caller_asks_so_often_and_others_are_not_held_up(opened: Opened) -> None:
    async with opened(requests_per_second={"agent": 0.3}) as client:  # three at once
        for status in (200, 200, 200, 429):
            answer = await client.post("/graphql", json=QUERY, headers=bearer())
            assert answer.status_code == status
        assert code(answer) == "RATE_LIMITED"
        told = answer.json()["errors"][0]["extensions"]["retryAfterSeconds"]
        assert answer.headers["retry-after"] == str(told)
        assert 1 <= told <= 4
        for other in (bearer("eva"), bearer(role=Role.SERVICE)):
            assert (await client.post("/graphql", json=QUERY, headers=other)).status_code == 200


async def test_who_sends_many_large_things_slowly_holds_few_of_them_in_memory(opened: Opened) -> None:
    enough = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"query":'
        await enough.wait()
        yield b'"{ __typename }"}'

    async with opened() as client:
        for path, of_one in (("/attachments", FILES_OF_ONE), ("/graphql", BODIES_OF_ONE)):
            enough.clear()
            kind = {"content-type": "application/json"}
            sent = [client.post(path, content=slow(), headers=bearer() | kind) for _ in range(of_one)]
            sending = [asyncio.create_task(one) for one in sent]
            for _ in range(100):
                await asyncio.sleep(0)
            late = await client.post(path, content=slow(), headers=bearer() | kind)
            assert (late.status_code, code(late), late.headers["retry-after"]) == (429, "RATE_LIMITED", "2")
            other = asyncio.create_task(client.post(path, content=slow(), headers=bearer("petr") | kind))
            await asyncio.sleep(0)
            enough.set()
            answers = await asyncio.gather(*sending, other)
            assert 429 not in {answer.status_code for answer in answers}
            again = await client.post(path, content=slow(), headers=bearer() | kind)
            assert again.status_code != 429, "who is done makes room"


def test_a_place_is_given_back_once_and_there_are_so_many() -> None:
    places = Places(3, 2)
    first, _ = places.take("a"), places.take("a")
    with pytest.raises(RateLimited):
        places.take("a")
    places.take("b")
    with pytest.raises(RateLimited):
        places.take("c")
    first()
    first()
    places.take("c")
    with pytest.raises(RateLimited), places.place("d"):
        pass


@pytest.mark.parametrize("path", ["/files/exports/x", "/r/R-0000-0000/documents/x"])
async def test_documents_that_nobody_reads_are_few(opened: Opened, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(front, "DOCUMENTS_OF_ONE", 0)
    async with opened() as client:
        answer = await client.get(path)
        assert (answer.status_code, code(answer)) == (429, "RATE_LIMITED")
        assert (await client.get("/r/R-0000-0000")).status_code != 429


@pytest.mark.parametrize(("method", "path"), [("GET", "/attachments/x"), ("GET", "/mails/x"), ("POST", "/attachments")])
async def test_documents_and_mails_count_for_their_caller(opened: Opened, method: str, path: str) -> None:
    async with opened(requests_per_second={"agent": 0.1}) as client:
        first = await client.request(method, path, headers=bearer())
        assert first.status_code in {400, 404}
        refused = await client.request(method, path, headers=bearer())
        assert (refused.status_code, code(refused)) == (429, "RATE_LIMITED")
        assert int(refused.headers["retry-after"]) > 1
        assert (await client.request(method, path, headers=bearer("petr"))).status_code == first.status_code


async def test_whether_a_server_is_ready_is_asked_once_for_all_who_want_to_know(
    opened: Opened, database: Database
) -> None:
    async with opened() as client:
        before = database.statements
        assert (await client.get("/readyz")).status_code == 200
        once = database.statements - before
        answers = await asyncio.gather(*(client.get("/readyz") for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        assert database.statements - before <= 3 * once


async def test_an_address_that_guesses_tokens_is_not_listened_to_and_known_callers_are(opened: Opened) -> None:
    guess = {"authorization": "Bearer a.b.c"}
    async with opened(address_requests_per_second=0.5) as client:  # five at once
        assert (await client.post("/graphql", json=QUERY, headers=bearer())).status_code == 200
        statuses = [(await client.post("/graphql", json=QUERY, headers=guess)).status_code for _ in range(7)]
        assert statuses == [401] * 5 + [429] * 2
        assert (await client.post("/graphql", json=QUERY, headers=bearer())).status_code == 200  # remembered
        assert (await client.post("/graphql", json=QUERY, headers=bearer("eva"))).status_code == 429
        assert (await client.get("/attachments/x", headers=guess)).status_code == 429
        assert (await client.get("/unsubscribe")).status_code == 429
        for path in ("/healthz", "/livez", "/readyz"):
            assert (await client.get(path)).status_code == 200


async def test_pages_count_for_their_address_and_each_address_for_itself(opened: Opened) -> None:
    async with opened(address_requests_per_second=0.3) as client:
        statuses = [(await client.get("/survey")).status_code for _ in range(4)]
        assert 429 not in statuses[:3]
        assert statuses[3] == 429


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("nonsense'; DROP", "unknown"),
        ("", "unknown"),
    ],
)
def test_an_address_is_counted_by_what_one_customer_has(host: str, counted: str) -> None:
    assert address_of({"client": (host, 1)}) == counted
    assert address_of({"client": None}) == "unknown"


@given(gaps=st.lists(st.floats(min_value=0, max_value=30), max_size=60), rate=st.floats(min_value=0.01, max_value=50))
@example(gaps=[4.492532889455369, 0.0], rate=0.1)
def test_over_any_time_a_bucket_gives_its_rate_and_one_burst(gaps: list[float], rate: float) -> None:
    now = 1000.0
    buckets = Buckets(rate, burst=10.0, ticks=lambda: now)
    given_at: list[float] = []
    for gap in gaps:
        now += gap
        wait = buckets.wait("a")
        if buckets.take("a") == 0:
            assert wait == 0
            given_at.append(now)
        else:
            assert wait > 0
            earlier, now = now, now + wait + 1e-6
            assert buckets.wait("a") == 0, "the time that is told is enough"
            now = earlier
    for start in range(len(given_at)):
        for end in range(start, len(given_at)):
            assert end - start + 1 <= (given_at[end] - given_at[start]) * rate + max(10.0 * rate, 1) + 1e-6


def test_no_limit_is_no_limit() -> None:
    rates = Rates({"agent": 0}, 0)
    for _ in range(10_000):
        rates.caller(Caller("jana", Role.AGENT))
        rates.count_address("a")
    rates.check_address("a")


def test_every_role_has_a_limit_and_no_other_may_be_named() -> None:
    rates = Rates(dict.fromkeys(Role, 0.1), 0)
    for role in Role:
        caller = Caller("x", role, "p1")
        rates.caller(caller)
        with pytest.raises(RateLimited):
            rates.caller(caller)
    with pytest.raises(ConfigurationError, match="king"):
        Rates({"king": 1}, 0)


def test_buckets_are_bounded_and_who_is_over_the_limit_is_not_forgotten_for_strangers() -> None:
    now = 0.0
    buckets = Buckets(1.0, burst=2.0, most=100, ticks=lambda: now)
    for number in range(1000):
        buckets.take(f"stranger-{number}")
        assert len(buckets._full_at) <= 100
        if number == 960:
            while not buckets.take("greedy"):
                pass
    assert buckets.take("greedy")
    now += 60
    buckets.take("one more")
    for number in range(100):
        buckets.take(f"later-{number}")
    assert "greedy" not in buckets._full_at  # full again: nothing to remember


# Metrics


async def test_metrics_are_for_this_machine_and_for_who_has_the_token(opened: Opened) -> None:
    token = "m" * 40
    async with opened(address="127.0.0.1", metrics_token=token) as here, opened(metrics_token=token) as there:
        assert (await here.get("/metrics")).status_code == 200
        for passed_on in ({"x-forwarded-for": "203.0.113.7"}, {"forwarded": "for=x"}, {"via": "1.1 proxy"}):
            assert (await here.get("/metrics", headers=passed_on)).status_code == 401
        for wrong in ({}, {"authorization": "Bearer x"}, {"authorization": token}, bearer(role=Role.ADMINISTRATOR)):
            answer = await there.get("/metrics", headers=wrong)
            assert (answer.status_code, code(answer)) == (401, "UNAUTHENTICATED")
            assert "graph_crm" not in answer.text
        assert (await there.get("/metrics", headers={"authorization": f"Bearer {token}"})).status_code == 200
    async with opened() as without:
        assert (await without.get("/metrics", headers={"authorization": "Bearer None"})).status_code == 401


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("x", False),
    ],
)
def test_this_machine_is_known_by_its_address(host: str, here: bool) -> None:  # noqa: FBT001
    assert is_loopback({"client": (host, 1), "headers": []}) is here
