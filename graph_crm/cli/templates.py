"""`graph-crm templates ...`: the words of messages, looked at before they are sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_crm.cli.console import AsJson, print_json, print_table, say
from graph_crm.errors import InvalidInput

if TYPE_CHECKING:
    from graph_crm.delivery.templates.library import Templates

app = typer.Typer(help="Messages: the templates, a preview, a check of all of them.", no_args_is_help=True)

Language = Annotated[str, typer.Option("--language", help="An ISO 639-1 code; English where there is no other.")]


def _loaded() -> Templates:
    from graph_crm.delivery.templates.library import Templates
    from graph_crm.resources import folder
    from graph_crm.settings import load

    return Templates.load(folder("seed") / "templates", load().templates_dir)


@app.command(name="list")
def list_templates(*, as_json: AsJson = False) -> None:
    """List the templates with their languages and variables."""
    found = _loaded()
    rows = [
        {
            "name": name,
            "languages": [one.language for one in found if one.name == name],
            "description": found.get(name).description,
            "variables": sorted(found.get(name).example),
        }
        for name in found.names
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ["name", "languages", "what it is for", "variables"],
        [[row["name"], " ".join(row["languages"]), row["description"], " ".join(row["variables"])] for row in rows],
    )


@app.command()
def preview(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the template.")],
    *,
    language: Language = "en",
    variables: Annotated[
        str | None, typer.Option("--variables", help='Values as JSON: {"number": "R-1"}; else those of its example.')
    ] = None,
    html: Annotated[bool, typer.Option("--html", help="Show the page of a mail instead of its text.")] = False,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", help="The recipient's, for example Europe/Prague.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a message as its recipient would read it. Nothing is sent."""
    template = _loaded().get(name, language)
    done = template.render(template.example if variables is None else _given(variables), zone=time_zone)
    if as_json:
        print_json(
            {
                "name": name,
                "language": done.language,
                "subject": done.subject,
                "text": done.text,
                "html": done.html,
                "short": done.short,
            }
        )
        return
    if html:
        say(done.html or "This template has no page.")
        return
    if done.subject:
        say(f"Subject: {done.subject}\n")
    say(done.text)
    if done.short:
        say(f"\nShort, for SMS and push ({len(done.short)} characters): {done.short}")


@app.command()
def check(*, as_json: AsJson = False) -> None:
    """Put every template into words with its example, in every language; exit code 1 and what is wrong if one fails."""
    found = _loaded()
    problems = found.problems()
    if as_json:
        print_json({"templates": len(list(found)), "problems": problems})
    else:
        for problem in problems:
            say(problem)
        say(f"{len(list(found))} templates in {', '.join(found.languages)}: {len(problems) or 'no'} problems.")
    if problems:
        raise typer.Exit(1)


def _given(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"--variables is no JSON: {error}", hint='For example {"number": "R-1"}.') from error
    if not isinstance(value, dict):
        raise InvalidInput("--variables is no JSON object.", hint='For example {"number": "R-1"}.')
    return value
