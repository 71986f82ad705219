"""The hooks: what a plugin may say, and when it is asked. `docs/hooks.md` explains each with an example."""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from graph_crm.rules.conditions.base import Needs
from graph_crm.rules.delivery import DeliveryChannel
from graph_crm.rules.events import EventType
from graph_crm.rules.intake import Document, RequestText, Scan
from graph_crm.rules.limits import ContactLimit
from graph_crm.rules.requests import Breach, BreachAction, Candidate, RequestFacts, Route
from graph_crm.rules.results import Proposal, Rule, Treatment, Veto
from graph_crm.rules.snapshot import Snapshot

PROJECT = "graph_crm"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the answer to the hook of the same name."""


class Hooks:
    """Every hook that the platform calls; a plugin implements those that it needs and takes the arguments it wants."""

    @hookspec
    def rules(self) -> Sequence[Rule]:  # type: ignore[empty-body] # a hook specification has no body
        """Return the declarative rules of the plugin.

        Asked once, when the plugin is loaded.
        """

    @hookspec
    def needs(self) -> Needs:  # type: ignore[empty-body] # a hook specification has no body
        """Name what the plugin's other hooks read beyond the customer and its agreements.

        Asked once, when the plugin is loaded. Events, contacts and ties that no plugin names are not in a snapshot.
        """

    @hookspec
    def contact_limits(self) -> Sequence[ContactLimit]:  # type: ignore[empty-body] # a hook specification has no body
        """Add contact limits of your own.

        Asked once, when the plugin is loaded. They bind beside those of the contact policy; none can be taken away.
        """

    @hookspec
    def delivery_channels(self) -> Sequence[DeliveryChannel]:  # type: ignore[empty-body] # a hook specification has no body
        """Add ways on which messages leave the bank.

        Asked once, when the platform starts. For a kind of message that the platform carries itself, the plugin's
        channel is used.
        """

    @hookspec
    def event_types(self) -> Sequence[EventType]:  # type: ignore[empty-body] # a hook specification has no body
        """Add types of events of your own.

        Asked once, when the platform starts. A name that is taken is left out.
        """

    @hookspec
    def propose(self, snapshots: Sequence[Snapshot]) -> Sequence[Proposal]:  # type: ignore[empty-body] # see above
        """Propose offers that no condition can express.

        Asked once for a whole batch of customers, at every event; `snapshot.trigger` is the event of each.
        """

    @hookspec
    def eligibility(self, snapshots: Sequence[Snapshot], proposals: Sequence[Proposal]) -> Sequence[Veto]:  # type: ignore[empty-body] # see above
        """Say to whom the bank may not offer a product at all.

        Asked after the proposals, once for a whole batch; one veto of any plugin is enough.
        """

    @hookspec
    def suitability(self, snapshots: Sequence[Snapshot], proposals: Sequence[Proposal]) -> Sequence[Veto]:  # type: ignore[empty-body] # see above
        """Say for whom a product is not right, though the bank may offer it.

        Asked after the proposals, once for a whole batch; one veto of any plugin is enough.
        """

    @hookspec
    def veto(self, snapshots: Sequence[Snapshot], proposals: Sequence[Proposal]) -> Sequence[Veto]:  # type: ignore[empty-body] # see above
        """Forbid proposals that must not be made.

        Asked after the proposals, once for a whole batch; one veto of any plugin is enough.
        """

    @hookspec
    def score(self, snapshots: Sequence[Snapshot], proposals: Sequence[Proposal]) -> Sequence[float]:  # type: ignore[empty-body] # see above
        """Weigh the proposals: one factor of 0 or more for each, in their order.

        Asked after the vetoes; a proposal's priority is multiplied by the factors of all plugins.
        """

    @hookspec
    def propensity(self, snapshots: Sequence[Snapshot], proposals: Sequence[Proposal]) -> Sequence[float | None]:  # type: ignore[empty-body] # see above
        """Estimate how likely each proposal is accepted, from 0 to 1, instead of the platform's own learner.

        Asked before the ranking; None leaves a proposal to the next plugin, and at last to the learner.
        """

    @hookspec
    def treatments(self, snapshots: Sequence[Snapshot], proposals: Sequence[Proposal]) -> Sequence[Treatment]:  # type: ignore[empty-body] # see above
        """Say how an offer is put on a channel: the script of the agent, the words on the screen.

        Asked for the proposals that are offered; the first plugin with words for an offer and channel is taken.
        """

    @hookspec
    def categorise(self, texts: Sequence[RequestText]) -> Sequence[str | None]:  # type: ignore[empty-body] # see above
        """Say which category of the service desk a request belongs to, before its keywords and its classifier.

        Asked when a request comes in without a category; None leaves it to the next plugin, and at last to the desk.
        """

    @hookspec
    def scan_attachment(self, documents: Sequence[Document]) -> Sequence[Scan]:  # type: ignore[empty-body] # see above
        """Say of each document whether it is harmless.

        Asked by the worker, once for each document that came in; until every scanner let it pass nobody may open it.
        """

    @hookspec
    def route_requests(self, requests: Sequence[RequestFacts], candidates: Sequence[Candidate]) -> Sequence[Route]:  # type: ignore[empty-body] # see above
        """Say who answers a service request, or in which team.

        Asked when one comes in, is sorted or looks for another owner; the first plugin with a word for it is taken.
        """

    @hookspec
    def request_breached(self, breaches: Sequence[Breach]) -> Sequence[BreachAction]:  # type: ignore[empty-body] # see above
        """Say what is done about service requests that missed a target.

        Asked once for each breach, in the transaction that puts the request before the supervisor.
        """


def hook_names() -> tuple[str, ...]:
    """The names of all hooks, in the order in which they are asked."""
    return tuple(name for name, value in vars(Hooks).items() if hasattr(value, f"{PROJECT}_spec"))
