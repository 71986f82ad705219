"""Tokens of an identity provider: which are taken, which never are, and what its keys do while it is away."""

from __future__ import annotations

import asyncio
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey
from signing import AUDIENCE, ISSUER, Key, claims, ec, ed, hs256, jwks, part, raw, rsa, signed

from graph_crm.errors import ConfigurationError, Unauthenticated
from graph_crm.security import jwks as keeping
from graph_crm.security.claims import ClaimNames
from graph_crm.security.issuers import require_issuer, verifier
from graph_crm.security.jwks import FetchedKeys, FileKeys
from graph_crm.security.keys import KeySource, KeysUnavailable, read_keys
from graph_crm.security.roles import Caller, Role
from graph_crm.security.tokens import LONGEST_TOKEN, Verifier, issue
from graph_crm.settings import Settings

SECRET = "a-secret-of-more-than-thirty-two-characters"


class Clock:
    """Both clocks of a server, in the hands of a test."""

    def __init__(self) -> None:
        self.wall: float = time.time()
        self.ticks = 1000.0

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.ticks += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def checking(keys: KeySource | None, clock: Clock | None = None, **more: Any) -> Verifier:
    clocks = {"clock": lambda: clock.wall, "ticks": lambda: clock.ticks} if clock else {}
    return Verifier(issuer=ISSUER, audience=AUDIENCE, keys=keys, **clocks, **more)  # type: ignore[arg-type]


@pytest.fixture
def file_of_keys(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(rsa("r1"), ec("e1"), ed("d1")))
    return path


@pytest.fixture
def check(file_of_keys: Path) -> Verifier:
    return checking(FileKeys(file_of_keys))


async def refused(check: Verifier, token: str) -> Unauthenticated:
    with pytest.raises(Unauthenticated) as raised:
        await check.admit(token)
    assert token not in str(raised.value)
    return raised.value


# What is taken


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(rsa("r1"), "RS256"), (ec("e1"), "ES256"), (ed("d1"), "EdDSA"), (ed("d1"), "Ed25519")],
    ids=lambda it: it if isinstance(it, str) else "",
)
async def test_a_token_of_the_provider_names_its_caller(check: Verifier, key: Key, algorithm: str) -> None:
    token = signed(key, algorithm, claims(role="customer", party="berka:client:18"))
    admitted = await check.admit(token)
    assert admitted.caller == Caller("jana", Role.CUSTOMER, "berka:client:18")
    assert await check.admit(token) is admitted  # from the cache


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", None])
async def test_the_usual_types_are_taken(check: Verifier, kind: str | None) -> None:
    assert (await check.admit(signed(ec("e1"), "ES256", typ=kind))).caller.role is Role.AGENT


async def test_a_bank_may_insist_on_the_type_of_access_tokens(file_of_keys: Path) -> None:
    strict = checking(FileKeys(file_of_keys), access_type=True)
    await strict.admit(signed(ec("e1"), "ES256", typ="at+jwt"))
    for kind in ("JWT", None):
        await refused(strict, signed(ec("e1"), "ES256", typ=kind))


async def test_one_of_several_audiences_is_enough(file_of_keys: Path) -> None:
    check = checking(FileKeys(file_of_keys), audiences=["mobile"])
    for audience in (AUDIENCE, "mobile", ["elsewhere", "mobile"]):
        await check.admit(signed(ec("e1"), "ES256", claims(aud=audience)))
    await refused(check, signed(ec("e1"), "ES256", claims(aud=["elsewhere"])))


async def test_clocks_may_differ_by_the_skew_and_no_more(file_of_keys: Path) -> None:
    clock = Clock()
    now = clock.wall = int(time.time())
    check = checking(FileKeys(file_of_keys), clock, skew=30)
    good: list[dict[str, Any]] = [{"exp": now - 29}, {"nbf": now + 30}, {"iat": now + 30}]
    for said in good:
        await check.admit(signed(ec("e1"), "ES256", claims(**said)))
    bad: list[dict[str, Any]] = [{"exp": now - 31}, {"nbf": now + 31}, {"iat": now + 31}]
    for said in bad:
        await refused(check, signed(ec("e1"), "ES256", claims(**said)))


async def test_a_token_ends_though_it_is_remembered(file_of_keys: Path, clock: Clock) -> None:
    check = checking(FileKeys(file_of_keys), clock)
    token = signed(ec("e1"), "ES256", claims(exp=int(clock.wall) + 5))
    assert (await check.admit(token)).expires == int(clock.wall) + 5
    clock.pass_by(6)
    assert "expired" in (await refused(check, token)).message


