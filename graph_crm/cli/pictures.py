"""Pictures of simulations, as SVG or PNG by the file's name; matplotlib is imported only when one is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from graph_crm.errors import InvalidInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from graph_crm.decisions.authoring.hindsight import Hindsight
    from graph_crm.decisions.authoring.simulation import Simulation

KINDS = (".svg", ".png")
_GONE, _LEFT, _LATER, _OTHERS = "#d9d9d9", "#1f5f8b", "#e0a030", "#9aa5ad"
_DPI = 130
FEWEST_DAYS = 5
"""There is room for so many days at least: one alone is no wall."""


def check_picture(file: Path | None) -> None:
    """Refuse a file that can't be written or is no picture, before anything is worked out. Raises InvalidInput."""
    if file is None:
        return
    if file.suffix.lower() not in KINDS:
        raise InvalidInput(
            f"{file} is no picture that can be drawn.", hint=f"Let its name end in {' or '.join(KINDS)}."
        )
    if not file.absolute().parent.is_dir():
        raise InvalidInput(f"The folder of {file} is not there.", hint="Make it first, or choose another.")


def draw_simulation(found: Simulation, file: Path) -> None:
    """The funnel of the gates, and how many contacts each channel and day would see."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5.5), layout="constrained")
    funnel, volume = figure.subplots(1, 2, width_ratios=[3, 2])
    figure.suptitle(f"{found.rule}: {found.title} ({found.product}), as of {found.as_of:%Y-%m-%d}")
    _draw_funnel(funnel, found)
    _draw_volume(volume, found)
    figure.savefig(file, dpi=_DPI)


def _draw_funnel(axes: Axes, found: Simulation) -> None:
    steps = [one for one in found.funnel if one.asked]
    names = ["found", *(one.gate.replace("_", " ") for one in steps)]
    passed = [found.found, *(one.passed for one in steps)]
    asked = [found.found, *(one.asked for one in steps)]
    held = [0, *(one.held for one in steps)]
    places = range(len(names))
    axes.barh(places, asked, color=_GONE, label="stopped here")
    axes.barh(places, passed, color=_LEFT, label="passed")
    axes.barh(places, held, color=_LATER, label="passed, later")
    for place, (number, step) in enumerate(zip(passed, [None, *steps], strict=True)):
        because = ", ".join(f"{code} {count:,}" for code, count in step.stopped.most_common(2)) if step else ""
        axes.annotate(
            f" {number:,}" + (f"   - {because}" if because else ""),
            (asked[place], place),
            va="center",
            fontsize=8,
        )
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlim(0, max([*asked, 1]) * 2)  # the reasons stand beside the bars
    axes.set_xlabel("customers")
    axes.set_title("Who passes each gate")
    axes.legend(loc="lower right", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_volume(axes: Axes, found: Simulation) -> None:
    axes.set_title("Contacts by channel and day")
    axes.spines[["top", "right"]].set_visible(False)
    if not found.volume:
        axes.annotate("no contact", (0.5, 0.5), xycoords="axes fraction", ha="center")
        axes.set_axis_off()
        return
    days = sorted({one.day for one in found.volume})
    below = dict.fromkeys(days, 0)
    for channel in sorted({one.channel for one in found.volume}):
        counts = {one.day: one.contacts for one in found.volume if one.channel == channel}
        heights = [counts.get(day, 0) for day in days]
        names = [day.isoformat() for day in days]
        axes.bar(names, heights, bottom=[below[day] for day in days], width=0.6, label=channel)
        for day in days:
            below[day] += counts.get(day, 0)
    axes.set_xlim(-0.6, max(len(days), FEWEST_DAYS) - 0.4)
    axes.tick_params(axis="x", rotation=60, labelsize=8)
    axes.set_ylabel("contacts")
    axes.legend(fontsize=8)


def draw_hindsight(found: Hindsight, file: Path) -> None:
    """Proposals on each step day, and the share of the customers who opened the product, beside the others."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5.5), layout="constrained")
    steps, rates = figure.subplots(1, 2, width_ratios=[3, 2])
    figure.suptitle(f"{found.rule}: {found.title} ({found.product}), {found.first} to {found.last}")
    days = [one.day for one in found.steps]
    width = max(found.step * 0.8, 1)
    steps.bar(days, [one.proposed for one in found.steps], width=width, color=_GONE, label="proposed")
    longest = found.lifts[-1].days if found.lifts else None
    over = [(one.day, each.proposed) for one in found.steps for each in one.windows if each.days == longest]
    for what, color in (("family", _LATER), ("product", _LEFT)) if over else ():
        name = f"of them opened {found.product if what == 'product' else found.family} in {longest} days"
        opened = [getattr(proposed, what) for _, proposed in over]
        steps.bar([day for day, _ in over], opened, width=width, color=color, label=name)
    steps.set_title("Proposals, each customer and reason once")
    steps.set_ylabel("customers")
    steps.tick_params(axis="x", rotation=30, labelsize=8)
    steps.legend(fontsize=8)
    _draw_lifts(rates, found)
    for axes in (steps, rates):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=_DPI)


def _draw_lifts(axes: Axes, found: Hindsight) -> None:
    axes.set_title("What they did afterwards")
    names, proposed, others = [], [], []
    for what, shown in (("product", found.product), ("family", found.family), ("default", "default")):
        for one in found.lifts:
            names.append(f"{shown}\n{one.days} days")
            proposed.append(100 * getattr(one.proposed, what))
            others.append(100 * getattr(one.base, what))
    if not names:
        axes.annotate("the past covers no window", (0.5, 0.5), xycoords="axes fraction", ha="center")
        axes.set_axis_off()
        return
    places = range(len(names))
    axes.bar([place - 0.2 for place in places], proposed, width=0.4, color=_LEFT, label="proposed")
    axes.bar([place + 0.2 for place in places], others, width=0.4, color=_OTHERS, label="others, same days")
    axes.set_xticks(places, names, fontsize=7, rotation=60)
    axes.set_ylabel("% of customers")
    axes.legend(fontsize=8)
