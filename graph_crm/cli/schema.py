"""`graph-crm schema`: the GraphQL schema as text, and whether the committed copy is the running one."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated

import typer

from graph_crm.cli.console import note, say
from graph_crm.errors import InvalidInput

app = typer.Typer(no_args_is_help=True, help="The GraphQL schema as text.")

FileOption = Annotated[
    Path | None,
    typer.Option("--file", help="The schema file.", show_default="schema/schema.graphql", dir_okay=False),
]


def _committed() -> Path:
    from graph_crm.resources import folder

    return folder("schema") / "schema.graphql"


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Option("--file", help="Write it here instead of printing it.", dir_okay=False)
    ] = None,
) -> None:
    """Print the schema that this version serves, or write it to a file."""
    from graph_crm.api.schema import sdl

    text = sdl().rstrip() + "\n"
    if file is None:
        say(text.rstrip())
        return
    file.write_text(text, "utf-8")
    note(f"Wrote {file}.")


@app.command()
def check(file: FileOption = None) -> None:
    """Compare the schema that this version serves with the committed one; exit 1 and show the difference if any."""
    from graph_crm.api.schema import sdl

    path = file or _committed()
    if not path.is_file():
        raise InvalidInput(f"{path} is not there.", hint=f"graph-crm schema export --file {path}")
    served = sdl().rstrip() + "\n"
    difference = list(
        difflib.unified_diff(
            path.read_text("utf-8").splitlines(), served.splitlines(), str(path), "this version", lineterm=""
        )
    )
    if difference:
        say("\n".join(difference))
        raise InvalidInput(
            "The schema differs from the committed one.",
            hint=f"If the change is meant: graph-crm schema export --file {path}, and commit it.",
        )
    note(f"{path} is what this version serves.")