# What is never taken


def none_of_it(kind: str = "none") -> str:
    return f"{part({'alg': kind, 'typ': 'JWT', 'kid': 'e1'})}.{part(claims(role='administrator'))}."


def twice(header: str, text: str) -> str:
    """These very texts under a good signature."""
    return raw(header, text, ec("e1"), "ES256")


HEADER = '{"alg":"ES256","kid":"e1"}'
EVIL = ECKey.generate_key("P-256", {"kid": "e1"})
"""A stranger's key under the name of the provider's."""


def said(**more: Any) -> str:
    return signed(ec("e1"), "ES256", claims(**more))


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(none_of_it(), id="alg none"),
        pytest.param(none_of_it("None"), id="alg None"),
        pytest.param(none_of_it("nOnE"), id="alg nOnE"),
        pytest.param(none_of_it(""), id="alg empty"),
        pytest.param(hs256(rsa("r1").as_pem(private=False), "r1"), id="HS256 with the public PEM"),
        pytest.param(hs256(json.dumps(ec("e1").as_dict(private=False)).encode(), "e1"), id="HS256 with the public JWK"),
        pytest.param(signed(rsa("r1"), "RS512"), id="RS512"),
        pytest.param(signed(rsa("r1"), "PS256"), id="PS256"),
        pytest.param(signed(rsa("r1"), "RS256", kid="e1"), id="RS256 under the name of an EC key"),
        pytest.param(signed(ec("e1"), "ES256", kid="r1"), id="ES256 under the name of an RSA key"),
        pytest.param(signed(EVIL, "ES256"), id="a stranger's key under the right name"),
        pytest.param(signed(EVIL, "ES256", jwk=EVIL.as_dict(private=False)), id="jwk in the header"),
        pytest.param(signed(EVIL, "ES256", jku="https://evil.example/keys"), id="jku in the header"),
        pytest.param(signed(EVIL, "ES256", x5u="https://evil.example/cert"), id="x5u in the header"),
        pytest.param(signed(EVIL, "ES256", x5c=["MIIB"]), id="x5c in the header"),
        pytest.param(signed(EVIL, "ES256", kid="../../../../dev/null"), id="kid is a path"),
        pytest.param(signed(EVIL, "ES256", kid="x' OR '1'='1"), id="kid is a query"),
        pytest.param(signed(EVIL, "ES256", kid="http://evil.example/key"), id="kid is an address"),
        pytest.param(signed(EVIL, "ES256", kid="k" * 300), id="kid is endless"),
        pytest.param(signed(EVIL, "ES256", kid=""), id="kid is empty"),
        pytest.param(f"{part({'alg': 'ES256', 'kid': ['e1']})}.{part(claims())}.AA", id="kid is a list"),
        pytest.param(f"{part({'alg': ['ES256'], 'kid': 'e1'})}.{part(claims())}.AA", id="alg is a list"),
        pytest.param(f"{part({'kid': 'e1'})}.{part(claims())}.AA", id="no alg"),
        pytest.param(f"{part({'alg': 'ES256', 'kid': 'e1'})}.{part(claims())}.", id="no signature"),
        pytest.param(f"{part({'alg': 'ES256', 'kid': 'e1'})}.{part(claims())}.{'A' * 86}", id="signature of zeros"),
        pytest.param(signed(ec("e1"), "ES256", typ="id+jwt"), id="an ID token"),
        pytest.param(signed(ec("e1"), "ES256", typ="logout+jwt"), id="a logout token"),
        pytest.param(signed(ec("e1"), "ES256", typ="dpop+jwt"), id="a DPoP proof"),
        pytest.param(signed(ec("e1"), "ES256", crit=["exp"], exp=1), id="crit"),
        pytest.param(signed(ec("e1"), "ES256", zip="DEF"), id="zip"),
        pytest.param(twice('{"alg":"none","alg":"ES256","kid":"e1"}', json.dumps(claims())), id="alg twice"),
        pytest.param(twice(HEADER, json.dumps(claims())[:-1] + ',"role":"administrator"}'), id="role twice"),
        pytest.param(twice(HEADER, json.dumps(claims())[:-1] + ',"exp":4000000000}'), id="exp twice"),
        pytest.param(twice(HEADER, json.dumps(claims(exp=math.nan))), id="exp is NaN"),
        pytest.param(twice(HEADER, json.dumps(claims(exp=math.inf))), id="exp is Infinity"),
        pytest.param(twice(HEADER, "[]"), id="claims are a list"),
        pytest.param(twice("[]", json.dumps(claims())), id="header is a list"),
        pytest.param(twice(HEADER, "[" * 2000), id="claims nest without end"),
        pytest.param(said(exp=10**400), id="exp beyond all numbers"),
        pytest.param(said(exp=True), id="exp is true"),
        pytest.param(said(exp="4000000000"), id="exp is a text"),
        pytest.param(said(exp=None), id="no exp"),
        pytest.param(said(exp=1), id="expired"),
        pytest.param(said(nbf=4_000_000_000), id="not yet"),
        pytest.param(said(iat=4_000_000_000), id="made in the future"),
        pytest.param(said(iss="https://evil.example"), id="another issuer"),
        pytest.param(said(iss=[ISSUER]), id="issuer is a list"),
        pytest.param(said(iss=None), id="no issuer"),
        pytest.param(said(aud="elsewhere"), id="another audience"),
        pytest.param(said(aud=None), id="no audience"),
        pytest.param(said(aud=[]), id="audience is empty"),
        pytest.param(said(aud={"crm": True}), id="audience is an object"),
        pytest.param(said(sub=None), id="no subject"),
        pytest.param(said(sub=""), id="subject is empty"),
        pytest.param(said(sub=7), id="subject is a number"),
        pytest.param(said(sub="x" * 300), id="subject is endless"),
        pytest.param(said(sub="jana\n2026-01-01 root logged in"), id="subject with a new line"),
        pytest.param(said(sub="account:atm"), id="subject of a service account"),
        pytest.param(said(sub=ISSUER, role=None), id="issuer for itself"),
        pytest.param(said(role="king"), id="unknown role"),
        pytest.param(said(role=None), id="no role"),
        pytest.param(said(role=["agent", "administrator"]), id="two roles"),
        pytest.param(said(role={"agent": True}), id="role is an object"),
        pytest.param(said(role="customer"), id="customer without a party"),
        pytest.param(said(role="customer", party=""), id="customer with an empty party"),
        pytest.param(said(role="customer", party=["p1"]), id="party is a list"),
        pytest.param(f"{said()}.AA", id="four parts"),
        pytest.param(said().replace(".", ".."), id="empty parts"),
        pytest.param("e" * (LONGEST_TOKEN + 1), id="endless"),
        pytest.param("", id="nothing"),
        pytest.param("ě.š.č", id="not ASCII"),
    ],
)
async def test_what_is_no_good_token_of_the_provider_is_refused(check: Verifier, token: str) -> None:
    with pytest.raises(Unauthenticated) as raised:
        await check.admit(token)
    assert not token or token not in str(raised.value)
    assert check._known == {}


