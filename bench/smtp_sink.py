"""A mail server that takes everything and keeps only when which mail came, for `bench/request_intake.py`.

    python bench/smtp_sink.py PORT RECORDS

It speaks as much SMTP as a client that sends needs, and costs as little as it can: the machine belongs to what is
measured. Each mail is one line of RECORDS: the time, the recipient, the subject.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from email.header import decode_header, make_header
from pathlib import Path
from typing import TextIO

_SUBJECT = re.compile(rb"^Subject: (.*(?:\r\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, records: TextIO) -> None:
        self._records = records
        self._buffer = b""
        self._to = ""
        self._reading = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server gives
        self._transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer commands and take mails, as they come in."""
        self._buffer += data
        while True:
            end = b"\r\n.\r\n" if self._reading else b"\r\n"
            part, found, rest = self._buffer.partition(end)
            if not found:
                return
            self._buffer = rest
            if self._reading:
                self._reading = False
                self._keep(part)
                self._transport.write(b"250 kept\r\n")
            else:
                self._command(part)

    def _command(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"EHLO":
            self._transport.write(b"250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
        elif verb == b"DATA":
            self._reading = True
            self._transport.write(b"354 go on\r\n")
        elif verb == b"QUIT":
            self._transport.write(b"221 bye\r\n")
            self._transport.close()
        else:
            if verb == b"RCPT":
                self._to = line.partition(b"<")[2].partition(b">")[0].decode()
            self._transport.write(b"250 ok\r\n")

    def _keep(self, content: bytes) -> None:
        found = _SUBJECT.search(content)
        raw = found[1].decode("utf-8", "replace").replace("\r\n", "") if found else ""
        subject = str(make_header(decode_header(raw)))
        self._records.write(f"{time.time():.6f}\t{self._to}\t{subject}\n")


async def main(port: int, records: Path) -> None:
    with records.open("w", encoding="utf-8", buffering=1) as file:
        server = await asyncio.get_running_loop().create_server(lambda: Session(file), "127.0.0.1", port)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
