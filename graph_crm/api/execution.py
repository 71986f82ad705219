"""Executes GraphQL requests: mapped queries straight from their statements, the rest through graphql-core."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from inspect import isawaitable
from typing import Any, cast

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    OperationType,
    execute,
    subscribe,
)
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graph_crm.api import auditing, leading, rights
from graph_crm.api.describing import Descriptions
from graph_crm.api.documents import Documents, Operation, Planned, Problem
from graph_crm.api.failures import incident, resolver_error, shown_error
from graph_crm.api.leaving import while_there
from graph_crm.api.persisted import Persisted
from graph_crm.api.preparing import Preparation, Request
from graph_crm.api.schema import MappedSchema
from graph_crm.api.unseen import Unseen
from graph_crm.audit.acting import SEEN
from graph_crm.audit.service import Audit
from graph_crm.errors import CrmError, InvalidInput, NotFound
from graph_crm.graph import deadlines
from graph_crm.graph.compiler import Compiler, Statement
from graph_crm.graph.compiler.arguments import Value
from graph_crm.graph.compiler.selection import Selections
from graph_crm.graph.context import Fetch, RequestContext
from graph_crm.graph.database import Database
from graph_crm.graph.mapping import NodeMapping
from graph_crm.security import touching
from graph_crm.security.budgets import Budgets
from graph_crm.security.roles import Caller, Permission, Role
from graph_crm.security.sight import Sights, check_key

__all__ = ["Executor", "Request", "RequestTimeout", "Shaped"]


class RequestTimeout(CrmError):
    """The request took longer than a request may take."""

    code = "REQUEST_TIMEOUT"


class Shaped:
    """A part of the response that is complete as it is: compiled, read and shaped."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _CopyingExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, which takes shaped values as they are instead of visiting each leaf."""

    def complete_value(
        self, return_type: Any, field_details_list: Any, info: Any, path: Any, result: Any, *rest: Any
    ) -> Any:
        if isinstance(result, Shaped):
            return result.value
        return super().complete_value(return_type, field_details_list, info, path, result, *rest)