@pytest.mark.parametrize("form", ["PEM", "JWK"])
async def test_the_public_key_is_no_shared_secret_even_where_one_is_taken(file_of_keys: Path, form: str) -> None:
    check = checking(FileKeys(file_of_keys), secret=SECRET)
    key = ec("e1")
    text = key.as_pem(private=False) if form == "PEM" else json.dumps(key.as_dict(private=False)).encode()
    await refused(check, hs256(text, "e1"))
    await check.admit(hs256(SECRET.encode(), None))


async def test_nothing_outside_is_asked_for_a_key_that_a_token_names(file_of_keys: Path, provider: Any) -> None:
    check = checking(FileKeys(file_of_keys))
    for name in ("jku", "x5u"):
        await refused(check, signed(EVIL, "ES256", **{name: provider.url}))
        await check.admit(signed(ec("e1"), "ES256", **{name: provider.url}))  # what else a good token says is ignored
    assert provider.asked == []


async def test_a_token_without_the_name_of_a_key_needs_a_provider_with_one(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    replace(path, jwks(ec("e1"), rsa("r1")))
    await checking(FileKeys(path)).admit(signed(ec("e1"), "ES256", kid=None))
    replace(path, jwks(ec("e1"), ec("e2")))
    await refused(checking(FileKeys(path)), signed(ec("e1"), "ES256", kid=None))


async def test_the_shared_secret_makes_no_token_where_the_settings_do_not_say_so(file_of_keys: Path) -> None:
    token = issue(SECRET, Role.ADMINISTRATOR, issuer=ISSUER, audience=AUDIENCE)
    for settings, taken in (
        ({}, False),
        ({"jwt_hs256": True}, True),
        ({"demo": True}, True),
    ):
        check = verifier(
            Settings(
                neo4j_uri=None,
                jwks_file=file_of_keys,
                jwt_issuer=ISSUER,
                jwt_audience=AUDIENCE,
                **settings,  # type: ignore[arg-type]
            ),
            SECRET,
        )
        await check.admit(signed(ec("e1"), "ES256"))
        if taken:
            await check.admit(token)
        else:
            assert "shared secret" in (await refused(check, token)).message
            with pytest.raises(Unauthenticated):
                check.verify(token)


def test_a_server_that_nobody_could_call_does_not_start(file_of_keys: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        require_issuer(Settings(neo4j_uri=None))
    assert "GRAPH_CRM_JWKS_URL" in str(raised.value.hint)
    require_issuer(Settings(neo4j_uri=None, jwks_file=file_of_keys))
    require_issuer(Settings(neo4j_uri=None, jwt_hs256=True))


# How the provider calls things


@pytest.mark.parametrize(
    ("names", "more", "role"),
    [
        (ClaimNames(role="groups"), {"groups": ["agent"], "role": "administrator"}, Role.AGENT),
        (ClaimNames(role="realm_access.roles"), {"realm_access": {"roles": ["offline", "analyst"]}}, Role.ANALYST),
        (ClaimNames(role="https://bank.example/role"), {"https://bank.example/role": "auditor"}, Role.AUDITOR),
        (ClaimNames(roles={"CRM-7": Role.MARKETER}), {"role": ["CRM-1", "CRM-7"]}, Role.MARKETER),
        (ClaimNames(roles={"A": Role.AGENT, "B": Role.AGENT}), {"role": ["A", "B"]}, Role.AGENT),
        (ClaimNames(roles={"A": Role.AGENT}), {"role": "administrator"}, None),
        (ClaimNames(roles={"A": Role.AGENT, "B": Role.AUDITOR}), {"role": ["A", "B"]}, None),
        (ClaimNames(role="realm_access.roles"), {"realm_access": "agent"}, None),
    ],
)
async def test_the_claims_and_groups_of_the_provider_are_understood(
    file_of_keys: Path, names: ClaimNames, more: dict[str, Any], role: Role | None
) -> None:
    check = checking(FileKeys(file_of_keys), names=names)
    token = signed(ec("e1"), "ES256", claims(**{"role": None, **more}))
    if role is None:
        await refused(check, token)
    else:
        assert (await check.admit(token)).caller.role is role


async def test_the_party_of_a_customer_is_read_from_the_claim_that_is_set(file_of_keys: Path) -> None:
    check = checking(FileKeys(file_of_keys), names=ClaimNames(party="bank.customer"))
    token = signed(ec("e1"), "ES256", claims(role="customer", party="p2", bank={"customer": "p1"}))
    assert (await check.admit(token)).caller.party_id == "p1"


def test_a_group_that_means_no_role_is_refused_at_the_start(file_of_keys: Path) -> None:
    with pytest.raises(ConfigurationError, match="king"):
        verifier(Settings(neo4j_uri=None, jwks_file=file_of_keys, jwt_roles={"A": "king"}), SECRET)


# What counts as a key


def test_what_is_no_key_for_signatures_is_left_out() -> None:
    good = ec("e1").as_dict(private=False)
    with pytest.warns(SecurityWarning):
        short = RSAKey.generate_key(1024, {"kid": "short"})
    bad: list[Any] = [
        OctKey.generate_key(256, {"kid": "oct"}).as_dict(private=True),
        ec("secret").as_dict(private=True),
        short.as_dict(private=False),
        ec("p384", "P-384").as_dict(private=False),
        ec("k1", "secp256k1").as_dict(private=False),
        {**rsa("r1").as_dict(private=False), "use": "enc"},
        {**rsa("r2").as_dict(private=False), "key_ops": ["encrypt"]},
        {**rsa("r3").as_dict(private=False), "alg": "RS512"},
        {**rsa("r4").as_dict(private=False), "kid": 7},
        {"kty": "RSA", "kid": "half", "n": "AQAB"},
        {"kty": "AKP", "kid": "tomorrow", "alg": "ML-DSA-65", "pub": "AA"},
        {"kty": ["RSA"], "kid": "odd"},
        "text",
        None,
    ]
    assert [one.kid for one in read_keys(json.dumps({"keys": [*bad, good]}).encode())] == ["e1"]
    with pytest.raises(ValueError, match="holds no key"):
        read_keys(json.dumps({"keys": bad}).encode())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"keys": 5}',
        b'{"keys": [], "keys": []}',
        b"[" * 5000,
        jwks(ec("e1"), ec("e1")),
        json.dumps({"keys": [ec("e1").as_dict(private=False)] * 101}).encode(),
    ],
    ids=["nothing", "no text", "a list", "no keys", "a number", "named twice", "deep", "one key twice", "too many"],
)
def test_what_is_no_set_of_keys_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_keys(text)


