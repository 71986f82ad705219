"""`graph-crm decisions ...`: what was decided and why, in words; and the same decision made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_crm.cli.console import AsJson, note, print_json, run, say
from graph_crm.cli.contact_policy import judged_by
from graph_crm.cli.seeing import AsRole, Seeing
from graph_crm.security.roles import Role

if TYPE_CHECKING:
    from graph_crm.decisions.reasons.replay import Replay

app = typer.Typer(help="Decisions: read them in words, make them again.", no_args_is_help=True)

DecisionId = Annotated[
    str, typer.Argument(metavar="ID", help="Identifier of the decision, for example decision:8f0b...")
]


@app.command()
def show(
    decision: DecisionId,
    *,
    language: Annotated[str, typer.Option("--language", help="Language of the sentences, for example pl.")] = "en",
    as_role: AsRole = Role.ADMINISTRATOR,
    as_json: AsJson = False,
) -> None:
    """Tell a decision in words: what started it, every candidate, what each check said."""
    told = run(_told(decision, language, Seeing(as_role)))
    if as_json:
        print_json(told)
        return
    for line in told["text"]:
        say(line)


@app.command()
def replay(decision: DecisionId, *, as_json: AsJson = False) -> None:
    """Make a decision again from the graph as it was then: exit 0 when the answer is the same, else 1.

    Writes nothing. Where the answer is another one, what differs of rules, policy, plugins and the customer is listed.
    """
    found = run(_replayed(decision))
    if as_json:
        print_json(
            {
                "decision": found.decision,
                "at": found.at,
                "same": found.same,
                "effects": [_shown(one) for one in found.effects],
                "causes": [_shown(one) for one in found.causes],
            }
        )
    else:
        say("The same answer." if found.same else "Another answer:")
        for one in found.effects:
            say(f"  {one}")
        if found.causes:
            say("What is not as it was:" if not found.same else "Although this is not as it was:")
        for one in found.causes:
            say(f"  {one}")
    if not found.same:
        if not found.causes and not as_json:
            note("Nothing that the decision was made from looks different: a plugin may go by chance or by the clock.")
        raise typer.Exit(1)


def _shown(change: Any) -> dict[str, Any]:
    return {"kind": change.kind, "name": change.name, "before": change.before, "now": change.now}


async def _told(decision: str, language: str, seeing: Seeing) -> dict[str, Any]:
    from graph_crm import bootstrap, texts
    from graph_crm.decisions.reasons import telling as why
    from graph_crm.decisions.reasons.replay import stored_decision
    from graph_crm.settings import load

    settings = load()
    texts.use(texts.Texts.load(settings.texts_dir))
    tell = why.teller(language)  # an unknown language is told before a database is started
    async with bootstrap.connected(settings) as database:
        await seeing.require(database, "Decision", "id", decision)
        return _as_seen(why.decided(await stored_decision(database, decision), tell), seeing)


def _as_seen(told: dict[str, Any], seeing: Seeing) -> dict[str, Any]:
    """A decision without the contact points for a role that does not see them as they are."""
    ways = [way for entry in told["trace"] for way in entry["ways"]]
    for way in ways:
        way.update(seeing.shown("Way", {"point": way["point"]}))
    return told


async def _replayed(decision: str) -> Replay:
    from graph_crm import bootstrap
    from graph_crm.decisions.reasons.replay import Replaying
    from graph_crm.settings import load

    settings = load()
    book = bootstrap.rules(settings)
    agreed = bootstrap.terms(settings, book)
    async with bootstrap.connected(settings) as database:
        found = await Replaying(database, book, agreed).replay(decision)
    note(judged_by(settings, agreed.policy))
    return found
