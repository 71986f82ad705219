"""Service accounts: their own keys, their own short tokens, and an end that is an end everywhere."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, RSAKey
from signing import AUDIENCE, ISSUER, Key, claims, ec, ed, rsa, signed
from typer.testing import CliRunner

from graph_crm.cli import app
from graph_crm.errors import AlreadyExists, InvalidInput, NotFound, Unauthenticated
from graph_crm.graph.database import Database
from graph_crm.security.accounts.directory import AccountDirectory
from graph_crm.security.accounts.service import ROLES, AccountService, ServiceAccount
from graph_crm.security.accounts.signing import new_pair, sign
from graph_crm.security.issuers import accounts
from graph_crm.security.keys import named
from graph_crm.security.roles import Caller, Role
from graph_crm.security.tokens import Verifier


@pytest.fixture
def check() -> Verifier:
    return Verifier(issuer=ISSUER, audience=AUDIENCE)


@pytest.fixture
async def service(empty_database: Database, check: Verifier) -> AccountService:
    """The accounts, heeded by ``check``."""
    await empty_database.execute("MATCH (n) WHERE n:ServiceAccount OR n:AccountKey DETACH DELETE n")
    return accounts(empty_database, check)


def public(key: Key) -> str:
    return json.dumps(key.as_dict(private=False))


def kid(key: Key) -> str:
    return str(named(key.as_dict(private=False)).kid)


def token(account: str = "atm", key: Key | None = None, algorithm: str = "ES256", **more: Any) -> str:
    key = key or ec("a1")
    now = int(time.time())
    header = {"kid": more.pop("kid", kid(key))}
    said = claims(**{"iss": account, "sub": account, "role": None, "iat": now, "exp": now + 300, **more})
    return signed(key, algorithm, said, **header)


async def refused(check: Verifier, text: str) -> str:
    with pytest.raises(Unauthenticated) as raised:
        await check.admit(text)
    return raised.value.message


@pytest.mark.parametrize(
    ("key", "algorithm"), [(ec("a1"), "ES256"), (rsa("a2"), "RS256"), (ed("a3"), "EdDSA")], ids=["EC", "RSA", "Ed25519"]
)
async def test_an_account_calls_with_tokens_that_it_signs(
    service: AccountService, check: Verifier, key: Key, algorithm: str
) -> None:
    made = await service.add("atm", public(key), by="root", description="The ATM switch")
    assert (made.role, made.active, [one.kid for one in made.keys]) == (Role.SERVICE, True, [kid(key)])
    admitted = await check.admit(token(key=key, algorithm=algorithm))
    assert admitted.caller == Caller("account:atm", Role.SERVICE)
    await check.admit(token(key=key, algorithm=algorithm, kid=None, typ="JWT"))


async def test_the_role_stands_with_the_account_and_not_in_the_token(service: AccountService, check: Verifier) -> None:
    await service.add("reports", public(ec("a1")), by="root", role=Role.AUDITOR)
    said = await check.admit(token("reports", role="administrator", party="berka:client:18"))
    assert said.caller == Caller("account:reports", Role.AUDITOR)


@pytest.mark.parametrize("role", sorted(set(Role) - set(ROLES)))
async def test_no_account_has_a_role_that_changes_who_may_do_what(service: AccountService, role: Role) -> None:
    with pytest.raises(InvalidInput):
        await service.add("atm", public(ec("a1")), by="root", role=role)


async def test_what_is_no_token_of_the_account_is_refused(service: AccountService, check: Verifier) -> None:
    await service.add("atm", public(ec("a1")), by="root")
    await service.add("web", public(ec("a4")), by="root")
    now = int(time.time())
    for text in (
        token(key=ec("a4")),  # another account's key
        token(key=ec("a4"), kid=kid(ec("a1"))),
        token("web"),
        token("nobody"),
        token(sub="web"),
        token(iss="web"),
        token(iss=ISSUER, sub=ISSUER),
        token(sub="account:atm", iss="account:atm"),
        token(exp=now + 601),
        token(iat=None),
        token(iat=now - 700, exp=now + 10),
        token(exp=now - 1),
        token(iat=now + 100),
        token(aud="elsewhere"),
        token(aud=ISSUER),
        token(kid="../../key"),
        token(algorithm="RS256", key=rsa("a2")),
    ):
        await refused(check, text)


async def test_an_account_and_the_provider_can_not_stand_in_for_each_other(
    service: AccountService, empty_database: Database
) -> None:
    """An account with the provider's name as its own gains nothing: its keys are never asked for that issuer."""
    check = Verifier(issuer="provider", audience=AUDIENCE)
    service = accounts(empty_database, check)
    await service.add("provider", public(ec("a1")), by="root")
    await refused(check, token("provider"))
    await refused(check, token("provider", sub="jana", role="administrator"))


