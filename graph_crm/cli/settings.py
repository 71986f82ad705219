"""`graph-crm settings`: every setting, its value and where the value came from."""

from __future__ import annotations

from dataclasses import asdict

from graph_crm.cli.console import AsJson, note, print_json, print_table


def settings(*, as_json: AsJson = False) -> None:
    """List every setting: value (secrets masked), where it came from, what it means."""
    from graph_crm.settings import describe, unknown_names

    found = describe()
    if as_json:
        print_json([asdict(setting) for setting in found])
    else:
        print_table(
            ["variable", "value", "from", "meaning"],
            [[line.variable, line.value, line.origin, line.meaning] for line in found],
        )
    for problem in unknown_names():
        note(f"Warning: {problem}")
