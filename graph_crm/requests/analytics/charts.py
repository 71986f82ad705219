"""The charts of the report, as SVG that stands in a page; matplotlib is imported only when one is drawn."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREY, GREEN, RED = "#1f5f8b", "#e0a030", "#9aa5ad", "#4c8c4a", "#b5443a"
COLOURS = (BLUE, ORANGE, GREY, GREEN, RED)
LONGEST_LABEL = 34
MOST_TICKS = 14
_HEAD = re.compile(r"\A.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)


@dataclass(frozen=True)
class Series:
    """Numbers with what they are; None: there is none at that place."""

    name: str
    values: Sequence[float | None]


def bars(labels: Sequence[str], series: Sequence[Series], *, title: str, unit: str) -> str:
    """Horizontal bars, those of one label beside each other, the first label at the top."""

    def draw(axes: Axes) -> None:
        height = 0.8 / max(len(series), 1)
        for number, one in enumerate(series):
            places = [place + (number - (len(series) - 1) / 2) * height for place in range(len(labels))]
            values = [value or 0 for value in one.values]
            axes.barh(places, values, height=height, color=COLOURS[number % len(COLOURS)], label=_plain(one.name))
        axes.set_yticks(range(len(labels)), [_plain(_short(label)) for label in labels])
        axes.invert_yaxis()
        axes.set_xlabel(unit)
        if len(series) > 1:
            axes.legend(fontsize=8)

    return _figure(draw, title, height=1.2 + 0.3 * len(labels) * max(1.0, 0.6 * len(series)))


def lines(labels: Sequence[str], series: Sequence[Series], *, title: str, unit: str) -> str:
    """Lines over days or weeks in their order."""

    def draw(axes: Axes) -> None:
        places = list(range(len(labels)))
        for number, one in enumerate(series):
            values = [float("nan") if value is None else value for value in one.values]
            axes.plot(
                places,
                values,
                color=COLOURS[number % len(COLOURS)],
                label=_plain(one.name),
                marker="o" if len(labels) < MOST_TICKS * 2 else None,
                markersize=3,
            )
        step = max(1, -(-len(labels) // MOST_TICKS))
        axes.set_xticks(places[::step], [labels[place] for place in places[::step]], rotation=45, ha="right")
        axes.set_ylabel(unit)
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8)

    return _figure(draw, title, height=3.4)


def _figure(draw: Callable[[Axes], None], title: str, *, height: float) -> str:
    from matplotlib import rc_context  # noqa: PLC0415 - takes a second, and only a report needs it
    from matplotlib.figure import Figure  # noqa: PLC0415 - the same

    # Text stays text: it is read aloud, found and copied. The salt makes the same report from the same numbers.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.family": "sans-serif"}):
        figure = Figure(figsize=(8.6, min(height, 14)), layout="constrained")
        axes = figure.subplots()
        draw(axes)
        axes.spines[["top", "right"]].set_visible(False)
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    # What stands before the element, and who made it, name addresses that a page without network must not ask.
    return _METADATA.sub("", _HEAD.sub("", written.getvalue()))


def _short(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "\u2026"


def _plain(label: str) -> str:
    """A label as it is: a dollar sign begins no formula, and a leading underscore hides no series."""
    return label.replace("$", r"\$").lstrip("_") or "-"
