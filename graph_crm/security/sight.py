"""What each role sees, for the compiler: the matrix as checks of fields and as predicates over rows.

The customers of an employee (those of the portfolio and of the open cases) are found once at the beginning of a
statement, by indexes over the employee's own records, and bound to ``mine``: whether a row may be seen is then a look
at that list. Where the row that leads to another implies it, there is no predicate; roles that see every customer have
none at all.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from graph_crm.errors import Forbidden
from graph_crm.graph.compiler.place import both
from graph_crm.graph.compiler.sight import Dim, Seal, Sight, View
from graph_crm.graph.mapping import NodeMapping, Relation, Root, fill, graph
from graph_crm.security.cursors import CursorSeal
from graph_crm.security.matrix import Cell, Matrix, Rows, Way, matrix
from graph_crm.security.roles import Caller, Role

PARTY: Final = "Party"
CALL_HOURS: Final = 12
"""No call lasts longer: which of an agent's calls are open is looked for among those answered since."""
GRACE_MINUTES: Final = 30
"""So long after a call's end, or a request's, its agent still sees the customer, to write down what was said."""
OPEN_CASES: Final = f"""MATCH (oc1:ServiceRequest {{openOwnerId: $me}})<-[:ASKED]-(op:Party) RETURN op.id AS id
UNION MATCH (oc2:ServiceRequest {{ownerId: $me}})<-[:ASKED]-(op:Party)
  WHERE oc2.closedAt > datetime.realtime() - duration('PT{GRACE_MINUTES}M') RETURN op.id AS id
UNION MATCH (oc3:CallEntry {{claimedBy: $me}})<-[:WAS_SENT]-(op:Party)
  WHERE oc3.state = 'QUEUED' AND oc3.claimedUntil > datetime.realtime() RETURN op.id AS id
UNION MATCH (oc4:Call {{agentId: $me}})-[:FROM]->(op:Party)
  WHERE oc4.answeredAt > datetime.realtime() - duration('PT{CALL_HOURS}H')
    AND (oc4.endedAt IS NULL OR oc4.endedAt > datetime.realtime() - duration('PT{GRACE_MINUTES}M'))
  RETURN op.id AS id
UNION MATCH (oc5:Session {{openedBy: $me}})<-[:HAD_SESSION]-(op:Party) WHERE oc5.state = 'OPEN' RETURN op.id AS id"""
"""The customers with whom an employee has an open case now."""
PORTFOLIO: Final = "MATCH (:Employee {id: $me})-[:LOOKS_AFTER]->(op:Party) RETURN op.id AS id"
_HEADS: Final = {
    Rows.CASES: f"WITH COLLECT {{ {OPEN_CASES} }} AS mine ",
    Rows.PORTFOLIO: f"WITH COLLECT {{ {PORTFOLIO}\nUNION {OPEN_CASES} }} AS mine ",
}
_MINE: Final = re.compile(r"\bmine\b")
_OF_CASES: Final = tuple(f"{{p}}.id IN COLLECT {{ {each.strip()} }}" for each in OPEN_CASES.split("UNION"))
_ALONE: Final = {
    Rows.CASES: _OF_CASES,
    Rows.PORTFOLIO: ("EXISTS { (:Employee {id: $me})-[:LOOKS_AFTER]->({p}) }", *_OF_CASES),
}
"""The reasons for which one customer is seen in full. CASE looks no further than the first that holds; OR might."""
_CLEAR: Final = {
    Rows.CASES: "{p}.id IN mine",
    Rows.PORTFOLIO: "{p}.id IN mine",
    Rows.OWN: "{p}.id = $me",
    Rows.UNPROTECTED: "coalesce({p}.protected, false) = false",
}
"""When a customer is seen in full, a predicate that is never null."""
_REQUIRED: Final = {"version": Dim.ZERO}
"""What a customer must have in every answer, and how it looks where it is not to be seen."""


