"""`graph-crm serve` and `graph-crm worker`: the two long-running processes."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import Annotated

import typer

from graph_crm.cli.console import note, run
from graph_crm.errors import ConfigurationError, CrmError

WithParent = Annotated[bool, typer.Option("--with-parent", hidden=True, help="Stop when stdin is closed.")]


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="setting host")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on.", show_default="setting port")
    ] = None,
    with_parent: WithParent = False,
) -> None:
    """Serve GraphQL over HTTP until it is stopped; needs an identity provider whose tokens it takes."""
    import asyncio

    from graph_crm import logs
    from graph_crm.api.app import create_app
    from graph_crm.api.edge.serving import server_of
    from graph_crm.bootstrap import running, verifier
    from graph_crm.cli.listening import listen, refusal
    from graph_crm.decisions.authoring.activity import ActivityLog
    from graph_crm.decisions.service import DecisionService
    from graph_crm.requests.sorting.service import SortingService
    from graph_crm.rules.deadline import PATIENCE, watch_loop
    from graph_crm.security.issuers import require_issuer, takes_hs256
    from graph_crm.settings import load

    settings = load(host=host, port=port)
    verifier(settings)  # a missing secret is told before a port is taken
    require_issuer(settings)
    sockets = listen(settings.host, settings.port)
    logs.configure(form=settings.log_format, level=settings.log_level)
    if with_parent:
        stop_with_parent()

    async def work() -> None:
        async with running(settings) as platform:
            server = server_of(create_app(platform), settings)
            with suppress(CrmError):  # without a database the server starts, and says so in /readyz
                await platform.service(DecisionService).warm_up()
            # Schema and rules live as long as the process: a collection that walks through them halts everybody.
            gc.collect()
            gc.freeze()
            port = sockets[0].getsockname()[1]
            if takes_hs256(settings):
                logs.get(__name__).warning(
                    "shared_secret_makes_tokens", meaning="for the demo and for development only"
                )
            logs.get(__name__).info("server_starts", address=f"http://{settings.host}:{port}", stop="Ctrl-C")
            beside = [
                asyncio.create_task(ActivityLog(platform.database, platform.rules).keep()),
                asyncio.create_task(platform.service(SortingService).warm_up()),
                asyncio.create_task(watch_loop(PATIENCE * settings.plugin_seconds)),
            ]
            try:
                await server.serve(sockets=sockets)
            except OSError as error:  # another one bound the port with ours and listened first
                raise refusal(settings.host, port, error) from None
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)

    run(work())


def worker(
    *,
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="Transactions at a time.", show_default="setting worker_concurrency", metavar="N"
        ),
    ] = None,
    with_parent: WithParent = False,
) -> None:
    """Work through the outbox and the timers until it is stopped: decide, learn, send, scan. Several may run at once.

    On SIGTERM it takes nothing more, finishes what it has begun, and gives the rest back.
    """
    import asyncio

    from graph_crm import logs
    from graph_crm.api.metrics import PlatformCollector, serve
    from graph_crm.bootstrap import running, timers
    from graph_crm.bootstrap import worker as make_worker
    from graph_crm.decisions.authoring.activity import ActivityLog
    from graph_crm.events.recycling import end_above
    from graph_crm.graph.housekeeping import Housekeeping
    from graph_crm.rules.deadline import PATIENCE, watch_loop
    from graph_crm.settings import load

    settings = load()
    logs.configure(form=settings.log_format, level=settings.log_level)
    if with_parent:
        stop_with_parent()

    async def work() -> None:
        loop = asyncio.get_running_loop()
        async with running(settings) as platform:
            busy = make_worker(platform, concurrency=concurrency)
            for number in (signal.SIGINT, signal.SIGTERM):
                if sys.platform == "win32":  # its loop knows no signal handlers
                    signal.signal(number, lambda *_: loop.call_soon_threadsafe(busy.stop))
                else:
                    loop.add_signal_handler(number, busy.stop)
            if settings.worker_metrics_port:
                try:
                    collector = PlatformCollector(platform.database, platform.rules, worker=busy)
                    serve(collector, settings.worker_metrics_port)
                except OSError as error:
                    raise ConfigurationError(
                        f"Port {settings.worker_metrics_port} for the worker's metrics can't be had: {error.strerror}.",
                        hint="GRAPH_CRM_WORKER_METRICS_PORT names another, one for each worker of a machine.",
                    ) from None
            beside = [
                asyncio.create_task(ActivityLog(platform.database, platform.rules).keep()),
                asyncio.create_task(Housekeeping(platform.database, days=settings.worker_keep_days).keep()),
                asyncio.create_task(timers(platform).keep(asyncio.Event())),
                asyncio.create_task(end_above(settings.worker_memory_mb, busy.stop)),
                asyncio.create_task(watch_loop(PATIENCE * settings.plugin_seconds)),
            ]
            try:
                await busy.run()
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)

    run(work())
    note("The worker stopped.")


def stop_with_parent() -> None:
    """End this process in order when the parent, who holds the other end of stdin, is gone."""

    def wait() -> None:
        descriptor = sys.stdin.fileno()
        while os.read(descriptor, 1024):  # not through sys.stdin: its lock would be held at the end of the process
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
