"""What the classifier learns from: the shipped examples, and what people of the bank sorted by hand."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from graph_crm.graph.database import Database
from graph_crm.requests.sorting.folding import asked
from graph_crm.requests.sorting.model import Example
from graph_crm.resources import folder
from graph_crm.settings.files import read_toml

FILE = "request_examples.toml"
MOST = 50_000
"""So many requests that people sorted, the latest first."""
LONGEST = 2_000

SORTED_BY_PEOPLE = """
MATCH (r:ServiceRequest) WHERE r.sortedBy = 'PERSON' AND r.openedAt IS NOT NULL
WITH r ORDER BY r.openedAt DESC LIMIT $most
WHERE r.category IS NOT NULL AND r.text IS NOT NULL
RETURN coalesce(r.subject, '') AS subject, left(r.text, $longest) AS text, r.category AS category
"""
"""What the classifier sorted is no lesson: it would learn its own mistakes. What a person corrected is one."""


def shipped_examples(categories: Collection[str], path: Path | None = None) -> list[Example]:
    """The shipped examples of ``categories``. Raises ConfigurationError for a file that is none."""
    file = path or folder("seed") / FILE
    tables = read_toml(file, "The examples of requests", hint="seed/request_examples.toml is a complete one.")
    return [
        Example(text, category)
        for category, texts in tables.items()
        if category in categories
        for text in texts
        if isinstance(text, str)
    ]


async def sorted_by_people(database: Database, categories: Collection[str]) -> list[Example]:
    """What people of the bank sorted into ``categories``, the latest first."""
    rows = await database.read(SORTED_BY_PEOPLE, {"most": MOST, "longest": LONGEST}, timeout=120)
    return [
        Example(asked(row["subject"], row["text"]), row["category"]) for row in rows if row["category"] in categories
    ]
