"""The wired platform over a service desk with its people, and what tests of pages do again and again."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from graph_crm import bootstrap
from graph_crm.api.app import create_app
from graph_crm.api.platform import Platform
from graph_crm.contacts.kinds import Channel
from graph_crm.graph.database import Database
from graph_crm.requests.commands import NewRequest
from graph_crm.requests.service import RequestService
from graph_crm.rules.manager import RuleBook
from graph_crm.security.page_keys import PageKeys
from graph_crm.security.tokens import Verifier
from graph_crm.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[1] / "requests"))

from desk_bank import build

SECRET = "a secret of forty characters for the tests"


@dataclass
class Pages:
    """The platform, and a browser without scripts."""

    platform: Platform
    browser: httpx.AsyncClient

    @property
    def requests(self) -> RequestService:
        return self.platform.service(RequestService)

    @property
    def keys(self) -> PageKeys:
        return self.platform.service(PageKeys)

    async def ask(self, text: str = "My card does not work.", **more: Any) -> str:
        given: dict[str, Any] = {"party_id": "anna", "channel": Channel.ONLINE, "category": "CARD", **more}
        return (await self.requests.open(NewRequest(text=text, **given))).number

    def desk(self, number: str, employee: str = "eva") -> str:
        return f"/desk/requests/{number}?k={self.keys.employee(number, employee)}"

    def customer(self, number: str, party: str | None = "anna") -> str:
        return f"/r/{number}?k={self.keys.customer(number, party)}"

    async def rows(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.platform.database.read(statement, parameters)]


def hidden(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text)
    return {name: unescape(value) for name, value in found}


@pytest.fixture(scope="module")
def folder_of_documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture
async def pages(empty_database: Database, folder_of_documents: Path) -> AsyncIterator[Pages]:
    await build(empty_database)
    settings = Settings(data_dir=folder_of_documents, neo4j_uri=None, jwt_secret=SECRET)
    platform = bootstrap.wired(settings, empty_database, Verifier(SECRET), RuleBook.load([], installed=False))
    transport = httpx.ASGITransport(create_app(platform))
    async with httpx.AsyncClient(transport=transport, base_url="http://bank.example") as browser:
        yield Pages(platform, browser)