async def test_an_account_that_is_ended_is_refused_at_once_here_and_within_ten_seconds_elsewhere(
    service: AccountService, check: Verifier, empty_database: Database
) -> None:
    ticks = 100.0
    elsewhere = Verifier(issuer=ISSUER, audience=AUDIENCE, ticks=lambda: ticks)
    elsewhere.accounts = AccountDirectory(empty_database, ticks=lambda: ticks)
    await service.add("atm", public(ec("a1")), by="root")
    text = token()
    for one in (check, elsewhere):
        await one.admit(text)
    ended = await service.disable("atm", by="root")
    assert (ended.active, ended.disabled_by) == (False, "root")
    await refused(check, text)
    await elsewhere.admit(text)
    ticks += 10
    await refused(elsewhere, text)
    assert (await service.disable("atm", by="another")).disabled_at == ended.disabled_at
    with pytest.raises(InvalidInput):
        await service.rotate("atm", public(ec("a4")), by="root")
    with pytest.raises(AlreadyExists):
        await service.add("atm", public(ec("a1")), by="root")


async def test_old_and_new_key_sign_side_by_side_until_the_old_one_ends(
    service: AccountService, check: Verifier, empty_database: Database
) -> None:
    await service.add("atm", public(ec("a1")), by="root")
    changed = await service.rotate("atm", public(ec("a4")), by="root", keep_hours=1)
    first, second = changed.keys
    assert first.until is not None
    assert second.until is None
    assert 3590 < (first.until - second.added_at).total_seconds() < 3610
    for key in (ec("a1"), ec("a4")):
        await check.admit(token(key=key))
    assert "does not have" in await refused(check, token(kid=None))  # of two it must be named
    await empty_database.execute(
        "MATCH (k:AccountKey {kid: $kid}) SET k.until = datetime.realtime()", {"kid": kid(ec("a1"))}
    )
    service._changed()
    await refused(check, token())
    await check.admit(token(key=ec("a4")))
    await service.rotate("atm", public(ec("a5")), by="root", keep_hours=0)
    await refused(check, token(key=ec("a4")))
    await check.admit(token(key=ec("a5")))
    with pytest.raises(AlreadyExists):  # a key that was given up stays given up
        await service.rotate("atm", public(ec("a4")), by="root")


async def test_the_same_change_once_more_changes_nothing(service: AccountService) -> None:
    made = await service.add("atm", public(ec("a1")), by="root")
    assert await service.add("atm", ec("a1").as_pem(private=False).decode(), by="another") == made
    changed = await service.rotate("atm", public(ec("a4")), by="root", keep_hours=1)
    again = await service.rotate("atm", public(ec("a4")), by="root", keep_hours=1)
    assert again == changed


async def test_ids_and_keys_are_taken_once(service: AccountService) -> None:
    await service.add("atm", public(ec("a1")), by="root")
    with pytest.raises(AlreadyExists, match="publicKey"):
        await service.add("web", public(ec("a1")), by="root")
    with pytest.raises(AlreadyExists, match="id"):
        await service.add("atm", public(ec("a4")), by="root")
    with pytest.raises(AlreadyExists, match="id"):
        await service.add("atm", public(ec("a1")), by="root", role=Role.ANALYST)
    await service.add("web", public(ec("a4")), by="root")
    with pytest.raises(AlreadyExists, match="publicKey"):
        await service.rotate("web", public(ec("a1")), by="root")
    assert [one.id for one in await service.all()] == ["atm", "web"]
    for work in (service.rotate("nobody", public(ec("a5")), by="root"), service.disable("nobody", by="root")):
        with pytest.raises(NotFound):
            await work


