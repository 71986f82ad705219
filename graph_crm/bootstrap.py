"""The one place where the parts are wired: Neo4j (embedded or yours), migrations, rules, tokens, workers.

Commands and tests open what they need as blocks and get it closed in the right order::

    async with running(load()) as platform:
        ...
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from graph_crm import logs, texts
from graph_crm.api.platform import Platform
from graph_crm.audit.wiring import anchoring, audit_of, audited, keys_of
from graph_crm.calls.becoming_requests import caller_of, service_desk
from graph_crm.calls.call_list import CallList
from graph_crm.calls.incoming import SETTLE, IncomingCalls
from graph_crm.calls.outcomes import CallOutcomes
from graph_crm.calls.remembering import as_event
from graph_crm.consent.protection import ProtectionService
from graph_crm.contacts import ledger
from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.kinds import Channel
from graph_crm.contacts.overrides import OverrideService
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.authoring.reports import RuleReports
from graph_crm.decisions.authoring.switching import RuleSwitching
from graph_crm.decisions.bank import Terms
from graph_crm.decisions.control import membership
from graph_crm.decisions.gates import ControlGroup
from graph_crm.decisions.learning import store as learning
from graph_crm.decisions.offers.keeping import DUE, OfferKeeper
from graph_crm.decisions.reconsidering import Reconsideration
from graph_crm.decisions.scanning import RuleScan
from graph_crm.decisions.service import DecisionService
from graph_crm.delivery.channels import mail, sms_receipts
from graph_crm.delivery.channels.folder import folder_channels
from graph_crm.delivery.channels.letter import letter_channel
from graph_crm.delivery.channels.push import push_channel
from graph_crm.delivery.channels.sms import sms_channel
from graph_crm.delivery.channels.sms_receipts import SmsReceipts
from graph_crm.delivery.moving_on import UNDELIVERED
from graph_crm.delivery.queueing import DUE as DELIVERIES
from graph_crm.delivery.screens import Screens
from graph_crm.delivery.templates.library import Templates
from graph_crm.delivery.unsubscribe import Unsubscriber
from graph_crm.delivery.wiring import DeliveryParts, at_once
from graph_crm.errors import ConfigurationError
from graph_crm.events.catalogue import EventCatalogue, catalogue_of
from graph_crm.events.counting import EventCounting
from graph_crm.events.keeping import RetentionPolicy
from graph_crm.events.retention import EventRetention
from graph_crm.events.service import RECORDED, EventService
from graph_crm.events.worker import Worker
from graph_crm.graph import clock_watch
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.engine import Address, Engine, EngineConfig, Progress
from graph_crm.graph.engine.config import no_progress
from graph_crm.graph.migrations import Migrator
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.graph.timers import Timers
from graph_crm.importing.demo_desk import seed_demo
from graph_crm.interest.birthdays import BirthdayService
from graph_crm.interest.service import InterestKeeper
from graph_crm.merging import service as merging
from graph_crm.parties.writes import CLOSED
from graph_crm.privacy.wiring import PrivacyParts
from graph_crm.requests.alarms import RequestAlarms
from graph_crm.requests.analytics.service import RequestAnalytics
from graph_crm.requests.attachments.enclosing import enclosing
from graph_crm.requests.attachments.service import AttachmentService
from graph_crm.requests.complaints.complaints import Complaints
from graph_crm.requests.complaints.rules import ComplaintRules
from graph_crm.requests.complaints.survey import SurveyLinks, SurveyService
from graph_crm.requests.desk import Desk
from graph_crm.requests.knowledge import solving
from graph_crm.requests.links import RequestLinks
from graph_crm.requests.mailbox.wiring import IntakeParts, sorter
from graph_crm.requests.service import RequestService
from graph_crm.requests.undelivered import noting
from graph_crm.resources import folder
from graph_crm.rules.delivery import DeliveryChannel
from graph_crm.rules.delivery_hooks import delivery_channels
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.snapshot import PartyFacts
from graph_crm.security import issuers
from graph_crm.security.page_keys import PageKeys
from graph_crm.security.sight import Sights
from graph_crm.security.tokens import Verifier, signing_secret
from graph_crm.sessions.kinds import SessionKind
from graph_crm.sessions.service import SessionService
from graph_crm.settings import Settings
from graph_crm.staff.roster import Roster
from graph_crm.staff.service import StaffService

BULK_SLOW_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 300.0
"""Between two looks whether something speaks against a reserved contact by now."""
EXPIRE_SECONDS = 30.0
"""Between two looks for reserved contacts whose time is over."""

log = logs.get(__name__)


def engine(settings: Settings) -> Engine:
    """The embedded Neo4j of these settings, neither installed nor started by this call."""
    return Engine(
        EngineConfig(
            data_dir=settings.data_dir,
            cache_dir=settings.cache_dir,
            version=settings.engine_version,
            repository=str(settings.engine_repository) if settings.engine_repository else None,
            source=settings.engine_source,
            heap_mb=settings.engine_heap_mb,
            pagecache_mb=settings.engine_pagecache_mb,
        )
    )


@asynccontextmanager
async def neo4j(settings: Settings, *, progress: Progress = no_progress) -> AsyncIterator[Settings]:
    """The settings with the address of a Neo4j that runs: yours, or the embedded one.

    The embedded one is installed and started where that is needed. Who starts it stops it: when another process of
    this machine runs it already, this one only connects.
    """
    if not settings.embedded:
        yield settings
        return
    own = engine(settings)
    address = await asyncio.to_thread(own.ensure_running, progress)
    log.info("engine_ready", uri=address.uri, owned=address.owned)
    try:
        yield _with_address(settings, address)
    finally:
        if address.owned:
            await asyncio.to_thread(own.stop)
            log.info("engine_stopped")


def _with_address(settings: Settings, address: Address) -> Settings:
    return settings.model_copy(
        update={
            "neo4j_uri": address.uri,
            "neo4j_username": address.user,
            "neo4j_password": SecretStr(address.password),
            "neo4j_database": address.database,
        }
    )


@asynccontextmanager
async def connected(
    settings: Settings, *, migrated: bool = True, progress: Progress = no_progress
) -> AsyncIterator[Database]:
    """A database to work with: migrated first, unless ``migrated`` is False."""
    async with neo4j(settings, progress=progress) as found:
        password = found.neo4j_password
        database = await Database.connect(
            str(found.neo4j_uri),
            found.neo4j_username,
            password.get_secret_value() if password else "",
            name=found.neo4j_database,
            timeout=found.neo4j_timeout,
            patience=found.neo4j_patience,
            pool_size=found.neo4j_pool_size,
            slow=found.neo4j_slow,
        )
        try:
            async with clock_watch.watched(database):
                if migrated:
                    await migrator(database).migrate()
                    async with audited(settings, database):
                        yield database
                else:
                    yield database
        finally:
            await database.close()


def for_bulk(settings: Settings) -> Settings:
    """The settings for a long load, whose statements write thousands of rows each: slow is something else there."""
    return settings.model_copy(update={"neo4j_slow": max(settings.neo4j_slow, BULK_SLOW_SECONDS)})


def migrator(database: Database) -> Migrator:
    """What brings ``database`` up to this version."""
    return Migrator(database, folder("schema") / "migrations")


def rules(settings: Settings) -> RuleBook:
    """The rules of these settings: the shipped plugins, your folder, the installed entry points."""
    return RuleBook.load(settings.plugin_folders, modes=settings.rule_modes, seconds=settings.plugin_seconds)


def terms(settings: Settings, book: RuleBook) -> Terms:
    """What the bank has settled in its files and settings; the contact limits of plugins are added to the policy's."""
    return Terms(
        policy=ContactPolicy.load(settings.contact_policy).with_limits(
            book.contact_limits, unknown=book.limits_unknown
        ),
        exploration=settings.exploration,
        levers=settings.levers,
        control=ControlGroup(settings.control_share, settings.control_salt),
        hold=timedelta(hours=settings.reservation_hours),
        offer_life=timedelta(days=settings.offer_days),
    )