class Executor:
    """Answers GraphQL requests over one database."""

    def __init__(
        self,
        schema: MappedSchema,
        database: Database,
        services: Callable[[type[Any]], Any] | None = None,
        *,
        seconds: float = 30.0,
        audit: Audit | None = None,
        sights: Sights | None = None,
        budgets: Budgets | None = None,
        persisted: Persisted | None = None,
        unseen: Unseen | None = None,
    ) -> None:
        self._budgets = budgets or Budgets()
        self._unseen = unseen or Unseen()
        self._documents = Documents(schema)
        self._persisted = persisted or Persisted()
        self._preparation = Preparation(schema, self._documents, self._persisted, self._budgets, self._unseen)
        self._descriptions = Descriptions(schema)
        self._sights = sights or Sights(notes=audit is not None)
        self._audit = self.audit = audit
        self._schema = schema
        self._seconds = seconds
        self._database = database
        self._services = services or (lambda service: service(database))

    def text_of(self, query: str, identifier: str, role: Role) -> str:
        """The text of a persisted document. Raises NotPersisted, OnlyPersisted, InvalidInput."""
        return self._persisted.text(query, identifier, role)

    async def execute(self, request: Request) -> dict[str, Any]:
        """The response of a request: ``data``, and ``errors`` and ``extensions`` where there are any. Never raises."""
        if self._audit is None:
            return await self._guarded(request)
        with auditing.request(self._audit, request.actor or auditing.actor_of(request.caller, None, None)):
            response = await self._guarded(request)
            auditing.tell_refusals(self._audit, response)
            return response

    async def _guarded(self, request: Request) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._seconds):
                with deadlines.within(self._seconds):
                    return await self._execute(request)
        except TimeoutError:
            late = RequestTimeout(
                f"The request took more than {self._seconds:g} seconds and was given up.",
                hint="Ask for less. A mutation may or may not have been made: repeat it with the same idempotency key.",
            )
            return {"errors": [shown_error(late)]}
        except CrmError as error:
            return {"errors": [shown_error(error)]}
        except Exception as error:  # noqa: BLE001 - the last resort: a request must not take the server down
            return {"errors": [incident(error)]}

    async def _execute(self, request: Request) -> dict[str, Any]:
        caller = request.caller
        ready = self._preparation.ready(request)
        if isinstance(ready, Problem):
            return {"errors": ready.errors if caller.may(Permission.INTROSPECT) else ready.for_outsiders()}
        operation, variables, price = ready
        async with self._budgets.running(caller, price.total):
            if operation.mapped:
                response = await while_there(request.gone, self._read(operation, variables, request))
            elif operation.described:
                response = await self._descriptions.answer(operation, variables)
            elif operation.kind is OperationType.QUERY:
                response = await while_there(request.gone, self._run(operation, variables, request))
            else:
                response = await self._run(operation, variables, request)  # a change is made to its end
        if leading.missed(response):
            asked = leading.arguments(operation, variables)
            await leading.lead(self._database, self._sights.of(caller), caller, asked, response)
        if request.cost:
            response["extensions"] = {**response.get("extensions", {}), "cost": self._preparation.told(price, caller)}
        return response

    # Mapped queries

    async def _read(self, operation: Operation, variables: dict[str, Any], request: Request) -> dict[str, Any]:
        plan = self._plan(operation, variables, request.caller)
        explained: list[dict[str, Any]] | None = [] if request.explain else None
        if len(plan) == 1 and plan[0].statement:
            # The common case: one root field, one statement, no task of its own.
            answers = [await self._answer(plan[0], variables, request.caller, explained)]
        else:
            answers = await asyncio.gather(*[self._answer(each, variables, request.caller, explained) for each in plan])
        data = {}
        errors = []
        for each, (value, error) in zip(plan, answers, strict=True):
            if error is not None:
                errors.append(error)
            data[each.key] = value
        response: dict[str, Any] = {"data": data}
        if errors:
            response["errors"] = errors
        if explained is not None:
            response["extensions"] = {"explain": explained}
        return response

    def _plan(self, operation: Operation, variables: dict[str, Any], caller: Caller) -> list[Planned]:
        shape = (self._sights.of(caller).key, operation.shape_of(variables))
        plan = self._documents.plan(operation, shape)
        if plan is None:
            self._unseen.admit(caller)
            plan = self._compile(operation, variables, caller)
            self._documents.keep(operation, shape, plan)
        return plan

    def _compile(self, operation: Operation, variables: dict[str, Any], caller: Caller) -> list[Planned]:
        selected = Selections(operation.fragments, variables).fields(
            [operation.node.selection_set], frozenset({"Query"})
        )
        self._preparation.check_roots(selected)
        plan = []
        for key, nodes in selected.items():
            name = nodes[0].name.value
            if name == "__typename":
                plan.append(Planned(key, None, name, "Query"))
                continue
            try:
                statement = self._statement(name, nodes, operation, variables, caller)
                plan.append(Planned(key, statement, name, asked=self._asked(name, nodes, operation, variables)))
            except CrmError as error:
                # Its neighbours still get their answers, as they would if the database had said no.
                plan.append(Planned(key, None, name, refused=error))
        return plan

    def _statement(
        self, name: str, nodes: list[FieldNode], operation: Operation, variables: dict[str, Any], caller: Caller
    ) -> Statement:
        self._sights.of(caller).check("Query", name)
        compiler = self._compiler(operation, variables, caller)
        return compiler.root(self._schema.registry.roots[name], nodes)

    def _asked(
        self, name: str, nodes: list[FieldNode], operation: Operation, variables: dict[str, Any]
    ) -> Value | None:
        """The key that a root field of one node asks for."""
        return Selections(operation.fragments, variables).arguments(nodes[0]).get(self._schema.registry.roots[name].by)

    def _compiler(self, operation: Operation, variables: dict[str, Any], caller: Caller) -> Compiler:
        return Compiler(
            self._schema.registry,
            operation.fragments,
            variables,
            limits=self._schema.limits,
            sight=self._sights.of(caller),
        )

    async def _answer(
        self,
        planned: Planned,
        variables: dict[str, Any],
        caller: Caller,
        explained: list[dict[str, Any]] | None,
    ) -> tuple[Any, dict[str, Any] | None]:
        """The value of a root field, or null and its error."""
        statement = planned.statement
        if planned.refused:
            return None, {**shown_error(planned.refused), "path": [planned.key]}
        if statement is None:
            return planned.constant, None
        try:
            asked = planned.asked.fetch(variables) if planned.asked else None
            if planned.asked:
                check_key(caller, planned.name, asked)
            return await self._fetched(statement, planned.key, variables, explained, caller, asked), None
        except CrmError as error:
            return None, {**shown_error(error), "path": [planned.key]}
        except Exception as error:  # noqa: BLE001 - the other root fields still get their answers
            return None, {**incident(error), "path": [planned.key]}

    async def _fetched(
        self,
        statement: Statement,
        key: str,
        variables: dict[str, Any],
        explained: list[dict[str, Any]] | None,
        caller: Caller,
        asked: object,
    ) -> Any:
        """What a statement answers, shaped for the response key. ``asked``: the key of the one node it asks for."""
        bound = self._sights.of(caller).bound(caller, statement.parameters.bind(variables))
        if explained is not None:
            explained.append({"field": key, "statement": statement.text, "parameters": bound})
        self._unseen.sent(caller, statement.text)
        rows = await self._database.read(statement.text, bound)
        if self._audit is None:
            return statement.shape(rows, bound)
        noted = {**bound, SEEN: set()}
        shaped = statement.shape(rows, noted)
        if shaped is not None:
            await self._audit.seen(key, noted[SEEN], asked)
        return shaped

    # Mutations, introspection and what else has resolvers

    def _check_answers(
        self, operation: Operation, variables: dict[str, Any], caller: Caller, root: GraphQLObjectType | None
    ) -> None:
        """Refuse what answers with something that can't be read, before it changes anything."""

        def trial(mapping: NodeMapping, nodes: list[FieldNode]) -> None:
            statement = self._compiler(operation, variables, caller).node(mapping, "", nodes)
            statement.parameters.bind(variables)
            self._unseen.expect(caller, statement.text)

        selections = Selections(operation.fragments, variables)
        sight = self._sights.of(caller)
        check = rights.AnswerCheck(self._schema.registry, selections, sight, trial)
        check.root([operation.node.selection_set], root)

    async def _check_arguments(
        self, operation: Operation, variables: dict[str, Any], caller: Caller, root: GraphQLObjectType | None
    ) -> None:
        """Refuse what names a customer, or a customer's record, whom the caller may not touch."""
        names = frozenset({root.name}) if root else frozenset()
        selections = Selections(operation.fragments, variables)
        selected = selections.fields([operation.node.selection_set], names)
        asked = [
            (nodes[0].name.value, {name: value.raw for name, value in selections.arguments(nodes[0]).items()})
            for nodes in selected.values()
        ]
        await touching.check(self._database, self._sights.of(caller), caller, asked, rights.READING)

    async def _run(self, operation: Operation, variables: dict[str, Any], request: Request) -> dict[str, Any]:
        caller = request.caller
        if operation.kind is OperationType.SUBSCRIPTION:
            raise InvalidInput(
                "Subscriptions are not answered over POST.", hint="Open a WebSocket (graphql-transport-ws) at /graphql."
            )
        root_type = self._schema.core.get_root_type(operation.kind)
        self._check_answers(operation, variables, caller, root_type)
        await self._check_arguments(operation, variables, caller, root_type)
        explained: list[dict[str, Any]] | None = [] if request.explain else None

        async def fetch(type_name: str, key: str, info: Any) -> Shaped:
            resolving = getattr(info, "_raw_info", info)  # Strawberry wraps graphql-core's own, which has the nodes
            compiler = self._compiler(operation, variables, caller)
            statement = compiler.node(self._schema.registry.nodes[type_name], key, resolving.field_nodes)
            found = await self._fetched(statement, resolving.path.key, variables, explained, caller, key)
            if found is None:
                raise NotFound(f"There is no {type_name} with the identifier {key[:80]!r}.", id=key[:80])
            return Shaped(found)

        async def root(info: Any) -> Shaped | None:
            statement = self._statement(info.field_name, info.field_nodes, operation, variables, caller)
            self._unseen.expect(caller, statement.text)
            asked = self._asked(info.field_name, info.field_nodes, operation, variables)
            if asked:
                check_key(caller, info.field_name, asked.raw)
            key = asked.raw if asked else None
            found = await self._fetched(statement, info.path.key, variables, explained, caller, key)
            return None if found is None else Shaped(found)

        context = RequestContext(
            self._database, caller=caller, fetch=fetch, root=root, services=self._services, audit=self._audit
        )
        result = execute(
            self._schema.core,
            operation.document,
            root_value={},
            context_value=context,
            variable_values=dict(request.variables),
            operation_name=operation.node.name.value if operation.node.name else None,
            executor_class=_CopyingExecutor,
        )
        done: Any = await result if isawaitable(result) else result
        response: dict[str, Any] = {"data": done.data}
        if done.errors:
            response["errors"] = [resolver_error(error) for error in done.errors]
        if explained is not None:
            response["extensions"] = {"explain": explained}
        return response

    # Subscriptions

    async def subscribe(self, request: Request) -> AsyncGenerator[dict[str, Any], None]:
        """The responses of a subscription, one for each thing that happens; raises nothing that a client causes.

        Raises CrmError before the first response for what is no subscription, or not allowed.
        """
        with self._unseen.timed(request.caller):
            prepared = self._preparation.read(request)
        if isinstance(prepared, Problem):
            insider = request.caller.may(Permission.INTROSPECT)
            yield {"errors": prepared.errors if insider else prepared.for_outsiders()}
            return
        operation, variables = prepared
        if operation.kind is not OperationType.SUBSCRIPTION:
            raise InvalidInput("Only subscriptions are answered here.", hint="POST queries and mutations to /graphql.")
        auditing.act_for(self._audit, request.actor or auditing.actor_of(request.caller, None, None))
        auditing.tell_operation(self._schema.core, operation)
        try:
            self._preparation.require(operation, variables, request.caller, self._schema.core.subscription_type)
            self._preparation.priced(operation, variables, request.caller)
            self._check_answers(operation, variables, request.caller, self._schema.core.subscription_type)
            await self._check_arguments(operation, variables, request.caller, self._schema.core.subscription_type)
        except CrmError as error:
            auditing.refuse(self._audit, error, "subscription")
            raise

        async def no_nodes(_type: str, _key: str, _info: Any) -> Any:
            raise InvalidInput("A subscription answers with no nodes.", hint="Query them.")

        async def no_root(_info: Any) -> Any:
            raise InvalidInput("A subscription answers with no nodes.", hint="Query them.")

        context = RequestContext(
            self._database,
            caller=request.caller,
            fetch=cast(Fetch, no_nodes),
            root=no_root,
            services=self._services,
            audit=self._audit,
        )
        found: Any = subscribe(
            self._schema.core,
            operation.document,
            root_value={},
            context_value=context,
            variable_values=dict(request.variables),
            operation_name=operation.node.name.value if operation.node.name else None,
        )
        stream = await found if isawaitable(found) else found
        if not hasattr(stream, "__aiter__"):
            yield {"errors": [resolver_error(error) for error in stream.errors or []]}
            return
        async with aclosing(_told(stream)) as responses:
            async for response in responses:
                try:
                    # A case that was closed meanwhile tells nothing any more.
                    await self._check_arguments(
                        operation, variables, request.caller, self._schema.core.subscription_type
                    )
                except CrmError as error:
                    yield {"errors": [shown_error(error)]}
                    return
                await auditing.tell_news(self._audit, response)
                yield response


async def _told(stream: Any) -> AsyncGenerator[dict[str, Any], None]:
    """The results of a subscription as responses; an error of the stream is the last one."""
    try:
        async with aclosing(stream) as results:
            async for done in results:
                response: dict[str, Any] = {"data": done.data}
                if done.errors:
                    response["errors"] = [resolver_error(error) for error in done.errors]
                yield response
    except GraphQLError as error:
        yield {"errors": [resolver_error(error)]}
    except CrmError as error:
        yield {"errors": [shown_error(error)]}