# A file


def replace(path: Path, content: bytes | None, *, at: int = 0) -> None:
    """Put another file in its place, of another time; None: take it away."""
    if content is None:
        path.unlink()
        return
    path.write_bytes(content)
    os.utime(path, ns=(at, at))


async def test_a_new_file_is_seen_and_a_broken_one_leaves_the_last_in_force(file_of_keys: Path, clock: Clock) -> None:
    check = checking(FileKeys(file_of_keys, ticks=lambda: clock.ticks), clock)
    old, new = signed(ec("e1"), "ES256"), signed(ec("e9"), "ES256")
    await check.admit(old)
    replace(file_of_keys, jwks(ec("e9")), at=1)
    await refused(check, new)  # not looked at yet
    clock.pass_by(11)
    await check.admit(new)
    await refused(check, old)  # though it was remembered
    replace(file_of_keys, b"broken", at=2)
    clock.pass_by(11)
    await check.admit(new)
    replace(file_of_keys, None)
    clock.pass_by(11)
    await check.admit(new)


@pytest.mark.parametrize("content", [None, b"broken", b'{"keys": []}'])
def test_a_file_that_can_not_be_used_at_the_start_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "jwks.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        FileKeys(path)
    assert "GRAPH_CRM_JWKS_FILE" in str(raised.value.hint)