def event_retention(settings: Settings, catalogue: EventCatalogue, contacts: ContactPolicy) -> RetentionPolicy:
    """How long raw events are kept: the file of these settings, with what the types of plugins say."""
    keeping = RetentionPolicy.load(settings.event_retention).with_types(catalogue)
    keeping.require(contacts)
    return keeping


def event_services(
    settings: Settings, database: Database, book: RuleBook, agreed: Terms
) -> tuple[EventService, SessionService]:
    """What records events, with everything that follows them: sessions and interest; and what keeps sessions."""
    catalogue = catalogue_of(book)
    keeping = event_retention(settings, catalogue, agreed.policy)
    silence = {SessionKind(kind): minutes for kind, minutes in settings.session_minutes.items()}
    sessions = SessionService(database, minutes=silence)
    interest = InterestKeeper(settings.interest_half_life_days)
    return EventService(database, catalogue, effects=[sessions.join, interest.note], keeping=keeping), sessions


def request_services(
    settings: Settings, database: Database, book: RuleBook, events: EventService
) -> tuple[object, ...]:
    """The service desk: requests with everything that follows them, what time does to them, who answers them.

    And what takes them in: documents, mails, sorting.
    """
    roster = Roster(database)
    keys = PageKeys(link_secret(settings))
    service_desk = Desk.load(settings.service_desk)
    rules_of_complaints = ComplaintRules.load(settings.complaint_rules)
    sorts = sorter(settings, service_desk, book)
    requests = RequestService(
        database,
        service_desk,
        book=book,
        links=RequestLinks(settings.public_url, keys),
        roster=roster,
        sorter=sorts,
        effects=[Complaints(events, rules_of_complaints).heed, solving.heed],
        complaint_days=rules_of_complaints.reopen_days,
    )
    intake = IntakeParts(settings, database, book, requests, sorts)
    surveys = SurveyService(
        database, SurveyLinks(link_secret(settings), settings.public_url), rules=rules_of_complaints
    )
    return (
        requests,
        keys,
        RequestAlarms(database, requests),
        StaffService(database, roster=roster),
        surveys,
        RequestAnalytics(database, service_desk),
        *intake.services(),
    )


