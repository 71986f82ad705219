"""Where the chains end is written down outside of the database, again and again: so a chain that was cut is found.

An anchor is a line of a file: a number, the time, the ends of the chains that moved, and a keyed hash over that and the
hash of the line before. Keep the file where those who can write to the database can't: on another machine, or where
nothing can be overwritten.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from filelock import FileLock

from graph_crm.audit import cypher
from graph_crm.audit.keys import Keyring
from graph_crm.clock import CLOCK
from graph_crm.graph.database import Database

LONGEST_LINE: Final = 100_000
_MAC: Final = b',"mac":"'


@dataclass(frozen=True, slots=True)
class Anchor:
    """One line: what the ends of the chains were at a time."""

    number: int
    at: int
    """Milliseconds since 1970."""
    heads: Mapping[int, tuple[int, str]]
    """By chain: the number of its last entry and its hash. Only those that moved since the line before."""
    previous: str
    mac: str
    key: str


class Anchors:
    """The file of one installation. Several processes of a machine may write to it."""

    def __init__(
        self, database: Database, keys: Callable[[], Keyring], path: Path, *, clock: Callable[[], float] = CLOCK.seconds
    ) -> None:
        self._database = database
        self._keys = keys
        self._path = path
        self._clock = clock

    async def drop(self) -> Anchor | None:
        """Write the ends of the chains down where they moved since the last line; None: none of them did."""
        rows = await self._database.read(cypher.HEADS)
        heads = {row["shard"]: (row["seq"], row["hash"]) for row in rows}
        return await asyncio.to_thread(self._append, heads)

    def _append(self, heads: Mapping[int, tuple[int, str]]) -> Anchor | None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(f"{self._path}.lock", timeout=30):
            _drop_torn_line(self._path)
            known: dict[int, tuple[int, str]] = {}
            last: Anchor | None = None
            for one in read(self._path):
                if isinstance(one, Anchor):
                    last = one
                    known |= one.heads
            moved = {shard: end for shard, end in sorted(heads.items()) if known.get(shard) != end}
            if not moved:
                return None
            made = self._made(last, moved)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(line_of(made))
                file.flush()
                os.fsync(file.fileno())
            return made

    def _made(self, last: Anchor | None, moved: Mapping[int, tuple[int, str]]) -> Anchor:
        key = self._keys().current
        bare = Anchor(
            number=last.number + 1 if last else 1,
            at=round(self._clock() * 1000),
            heads=moved,
            previous=last.mac if last else "",
            mac="",
            key=key.id,
        )
        return Anchor(bare.number, bare.at, bare.heads, bare.previous, key.mac(signed(bare)), bare.key)


def signed(anchor: Anchor) -> str:
    """The text of an anchor that its keyed hash covers."""
    return _text(anchor).decode()


def line_of(anchor: Anchor) -> bytes:
    """The line of the file."""
    return _text(anchor)[:-1] + _MAC + anchor.mac.encode() + b'"}\n'


def _text(anchor: Anchor) -> bytes:
    told = {
        "number": anchor.number,
        "at": anchor.at,
        "heads": {str(shard): list(end) for shard, end in anchor.heads.items()},
        "previous": anchor.previous,
        "key": anchor.key,
    }
    return orjson.dumps(told)


def read(path: Path) -> Iterator[Anchor | int]:
    """The lines of the file, one after the other; of one that can't be read its number in the file, from 1."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for place, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), start=1):
            try:
                yield _anchor(orjson.loads(line))
            except (ValueError, KeyError, TypeError):
                yield place


def _anchor(told: Any) -> Anchor:
    heads = {int(shard): (int(end[0]), str(end[1])) for shard, end in told["heads"].items()}
    return Anchor(
        int(told["number"]), int(told["at"]), heads, str(told["previous"]), str(told["mac"]), str(told["key"])
    )


def _drop_torn_line(path: Path) -> None:
    """Remove the beginning of a line that a crash, or a full disk, left at the end."""
    with suppress(FileNotFoundError), path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - LONGEST_LINE)
        file.seek(start)
        tail = file.read()
        if tail and not tail.endswith(b"\n"):
            file.truncate(start + tail.rfind(b"\n") + 1)
