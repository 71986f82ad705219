"""How long a search takes in a bank of 50,000 parties, against a look-up by an indexed id in the same run.

    python bench/search.py BOLT_URI PASSWORD [PARTIES]

The parties of the database given are DELETED. Names, phones and e-mails come from generators for five countries, so
that common names are as common as in life. Each kind of query is sent with 200 different texts, one after the other,
after a warm-up; each text is sent three times and its fastest answer counts, so that other work on the machine is not
measured. The numbers are milliseconds at the client, rows included. Exits with 1 when a kind of query takes longer
than 20 ms at its 95th percentile.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from faker import Faker

from graph_crm.graph.database import Database
from graph_crm.graph.mapping import fill
from graph_crm.graph.migrations import Migrator
from graph_crm.parties.cypher import SEARCH_RANK, SEARCH_START
from graph_crm.parties.names import name_key, search_query, search_text
from graph_crm.resources import folder

LIMIT_MS = 20.0
QUERIES = 200
REPEATS = 3
PAGE = 20
LOCALES = {"cs_CZ": "+4206", "pl_PL": "+486", "de_DE": "+4915", "en_GB": "+4477", "uk_UA": "+38067"}
PHONE_DIGITS = {"cs_CZ": 8, "pl_PL": 8, "de_DE": 9, "en_GB": 8, "uk_UA": 7}
BATCH_ROWS = 5000

SEARCH = (
    fill(SEARCH_START, query="$query", limit="$limit", n="n", e="score")
    + " RETURN n.id AS id, n.displayName AS displayName, score ORDER BY "
    + fill(SEARCH_RANK, e="score")
    + ", n.id"
)
LOOK_UP = "MATCH (n:Party {id: $id}) RETURN n.id AS id, n.displayName AS displayName"
WRITE = """
UNWIND $rows AS row
CREATE (n:Party:Person {id: row.id, displayName: row.name, nameKey: row.key, searchText: row.text})
"""


def people(count: int) -> list[dict[str, Any]]:
    """Generated parties with everything that a search may look for."""
    chance = random.Random(7)
    fakers = {}
    for locale in LOCALES:
        fakers[locale] = Faker(locale)
        fakers[locale].seed_instance(7)
    made = []
    for number in range(count):
        locale = chance.choice(list(LOCALES))
        name = f"{fakers[locale].first_name()} {fakers[locale].last_name()}"
        phone = LOCALES[locale] + "".join(chance.choice("0123456789") for _ in range(PHONE_DIGITS[locale]))
        user = "".join(letter for letter in name_key(name) if letter.isascii() and letter.isalpha()) or "user"
        email = f"{user}{number}@example.com"
        identifier = f"bank:client:{number}"
        text = search_text(name, phones=[phone], emails=[email], identifiers=[identifier])
        made.append(
            {
                "id": identifier,
                "name": name,
                "key": name_key(name),
                "text": text,
                "phone": phone,
                "email": email,
            }
        )
    return made


def typo(word: str, chance: random.Random) -> str:
    """The word with two neighbouring letters swapped."""
    place = chance.randrange(max(len(word) - 1, 1))
    return word[:place] + word[place + 1 : place + 2] + word[place] + word[place + 2 :]


def kinds(chance: random.Random) -> dict[str, Callable[[dict[str, Any]], str]]:
    """Each kind of query: what somebody types who looks for the party."""
    return {
        "full name": lambda party: party["name"],
        "family name alone": lambda party: party["name"].split()[-1],
        "given name alone (common)": lambda party: party["name"].split()[0],
        "prefixes of both names": lambda party: " ".join(part[:3] for part in party["name"].split()),
        "one letter": lambda party: party["key"][0],
        "two letters": lambda party: party["key"][:2],
        "name with a typo": lambda party: " ".join(typo(part, chance) for part in party["key"].split()),
        "phone, international": lambda party: f"{party['phone'][:4]} {party['phone'][4:8]} {party['phone'][8:]}",
        "phone, national": lambda party: "0" + party["phone"][3:],
        "half a phone": lambda party: party["phone"][:9],
        "e-mail": lambda party: party["email"].upper(),
        "identifier": lambda party: party["id"],
        "ten words": lambda party: " ".join([party["name"]] * 5),
        "nobody": lambda _party: f"zzqx{chance.randrange(10**6)}",
    }


async def measure(send: Callable[[dict[str, Any]], Any], sample: list[dict[str, Any]]) -> tuple[float, float]:
    """Median and 95th percentile in ms."""
    times = []
    for party in sample:
        best = float("inf")
        for _ in range(REPEATS):
            started = time.perf_counter()
            await send(party)
            best = min(best, (time.perf_counter() - started) * 1000)
        times.append(best)
    times.sort()
    return times[len(times) // 2], times[int(len(times) * 0.95)]


async def main(uri: str, password: str, count: int) -> int:
    """Load, measure, print; the exit code."""
    database = await Database.connect(uri, "neo4j", password, timeout=120)
    await Migrator(database, folder("schema") / "migrations").migrate()
    await database.execute("MATCH (n:Party) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS")
    parties = people(count)
    started = time.perf_counter()
    for at in range(0, count, BATCH_ROWS):
        await database.execute(WRITE, {"rows": parties[at : at + BATCH_ROWS]})
    print(f"{count} parties stored and indexed in {time.perf_counter() - started:.1f} s")
    chance = random.Random(11)
    sample = chance.sample(parties, min(QUERIES, count))

    async def look_up(party: dict[str, Any]) -> None:
        await database.read(LOOK_UP, {"id": party["id"]})

    await measure(look_up, sample)
    base, base95 = await measure(look_up, sample)
    print(f"{'kind of query':28} {'p50 ms':>8} {'p95 ms':>8} {'of look-up':>11} {'found':>7}")
    print(f"{'look-up by id':28} {base:8.2f} {base95:8.2f} {1.0:11.1f} {'100%':>7}")
    worst = 0.0
    for name, typed in kinds(chance).items():
        hits = 0.0

        async def search(party: dict[str, Any], typed: Callable[[dict[str, Any]], str] = typed) -> None:
            nonlocal hits
            rows = await database.read(SEARCH, {"query": search_query(typed(party)), "limit": PAGE})
            hits += any(row["id"] == party["id"] for row in rows) / REPEATS

        await measure(search, sample[:50])
        hits = 0.0
        median, slow = await measure(search, sample)
        worst = max(worst, slow)
        print(f"{name:28} {median:8.2f} {slow:8.2f} {median / base:11.1f} {hits / len(sample):7.0%}")
    print(f"slowest kind at p95: {worst:.1f} ms, limit {LIMIT_MS} ms, ratio {worst / LIMIT_MS:.2f}")
    await database.close()
    return int(worst > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 50_000)))  # noqa: PLR2004 - the third argument
