"""A small bank in which every stored field of every type holds a value found nowhere else, and who may see which.

What a role may see is read here from `matrix.toml` with a reader of its own, so that the platform is not its own judge.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, get_args, get_origin

import orjson
import strawberry

from graph_crm.graph.database import Database
from graph_crm.graph.mapping import EdgeMapping, JsonText, NodeMapping, Registry, Relation, Scalar
from graph_crm.security.matrix import FILE
from graph_crm.security.roles import Role

MINE, FIRM, FAR, VIP = "mine", "firm", "far", "vip"
ZONES = (MINE, FIRM, FAR, VIP)
"""The customer who asks and whose case is open; one of the manager's portfolio; a stranger; a protected stranger."""
AGENT, MANAGER, SOMEBODY = "eva", "rita", "somebody"
VISIBLE: dict[str, frozenset[str]] = {
    "own": frozenset({MINE}),
    "cases": frozenset({MINE}),
    "portfolio": frozenset({MINE, FIRM}),
    "unprotected": frozenset({MINE, FIRM, FAR}),
    "all": frozenset(ZONES),
}
RECOGNISING = frozenset({"cases", "portfolio"})
PLAIN: dict[str, Any] = {
    "version": 1, "attempts": 0, "eventCount": 0,  # what changes count up would look like the next value
    "language": "cs", "country": "CZ", "timeZone": "Europe/Prague", "currency": "CZK", "productCode": "LOAN",
    "familyCode": "LOAN", "code": "LOAN", "rule": "loan_rule", "ruleId": "loan_rule", "category": "OTHER",
    "queue": "calls", "mediaType": "text/plain", "region": "Praha",
}  # fmt: skip
"""What other parts of the platform work with, and what is the same for many: no value of its own."""
FIXED: dict[str, dict[str, Any]] = {
    "Party": {"status": "ACTIVE"},
    "ServiceRequest": {"status": "ASSIGNED", "closedAt": None},
    "CallEntry": {"state": "CANCELLED"},
    "MailReceived": {"state": "SETTLED"},
    "Call": {"agentId": SOMEBODY},
    "Employee": {"active": True, "capacity": 9, "languages": ["cs"]},
}
_BY_HAND = frozenset({"LOOKS_AFTER", "OWNS_REQUEST", "REPLACES", "SPOUSE_OF", "CALLED_BACK_BY"})
_FIRST_DAY, _FIRST_INSTANT = dt.date(1400, 1, 1), dt.datetime(1700, 1, 1, tzinfo=dt.UTC)
_MARKS = re.compile(
    r"kx(?P<text>\d{5})x|(?<!\d)(?:420)?7000(?P<number>\d{5})(?!\d)|(?<!\d)8000(?P<money>\d{3}\.\d\d)(?!\d)"
    r"|(?<!\d)0\.6(?P<share>\d{5})7(?!\d)|(?<!\d)(?P<day>14\d\d-\d\d-\d\d)(?!T)|(?<!\d)(?P<instant>17\d\d-\d\d-\d\dT\d\d)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Mark:
    """Where a planted value stands: the customers' zones (none: of the bank), the type, the field."""

    zones: tuple[str, ...]
    type: str
    field: str
    edge: bool = False


def found(text: str) -> set[int]:
    """The numbers of the planted values that stand in ``text``, in whatever form."""
    numbers = set()
    for match in _MARKS.finditer(text):
        kind, value = match.lastgroup, match[match.lastgroup or 0]
        if kind == "day":
            try:
                numbers.add((dt.date.fromisoformat(value) - _FIRST_DAY).days)
            except ValueError:
                continue
        elif kind == "instant":
            moment = dt.datetime.fromisoformat(f"{value}:00:00+00:00")
            numbers.add((moment - _FIRST_INSTANT) // dt.timedelta(hours=1))
        else:
            numbers.add(int(value.replace(".", "")))
    return numbers


@dataclass
class Planted:
    """The bank, with the number of each planted value."""

    registry: Registry
    marks: list[Mark] = field(default_factory=list)
    keys: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """By type, the keys of its records by zone; of the bank's own under the empty text."""
    _nodes: list[dict[str, Any]] = field(default_factory=list)
    _ties: list[dict[str, Any]] = field(default_factory=list)
    _tied: set[tuple[int, str, int]] = field(default_factory=set)

    def value(self, spec: Scalar, mark: Mark) -> Any:
        """A value of the property's type that tells ``mark``; one of no account where the type has too few."""
        number = len(self.marks)
        kind = get_args(spec.type)[0] if get_origin(spec.type) is list else spec.type
        text = f"Kx{number:05d}x"
        forms: dict[Any, Any] = {
            str: text, strawberry.ID: text, int: 700_000_000 + number, Decimal: 800_000_000 + number,
            float: float(f"0.6{number:05d}7"), dt.date: _FIRST_DAY + dt.timedelta(days=number),
            dt.datetime: _FIRST_INSTANT + dt.timedelta(hours=number), JsonText: orjson.dumps({"kept": text}).decode(),
        }  # fmt: skip
        if kind in forms:
            self.marks.append(mark)
            made = forms[kind]
        elif isinstance(kind, type) and issubclass(kind, enum.Enum):
            made = list(kind)[number % len(kind)].value
        else:
            made = number % 2 == 0
        return [made] if get_origin(spec.type) is list else made

    def properties(self, mapping: NodeMapping | EdgeMapping, zones: tuple[str, ...]) -> dict[str, Any]:
        """All stored properties of a node or a relationship."""
        made: dict[str, Any] = {}
        for spec in mapping.fields.values():
            if not isinstance(spec, Scalar) or not spec.stored or spec.item:
                continue
            if spec.name in PLAIN and isinstance(mapping, NodeMapping):
                made[spec.stored] = PLAIN[spec.name]
            else:
                mark = Mark(zones, mapping.name, spec.name, isinstance(mapping, EdgeMapping))
                made[spec.stored] = self.value(spec, mark)
            if spec.text:
                made[spec.text] = str(made[spec.stored]).lower()
        return made

    def node(self, mapping: NodeMapping, zone: str, **fixed: Any) -> int:
        """Plant a node; gives its place."""
        labels = [mapping.interface.label, mapping.label] if mapping.interface else [mapping.label]
        props = self.properties(mapping, (zone,) if zone else ())
        for label in labels:
            props |= FIXED.get(label, {})
        if mapping.name == "ContactPoint":
            number = len(self.marks)
            self.marks.append(Mark((zone,), "ContactPoint", "value"))
            props |= {"kind": "PHONE", "value": f"+420{700_000_000 + number}"}
            props["id"] = props["valueKey"] = f"PHONE:{props['value']}"
        if mapping.interface:
            props |= {"searchText": props["displayName"].lower(), "protected": zone == VIP, "alias": f"party-{zone}"}
        props = {"version": 1, **props, **fixed}
        self._nodes.append({"labels": labels, "props": props})
        for name in {mapping.name, mapping.interface.name if mapping.interface else mapping.name}:
            self.keys.setdefault(name, {}).setdefault(zone, []).append(str(props[mapping.key]))
        if "number" in props:
            self.keys.setdefault(f"{mapping.name}.number", {}).setdefault(zone, []).append(str(props["number"]))
        return len(self._nodes) - 1

    def tie(self, start: int, name: str, end: int, edge: type | None, zones: tuple[str, ...]) -> None:
        """Plant a relationship, once."""
        if (start, name, end) in self._tied or start == end:
            return
        self._tied.add((start, name, end))
        props = self.properties(self.registry.edges[edge], zones) if edge else {}
        props = {key: value for key, value in props.items() if key not in {"kind", "outgoing"}}
        self._ties.append({"start": start, "type": name, "end": end, "props": props})

    async def store(self, database: Database) -> None:
        """Write it to an empty Neo4j."""
        await database.execute(
            "UNWIND range(0, size($nodes) - 1) AS place CREATE (n:$($nodes[place].labels)) SET n = $nodes[place].props"
            " WITH collect(n) AS made UNWIND $ties AS tie"
            " WITH tie, made[tie.start] AS a, made[tie.end] AS b CREATE (a)-[r:$(tie.type)]->(b) SET r = tie.props",
            {"nodes": self._nodes, "ties": self._ties},
        )


def plant(registry: Registry) -> Planted:
    """The bank: the whole of the schema's types once for each zone, ties between the zones' customers."""
    bank = Planted(registry)
    belongs = tomllib.loads(FILE.read_text("utf-8"))["belongs"]
    concrete = [each for each in registry.nodes.values() if not each.implementers]
    own = {each.name: bank.node(each, "") for each in concrete if belongs.get(each.name) == "nobody"}
    staff = {key: bank.node(registry.nodes["Employee"], "", id=key) for key in (AGENT, MANAGER, SOMEBODY)}
    _join(bank, own, {}, ("",))
    people = {}
    for zone in ZONES:
        kind = "Organization" if zone == FIRM else "Person"
        owner = AGENT if zone == MINE else SOMEBODY
        its = {
            each.name: bank.node(each, zone, **({"openOwnerId": owner, "ownerId": owner} if _request(each) else {}))
            for each in concrete
            if each.name not in own and (each.interface is None or each.name == kind)
        }
        people[zone] = its["Party"] = its[kind]
        second = bank.node(registry.nodes["Agreement"], zone)
        _join(bank, its, own, (zone,))
        for name, edge in (("LINKED_TO", "AgreementLink"), ("TRANSFERRED_TO", "Transfer")):
            bank.tie(its["Agreement"], name, second, _edge(registry, edge), (zone,))
        bank.tie(its[kind], "HOLDS", second, _edge(registry, "Holding"), (zone,))
        bank.tie(staff[owner], "OWNS_REQUEST", its["ServiceRequest"], None, ())
        if zone in {MINE, FIRM}:
            bank.tie(staff[MANAGER], "LOOKS_AFTER", its[kind], _edge(registry, "Portfolio"), (zone,))
    for start, name, end in ((MINE, "SPOUSE_OF", FAR), (VIP, "PARENT_OF", MINE), (MINE, "OWNS", FIRM)):
        bank.tie(people[start], name, people[end], _edge(registry, "Tie"), (start, end))
    return bank


def _request(mapping: NodeMapping) -> bool:
    return mapping.name == "ServiceRequest"


def _edge(registry: Registry, name: str) -> type:
    return next(kind for kind, mapping in registry.edges.items() if mapping.name == name)


def _join(bank: Planted, its: dict[str, int], own: dict[str, int], zones: tuple[str, ...]) -> None:
    for name, place in its.items():
        for spec in bank.registry.nodes[name].fields.values():
            if not isinstance(spec, Relation) or set(spec.types) & _BY_HAND:
                continue
            target = bank.registry.of(spec.target).name
            other = its.get(target, own.get(target))
            if other is not None:
                start, end = (other, place) if spec.direction == "in" else (place, other)
                bank.tie(start, spec.types[0], end, spec.edge, tuple(each for each in zones if each))


_TOLD = {
    ("RequestEntry", "at"): ("RequestMessage", "at"),
    ("RequestEntry", "text"): ("RequestMessage", "text"),
    ("Attachment", "id"): ("RequestMessage", "attachments"),
}
"""What is stored in one type and shown by another: a customer reads the visible entries of a request as messages."""


class Judge:
    """Says which planted values a role may not see."""

    def __init__(self, bank: Planted) -> None:
        raw = tomllib.loads(FILE.read_text("utf-8"))
        self._marks = bank.marks
        self._rows = raw["rows"]
        self._cells = {name: dict(zip(raw["roles"], row.split(), strict=True)) for name, row in raw["cells"].items()}
        self._on_edges = frozenset(raw["outside"]["edges"])
        self._recognised = frozenset(raw["outside"]["recognised"]["see"])
        self._classes = {
            (kind, name): group
            for kind, classes in raw["fields"].items()
            for group, names in classes.items()
            for name in names
        }
        self.seen: set[int] = set()
        """Every planted value that was shown to somebody who may see it: a proof that finds nothing proves nothing."""

    def shows(self, role: Role, kind: str, name: str) -> bool:
        """Whether the role sees the field as it is, of customers whom it sees."""
        group = self._classes.get((kind, name)) or self._classes.get(("Party", name), "")
        return bool(group) and self._cells[group][role.value] == "see"

    def leaked(self, role: Role | None, answer: str, sent: str) -> list[Mark]:
        """The values in ``answer`` that ``role`` (None: without a valid token) may not see and did not send itself."""
        numbers = found(answer)
        if numbers:
            numbers -= found(sent)
        return list(self._judged(role, numbers))

    def _judged(self, role: Role | None, numbers: Iterable[int]) -> Iterator[Mark]:
        for number in numbers:
            if number < 0 or number >= len(self._marks):
                continue
            if role is not None and self._allowed(role, self._marks[number]):
                self.seen.add(number)
            else:
                yield self._marks[number]

    def _allowed(self, role: Role, mark: Mark) -> bool:
        group = self._classes.get((mark.type, mark.field)) or self._classes[("Party", mark.field)]
        told = self._classes.get(_TOLD.get((mark.type, mark.field), ("", "")), group)
        if "see" not in {self._cells[group][role.value], self._cells[told][role.value]}:
            return False
        rows = self._rows[role.value]
        within = [zone in VISIBLE[rows] for zone in mark.zones]
        if all(within):
            return True
        if mark.edge and any(within):
            return group in self._on_edges and not (mark.field == "id" and rows == "unprotected")
        return rows in RECOGNISING and group in self._recognised
