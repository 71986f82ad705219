"""A write that is sent twice has its effect once: the key is claimed in the transaction of the effect.

The claim is the transaction's first statement. It locks the key's node, so of several requests with one key the first
does the work and the others wait for it and read what it stored. A crash before the commit leaves no claim behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from graph_crm.errors import IdempotencyKeyReused, InvalidInput
from graph_crm.graph.database import Transaction

MAX_KEY_LENGTH = 200

CLAIM = """
MERGE (k:IdempotencyKey {key: $key})
ON CREATE SET k.digest = $digest, k.at = datetime.realtime()
SET k.lock = coalesce(k.lock, 0) + 1
WITH k
RETURN k.digest AS digest, k.result AS result
"""

REMEMBER = "MATCH (k:IdempotencyKey {key: $key}) SET k.result = $result"


def digest_of(given: Any) -> str:
    """A fingerprint of an input: equal for equal inputs, whatever the order of their fields."""
    return hashlib.sha256(orjson.dumps(given, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()


async def claim(tx: Transaction, scope: str, key: str, digest: str) -> Any | None:
    """Claim a key for this transaction; None when the work is to be done, otherwise the result stored before.

    ``scope`` (the use case) keeps equal keys of different use cases apart. Must be the first statement of ``tx``.

    Raises: IdempotencyKeyReused where the key came before with another input, InvalidInput for an unusable key.
    """
    row = (await tx.run(CLAIM, {"key": _scoped(scope, key), "digest": digest}))[0]
    if row["digest"] != digest:
        raise IdempotencyKeyReused(
            "This idempotency key was used before with another input", hint="Use a new key for a new request"
        )
    return None if row["result"] is None else orjson.loads(row["result"])


async def remember(tx: Transaction, scope: str, key: str, result: Any) -> None:
    """Store the result (JSON-safe, not None) under a key that this transaction claimed."""
    await tx.run(REMEMBER, {"key": _scoped(scope, key), "result": orjson.dumps(result).decode()})


async def once(tx: Transaction, scope: str, key: str | None, given: Any, effect: Callable[[], Awaitable[Any]]) -> Any:
    """The result of ``effect``, which runs at most once for a key; without a key it simply runs.

    ``given`` is the input that the key stands for; the result must be JSON-safe and not None.
    """
    if key is None:
        return await effect()
    stored = await claim(tx, scope, key, digest_of(given))
    if stored is not None:
        return stored
    result = await effect()
    await remember(tx, scope, key, result)
    return result


def _scoped(scope: str, key: str) -> str:
    if not key.strip() or len(key) > MAX_KEY_LENGTH:
        raise InvalidInput(f"An idempotency key has 1 to {MAX_KEY_LENGTH} characters", field="idempotencyKey")
    return f"{scope}:{key}"
