"""Messages as files in a folder, for trying out and staging: nothing leaves this machine, and each can be read.

A mail is an .eml file as the mail server would get it, text and push messages are .txt, letters PDF. A file is there
as a whole or not at all, and once for each message.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from email import message_from_bytes
from email.policy import SMTP as SMTP_POLICY
from email.policy import default
from email.utils import parseaddr
from pathlib import Path
from typing import Final

from graph_crm import logs
from graph_crm.contacts.kinds import Channel
from graph_crm.delivery.channels import push, sms
from graph_crm.delivery.channels.mail import MailServer, composed, mailbox
from graph_crm.delivery.channels.sms_text import sms_size
from graph_crm.parties.checks import utc_now
from graph_crm.rules.delivery import Capability, DeliveryChannel, Outgoing, Refused, Sent, TryLater
from graph_crm.settings import Settings

NAME: Final = "folder"
"""The name of all channels of this kind."""
SENDER: Final = "Your bank <service@bank.example>"
"""Who writes where no setting says it."""
_SAFE: Final = re.compile(r"[^A-Za-z0-9._@+-]+")
_LONGEST_RECIPIENT: Final = 60

log = logs.get(__name__)

Form = Callable[[Outgoing], bytes]


class FolderChannel(DeliveryChannel):
    """Puts the messages of one kind into a folder instead of sending them."""

    name = NAME

    def __init__(
        self,
        folder: Path,
        channel: Channel,
        ending: str,
        form: Form,
        capability: Capability,
        *,
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self._folder = folder
        self.channel = channel.value
        self._ending = ending
        self._form = form
        self.capability = capability
        self._clock = clock

    async def send(self, message: Outgoing) -> Sent:
        """Write the message; its file's name is what it is known by. Raises Bounced, Refused, TryLater."""
        content = await asyncio.to_thread(self._form, message)
        try:
            name = await asyncio.to_thread(self._write, message, content)
        except OSError as error:
            raise TryLater(f"The folder {self._folder} can't be written: {error.strerror or error}") from error
        log.info("message_in_folder", delivery=message.id, channel=self.channel)  # its name holds the address
        return Sent(provider_id=name)

    def _write(self, message: Outgoing, content: bytes) -> str:
        """Write the whole file or nothing. At a repeat the file that is there already stays the only one."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # what customers are told is nobody else's business
        ending = f"_{hashlib.sha256(message.key.encode()).hexdigest()[:12]}{self._ending}"
        if message.attempt > 1:
            with os.scandir(self._folder) as files:
                for written in files:
                    if written.name.endswith(ending):
                        return written.name
        name = f"{file_time(self._clock())}_{self.channel}_{file_recipient(message.to)}{ending}"
        number, half = tempfile.mkstemp(dir=self._folder, prefix=".", suffix=".part")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(half).replace(self._folder / name)
        except BaseException:
            Path(half).unlink(missing_ok=True)
            raise
        return name


def read_messages(folder: Path, to: str, most: int) -> list[tuple[str, str]]:
    """Names and texts of the last messages in ``folder`` to whom has ``to`` in the address, the latest last."""
    wanted = _SAFE.sub("-", to)
    if not folder.is_dir():
        return []
    names = sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
    chosen = [name for name in names if wanted in "_".join(name.split("_")[2:-1])][-most:]
    return [(name, _readable(folder / name)) for name in chosen]


def _readable(file: Path) -> str:
    """A message as people read it: of a mail who, to whom, about what, the text and the names of what is enclosed."""
    if file.suffix == ".pdf":
        return f"A letter: {file}"
    if file.suffix != ".eml":
        return file.read_text("utf-8")
    mail = message_from_bytes(file.read_bytes(), policy=default)
    text = mail.get_body(("plain",))
    enclosed = [f"Enclosed: {one.get_filename()}" for one in mail.iter_attachments()]
    head = [f"{name}: {mail[name]}" for name in ("From", "To", "Subject")]
    return "\n".join([*head, *enclosed, "", text.get_content() if text is not None else ""])


def file_time(now: dt.datetime) -> str:
    """The beginning of a file's name: names in order are messages in order. Times are UTC."""
    return f"{now.astimezone(dt.UTC):%Y%m%dT%H%M%S}.{now.microsecond // 1000:03d}Z"


def file_recipient(to: str) -> str:
    """The recipient in a file's name: letters that every file system takes, and no way out of the folder."""
    return _SAFE.sub("-", to).strip("-.")[:_LONGEST_RECIPIENT] or "nobody"


def folder_channels(settings: Settings) -> list[DeliveryChannel]:
    """A channel for each kind of message that puts it into the folder of these settings; none where none is named."""
    folder = settings.message_folder
    if folder is None:
        return []
    return [
        FolderChannel(
            folder,
            Channel.EMAIL,
            ".eml",
            _mail(settings),
            Capability(subject=True, html=True, attachments=True, idempotent=True),
        ),
        FolderChannel(
            folder, Channel.SMS, ".txt", _text(settings.sms_sender), Capability(longest=sms.LONGEST, idempotent=True)
        ),
        FolderChannel(
            folder, Channel.PUSH, ".txt", _pushed, Capability(subject=True, longest=push.LONGEST, idempotent=True)
        ),
        FolderChannel(
            folder, Channel.LETTER, ".pdf", _letter(settings.letter_sender), Capability(subject=True, idempotent=True)
        ),
    ]


def _mail(settings: Settings) -> Form:
    """A mail, byte for byte as the mail server would get it; who answers it writes to where mails are taken."""
    sender = settings.smtp_from or (settings.mail_addresses[0] if settings.mail_addresses else SENDER)
    server = MailServer(host="", sender=sender, reply_to=settings.smtp_reply_to)
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"

    def form(message: Outgoing) -> bytes:
        to, smtputf8 = mailbox(message.to)
        mail = composed(message, to, server, domain)
        return mail.as_bytes(policy=SMTP_POLICY.clone(utf8=True) if smtputf8 else SMTP_POLICY)

    return form


def _text(sender: str) -> Form:
    """A text message with its size, which says what it would cost."""

    def form(message: Outgoing) -> bytes:
        size = sms_size(message.text)
        if size.parts > sms.MOST_PARTS:
            raise Refused(f"The text takes {size.parts} parts in {size.alphabet}; {sms.MOST_PARTS} are the most")
        parts = f"{size.parts} in {size.alphabet}"
        return _page({"From": sender, "To": message.to, "Parts": parts}, message)

    return form


def _pushed(message: Outgoing) -> bytes:
    return _page({"Device": message.to, "Title": message.subject}, message)


def _page(head: Mapping[str, str | None], message: Outgoing) -> bytes:
    """What a screen would show, with who gets it above."""
    about = {"Customer": message.recipient, "About": message.thread, "Unsubscribe": message.unsubscribe}
    lines = [f"{name}: {' '.join(value.split())}" for name, value in {**head, **about}.items() if value]
    return "\n".join([*lines, "", message.text, ""]).encode()


def _letter(sender: str) -> Form:
    def form(message: Outgoing) -> bytes:
        if not message.address:
            raise Refused("The customer has no postal address")
        from graph_crm.delivery.channels.letter_page import letter  # noqa: PLC0415 - takes a second; few banks print

        return letter(message, sender=sender, day=utc_now().date())

    return form
