"""What the audit is told of requests: who asks from where and why, which mutation runs, what an answer shows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
)

from graph_crm.api.documents import Operation
from graph_crm.audit import acting
from graph_crm.audit.acting import Acting, Actor
from graph_crm.audit.entries import NOTHING, Shown
from graph_crm.audit.reading import NOBODY
from graph_crm.audit.service import Audit
from graph_crm.errors import CrmError, Forbidden, Unauthenticated
from graph_crm.security.matrix import matrix
from graph_crm.security.roles import Caller

_REFUSALS: Final = frozenset({Forbidden.code, Unauthenticated.code})
_STRUCTURE: Final = ("Connection", "Edge")
_NOT_PERSONAL: Final = frozenset({"catalogue", "rules", "numbers", "answers", "profit"})
"""Classes of data that say nothing of any person."""


def actor_of(caller: Caller, audit: Audit | None, scope: Mapping[str, Any] | None) -> Actor:
    """Who acts: the caller of the token, with what the connection says.

    Raises InvalidInput for a reason that is none.
    """
    if audit is None or scope is None:
        made = acting.current()  # who is within a request, or a connection, is where that is
        around = made.actor if made is not None else Actor("", "")
        return Actor(
            caller.subject, caller.role.value, around.address, around.agent, around.reason, party_id=caller.party_id
        )
    address, agent, reason = origin(scope)
    return Actor(caller.subject, caller.role.value, address, agent, acting.reason_of(reason), caller.party_id)


def nobody(scope: Mapping[str, Any]) -> Actor:
    """Who acts where no valid token came."""
    address, agent, _ = origin(scope)
    return Actor(*NOBODY, address, agent)


def origin(scope: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    """Address, program and reason of an ASGI connection; behind a trusted proxy the address that it tells."""
    agent = reason = None
    for name, value in scope["headers"]:
        if name == b"user-agent":
            agent = value.decode("latin-1")
        elif name == b"x-reason":
            reason = value.decode("latin-1")
    client = scope.get("client")  # behind a proxy a text that the proxy was told
    return acting.short_agent(client[0]) if client else None, acting.short_agent(agent), reason


@contextmanager
def request(audit: Audit | None, actor: Actor | None) -> Iterator[None]:
    """Run the block for ``actor``."""
    if audit is None or actor is None:
        yield
        return
    with acting.acting(actor):
        yield


def act_for(audit: Audit | None, actor: Actor) -> None:
    """Have the rest of this context run for ``actor``: a subscription, which has no end that a block could have."""
    if audit is not None:
        acting.act(Acting(actor))


def connect(scope: Mapping[str, Any]) -> None:
    """Have the rest of this context run for nobody yet, at the other end of this connection."""
    acting.act(Acting(nobody(scope)))


async def admit(audit: Audit | None, token: str, caller: Caller) -> None:
    """Tell the audit who a connection belongs to."""
    if audit is not None:
        await audit.first_use(token, actor_of(caller, None, None))


def refuse(audit: Audit | None, error: CrmError, what: str = "connection_init") -> None:
    """Tell the audit that a connection, or what was asked on it, was refused."""
    made = acting.current()
    if audit is not None and made is not None and error.code in _REFUSALS:
        audit.refused(error, made.actor, what)


async def tell_news(audit: Audit | None, response: Mapping[str, Any]) -> None:
    """Tell the audit what a subscription is about to tell."""
    made = acting.current()
    if audit is None or made is None:
        return
    for key, value in (response.get("data") or {}).items():
        if key in made.shows and isinstance(value, Mapping):
            await audit.readings.shown(made.roots.get(key, key), acting.ids_in(value), made.shows[key], made=made)


def tell_operation(schema: GraphQLSchema, operation: Operation) -> None:
    """Tell the audit which operation runs for who acts."""
    made = acting.current()
    if made is None:
        return
    known = operation.told
    if known is None:
        known = operation.told = _told(schema, operation)
    made.operation, made.document, made.shows, made.roots = known


def tell_refusals(audit: Audit | None, response: Mapping[str, Any]) -> None:
    """Tell the audit what of a response was refused."""
    made = acting.current()
    if audit is None or made is None:
        return
    for error in response.get("errors", ()):
        extensions = error.get("extensions") or {}
        code = extensions.get("code")
        if code in _REFUSALS:
            what = ".".join(str(extensions[name]) for name in ("type", "field", "permission") if name in extensions)
            audit.refused(code, made.actor, what)


def _told(schema: GraphQLSchema, operation: Operation) -> tuple[str, str, dict[str, Shown], dict[str, str]]:
    """How the audit names an operation; by response key which fields of persons it shows, and by which root field."""
    location = operation.document.loc
    text = location.source.body if location else ""
    name = operation.node.name.value if operation.node.name else ""
    root = schema.get_root_type(operation.node.operation)
    shows: dict[str, Shown] = {}
    roots: dict[str, str] = {}
    if root is not None:
        for key, kind, node in _Walk(schema, operation).roots(root):
            roots[key] = node.name.value
            found: dict[str, dict[str, None]] = {}
            _Walk(schema, operation).gather(kind, node.selection_set, found)
            if (shown := _personal(found)) is not None:
                known = shows.get(key, NOTHING)
                shows[key] = Shown(_both(known.fields, shown.fields), _both(known.classes, shown.classes))
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
    return f"{operation.kind.value} {name[:80]}".strip(), digest, shows, roots


def _personal(found: Mapping[str, Mapping[str, None]]) -> Shown | None:
    """What of these fields is about persons; None: nothing. A field without a class counts as such."""
    fields: list[str] = []
    classes: set[str] = set()
    for type_name, names in sorted(found.items()):
        own = {name: matrix().class_of(type_name, name) or "unknown" for name in names}
        told = [name for name, class_ in own.items() if class_ not in _NOT_PERSONAL]
        if told:
            fields.append(f"{type_name}({','.join(told)})")
            classes.update(own[name] for name in told)
    return Shown(tuple(fields), tuple(sorted(classes))) if fields else None


def _both(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*one, *other]))


class _Walk:
    """Goes through a selection, through each fragment once: what it asks for again is the same."""

    def __init__(self, schema: GraphQLSchema, operation: Operation) -> None:
        self._schema = schema
        self._operation = operation
        self._spread: set[str] = set()

    def roots(self, root: GraphQLObjectType) -> Iterator[tuple[str, Any, FieldNode]]:
        """The root fields: response key, type, node."""
        for _, node in self._selected(root, self._operation.node.selection_set):
            field = root.fields.get(node.name.value)
            if field is not None:
                yield (node.alias or node.name).value, get_named_type(field.type), node

    def gather(self, kind: Any, selections: SelectionSetNode | None, found: dict[str, dict[str, None]]) -> None:
        """Note what is asked of ``kind`` and of all below it."""
        if selections is None or not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType):
            return
        for own, node in self._selected(kind, selections):
            name = node.name.value
            field = None if isinstance(own, GraphQLUnionType) else own.fields.get(name)
            if field is None:
                continue
            if not own.name.endswith(_STRUCTURE) and own.name != "PageInfo":
                found.setdefault(own.name, {})[name] = None
            self.gather(get_named_type(field.type), node.selection_set, found)

    def _selected(self, kind: Any, selections: SelectionSetNode) -> Iterator[tuple[Any, FieldNode]]:
        """The fields of a selection, fragments spread, each with the type that it is asked of."""
        for each in selections.selections:
            if isinstance(each, FieldNode):
                yield kind, each
            elif isinstance(each, InlineFragmentNode):
                condition = each.type_condition
                below = self._schema.get_type(condition.name.value) if condition else kind
                yield from self._selected(below, each.selection_set)
            elif isinstance(each, FragmentSpreadNode) and each.name.value not in self._spread:
                self._spread.add(each.name.value)
                fragment = self._operation.fragments[each.name.value]
                below = self._schema.get_type(fragment.type_condition.name.value)
                yield from self._selected(below, fragment.selection_set)
