"""What takes things in, built from the settings: documents, mails, sorting."""

from __future__ import annotations

import ssl
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from graph_crm.errors import ConfigurationError
from graph_crm.events.worker import Outside
from graph_crm.graph.database import Database
from graph_crm.graph.timers import Work
from graph_crm.requests.attachments.content import DEFAULT_TYPES
from graph_crm.requests.attachments.service import SCAN, AttachmentService
from graph_crm.requests.attachments.store import FileStore, Storage
from graph_crm.requests.desk import Desk
from graph_crm.requests.mailbox.headers import address
from graph_crm.requests.mailbox.intake import MailIntake, MailPolicy
from graph_crm.requests.mailbox.polling import Mailbox, MailPoller
from graph_crm.requests.mailbox.reading import MailArchive
from graph_crm.requests.mailbox.receiver import receiving
from graph_crm.requests.service import RequestService
from graph_crm.requests.sorting.service import SortingService
from graph_crm.requests.sorting.sorter import DeskSorter
from graph_crm.requests.web_form import FormPolicy, WebForm
from graph_crm.rules.manager import RuleBook
from graph_crm.settings import Settings


def sorting_model(settings: Settings) -> Path:
    """The file of the trained classifier."""
    return settings.sorting_model or settings.data_dir / "sorting" / "model.npz"


def sorter(settings: Settings, desk: Desk, book: RuleBook | None) -> DeskSorter:
    """What finds the category of a request. Raises ConfigurationError for keyword rules that can't be read."""
    return DeskSorter(desk, book, model=sorting_model(settings), threshold=settings.sorting_threshold)


class IntakeParts:
    """Documents, mails and sorting of one process."""

    def __init__(
        self, settings: Settings, database: Database, book: RuleBook, requests: RequestService, sorts: DeskSorter
    ) -> None:
        self._settings = settings
        files = FileStore(database, Storage(settings.attachments_url or str(settings.data_dir / "attachments")))
        self.sorts = sorts
        self.attachments = AttachmentService(
            database,
            files,
            book,
            largest=settings.attachment_bytes,
            types=settings.attachment_types or DEFAULT_TYPES,
        )
        self.archive = MailArchive(database, files)
        self.sorting = SortingService(database, sorts)
        written = {*settings.mail_addresses, *([settings.smtp_from] if settings.smtp_from else [])}
        own = frozenset(map(_address, written))
        self.web_form = WebForm(
            database,
            requests,
            FormPolicy(
                allowed=settings.web_form,
                own=own,
                most_of_one=settings.web_form_most_an_hour,
                most_of_all=settings.web_form_most_of_all,
                most_strangers=settings.mail_most_strangers,
            ),
        )
        self.intake = MailIntake(
            database,
            requests,
            self.attachments,
            MailPolicy(
                own=own,
                trusted=settings.mail_trusted_server,
                most_an_hour=settings.mail_most_an_hour,
                most_strangers=settings.mail_most_strangers,
                keep_days=settings.mail_keep_days,
            ),
        )

    def services(self) -> tuple[object, ...]:
        """What the platform provides."""
        return self, self.attachments, self.archive, self.intake, self.sorting, self.web_form

    def outside(self) -> dict[str, Outside]:
        """Topics of the outbox that talk to what is outside the database."""
        return {SCAN: self.attachments.scan}

    def timers(self) -> dict[str, tuple[float, Work]]:
        """What comes back by the clock."""
        return {**self.attachments.timers(), **self.archive.timers(), **self.intake.timers()}

    def receiver(self) -> AbstractAsyncContextManager[int]:
        """The SMTP receiver of these settings, listening inside the block that gives its port."""
        settings = self._settings
        return receiving(
            self.intake,
            host=settings.mail_host,
            port=settings.mail_port,
            addresses=settings.mail_addresses,
            largest=settings.mail_bytes,
            tls=_certificate(settings),
        )

    def poller(self) -> MailPoller:
        """The poller of the mailbox of these settings. Raises ConfigurationError where none is set."""
        settings = self._settings
        if settings.imap_host is None or settings.imap_user is None or settings.imap_password is None:
            raise ConfigurationError(
                "No mailbox is set to be polled.",
                hint="Set GRAPH_CRM_IMAP_HOST, GRAPH_CRM_IMAP_USER and GRAPH_CRM_IMAP_PASSWORD.",
            )
        return MailPoller(
            self.intake,
            Mailbox(
                host=settings.imap_host,
                port=settings.imap_port,
                tls=settings.imap_tls,
                user=settings.imap_user,
                password=settings.imap_password.get_secret_value(),
                folder=settings.imap_folder,
                done_folder=settings.imap_done_folder,
                largest=settings.mail_bytes,
            ),
        )


def _address(written: str) -> str:
    """The address in ``written``, which may have a name before it. Raises ConfigurationError where there is none."""
    found = address(written)[0]
    if found is None:
        raise ConfigurationError(
            f"{written!r} is no mail address.", hint="Correct GRAPH_CRM_MAIL_ADDRESSES or GRAPH_CRM_SMTP_FROM."
        )
    return found


def _certificate(settings: Settings) -> ssl.SSLContext | None:
    if settings.mail_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.mail_certificate, settings.mail_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"The certificate of the receiver of mails can't be used: {error}.",
            hint="GRAPH_CRM_MAIL_CERTIFICATE is its chain, GRAPH_CRM_MAIL_KEY its key, both in PEM.",
        ) from error
    return context
