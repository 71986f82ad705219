"""One of the processes of `bench/contact_limits.py`: many tasks that ask for contact slots, use them, or leave them.

    NEO4J_PASSWORD=... python bench/contact_attempts.py BOLT_URI PLAN.json NUMBER ATTEMPTS RECORDS

Each call of the desk is appended to the file RECORDS at once (`RECORD`), so that `kill -9` loses nothing that counts.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import random
import struct
import sys
import time
from pathlib import Path
from typing import Any

from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.contacts.slots import Reserved
from graph_crm.errors import CrmError, ReservationGone
from graph_crm.graph.database import Database
from graph_crm.rules.limits import ContactLimit

RECORD = struct.Struct("<BfI")
"""What was done (its place in `KINDS`), seconds that it took, transactions repeated by the process so far."""
KINDS = ("reserved", "refused", "attempt failed", "confirmed", "too late", "released", "failed")
ATTEMPTS = KINDS[:3]
CHANNELS = ("PHONE", "PHONE", "PHONE", "SMS")


def policy(plan: dict[str, Any]) -> ContactPolicy:
    """The contact policy of the plan: its limits, and calls by day and night."""
    return ContactPolicy.model_validate(
        {
            "limits": [ContactLimit(**{**limit, "channels": tuple(limit["channels"])}) for limit in plan["limits"]],
            "times": [{"channels": ["PHONE", "SMS"], "from": "00:00", "until": "24:00", "public_holidays": True}],
            "cool_off": {"no_answer_days": 0},
            "suppression": {},
        }
    )


class Caller:
    """The tasks of a process and what they share."""

    def __init__(self, database: Database, plan: dict[str, Any], number: int, attempts: int, records: Path) -> None:
        used = policy(plan)
        self.database = database
        self.desk = ContactDesk(database, lambda: used)
        self.plan = plan
        self.chance = random.Random(f"{plan['seed']}-{number}-{attempts}")
        self.left = attempts
        self.records = records.open("ab", buffering=0)
        self.ttl = dt.timedelta(seconds=plan["ttl"])

    def note(self, kind: str, started: float) -> None:
        """Append what was done and how long it took."""
        self.records.write(RECORD.pack(KINDS.index(kind), time.perf_counter() - started, self.database.retries))

    async def task(self) -> None:
        """Ask for slots, one after the other, until all attempts are made."""
        while self.left > 0:
            self.left -= 1
            party = self.chance.choice(self.plan["customers"])
            started = time.perf_counter()
            try:
                answer = await self.desk.reserve(party, self.chance.choice(CHANNELS), ttl=self.ttl)
            except CrmError as error:
                self.note("attempt failed", started)
                print(f"attempt: {error.code} {error.message}", file=sys.stderr)
                continue
            self.note("reserved" if isinstance(answer, Reserved) else "refused", started)
            if isinstance(answer, Reserved):
                await self.use(answer)

    async def use(self, slot: Reserved) -> None:
        """Confirm most slots, a few of them too late, give some back, and forget the rest."""
        lot = self.chance.random()
        await asyncio.sleep(self.plan["ttl"] * (1.1 if lot < self.plan["late"] else 0.3 * self.chance.random()))
        started = time.perf_counter()
        try:
            if lot < self.plan["confirm"]:
                await self.desk.confirm(slot.id)
                self.note("confirmed", started)
            elif lot < self.plan["confirm"] + self.plan["release"]:
                await self.desk.release(slot.id, "nobody at home")
                self.note("released", started)
        except ReservationGone:
            self.note("too late", started)
        except CrmError as error:
            self.note("failed", started)
            print(f"slot: {error.code} {error.message}", file=sys.stderr)


async def main(uri: str, plan: dict[str, Any], number: int, attempts: int, records: Path) -> None:
    database = await Database.connect(
        uri, "neo4j", os.environ["NEO4J_PASSWORD"], pool_size=plan["pool"], timeout=plan["timeout"], slow=30.0
    )
    try:
        caller = Caller(database, plan, number, attempts, records)
        await asyncio.gather(*[caller.task() for _ in range(plan["tasks"])])
    finally:
        await database.close()


if __name__ == "__main__":
    _, address, file, which, count, target = sys.argv
    asyncio.run(main(address, json.loads(Path(file).read_text("utf-8")), int(which), int(count), Path(target)))
