"""`graph-crm documents`: persisted documents of front-end teams, and what queries cost, without a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_crm.cli.console import AsJson, note, print_json, print_table, say
from graph_crm.errors import InvalidInput
from graph_crm.security.roles import Role

if TYPE_CHECKING:
    from graph_crm.api.schema import MappedSchema
    from graph_crm.security.budgets import Budgets

app = typer.Typer(no_args_is_help=True, help="Persisted documents, and what queries cost.")

RolesOption = Annotated[
    list[Role] | None,
    typer.Option("--role", help="A role that will ask for them: refuses what is above its budget. Repeatable."),
]


def _parts() -> tuple[MappedSchema, Budgets]:
    """The schema and the budgets of this installation."""
    from graph_crm.api.schema import platform_schema
    from graph_crm.security.budgets import Budgets
    from graph_crm.settings import load

    settings = load()
    schema = platform_schema(settings.page_limit, settings.page_default)
    return schema, Budgets(settings.query_cost, settings.query_cost_at_once)


@app.command()
def build(
    folder: Annotated[Path, typer.Argument(help="Folder with GraphQL files.", exists=True)],
    manifest: Annotated[
        Path | None,
        typer.Option("--manifest", help="Where it is written.", show_default="FOLDER/manifest.json", dir_okay=False),
    ] = None,
    role: RolesOption = None,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 where the manifest is another.")
    ] = False,
) -> None:
    """Check GraphQL files against the schema and write their manifest, which the team commits.

    Example: graph-crm documents build src/queries --role agent
    """
    from graph_crm.api import building

    schema, budgets = _parts()
    built = building.build(schema, folder)
    for each in role or ():
        _within(budgets, each, built)
    path = manifest or (folder if folder.is_dir() else folder.parent) / "manifest.json"
    made = building.manifest(built)
    if not check:
        path.write_bytes(made)
        note(f"Wrote {path}: {len(built)} documents.")
        return
    if not path.is_file() or path.read_bytes() != made:
        raise InvalidInput(
            f"{path} is not what the files make.", hint=f"graph-crm documents build {folder}, and commit the manifest."
        )
    note(f"{path} is what the files make: {len(built)} documents.")


def _within(budgets: Budgets, role: Role, built: list[Any]) -> None:
    from graph_crm.security.budgets import QueryTooExpensive, told

    limit = budgets.of(role).request
    over = [each for each in built if limit and each.cost > limit]
    if over:
        lines = "\n".join(f"{each.name}: {told(each.cost)}" for each in over)
        raise QueryTooExpensive(
            f"The role {role} may ask for {told(limit)} at a time, and these can cost more:\n{lines}",
            hint="Write page sizes (`first`) into the document, or ask for smaller ones; docs/limits.md.",
            limit=told(limit),
        )


@app.command()
def cost(
    file: Annotated[Path, typer.Argument(help="A GraphQL file, or a folder of them.", exists=True)],
    role: Annotated[Role, typer.Option(help="The role that would ask.")],
    *,
    json: AsJson = False,
) -> None:
    """Tell what queries can cost at most, and what the role may ask for; exit 1 where one is above it.

    A query without a name goes by that of its file.

    Example: graph-crm documents cost customer.graphql --role agent
    """
    from graph_crm.api import building
    from graph_crm.security.budgets import told

    schema, budgets = _parts()
    built = building.build(schema, file, unnamed=True)
    limit = told(budgets.of(role).request)
    if json:
        print_json([{"name": each.name, "cost": told(each.cost), "limit": limit} for each in built])
    else:
        print_table(["operation", "cost at most", f"limit of {role}"], [[e.name, told(e.cost), limit] for e in built])
        say("Pages whose size comes with the call count as large as pages may be; filters that do are not counted.")
    _within(budgets, role, built)
