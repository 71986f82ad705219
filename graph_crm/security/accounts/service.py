"""The use cases of service accounts: make one, give it a new key, end it, list them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from graph_crm.errors import AlreadyExists, InvalidInput, NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.security.accounts import cypher
from graph_crm.security.keys import PublicKey, read_pem
from graph_crm.security.roles import Role

ROLES: Final = (Role.SERVICE, Role.AGENT, Role.ANALYST, Role.AUDITOR)
"""What an account may be: a system that serves customers, or one that reads. None that changes who may do what."""
KEEP_OLD_HOURS: Final = 24.0
"""So long an old key signs beside a new one, unless somebody says otherwise."""
LONGEST_KEEP_HOURS: Final = 24.0 * 30
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}")
_LONGEST_KEY: Final = 10_000
_LONGEST_DESCRIPTION: Final = 200


@dataclass(frozen=True, slots=True)
class AccountKey:
    """A key that an account signs with: the name that its tokens carry in ``kid``, and until when it is good."""

    kid: str
    added_at: dt.datetime
    added_by: str
    until: dt.datetime | None


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """Another system of the bank that may call, and what it signs with."""

    id: str
    role: Role
    description: str | None
    active: bool
    created_at: dt.datetime
    created_by: str
    disabled_at: dt.datetime | None
    disabled_by: str | None
    keys: tuple[AccountKey, ...]


class AccountService:
    """Keeps the accounts. ``changed`` is told of every change, so that this process heeds it at once."""

    def __init__(self, database: Database, *, changed: Callable[[], None] | None = None) -> None:
        self._database = database
        self._changed = changed or _nothing

    async def add(
        self,
        account_id: str,
        public_key: str,
        *,
        by: str,
        role: str = Role.SERVICE.value,
        description: str | None = None,
    ) -> ServiceAccount:
        """Make an account with its first key (PEM or JWK, the public half); the same once more changes nothing.

        Raises: InvalidInput, AlreadyExists where the id or the key is taken.
        """
        _checked_id(account_id)
        if role not in ROLES:
            raise _refuse("role", "is none of a service account", f"Send one of {', '.join(ROLES)}.")
        key = _key(public_key)
        given = {
            "id": account_id,
            "role": str(role),
            "description": _description(description),
            "by": by,
            "kid": key.kid,
            "jwk": _jwk(key),
        }

        async def work(tx: Transaction) -> None:
            row = (await tx.run(cypher.ADD, given))[0]
            if not row["keyIsItsOwn"]:
                raise AlreadyExists(
                    "publicKey: another account signs with this key", hint="Make a new one.", field="publicKey"
                )
            if not row["same"]:
                raise AlreadyExists(
                    "id: there is another account, or was, with this id",
                    hint="Send another id; `rotateServiceAccount` gives an account another key.",
                    field="id",
                )

        await self._database.write(work, idempotent=True)
        return await self._told(account_id)

    async def rotate(
        self, account_id: str, public_key: str, *, by: str, keep_hours: float = KEEP_OLD_HOURS
    ) -> ServiceAccount:
        """Give an account another key; those it has end after ``keep_hours``, 0: at once.

        Raises: InvalidInput, NotFound, AlreadyExists where another account has the key.
        """
        if not 0 <= keep_hours <= LONGEST_KEEP_HOURS:
            raise _refuse("keepOldHours", "is out of range", f"Send 0 to {LONGEST_KEEP_HOURS:g}.")
        key = _key(public_key)
        given = {"id": account_id, "kid": key.kid, "jwk": _jwk(key), "by": by, "keep": round(keep_hours * 3600)}

        async def work(tx: Transaction) -> None:
            await self._lock(tx, account_id, in_force=True)
            if not await tx.run(cypher.ROTATE, given):
                raise AlreadyExists(
                    "publicKey: another account signs with this key, or this one gave it up",
                    hint="Make a new one.",
                    field="publicKey",
                )

        await self._database.write(work, idempotent=True)
        return await self._told(account_id)

    async def disable(self, account_id: str, *, by: str) -> ServiceAccount:
        """End an account for good: a new one needs another id. Its tokens end within seconds. Raises NotFound."""

        async def work(tx: Transaction) -> None:
            await self._lock(tx, account_id, in_force=False)
            await tx.run(cypher.DISABLE, {"id": account_id, "by": by})

        await self._database.write(work, idempotent=True)
        return await self._told(account_id)

    async def all(self) -> list[ServiceAccount]:
        """Every account, ended ones too, by id."""
        return [_account(row) for row in await self._database.read(cypher.ALL)]

    async def _lock(self, tx: Transaction, account_id: str, *, in_force: bool) -> None:
        rows = await tx.run(cypher.LOCK, {"id": account_id})
        if not rows:
            raise NotFound("id: there is no such account", hint="See serviceAccounts.", field="id")
        if in_force and not rows[0]["active"]:
            raise _refuse("id", "this account was ended", "Make a new one with another id.")

    async def _told(self, account_id: str) -> ServiceAccount:
        self._changed()
        return _account((await self._database.read(cypher.ONE, {"id": account_id}))[0])


def _nothing() -> None:
    """Nobody has to be told."""


def _checked_id(account_id: str) -> None:
    if not _ID.fullmatch(account_id):
        raise _refuse(
            "id",
            "is no name of an account",
            "Send 2 to 63 small letters, digits, dots, dashes, for example atm-switch.",
        )


def _description(text: str | None) -> str | None:
    if text is None or not text.strip():
        return None
    if len(text) > _LONGEST_DESCRIPTION or not text.isprintable():
        raise _refuse("description", "is too long, or has more than one line", "Send one short line.")
    return text.strip()


def _key(text: str) -> PublicKey:
    if len(text) > _LONGEST_KEY:
        raise _refuse("publicKey", "is too long", "Send one key.")
    try:
        return read_pem(text.encode())
    except (ValueError, TypeError, RecursionError) as error:
        why = str(error) if isinstance(error, ValueError) else "it can't be read"
        raise _refuse(
            "publicKey", why, "Send the public key in PEM or as JWK: ES256, RS256 (2048 bits or more), Ed25519."
        ) from None


def _jwk(key: PublicKey) -> str:
    return orjson.dumps(key.key.as_dict(private=False), option=orjson.OPT_SORT_KEYS).decode()


def _refuse(field: str, message: str, hint: str) -> InvalidInput:
    return InvalidInput(f"{field}: {message}", hint=hint, field=field)


def _account(row: Mapping[str, Any]) -> ServiceAccount:
    return ServiceAccount(
        id=row["id"],
        role=Role(row["role"]),
        description=row["description"],
        active=row["active"],
        created_at=_instant(row["createdAt"]),
        created_by=row["createdBy"],
        disabled_at=None if row["disabledAt"] is None else _instant(row["disabledAt"]),
        disabled_by=row["disabledBy"],
        keys=_keys(row["keys"]),
    )


def _keys(rows: Sequence[Mapping[str, Any]]) -> tuple[AccountKey, ...]:
    return tuple(
        AccountKey(
            one["kid"],
            _instant(one["addedAt"]),
            one["addedBy"],
            None if one["until"] is None else _instant(one["until"]),
        )
        for one in rows
    )


def _instant(milliseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
