"""The audit as the settings say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from graph_crm.audit import acting
from graph_crm.audit.anchors import Anchors
from graph_crm.audit.keys import Keyring, keyring
from graph_crm.audit.kinds import AuditKind
from graph_crm.audit.reading import full
from graph_crm.audit.service import Audit
from graph_crm.graph.database import Database
from graph_crm.graph.timers import Work
from graph_crm.security.tokens import demo_secret
from graph_crm.settings import Settings


def keys_of(settings: Settings) -> Keyring:
    """The keys of these settings. Raises AuditKeyMissing."""
    configured, jwt_secret = settings.audit_key, settings.jwt_secret
    return keyring(
        configured.get_secret_value() if configured else None,
        [one.get_secret_value() for one in settings.audit_old_keys],
        provider=settings.jwks_url is not None or settings.jwks_file is not None,
        jwt_secret=jwt_secret.get_secret_value() if jwt_secret else None,
        demo_secret=demo_secret(settings.data_dir, create=False),
        data_dir=settings.data_dir,
    )


def audit_of(settings: Settings, database: Database) -> Audit:
    """The audit of ``database`` in this process: one, however often it is asked for with the same settings."""
    known = database.journal
    if isinstance(known, Audit) and known.settings == settings:
        return known
    made = Audit(database, lambda: keys_of(settings), settings=settings)
    made.attach()
    return made


@asynccontextmanager
async def audited(settings: Settings, database: Database) -> AsyncIterator[Audit]:
    """Write down what is done with ``database`` inside the block, and what waits at its end.

    A command that wrote nothing has read: that is what its entry says. Raises AuditKeyMissing before anything is done,
    and AuditFull at the end where what it read can't be written down: then it must not be shown.
    """
    audit = audit_of(settings, database)
    made = acting.current()
    if made is not None:
        audit.keys()
    try:
        yield audit
    finally:
        try:
            if made is not None and not audit.changes:
                kind = AuditKind.AUDIT if made.writes.startswith("audit ") else AuditKind.READ
                await audit.readings.shown(made.writes, made.about, made=made, kind=kind)
        finally:
            whole = await audit.close()
    if made is not None and not whole:
        raise full()


def anchor_file(settings: Settings) -> Path:
    """Where the anchors are."""
    return settings.audit_anchors or settings.data_dir / "audit" / "anchors.jsonl"


def anchors_of(settings: Settings, database: Database) -> Anchors:
    """What writes them."""
    return Anchors(database, lambda: keys_of(settings), anchor_file(settings))


def anchoring(settings: Settings, database: Database) -> dict[str, tuple[float, Work]]:
    """The timer that writes an anchor every minute."""
    return {"audit.anchor": (settings.audit_anchor_seconds, anchors_of(settings, database).drop)}
