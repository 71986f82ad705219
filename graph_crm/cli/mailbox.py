"""`graph-crm mailbox ...`: take mails in, by SMTP or from a mailbox, and see what was set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from graph_crm.cli.console import AsJson, note, print_json, print_table, run

if TYPE_CHECKING:
    import asyncio

WithParent = Annotated[bool, typer.Option("--with-parent", hidden=True, help="Stop when stdin is closed.")]

app = typer.Typer(help="Mails of customers: receive them, poll a mailbox, see what waits.", no_args_is_help=True)

SET_ASIDE = """
MATCH (m:MailReceived) WHERE m.state = 'SET_ASIDE' AND m.at IS NOT NULL
RETURN m.id AS id, toString(m.at) AS at, m.reason AS reason, m.sender AS sender, m.subject AS subject, m.bytes AS bytes
ORDER BY m.at DESC LIMIT $most
"""


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


@app.command("set-aside")
def set_aside(
    *,
    most: Annotated[int, typer.Option("--most", min=1, help="So many, the latest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List mails that wait for a person: `reopenMail` and `dismissMail` of the API decide them."""
    from graph_crm.bootstrap import connected
    from graph_crm.settings import load

    async def work() -> list[dict[str, object]]:
        async with connected(load()) as database:
            return [dict(row) for row in await database.read(SET_ASIDE, {"most": most})]

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
