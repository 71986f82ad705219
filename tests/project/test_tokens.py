"""Tokens: what is accepted, what is refused, and that a refusal says nothing that helps an attacker."""

from __future__ import annotations

import base64
import json
import stat
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from graph_crm.errors import ConfigurationError, Forbidden, InvalidInput, Unauthenticated
from graph_crm.security import tokens
from graph_crm.security.roles import Caller, Permission, Role
from graph_crm.security.tokens import Verifier, demo_secret, issue, signing_secret

SECRET = "a-secret-of-more-than-thirty-two-characters"


def forged(claims: dict[str, object], *, secret: str = SECRET, algorithm: str = "HS256") -> str:
    now = int(time.time())
    whole = {"iss": "graph-crm", "aud": "graph-crm", "sub": "x", "exp": now + 60, "role": "agent", **claims}
    kept = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode({"alg": algorithm}, kept, OctKey.import_key(secret), algorithms=[algorithm])


@pytest.mark.parametrize("role", list(Role))
def test_a_token_of_each_role_names_its_caller(role: Role) -> None:
    token = issue(SECRET, role, subject="me", party_id="berka:client:18")
    verifier = Verifier(SECRET)
    expected = Caller(subject="me", role=role, party_id="berka:client:18")
    assert verifier.verify(token) == expected
    assert verifier.verify(token) == expected  # from the cache


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="nothing"),
        pytest.param("nonsense", id="no JWT"),
        pytest.param("é.b.c", id="not ASCII"),
        pytest.param("a" * 5000, id="endless"),
        pytest.param(forged({}, secret="another-secret-of-more-than-thirty-two"), id="another secret"),
        pytest.param(forged({}, algorithm="HS512"), id="another algorithm"),
        pytest.param(forged({"iss": "elsewhere"}), id="another issuer"),
        pytest.param(forged({"aud": "elsewhere"}), id="another audience"),
        pytest.param(forged({"exp": int(time.time()) - 1}), id="expired"),
        pytest.param(forged({"exp": None}), id="no expiry"),
        pytest.param(forged({"sub": None}), id="no subject"),
        pytest.param(forged({"role": "king"}), id="unknown role"),
        pytest.param(forged({"role": None}), id="no role"),
        pytest.param(forged({"role": "customer"}), id="customer without a party"),
        pytest.param(forged({"party": 7}), id="party is no text"),
    ],
)
def test_what_is_not_a_valid_token_of_this_server_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        Verifier(SECRET).verify(token)
    if token:
        assert token not in str(refused.value)


def test_the_algorithm_none_is_refused() -> None:
    def part(value: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    claims = {"iss": "graph-crm", "aud": "graph-crm", "sub": "x", "exp": 2**33, "role": "administrator"}
    with pytest.raises(Unauthenticated):
        Verifier(SECRET).verify(f"{part({'alg': 'none'})}.{part(claims)}.")


@given(position=st.integers(min_value=0), letter=st.sampled_from("ABCDwxyz0189-_."))
def test_a_token_changed_anywhere_is_refused(position: int, letter: str) -> None:
    token = issue(SECRET, Role.AGENT)
    position %= len(token) - 1  # the last character carries unused bits
    changed = token[:position] + letter + token[position + 1 :]
    if changed == token:
        return
    with pytest.raises(Unauthenticated):
        Verifier(SECRET).verify(changed)


def test_a_cached_token_expires_all_the_same() -> None:
    now = time.time()
    verifier = Verifier(SECRET, clock=lambda: now)
    token = issue(SECRET, Role.AGENT, lifetime=timedelta(seconds=60))
    verifier.verify(token)
    now += 61
    with pytest.raises(Unauthenticated, match="expired"):
        verifier.verify(token)


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CACHED_TOKENS", 3)
    verifier = Verifier(SECRET)
    for number in range(10):
        verifier.verify(issue(SECRET, Role.AGENT, subject=str(number)))
    assert len(verifier._known) == 3


def test_a_known_token_costs_next_to_nothing() -> None:
    verifier = Verifier(SECRET)
    header = f"Bearer {issue(SECRET, Role.AGENT)}"
    verifier.verify_header(header)
    best = min(_seconds_of(verifier, header) for _ in range(5))
    assert best < 5e-6


def _seconds_of(verifier: Verifier, header: str) -> float:
    started = time.perf_counter()
    for _ in range(2000):
        verifier.verify_header(header)
    return (time.perf_counter() - started) / 2000


@pytest.mark.parametrize("header", [None, "", "Basic abc", "Bearer", "Bearer ", "Token x"])
def test_a_header_without_a_bearer_token_is_refused_with_a_way_out(header: str | None) -> None:
    with pytest.raises(Unauthenticated) as refused:
        Verifier(SECRET).verify_header(header)
    assert refused.value.hint


def test_the_scheme_of_the_header_is_read_in_any_case() -> None:
    assert Verifier(SECRET).verify_header(f"bEARER  {issue(SECRET, Role.AUDITOR)}").role is Role.AUDITOR


def test_a_customer_gets_no_token_without_a_party() -> None:
    with pytest.raises(InvalidInput, match="party"):
        issue(SECRET, Role.CUSTOMER)


def test_a_customer_reads_the_own_party_only_and_may_do_nothing_but_ask_the_bank() -> None:
    customer = Caller("c", Role.CUSTOMER, "p1")
    assert customer.may_read_party("p1")
    assert not customer.may_read_party("p2")
    customer.require(Permission.OWN_REQUESTS)
    for permission in set(Permission) - {Permission.OWN_REQUESTS}:
        with pytest.raises(Forbidden):
            customer.require(permission)


def test_only_those_who_work_with_customers_change_them() -> None:
    may = {role for role in Role if Caller("x", role, "p").may(Permission.MUTATE)}
    assert may == {Role.AGENT, Role.RELATIONSHIP_MANAGER, Role.SERVICE, Role.ADMINISTRATOR}


def test_only_those_who_look_under_the_hood_see_statements() -> None:
    may = {role for role in Role if Caller("x", role, "p").may(Permission.EXPLAIN)}
    assert may == {Role.RULE_AUTHOR, Role.ANALYST, Role.ADMINISTRATOR}


def test_the_demo_makes_one_secret_and_keeps_it_from_others(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert demo_secret(folder, create=False) is None
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: demo_secret(folder, create=True), range(8)))
    assert len(made) == 1
    (secret,) = made
    assert secret is not None
    assert len(secret) >= 32
    assert [file.name for file in folder.iterdir()] == [tokens.DEMO_SECRET_FILE]
    if sys.platform != "win32":
        assert stat.S_IMODE((folder / tokens.DEMO_SECRET_FILE).stat().st_mode) == 0o600


def test_the_secret_of_the_demo_serves_the_demo_only(tmp_path: Path) -> None:
    made = demo_secret(tmp_path, create=True)
    assert signing_secret(None, tmp_path, demo=True) == made
    assert signing_secret("configured", tmp_path, demo=True) == "configured"
    with pytest.raises(ConfigurationError) as refused:
        signing_secret(None, tmp_path, demo=False)
    assert "GRAPH_CRM_JWT_SECRET" in (refused.value.hint or "")
