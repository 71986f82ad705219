"""`graph-crm contacts policy`: the limits, hours and rests that are in force, those of plugins included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph_crm.cli.console import AsJson, note, print_json, print_table, say

if TYPE_CHECKING:
    from graph_crm.contacts.policy import ContactPolicy
    from graph_crm.settings import Settings


def policy(*, as_json: AsJson = False) -> None:
    """Show the contact policy: limits (those of plugins, too), hours, rests, suppression. Asks no database.

    A running server or worker has the policy that it read at its start; the query contactPolicy shows that one.
    """
    from graph_crm import bootstrap
    from graph_crm.contacts.policy import ContactPolicy
    from graph_crm.settings import load

    settings = load()
    own = {one.name for one in ContactPolicy.load(settings.contact_policy).limits}
    book = bootstrap.rules(settings)
    found = bootstrap.terms(settings, book).policy
    file = str(settings.contact_policy or "shipped")
    limits = [{**one.as_json(), "from": "file" if one.name in own else "plugin"} for one in found.limits]
    parts = found.model_dump(mode="json", exclude={"limits"}, by_alias=True)
    if as_json:
        print_json(
            {
                "file": file,
                "version": found.version,
                "limits": limits,
                "limits_unknown": found.limits_unknown,
                **parts,
                "times": [
                    {**one, "from": _clock(one["from"]), "until": _clock(one["until"])} for one in parts["times"]
                ],
            }
        )
        return
    say(f"Contact policy: {file}, version {found.version}")
    _print(found, limits)
    for name in found.limits_unknown:
        note(f"Problem: plugin {name} can't say its limits: nothing is promoted until it can.")
    note("Approved overrides may shorten a limit for some time: graph-crm contacts overrides")


def judged_by(settings: Settings, found: ContactPolicy) -> str:
    """By which contact policy a command judges, and how to have it judge as a demo of these data does."""
    from graph_crm.cli.supervisor import AT_ANY_HOUR, MARK

    told = f"Judged by the contact policy {found.version} ({settings.contact_policy or 'shipped'})."
    if (settings.data_dir / MARK).is_file() and settings.contact_policy is None:
        told += f" The demo judges by its own: GRAPH_CRM_CONTACT_POLICY={AT_ANY_HOUR}"
    return told


def _print(found: ContactPolicy, limits: list[dict[str, object]]) -> None:
    print_table(
        ["limit", "at most", "in days", "scope", "channels", "direction", "classes", "purposes", "counts", "from"],
        [[one["name"], one["count"], *(_cell(one[name]) for name in
          ("days", "scope", "channels", "direction", "classes", "purposes", "counts", "from"))] for one in limits],
    )  # fmt: skip
    print_table(
        ["channels", "from", "until", "weekdays", "public holidays"],
        [
            [
                ", ".join(one.channels), _clock(one.begins), _clock(one.ends), ", ".join(one.weekdays),
                "yes" if one.public_holidays else "no",
            ]
            for one in found.times
        ],
        title="Hours, by the clock of the customer; a channel that is not named may be used at any time",
    )  # fmt: skip
    for title, part in (("Rest after an answer", found.cool_off), ("Suppression", found.suppression)):
        rows = [[name, None if value is None else _cell(value)] for name, value in part]
        print_table(["setting", "value"], rows, title=title)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "all"
    if isinstance(value, float):
        return f"{value:g}"
    return "any" if value is None else str(value)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