# An address


def fetching(provider: Any, clock: Clock, **more: Any) -> tuple[FetchedKeys, Verifier]:
    keys = FetchedKeys(provider.url, fresh=600, grace=1800, ticks=lambda: clock.ticks, **more)
    return keys, checking(keys, clock)


async def settled(keys: FetchedKeys) -> None:
    """Wait for what is fetched beside the requests."""
    if keys._fetching is not None:
        await keys._fetching


def fresh(key: Key, algorithm: str, clock: Clock) -> str:
    return signed(key, algorithm, claims(exp=int(clock.wall) + 100_000, iat=int(clock.wall)))


async def test_keys_are_fetched_once_and_used_for_their_time(provider: Any, clock: Clock) -> None:
    provider.body = jwks(rsa("r1"), ec("e1"))
    keys, check = fetching(provider, clock)
    tokens = [fresh(rsa("r1"), "RS256", clock), fresh(ec("e1"), "ES256", clock)]
    await asyncio.gather(*(check.admit(token) for token in tokens * 20))
    clock.pass_by(470)
    await asyncio.gather(*(check.admit(fresh(ec("e1"), "ES256", clock)) for _ in range(5)))
    assert len(provider.asked) == 1
    clock.pass_by(20)  # four fifths of their time are over: fetched again, and nobody waits
    provider.hang = True
    async with asyncio.timeout(0.5):
        await check.admit(fresh(ec("e1"), "ES256", clock))
    provider.hang = False
    if keys._fetching is not None:
        keys._fetching.cancel()


async def test_a_new_key_works_at_once_and_the_old_one_until_its_time_is_over(provider: Any, clock: Clock) -> None:
    provider.body = jwks(ec("e1"))
    keys, check = fetching(provider, clock)
    before = fresh(ec("e1"), "ES256", clock)
    await check.admit(before)
    provider.body = jwks(ec("e2"))
    clock.pass_by(60)
    after = fresh(ec("e2"), "ES256", clock)
    await check.admit(after)
    await check.admit(before)
    clock.pass_by(541)  # the answer that held the old key is ten minutes old
    await refused(check, before)
    await check.admit(after)
    await settled(keys)


async def test_made_up_names_of_keys_do_not_flood_the_provider(provider: Any, clock: Clock) -> None:
    provider.body = jwks(ec("e1"))
    _, check = fetching(provider, clock)
    await check.admit(fresh(ec("e1"), "ES256", clock))
    clock.pass_by(60)
    results = await asyncio.gather(
        *(check.admit(signed(EVIL, "ES256", kid=f"k{n}")) for n in range(200)), return_exceptions=True
    )
    assert all(isinstance(one, Unauthenticated) for one in results)
    assert len(provider.asked) == 2
    clock.pass_by(11)
    await refused(check, signed(EVIL, "ES256", kid="once more"))
    assert len(provider.asked) == 3


