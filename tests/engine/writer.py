"""A process that owns an engine and writes marks, telling each one that was acknowledged.

`writer.py DATA CACHE VERSION FIRST`; it ends in order when its input is closed.
"""

from __future__ import annotations

import sys
import threading
from itertools import count
from pathlib import Path

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from graph_crm.graph.engine import Engine, EngineConfig


def write(driver: neo4j.Driver, numbers: count[int], guard: threading.Lock, stopped: threading.Event) -> None:
    """Write one mark after the other; what failed is never tried again, so that each can be there at most once."""
    while not stopped.is_set():
        with guard:
            number = next(numbers)
        try:
            with driver.session() as session:
                session.run("CREATE (:Mark {number: $number})", number=number).consume()
        except (DriverError, Neo4jError):
            stopped.wait(0.05)
            continue
        with guard:
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


def main(data: str, cache: str, version: str, first: str) -> None:
    """Own the engine until stdin is closed."""
    config = EngineConfig(Path(data), Path(cache), version=version, heap_mb=512, pagecache_mb=128)
    with Engine(config) as engine:
        address = engine.ensure_running()
        sys.stdout.write(f"pid {engine.status().pid} owned {address.owned}\n")
        sys.stdout.flush()
        stopped, guard, numbers = threading.Event(), threading.Lock(), count(int(first))
        with neo4j.GraphDatabase.driver(
            address.uri, auth=(address.user, address.password), connection_timeout=1
        ) as driver:
            threads = [
                threading.Thread(target=write, args=(driver, numbers, guard, stopped), daemon=True) for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            sys.stdin.read()
            stopped.set()
            for thread in threads:
                thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