def short_rsa() -> str:
    key = generate_private_key(65537, 1024).public_key()  # noqa: S505 - to be refused
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    ("account", "key"),
    [
        ("ATM", public(ec("a1"))),
        ("a", public(ec("a1"))),
        ("account:x", public(ec("a1"))),
        ("x" * 64, public(ec("a1"))),
        ("atm\n", public(ec("a1"))),
        ("atm", ""),
        ("atm", "no key"),
        ("atm", "{"),
        ("atm", "{" * 5000),
        ("atm", "{}"),
        ("atm", "x" * 20_000),
        ("atm", ec("a1").as_pem(private=True).decode()),
        ("atm", json.dumps(ec("a1").as_dict(private=True))),
        ("atm", json.dumps({"kty": "oct", "k": "c2VjcmV0"})),
        ("atm", ECKey.generate_key("P-384").as_pem(private=False).decode()),
        ("atm", short_rsa()),
    ],
)
async def test_what_is_no_name_or_no_key_is_refused_without_repeating_it(
    service: AccountService, account: str, key: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        await service.add(account, key, by="root")
    assert raised.value.hint
    assert "PRIVATE" not in str(raised.value)
    assert await service.all() == []


async def test_strangers_cost_no_statements(service: AccountService, check: Verifier, empty_database: Database) -> None:
    await service.add("atm", public(ec("a1")), by="root")
    await check.admit(token())
    with empty_database.counting() as sent:
        for number in range(50):
            await refused(check, token(f"stranger-{number}"))
    assert len(sent) == 0


async def test_a_key_that_something_else_broke_serves_nobody(
    service: AccountService, check: Verifier, empty_database: Database
) -> None:
    await service.add("atm", public(ec("a1")), by="root")
    await empty_database.execute("MATCH (k:AccountKey) SET k.jwk = 'broken'")
    await refused(check, token())


# The command


def command(database_address: tuple[str, str], folder: Path, *arguments: str) -> Any:
    environment = {
        "NEO4J_URI": database_address[0],
        "NEO4J_PASSWORD": database_address[1],
        "GRAPH_CRM_DATA_DIR": str(folder / "data"),
        "GRAPH_CRM_JWT_AUDIENCE": AUDIENCE,
    }
    return CliRunner().invoke(app, ["account", *arguments], env=environment)


def run(database_address: tuple[str, str], folder: Path, *arguments: str) -> str:
    done = command(database_address, folder, *arguments)
    assert done.exit_code == 0, done.output
    return str(done.stdout)


async def in_thread(*arguments: Any) -> str:
    """The command in a thread of its own: it has its own event loop."""
    return await asyncio.to_thread(run, *arguments)


async def test_the_command_makes_an_account_its_keys_and_a_token_that_is_taken(
    service: AccountService, check: Verifier, neo4j_address: tuple[str, str], tmp_path: Path
) -> None:
    first, second = tmp_path / "atm.pem", tmp_path / "atm-2.pem"
    await in_thread(neo4j_address, tmp_path, "add", "atm", "--generate", str(first), "--description", "ATMs")
    if sys.platform != "win32":
        assert stat.S_IMODE(os.stat(first).st_mode) == 0o600  # noqa: PTH116 - no pathlib in a coroutine
    text = (await in_thread(neo4j_address, tmp_path, "token", "atm", "--key", str(first))).strip()
    assert (await check.admit(text)).caller.subject == "account:atm"
    await in_thread(neo4j_address, tmp_path, "rotate", "atm", "--generate", str(second), "--keep-hours", "0")
    service._changed()
    await refused(check, text)
    text = (await in_thread(neo4j_address, tmp_path, "token", "atm", "--key", str(second))).strip()
    await check.admit(text)
    (told,) = json.loads(await in_thread(neo4j_address, tmp_path, "list", "--json"))
    assert (told["id"], told["role"], len(told["keys"])) == ("atm", "service", 2)
    assert "in force" in await in_thread(neo4j_address, tmp_path, "list")
    await in_thread(neo4j_address, tmp_path, "disable", "atm")
    service._changed()
    await refused(check, text)
    assert [one.created_by.startswith("cli:") for one in await service.all()] == [True]


def test_no_key_is_overwritten_and_one_is_needed(neo4j_address: tuple[str, str], tmp_path: Path) -> None:
    there = tmp_path / "there.pem"
    there.write_text("mine")
    for arguments in (("add", "atm", "--generate", str(there)), ("add", "atm")):
        done = command(neo4j_address, tmp_path, *arguments)
        assert isinstance(done.exception, InvalidInput)
    assert there.read_text() == "mine"


def test_a_token_needs_a_private_key() -> None:
    private, public_half = new_pair()
    assert sign("atm", private, audience="x", seconds=60).count(".") == 2
    for text in (public_half, b"", b"nonsense", RSAKey.generate_key(2048).as_pem(private=False)):
        with pytest.raises(InvalidInput):
            sign("atm", text, audience="x", seconds=60)


def test_an_account_is_shown_whole() -> None:
    assert {"id", "role", "active", "keys", "created_by", "disabled_at"} <= set(ServiceAccount.__slots__)
