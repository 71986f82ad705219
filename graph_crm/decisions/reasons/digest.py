"""Digests of what a decision was made from, part by part: a replay can say what of a customer looks different now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from types import MappingProxyType
from typing import Any

import orjson

from graph_crm.rules import snapshot as facts
from graph_crm.rules.interest import Look
from graph_crm.rules.snapshot import Snapshot

FORMAT = "format"
"""The part that stands for how snapshots are built: where it differs, the others can't be compared."""
LENGTH = 16
"""Hexadecimal digits kept of a digest: two snapshots by chance alike in 64 bits is not a thing that happens."""
_NAMES = MappingProxyType({"related": "ties"})
_LEFT_OUT = frozenset({"now", "versions"})
"""The instant is stored beside the decision; ledger versions tell of changes, not of facts."""
_KINDS = (
    facts.PartyFacts,
    facts.Holding,
    facts.EventFact,
    facts.Contact,
    facts.Related,
    Look,
    facts.ConsentFact,
    facts.PointFact,
    facts.Touch,
    facts.Answer,
    facts.OpenOffer,
    facts.Snapshot,
)


def digests(snapshot: Snapshot) -> dict[str, str]:
    """A digest of each part of a snapshot (party, holdings, events, ties...), the same in every process.

    Lists count as sets of their items: in which order equal instants were read changes nothing.
    """
    found = {FORMAT: _format()}
    for one in fields(snapshot):
        if one.name not in _LEFT_OUT:
            found[_NAMES.get(one.name, one.name)] = _hashed(getattr(snapshot, one.name))
    return found


def digest(parts: Mapping[str, str]) -> str:
    """One digest of all parts."""
    return hashlib.sha256(_canonical(dict(parts))).hexdigest()[: 2 * LENGTH]


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The names of the parts that differ, in the order of a snapshot; `FORMAT` alone when that differs."""
    if before.get(FORMAT) != now.get(FORMAT):
        return [FORMAT]
    return [name for name in now if before.get(name) != now[name]]


def _hashed(value: Any) -> str:
    content = b"\n".join(sorted(map(_canonical, value))) if isinstance(value, tuple) else _canonical(value)
    return hashlib.sha256(content).hexdigest()[:LENGTH]


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)


def _plain(value: Any) -> Any:
    """What JSON does not know: read-only mappings, sets, decimals."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


@cache
def _format() -> str:
    """A digest of the names of everything that a snapshot is made of."""
    names: Iterable[Any] = [[kind.__name__, *(one.name for one in fields(kind))] for kind in _KINDS]
    return hashlib.sha256(_canonical(list(names))).hexdigest()[:LENGTH]