def channels(settings: Settings, book: RuleBook) -> list[DeliveryChannel]:
    """The ways on which messages leave the bank: those of plugins, then those that these settings set up."""
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
    return [
        *delivery_channels(book),
        *mail.from_settings(
            settings.smtp_host,
            settings.smtp_port,
            settings.smtp_tls,
            settings.smtp_user,
            password,
            settings.smtp_from,
            settings.smtp_reply_to,
        ),
        *(one for one in (sms_channel(settings), push_channel(settings), letter_channel(settings)) if one),
        *folder_channels(settings),  # the last: of two channels that carry the same the first is used
    ]


def deliveries(
    settings: Settings, database: Database, book: RuleBook, agreed: Terms, desk: ContactDesk
) -> DeliveryParts:
    """What sends messages, brings offers to their places, and takes what comes back."""
    return DeliveryParts.made(
        database,
        channels(settings, book),
        Templates.load(folder("seed") / "templates", settings.templates_dir),
        Unsubscriber(database, link_secret(settings), settings.public_url),
        desk=desk,
        policy=lambda: agreed.policy,
        kept_out=kept_out(agreed),
        attempts=settings.delivery_attempts,
        patience=timedelta(hours=settings.delivery_hours),
        hold=agreed.hold,
    )


def link_secret(settings: Settings) -> str:
    """What links in messages are signed with: the secret of the tokens.

    Without one, which `running` refuses, links are good for as long as the process lives.
    """
    try:
        return secret(settings)
    except ConfigurationError:
        return secrets.token_urlsafe(48)


def kept_out(agreed: Terms) -> Callable[[PartyFacts], bool]:
    """Whom nothing is promoted to: the control group."""
    group = agreed.control
    return lambda party: membership(party, share=group.share, salt=group.salt).inside


def contact_desk(database: Database, agreed: Terms) -> ContactDesk:
    """The contact desk under the bank's policy, which keeps promotion from the control group."""
    return ContactDesk(database, lambda: agreed.policy, kept_out=kept_out(agreed))


def wired(settings: Settings, database: Database, check: Verifier, book: RuleBook) -> Platform:
    """The platform, with the services that need more than the database."""
    sights = Sights(link_secret(settings), notes=True)
    platform = Platform(settings=settings, database=database, verifier=check, rules=book, sights=sights)
    platform.provide(audit_of(settings, database))
    agreed = terms(settings, book)
    desk = contact_desk(database, agreed)
    events, sessions = event_services(settings, database, book, agreed)
    keeping = events.keeping
    call_list = CallList(database, lambda: agreed.policy)
    screens = Screens(database, lambda: agreed.policy)
    delivery = deliveries(settings, database, book, agreed, desk)
    delivery.placing.add(Channel.PHONE, call_list.place)
    delivery.placing.add(Channel.ATM, screens.place)
    delivery.placing.add(Channel.ONLINE, screens.place)
    for service in (
        delivery,
        delivery.sending,
        delivery.receipts,
        SmsReceipts(database, settings.sms_callback_key, delivery.receipts),
        delivery.unsubscriber,
        issuers.accounts(database, check),
        *request_services(settings, database, book, events),
        *PrivacyParts(settings, database, link_secret(settings)).services(),
        merging.MergeService(database, lambda: agreed.policy),
        events,
        sessions,
        EventRetention(database, keeping),
        EventCounting(database, keeping),
        BirthdayService(database, events),
        desk,
        OverrideService(database, lambda: agreed.policy),
        RuleSwitching(database, book),
        RuleReports(database, book),
        DecisionService(database, book, agreed, desk=desk),
        RuleScan(database, book, agreed, desk=desk),
        Reconsideration(database, book, agreed, desk=desk),
        call_list,
        screens,
        CallOutcomes(database, protection=ProtectionService(database, lambda: agreed.policy)),
        IncomingCalls(
            database,
            call_list,
            open_request=service_desk(lambda: platform.service(RequestService)),
            tell_caller=caller_of(database, lambda: platform.service(RequestService)),
            remember=as_event(events, sessions),
        ),
    ):
        platform.provide(service)
    delivery.sending.read_attachments = enclosing(platform.service(AttachmentService))
    return platform


