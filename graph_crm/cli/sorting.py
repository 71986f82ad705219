"""`graph-crm sorting ...`: train the classifier of requests, try it, see how good it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from graph_crm.cli.console import AsJson, note, print_json, print_table, run, say

if TYPE_CHECKING:
    from graph_crm.requests.sorting.model import Quality

app = typer.Typer(help="Sorting of requests: train the classifier, try it, see how good it is.", no_args_is_help=True)


@app.command()
def train(
    *,
    own_only: Annotated[
        bool, typer.Option("--own-only", help="Leave out the shipped examples: learn from the bank's people alone.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Learn from what people sorted, and from the shipped examples; running processes use it at once."""
    from graph_crm import bootstrap
    from graph_crm.requests.desk import Desk
    from graph_crm.requests.mailbox.wiring import sorter, sorting_model
    from graph_crm.requests.sorting.service import SortingService
    from graph_crm.settings import load

    settings = load()
    path = sorting_model(settings)

    async def work() -> Quality:
        known = sorter(settings, Desk.load(settings.service_desk), None)
        async with bootstrap.connected(settings) as database:
            return await SortingService(database, known).train(path, shipped=not own_only)

    quality = run(work())
    if as_json:
        print_json(quality)
        return
    note(f"Written: {path}")
    _tell(quality)


@app.command("try")
def try_(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What a customer might write.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say into which category a text would be sorted, and by whom. Nothing is written."""
    from graph_crm import bootstrap
    from graph_crm.requests.desk import Desk
    from graph_crm.requests.mailbox.wiring import sorter
    from graph_crm.settings import load

    settings = load()
    known = sorter(settings, Desk.load(settings.service_desk), bootstrap.rules(settings))
    found, proposals = known("", text, None), known.proposals(text)
    if as_json:
        print_json({"category": found.category, "by": found.by.value, "proposals": proposals})
        return
    say(f"{found.category or 'a person sorts'} ({found.by.value})")
    for one in proposals:
        say(f"  {one.confidence:.2f}  {one.category}")


@app.command()
def report(*, as_json: AsJson = False) -> None:
    """Say how good the classifier in force is, on texts that it did not see when it was trained."""
    from graph_crm.requests.desk import Desk
    from graph_crm.requests.mailbox.wiring import sorter, sorting_model
    from graph_crm.settings import load

    settings = load()
    quality = sorter(settings, Desk.load(settings.service_desk), None).model().quality
    if as_json:
        print_json(quality)
        return
    path = sorting_model(settings)
    note(f"In force: {path}" if path.is_file() else "In force: trained on the shipped examples (no file).")
    _tell(quality, threshold=settings.sorting_threshold)


def _tell(quality: Quality, *, threshold: float | None = None) -> None:
    say(
        f"{quality.examples} examples, {quality.categories} categories: {quality.accuracy:.1%} right across folds "
        f"(always the most frequent category: {quality.most_frequent:.1%}), "
        f"calibration error {quality.calibration_error:.3f}."
    )
    if quality.left_out:
        say(f"Too few examples to be learned: {', '.join(quality.left_out)}.")
    print_table(
        ("confidence at least", "share of texts", "right of those"),
        [
            (f"{one.threshold:.2f}", f"{one.share:.1%}", "-" if one.accuracy is None else f"{one.accuracy:.1%}")
            for one in quality.levels
        ],
    )
    if threshold is not None:
        say(f"The threshold in force is {threshold:.2f}.")
