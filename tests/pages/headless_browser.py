"""Headless Chromium, told what to do over its DevTools protocol: open, type, attach, press."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_ADDRESS = re.compile(rb"DevTools listening on (ws://\S+)")


class Tab:
    """One page of the browser."""

    def __init__(self, socket: ClientConnection, session: str) -> None:
        self._socket = socket
        self._session = session
        self._numbers = itertools.count(100)
        self.messages: list[dict[str, Any]] = []
        """What the browser told by itself: requests, console, violations of the policy."""

    async def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send(
            json.dumps({"id": number, "sessionId": self._session, "method": method, "params": parameters})
        )
        async with asyncio.timeout(30):
            while True:
                message = json.loads(await self._socket.recv())
                if message.get("id") == number:
                    assert "error" not in message, message
                    found: dict[str, Any] = message["result"]
                    return found
                self.messages.append(message)

    async def value(self, expression: str) -> Any:
        """What a JavaScript expression gives in the page."""
        told = await self.tell("Runtime.evaluate", expression=expression, returnByValue=True)
        return told["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        async with asyncio.timeout(30):
            while await self.value(expression) is not True:  # noqa: ASYNC110 - the browser tells nothing of it
                await asyncio.sleep(0.02)

    async def open(self, url: str) -> None:
        await self.tell("Page.navigate", url=url)
        await self.until(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")

    async def attach(self, selector: str, *files: Path) -> None:
        root = (await self.tell("DOM.getDocument"))["root"]["nodeId"]
        node = (await self.tell("DOM.querySelector", nodeId=root, selector=selector))["nodeId"]
        await self.tell("DOM.setFileInputFiles", files=[str(file) for file in files], nodeId=node)

    async def type(self, selector: str, text: str) -> None:
        await self.value(f"document.querySelector({json.dumps(selector)}).focus()")
        await self.tell("Input.insertText", text=text)

    async def press(self, selector: str) -> None:
        await self.value(f"document.querySelector({json.dumps(selector)}).click()")


@asynccontextmanager
async def browser(profile: Path) -> AsyncIterator[Tab]:
    """A fresh browser with one page."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM), "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", *sandbox,
        f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        address = None
        async with asyncio.timeout(60):
            while address is None:
                line = await process.stderr.readline()
                assert line, "the browser ended"
                address = _ADDRESS.search(line)
        async with connect(address[1].decode(), max_size=None) as socket:
            yield await _tab(socket)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def _tab(socket: ClientConnection) -> Tab:
    async def ask(number: int, method: str, **parameters: Any) -> dict[str, Any]:
        await socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(await socket.recv())
            if message.get("id") == number:
                found: dict[str, Any] = message["result"]
                return found

    target = (await ask(1, "Target.createTarget", url="about:blank"))["targetId"]
    session = (await ask(2, "Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
    tab = Tab(socket, session)
    for name in ("Page", "DOM", "Runtime", "Network", "Log"):
        await tab.tell(f"{name}.enable")
    return tab