def verifier(settings: Settings) -> Verifier:
    """Checks tokens as these settings say. Raises ConfigurationError without a secret, which signs links as well."""
    return issuers.verifier(settings, secret(settings))


def secret(settings: Settings) -> str:
    """What tokens are signed with: the configured secret, or in the demo the one that it made."""
    configured = settings.jwt_secret.get_secret_value() if settings.jwt_secret else None
    return signing_secret(configured, settings.data_dir, demo=settings.demo)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Platform]:
    """The whole platform: database connected and migrated, rules loaded, token check ready."""
    check = verifier(settings)  # first: a missing secret is told before anything is started
    keys_of(settings)
    loaded = rules(settings)
    texts.use(texts.Texts.load(settings.texts_dir))
    async with connected(settings) as database:
        yield wired(settings, database, check, loaded)


def worker(platform: Platform, *, concurrency: int | None = None) -> Worker:
    """The worker of this process: what each topic of the outbox leads to. ``concurrency`` overrules the setting."""
    decisions = platform.service(DecisionService)
    waiting = platform.service(Reconsideration)

    protection = ProtectionService(platform.database, lambda: decisions.terms.policy)

    async def decide(tx: Transaction, entries: Sequence[OutboxEntry]) -> None:
        # All ledgers are locked at once, whoever needs them: two such transactions never wait for each other.
        heeded = [entry for entry in entries if protection.concerned(entry)]
        decided = [entry for entry in entries if decisions.cares(entry)]
        parties = {entry.partition_key for entry in (*heeded, *decided)}
        locked = await ledger.lock_parties(tx, parties) if parties else None
        if locked is not None:
            await protection.heed_many(tx, heeded, locked)
            await decisions.decide_for_events(tx, decided, locked=locked)

    async def reconsider(tx: Transaction, entry: OutboxEntry) -> None:
        await waiting.reconsider(tx, entry)

    async def learn(tx: Transaction, entry: OutboxEntry) -> None:
        await protection.heed_refusal(tx, entry)
        await learning.learn(tx, entry)

    delivery = platform.service(DeliveryParts)
    topics = {
        DUE: reconsider,
        learning.TOPIC: learn,
        CLOSED: protection.close,
        **delivery.topics(),
        **platform.service(RequestAlarms).topics(),
        **platform.service(SurveyService).topics(),
    }
    intake = platform.service(IntakeParts)
    outside = {**delivery.outside(), **intake.outside(), **platform.service(PrivacyParts).outside()}
    outside[merging.TOPIC] = platform.service(merging.MergeService).carry_on
    outside[SETTLE] = platform.service(IncomingCalls).settle
    outside[UNDELIVERED] = noting(platform.service(RequestService))
    outside[sms_receipts.TOPIC] = platform.service(SmsReceipts).settle
    return Worker(
        platform.database,
        topics,
        batches={RECORDED: decide},
        outside=outside,
        many={DELIVERIES: at_once(concurrency or platform.settings.worker_concurrency)},
        concurrency=concurrency or platform.settings.worker_concurrency,
        lease=platform.settings.worker_lease,
        stop_within=platform.settings.shutdown_timeout,
    )


def timers(platform: Platform) -> Timers:
    """What comes back by the clock: of all worker processes one does it when it is due."""
    scan = platform.service(RuleScan)
    expiring = platform.service(ContactDesk)
    decisions = platform.service(DecisionService)
    protection = ProtectionService(platform.database, lambda: decisions.terms.policy)
    return Timers(
        platform.database,
        {
            "rules.scan": (platform.settings.scan_hours * 3600, scan.run),
            "reservations.expire": (EXPIRE_SECONDS, expiring.expire),
            "reservations.look_again": (LOOK_AGAIN_SECONDS, protection.look_again),
            **anchoring(platform.settings, platform.database),
            **platform.service(OfferKeeper).timers(),
            **platform.service(DeliveryParts).timers(),
            **platform.service(SessionService).timers(),
            **platform.service(EventRetention).timers(),
            **platform.service(BirthdayService).timers(),
            **platform.service(IncomingCalls).timers(),
            **platform.service(RequestAlarms).timers(),
            **platform.service(IntakeParts).timers(),
            **platform.service(PrivacyParts).timers(),
        },
    )


async def is_empty(database: Database) -> bool:
    """Whether the bank has no customer yet."""
    rows = await database.read("MATCH (party:Party) RETURN count(party) AS parties")
    return not rows[0]["parties"]


async def seed(database: Database, settings: Settings, progress: Progress = no_progress) -> None:
    """Fill the graph with the generated demo bank of these settings; its history ends today."""
    await seed_demo(
        database,
        customers=settings.seed_customers,
        seed=settings.random_seed,
        as_of=datetime.now(UTC).date(),
        progress=progress,
    )
