"""The pages in a real browser: headless Chromium types, attaches and presses the button; without one it skips."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import headless_browser
import pytest
import uvicorn
from headless_browser import Tab
from page_visits import Pages

from graph_crm.api.app import create_app

pytestmark = pytest.mark.browser


@pytest.fixture
async def address(pages: Pages) -> AsyncIterator[str]:
    if headless_browser.PROGRAM is None:
        pytest.skip("no headless browser here: install chromium (Debian: apt-get install chromium)")
    config = uvicorn.Config(create_app(pages.platform), port=0, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[method-assign]
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = server.force_exit = True
    await task


@pytest.fixture
async def tab(address: str, tmp_path: Path) -> AsyncIterator[Tab]:
    async with headless_browser.browser(tmp_path / "profile") as opened:
        yield opened


async def test_an_employee_answers_with_a_document_and_the_customer_reads_it(
    pages: Pages, tab: Tab, address: str, tmp_path: Path
):
    number = await pages.ask("My card <img src=x onerror=alert(1)> does not work.")
    document = tmp_path / "letter.pdf"
    document.write_bytes(b"%PDF-1.4\n%%EOF\n")
    await tab.open(address + pages.desk(number))
    assert await tab.value("document.querySelectorAll('script, img').length") == 0
    assert await tab.value("getComputedStyle(document.body).maxWidth") == "768px", "the style is there"
    assert await tab.value("document.querySelectorAll('button').length") == 1
    await tab.type("textarea", "Działa znowu.")
    await tab.attach("input[type=file]", document)
    await tab.press("button")
    await tab.until("location.search.includes('sent=1') && document.readyState === 'complete'")
    assert "Działa znowu." in await tab.value("document.body.innerText")
    rows = await pages.rows(
        "MATCH (e:RequestEntry {kind: 'ANSWERED'})-[:CARRIES]->(a) RETURN e.text AS text, a.name AS name"
    )
    assert rows == [{"text": "Działa znowu.", "name": "letter.pdf"}]

    await tab.open(address + pages.customer(number))
    assert "Działa znowu." in await tab.value("document.querySelector('ol.log').innerText")
    await tab.type("textarea", "Dziękuję!")
    await tab.press("button")
    await tab.until("location.search.includes('sent=1') && document.readyState === 'complete'")
    assert "Dziękuję!" in await tab.value("document.body.innerText")
    asked = [one["params"]["request"]["url"] for one in tab.messages if one["method"] == "Network.requestWillBeSent"]
    assert {urlsplit(url).netloc for url in asked if url.startswith("http")} == {urlsplit(address).netloc}
    complained = [one for one in tab.messages if one["method"] == "Log.entryAdded"]
    assert [one for one in complained if "favicon" not in str(one)] == [], "nothing breaks the policy"
    assert not [one for one in tab.messages if one["method"] == "Page.javascriptDialogOpening"]


async def test_the_button_is_not_pressed_with_nothing_written(pages: Pages, tab: Tab, address: str):
    number = await pages.ask()
    await tab.open(address + pages.desk(number))
    await tab.press("button")
    await asyncio.sleep(0.2)
    assert await tab.value("document.querySelector('textarea').matches(':invalid')") is True
    assert await pages.rows("MATCH (e:RequestEntry {kind: 'ANSWERED'}) RETURN e.id AS id") == []
