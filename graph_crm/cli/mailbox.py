"""`graph-crm mailbox ...`: take mails in, by SMTP or from a mailbox, and see what was set aside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph_crm.cli.console import AsJson, note, print_json, print_table, run, say
from graph_crm.errors import CrmError

if TYPE_CHECKING:
    import asyncio

    from graph_crm.settings import Settings

WithParent = Annotated[bool, typer.Option("--with-parent", hidden=True, help="Stop when stdin is closed.")]

app = typer.Typer(help="Mails of customers: receive them, poll a mailbox, see what waits.", no_args_is_help=True)

SET_ASIDE = """
MATCH (m:MailReceived) WHERE m.state = 'SET_ASIDE' AND m.at IS NOT NULL
RETURN m.id AS id, toString(m.at) AS at, m.reason AS reason, m.sender AS sender, m.subject AS subject, m.bytes AS bytes
ORDER BY m.at DESC LIMIT $most
"""


class MailNotTaken(CrmError):
    """The receiver of mails is not there, or did not accept this one."""

    code = "MAIL_NOT_TAKEN"


@app.command()
def receive(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="setting mail_host")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on.", show_default="setting mail_port")
    ] = None,
    with_parent: WithParent = False,
) -> None:
    """Take mails by SMTP until it is stopped; each is accepted only after it is safe. Polls a mailbox, too, if set."""
    from graph_crm import logs
    from graph_crm.bootstrap import running
    from graph_crm.requests.mailbox.wiring import IntakeParts
    from graph_crm.settings import load

    settings = load(mail_host=host, mail_port=port)
    logs.configure(form=settings.log_format, level=settings.log_level)

    async def work() -> None:
        stopping = _stopping(with_parent=with_parent)
        async with running(settings) as platform:
            parts = platform.service(IntakeParts)
            await parts.sorting.warm_up()
            async with parts.receiver() as bound:
                logs.get(__name__).info("mail_receiver_starts", host=settings.mail_host, port=bound, stop="Ctrl-C")
                if settings.imap_host is not None:
                    await parts.poller().keep(stopping, every=settings.imap_seconds)
                await stopping.wait()

    run(work())
    note("The receiver of mails stopped.")


@app.command()
def poll(
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once and leave.")] = False,
    with_parent: WithParent = False,
) -> None:
    """Fetch mails from a mailbox by IMAP until it is stopped; each is marked only after it is safe."""
    from graph_crm import logs
    from graph_crm.bootstrap import running
    from graph_crm.requests.mailbox.wiring import IntakeParts
    from graph_crm.settings import load

    settings = load()
    logs.configure(form=settings.log_format, level=settings.log_level)

    async def work() -> int | None:
        stopping = _stopping(with_parent=with_parent)
        async with running(settings) as platform:
            parts = platform.service(IntakeParts)
            poller = parts.poller()
            await parts.sorting.warm_up()
            if once:
                return await poller.poll()
            await poller.keep(stopping, every=settings.imap_seconds)
        return None

    taken = run(work())
    note("The poller stopped." if taken is None else f"{taken} mails taken.")


@app.command()
def write(
    text: Annotated[str, typer.Argument(help="What the mail says.", metavar="TEXT")],
    *,
    sender: Annotated[str, typer.Option("--from", help="Address of who writes.", metavar="ADDRESS")],
    subject: Annotated[str, typer.Option("--subject", help="Subject; with a request's number it joins that request.")],
    to: Annotated[
        str | None, typer.Option(help="One of the bank's addresses.", show_default="the first of mail_addresses")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Where the receiver listens.", show_default="setting mail_host")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Its port.", show_default="setting mail_port")
    ] = None,
) -> None:
    """Write a mail to the bank as a customer would, by SMTP to a receiver that runs: to try it out.

    Exit code 1 when it was not accepted.
    """
    from graph_crm.settings import load

    settings = load(mail_host=host, mail_port=port)
    address = to or next(iter(settings.mail_addresses), None)
    if address is None:
        raise typer.BadParameter("Name the bank's address: --to, or the setting GRAPH_CRM_MAIL_ADDRESSES.")
    identity = run(_deliver(settings, _address("--from", sender), _address("--to", address), subject, text))
    say(identity)
    note(f"Accepted by {settings.mail_host}:{settings.mail_port}.")


def _address(option: str, written: str) -> str:
    from graph_crm.errors import InvalidInput
    from graph_crm.parties.contact_points import email

    try:
        return email(written).value
    except InvalidInput as error:
        raise typer.BadParameter(f"{option}: {written!r} is no e-mail address.") from error


async def _deliver(settings: Settings, sender: str, to: str, subject: str, text: str) -> str:
    """Hand one mail to the receiver of these settings; its Message-ID. Raises MailNotTaken."""
    from email.message import EmailMessage
    from email.utils import format_datetime, localtime, make_msgid

    import aiosmtplib

    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, " ".join(subject.split())
    mail["Date"], mail["Message-ID"] = format_datetime(localtime()), make_msgid(domain=sender.rpartition("@")[2])
    mail.set_content(text)
    where = f"{settings.mail_host}:{settings.mail_port}"
    try:
        # Without TLS: it stays on this machine, or in the bank's network.
        await aiosmtplib.send(mail, hostname=settings.mail_host, port=settings.mail_port, start_tls=False, timeout=30)
    except aiosmtplib.SMTPConnectError as error:
        raise MailNotTaken(
            f"Nobody takes mails at {where}.",
            hint="Start `graph-crm demo` or `graph-crm mailbox receive`; --host and --port name another receiver.",
        ) from error
    except aiosmtplib.SMTPException as error:
        raise MailNotTaken(f"The receiver at {where} did not take the mail: {_said(error)}") from error
    return str(mail["Message-ID"])


def _said(error: Exception) -> str:
    """What the receiver answered, in one line."""
    refused = getattr(error, "recipients", None)  # of SMTPRecipientsRefused: one error for each recipient
    told = refused[0] if refused else error
    code, message = getattr(told, "code", ""), getattr(told, "message", str(told))
    return f"{code} {' '.join(str(message).split())}".strip()


@app.command()
def sent(
    *,
    folder: Annotated[
        Path | None, typer.Option(help="Where messages are put.", show_default="setting message_folder")
    ] = None,
    to: Annotated[str, typer.Option(help="Only to whom has this in the address or number.")] = "",
    most: Annotated[int, typer.Option("--most", min=1, help="So many, the latest last.")] = 1,
) -> None:
    """Show what the bank sent last, where messages are put into a folder instead of being sent."""
    from graph_crm.delivery.channels.folder import read_messages
    from graph_crm.errors import ConfigurationError
    from graph_crm.settings import load

    place = load(message_folder=folder).message_folder
    if place is None:
        raise ConfigurationError(
            "No folder is set that messages are put into.", hint="Name it: --folder, or GRAPH_CRM_MESSAGE_FOLDER."
        )
    found = read_messages(place, to, most)
    for name, text in found:
        note(name)
        say(text)
    if not found:
        note(f"Nothing in {place}" + (f" to {to}." if to else "."))


@app.command("set-aside")
def set_aside(
    *,
    most: Annotated[int, typer.Option("--most", min=1, help="So many, the latest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List mails that wait for a person: `reopenMail` and `dismissMail` of the API decide them."""
    from graph_crm.audit.acting import about
    from graph_crm.bootstrap import connected
    from graph_crm.settings import load

    async def work() -> list[dict[str, object]]:
        async with connected(load()) as database:
            rows = await database.read(SET_ASIDE, {"most": most})
            about(*(row["id"] for row in rows))
            return [dict(row) for row in rows]

    found = run(work())
    if as_json:
        print_json(found)
        return
    if not found:
        note("No mail was set aside.")
        return
    columns = ("at", "reason", "sender", "subject", "id")
    print_table(columns, [[row[one] for one in columns] for row in found])


def _stopping(*, with_parent: bool) -> asyncio.Event:
    """Set by Ctrl-C and SIGTERM, and with ``with_parent`` when the process that started this one is gone."""
    import asyncio
    import signal
    import sys

    from graph_crm.cli.serve import stop_with_parent

    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform == "win32":  # its loop knows no signal handlers
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopping.set))
        else:
            loop.add_signal_handler(number, stopping.set)
    if with_parent:
        stop_with_parent()
    return stopping