async def test_while_the_provider_is_away_its_last_keys_serve_for_the_grace_and_no_longer(
    provider: Any, clock: Clock
) -> None:
    provider.body = jwks(ec("e1"))
    keys, check = fetching(provider, clock)
    await check.admit(fresh(ec("e1"), "ES256", clock))
    provider.status = 503
    clock.pass_by(601)
    for _ in range(5):
        await check.admit(fresh(ec("e1"), "ES256", clock))
    assert len(provider.asked) == 2
    with pytest.raises(KeysUnavailable):  # a key that it may have made meanwhile: nobody can say
        await check.admit(fresh(ec("e2"), "ES256", clock))
    clock.pass_by(1700)
    await check.admit(fresh(ec("e1"), "ES256", clock))
    await settled(keys)
    clock.pass_by(100)
    with pytest.raises(KeysUnavailable) as raised:
        await check.admit(fresh(ec("e1"), "ES256", clock))
    assert raised.value.http_status == 503
    provider.status = 200
    clock.pass_by(11)
    await check.admit(fresh(ec("e1"), "ES256", clock))


async def test_a_key_that_was_taken_out_gets_no_grace(provider: Any, clock: Clock) -> None:
    provider.body = jwks(ec("e1"), ec("e2"))
    keys, check = fetching(provider, clock)
    await check.admit(fresh(ec("e1"), "ES256", clock))
    provider.body = jwks(ec("e2"))
    clock.pass_by(500)
    await check.admit(fresh(ec("e2"), "ES256", clock))
    await settled(keys)
    provider.status = 500
    clock.pass_by(101)
    with pytest.raises(KeysUnavailable):
        await check.admit(fresh(ec("e1"), "ES256", clock))
    await check.admit(fresh(ec("e2"), "ES256", clock))


async def test_a_provider_that_never_answered_lets_nobody_in(provider: Any, clock: Clock) -> None:
    provider.status = 500
    _, check = fetching(provider, clock)
    with pytest.raises(KeysUnavailable):
        await check.admit(fresh(ec("e1"), "ES256", clock))


async def test_a_provider_that_hangs_costs_one_caller_the_time_of_one_attempt(
    provider: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "FETCH_SECONDS", 0.5)
    provider.hang = True
    _, check = fetching(provider, clock)
    started = time.monotonic()
    results = await asyncio.gather(
        *(check.admit(fresh(ec("e1"), "ES256", clock)) for _ in range(20)), return_exceptions=True
    )
    assert {type(one) for one in results} == {KeysUnavailable}
    assert time.monotonic() - started < 4
    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {}, b"<html>sign in</html>"),
        (200, {}, b'{"keys": []}'),
        (200, {}, b" " * (keeping.LARGEST + 1)),
        (302, {"location": "/elsewhere"}, b""),
        (404, {}, jwks(ec("e1"))),
    ],
)
async def test_an_answer_that_is_no_set_of_keys_changes_nothing(
    provider: Any, clock: Clock, status: int, headers: dict[str, str], body: bytes
) -> None:
    provider.body = jwks(ec("e1"))
    keys, check = fetching(provider, clock)
    await check.admit(fresh(ec("e1"), "ES256", clock))
    provider.status, provider.headers, provider.body = status, headers, body
    clock.pass_by(601)
    await check.admit(fresh(ec("e1"), "ES256", clock))
    await settled(keys)
    assert provider.asked == ["/keys", "/keys"]


async def test_a_caller_who_leaves_does_not_stop_the_fetch_for_the_others(provider: Any, clock: Clock) -> None:
    provider.body = jwks(ec("e1"))
    _, check = fetching(provider, clock)
    leaving = asyncio.create_task(check.admit(fresh(ec("e1"), "ES256", clock)))
    staying = asyncio.create_task(check.admit(fresh(ec("e1"), "ES256", clock)))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).caller.role is Role.AGENT
    assert len(provider.asked) == 1


async def test_a_name_that_does_not_resolve_is_a_provider_that_is_away(clock: Clock) -> None:
    def unreachable(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no such host")

    keys = FetchedKeys("https://id.invalid/keys", ticks=lambda: clock.ticks, transport=httpx.MockTransport(unreachable))
    with pytest.raises(KeysUnavailable):
        await checking(keys, clock).admit(fresh(ec("e1"), "ES256", clock))