class RoleSight(Sight):
    """What one role sees."""

    def __init__(self, role: Role, rules: Matrix, seal: Seal | None, *, notes: bool = False) -> None:
        self.role = role
        self.key = f"{role}{' noted' if notes else ''}"
        self.rows = rules.rows[role]
        self.head = _HEADS.get(self.rows, "")
        self.head_name = "mine" if self.head else ""
        self.seal = None if self.rows is Rows.ALL else seal
        self.narrow = self.rows is not Rows.ALL
        self.knows = rules.cells["contact"][role] is Cell.SEE
        self.unclear = "ALIAS" if self.rows is Rows.UNPROTECTED else "RECOGNISED"
        self._rules = rules
        self._notes = notes

    # Fields

    def check(self, type_name: str, field_name: str) -> None:
        """Raise Forbidden for what the role does not see, masked or not."""
        if self._cell(type_name, field_name) is Cell.HIDE:
            raise self._refusal(type_name, field_name, "read", "Leave the field out.")

    def check_plain(self, type_name: str, field_name: str) -> None:
        """Raise Forbidden for what the role does not see as it is."""
        if self._cell(type_name, field_name) is not Cell.SEE:
            raise self._refusal(type_name, field_name, "read", "Leave the field out.")

    def check_compared(self, type_name: str, field_name: str) -> None:
        """Raise Forbidden for what the role may not filter or order by."""
        if self._cell(type_name, field_name) is not Cell.SEE:
            raise self._refusal(type_name, field_name, "filter or order by", "Leave it out.")

    def masked(self, type_name: str, field_name: str) -> bool:
        """Whether the role sees the field masked only."""
        return self._cell(type_name, field_name) is Cell.MASK

    def _cell(self, type_name: str, field_name: str) -> Cell:
        return self._rules.cell(self.role, type_name, field_name)

    def _refusal(self, type_name: str, field_name: str, verb: str, hint: str) -> Forbidden:
        return Forbidden(
            f"The role {self.role} may not {verb} {type_name}.{field_name}.",
            hint=f"{hint} docs/permissions.md says who sees what.",
            type=type_name,
            field=field_name,
        )

    def dim(self, type_name: str, field_name: str) -> Dim:
        """How a field of a customer outside of the role's rows looks."""
        mapping = graph.nodes.get(type_name)
        declared = mapping.interface.name if mapping and mapping.interface else type_name
        if self.rows is Rows.UNPROTECTED:
            if (declared, field_name) in self._rules.through:
                return Dim.SHOWN
            if declared == PARTY and field_name in {"id", "displayName"}:
                return Dim.ALIAS
            if declared == PARTY:
                return _REQUIRED.get(field_name, Dim.NOTHING)
            return Dim.NOTHING if (declared, field_name) in self._rules.named else Dim.SHOWN
        found = self._rules.class_of(type_name, field_name)
        cell = self._rules.recognised.get(found or "", Cell.HIDE)
        return {Cell.SEE: Dim.SHOWN, Cell.MASK: Dim.MASKED, Cell.HIDE: Dim.NOTHING}[cell]

    def dim_edge(self, type_name: str, field_name: str) -> Dim:
        """How a field of the relationship to such a customer looks."""
        if self._rules.class_of(type_name, field_name) not in self._rules.on_edges:
            return Dim.NOTHING
        # A tie's identifier may be made of those of both ends.
        return Dim.ALIAS if field_name == "id" and self.rows is Rows.UNPROTECTED else Dim.SHOWN

    # Rows

    def root(self, mapping: NodeMapping, var: str, root: Root | None = None) -> View:
        """Customers: all, those outside only recognised, or none outside; records of others where one is visible."""
        if self.rows is Rows.ALL:
            return View()
        if not _is_party(mapping):
            return View(self.visible(mapping.name, var), self._unnamed(mapping, var))
        clear = self._clear(var)
        if self.rows in {Rows.OWN, Rows.UNPROTECTED} or (root and self._tells_by_itself(root)):
            return View(clear)
        return View("", clear)

    def _tells_by_itself(self, root: Root) -> bool:
        """Whether to be in the page of this root says more of a customer than who it is."""
        if root.edge is None:
            return False
        edge = graph.edges[root.edge]
        return any(self._rules.class_of(edge.name, name) not in self._rules.on_edges for name in edge.fields)

    def given(self, mapping: NodeMapping, var: str) -> View:
        """What a service answers with is there; of a customer outside there is no more than elsewhere."""
        return self.root(mapping, var) if _is_party(mapping) else View()

    def needs_head(self, text: str) -> bool:
        """Whether a part of a statement names the customers of the employee."""
        return _MINE.search(text) is not None

    def alone(self, mapping: NodeMapping, var: str) -> str:
        """The same question of one customer: each reason is looked for only where those before it were none."""
        reasons = _ALONE.get(self.rows, ()) if _is_party(mapping) else ()
        tried = " ".join(f"WHEN {fill(reason, p=var)} THEN true" for reason in reasons)
        return f"CASE {tried} ELSE false END" if tried else ""

    def start(self, mapping: NodeMapping, var: str) -> str:
        """The rows of the caller's customers, found from them."""
        if self.rows not in {Rows.CASES, Rows.PORTFOLIO} or not self._rules.belongs.get(mapping.name, ()):
            return ""
        owner = "(:Party {id: own})"
        found = [
            f"UNWIND mine AS own MATCH {fill(chain, p=owner)} RETURN DISTINCT {var}"
            for chain in self._chains(mapping.name, var, labelled=True)
        ]
        found += [
            f"MATCH {pattern} WHERE {predicate} RETURN DISTINCT {var}"
            for pattern, predicate in self._mine(mapping.name, var, labelled=True)
        ]
        return f"CALL (mine) {{ {' UNION '.join(found)} }} WITH *"

    def surplus(self, mapping: NodeMapping) -> str:
        """The protected are looked for, too, and then left out."""
        hidden = self.rows is Rows.UNPROTECTED and _is_party(mapping)
        return "COUNT { MATCH (hidden:Party) WHERE hidden.protected = true }" if hidden else ""

    def related(self, parent: NodeMapping, clear: str, relation: Relation, target: NodeMapping, var: str) -> View:
        """Customers are there, recognised or as an alias; records of others where a customer of theirs is visible."""
        if self.rows is Rows.ALL or not self._owned(target):
            return View()
        if _is_party(target):
            # To be named by what belongs to nobody (an employee) says more of a customer than who it is.
            return View("", self._clear(var)) if self._owned(parent) else View(self._clear(var))
        if self._implied(parent, relation, target):
            shown = self.dim(parent.name, relation.name) is Dim.SHOWN
            return View("", both(clear if shown else "", self._unnamed(target, var)))
        return View(self.visible(target.name, var), self._unnamed(target, var))

    def _unnamed(self, mapping: NodeMapping, var: str) -> str:
        """That no customer of a record is protected after whom it may be called; empty for other records."""
        if self.rows is not Rows.UNPROTECTED or mapping.name not in {name for name, _ in self._rules.named}:
            return ""
        return " AND ".join(self._none_protected(mapping.name, var))

    def _none_protected(self, type_name: str, var: str) -> list[str]:
        chains = [fill(chain, p="(own:Party)") for chain in self._chains(type_name, var)]
        return [f"NOT EXISTS {{ MATCH {chain} WHERE coalesce(own.protected, false) }}" for chain in chains]

    def _owned(self, mapping: NodeMapping) -> bool:
        """Whether the type belongs to customers; one that the file does not name is shown to nobody."""
        return _is_party(mapping) or self._rules.belongs.get(mapping.name) != ()

    def _implied(self, parent: NodeMapping, relation: Relation, target: NodeMapping) -> bool:
        """Whether whoever sees the parent sees the rows along the relation: it is the way to their customers."""
        name = PARTY if _is_party(parent) else parent.name
        return any(
            relation.types == (way.relationship,)
            and relation.direction == ("out" if way.inwards else "in")
            and way.target == name
            for way in self._rules.belongs.get(target.name, ())
        )

    def visible(self, type_name: str, var: str) -> str:
        """The predicate of a record that may be seen: one of its customers is; empty where it belongs to nobody."""
        if self.rows is Rows.ALL or self._rules.belongs.get(type_name) == ():
            return ""
        if type_name in {PARTY, "Person", "Organization"}:
            return self._clear(var)
        chains = [fill(chain, p="(own:Party)") for chain in self._chains(type_name, var)]
        if not chains:
            return "false"
        some = [f"EXISTS {{ MATCH {chain} WHERE {self._clear('own')} }}" for chain in chains]
        if self.rows is Rows.UNPROTECTED:
            # What belongs to nobody whom the bank knows tells of nobody.
            none = " AND ".join(self._none_protected(type_name, var))
            return f"({none} OR {' OR '.join(some)})" if self._shared(type_name) else none
        some += [
            predicate if pattern == f"({var})" else f"EXISTS {{ MATCH {pattern} WHERE {predicate} }}"
            for pattern, predicate in self._mine(type_name, var)
        ]
        return f"({' OR '.join(some)})"

    def _shared(self, type_name: str) -> bool:
        """Whether the record, or what it belongs to, is shown although one of its customers is protected."""
        ways = self._rules.belongs.get(type_name, ())
        return type_name in self._rules.shared or any(self._shared(way.target) for way in ways)

    def _clear(self, var: str) -> str:
        return fill(_CLEAR[self.rows], p=var)

    def _chains(self, type_name: str, var: str, *, labelled: bool = False) -> list[str]:
        """The patterns from a node to its customers, ``{p}``."""
        return [f"{pattern}{{p}}" for pattern, end in self._paths(type_name, var, labelled=labelled) if end == PARTY]

    def _mine(self, type_name: str, var: str, *, labelled: bool = False) -> list[tuple[str, str]]:
        """The patterns from a node to what is the employee's own, and the predicates that say so."""
        if self.rows not in {Rows.CASES, Rows.PORTFOLIO}:
            return []
        label = f":{graph.nodes[type_name].label}" if labelled else ""
        found = []
        if type_name in self._rules.mine:
            found.append((f"({var}{label})", _own(self._rules.mine[type_name], var)))
        for pattern, end in self._paths(type_name, var, labelled=labelled):
            if end in self._rules.mine:
                found.append((f"{pattern}(its:{graph.nodes[end].label})", _own(self._rules.mine[end], "its")))
        return found

    def _paths(self, type_name: str, var: str, *, labelled: bool) -> list[tuple[str, str]]:
        """The patterns from a node to each type on its ways to customers, without that last node, and the type."""
        label = f":{graph.nodes[type_name].label}" if labelled else ""
        found: list[tuple[str, str]] = []
        waiting: list[tuple[str, tuple[Way, ...]]] = [(f"({var}{label})", self._rules.belongs.get(type_name, ()))]
        while waiting:
            pattern, ways = waiting.pop(0)
            for way in ways:
                found.append((f"{pattern}{way.pattern}", way.target))
                if way.target != PARTY:
                    step = f"{pattern}{way.pattern}(:{graph.nodes[way.target].label})"
                    waiting.append((step, self._rules.belongs.get(way.target, ())))
        return found

    # What was shown, and who asks

    def bound(self, caller: Caller, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of a statement, with the caller's own where this sight's statements name the caller."""
        if self.rows in {Rows.ALL, Rows.UNPROTECTED}:
            return dict(parameters)
        return {**parameters, "me": caller.party_id or "" if self.rows is Rows.OWN else caller.subject}

    def noted(self, mapping: NodeMapping, var: str, *, root: bool) -> str:
        """The keys of customers who are shown; of records at a root, the keys of their customers."""
        if not self._notes:
            return ""
        if _is_party(mapping):
            return f"{var}.id"
        chains = self._chains(mapping.name, var) if root else []
        found = [f"[{fill(chain, p='(own:Party)')} | own.id]" for chain in chains]
        return " + ".join(found)


def _own(predicate: str, var: str) -> str:
    return fill(predicate, n=var, hours=str(CALL_HOURS), minutes=str(GRACE_MINUTES))


def _is_party(mapping: NodeMapping) -> bool:
    return mapping.name == PARTY or (mapping.interface is not None and mapping.interface.name == PARTY)


class Sights:
    """The sights of all roles, made once.

    ``secret`` seals cursors: without one they are good in this process only. With ``notes`` shapes tell which
    customers they show.
    """

    def __init__(self, secret: str | None = None, *, rules: Matrix | None = None, notes: bool = False) -> None:
        used, key = rules or matrix(), secret or secrets.token_hex()
        self._of = {role: RoleSight(role, used, CursorSeal(key, role), notes=notes) for role in Role}

    def of(self, caller: Caller) -> RoleSight:
        """What a caller sees; all callers of a role share it."""
        return self._of[caller.role]


def check_key(caller: Caller, field: str, key: object) -> None:
    """Raise Forbidden where a customer asks a root field for another party than the own one.

    Whether the other party exists is not told.
    """
    if field == "party" and not caller.may_read_party(str(key)):
        raise Forbidden("A customer may read the own party only.", hint="Ask with the id that the token names.")
