"""One bank of real processes for the stories: it opens once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from bank_fixtures import emptied

from graph_crm.graph.database import Database
from graph_crm.products.catalogue import load_catalogue

sys.path.append(str(Path(__file__).parents[1] / "delivery"))
from gateway_server import gateway_server
from open_bank import CALLBACKS, SECRET, Bank, MailServer, free_port, listens, policy_for_any_hour


@pytest.fixture(scope="module")
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    controller = Controller(server, hostname="127.0.0.1", port=free_port())
    controller.start()
    server.port = controller.port
    yield server
    controller.stop()


@pytest.fixture(scope="module")
async def bank(
    database: Database,
    neo4j_address: tuple[str, str],
    mail_server: MailServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Bank]:
    """The bank, open; its processes end with the tests of the module, in order."""
    tmp_path = tmp_path_factory.mktemp("story")
    await emptied(database)
    await load_catalogue(database)
    (tmp_path / "policy.toml").write_text(policy_for_any_hour(), "utf-8")
    with gateway_server() as gateway:
        port, mail_port = free_port(), free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRAPH_CRM_", "NEO4J_"))}
        environment = {
            **kept,
            "NEO4J_URI": neo4j_address[0],
            "NEO4J_PASSWORD": neo4j_address[1],
            "GRAPH_CRM_DATA_DIR": str(tmp_path / "data"),
            "GRAPH_CRM_JWT_SECRET": SECRET,
            "GRAPH_CRM_JWT_HS256": "true",
            "GRAPH_CRM_CONTACT_POLICY": str(tmp_path / "policy.toml"),
            "GRAPH_CRM_EXPLORATION": "0",
            "GRAPH_CRM_PORT": str(port),
            "GRAPH_CRM_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "GRAPH_CRM_MAIL_PORT": str(mail_port),
            "GRAPH_CRM_MAIL_ADDRESSES": '["service@bank.example"]',
            "GRAPH_CRM_SMTP_HOST": "127.0.0.1",
            "GRAPH_CRM_SMTP_PORT": str(mail_server.port),
            "GRAPH_CRM_SMTP_TLS": "none",
            "GRAPH_CRM_SMTP_FROM": "Your bank <service@bank.example>",
            "GRAPH_CRM_SMS_URL": gateway.url,
            "GRAPH_CRM_SMS_CALLBACK_SECRET": CALLBACKS,
        }
        log = tmp_path / "processes.log"
        with log.open("w") as file:
            processes = [
                subprocess.Popen(  # noqa: ASYNC220 - they start at once
                    [sys.executable, "-m", "graph_crm", *command], env=environment, stdout=file, stderr=file
                )
                for command in (["serve"], ["worker"], ["mailbox", "receive"])
            ]
        made = Bank(f"http://127.0.0.1:{port}", mail_port, mail_server, gateway)
        try:
            for one in (port, mail_port):
                made.until(lambda one=one: listens(one, processes, log), "a process of the bank")  # type: ignore[misc]
            yield made
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            codes = [process.wait(60) for process in processes]
            # uvicorn ends in order, and then by the signal that it was sent.
            assert codes == [-signal.SIGTERM, 0, 0], log.read_text("utf-8")
