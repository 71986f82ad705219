"""The learner on a real campaign, beside logistic regression on the same rows in the same run.

UCI bank marketing (S. Moro, R. Laureano and P. Cortez, "Using Data Mining for Bank Direct Marketing: An Application of
the CRISP-DM Methodology", ESM 2011): 45,211 calls in the order in which they were made, and whether a term deposit was
opened. Both learn from the first part in file order, 70 % of the rows, and are asked about the rest. `duration` is left
out: it is known only after the call. The columns go into the product's learner raw, as they stand in the file, and are
binned by its own grid; logistic regression gets one-hot words and standardised numbers, with scikit-learn's defaults.
Nothing is fitted to this file beyond the counts and the coefficients.

The campaign changed on the way (6 % say yes in the first part, 25 % in the rest). So a learner that goes on learning is
shown too: asked about each row, then told its answer, over the same rest ("as answers come").

    python bench/uci_bank_marketing.py [FILE]

Needs scikit-learn (`pip install -e '.[bench]'`) and the file, by default bank-full.csv of ../shared/data.
"""

from __future__ import annotations

import csv
import math
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from graph_crm.decisions.learning.bayes import Model, Tally
from graph_crm.decisions.learning.bins import Feature

FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "uci_bank_marketing" / "bank-full.csv"
FIRST_PART = 0.7
NUMBERS = ("age", "balance", "day", "campaign", "pdays", "previous")
LEFT_OUT = ("duration", "y")


def rows(file: Path) -> tuple[list[dict[str, Feature]], list[bool]]:
    """What was known before each call, and whether the customer said yes, in file order."""
    known: list[dict[str, Feature]] = []
    answers = []
    with file.open(newline="", encoding="utf-8") as text:
        for row in csv.DictReader(text, delimiter=";"):
            known.append(
                {name: int(value) if name in NUMBERS else value for name, value in row.items() if name not in LEFT_OUT}
            )
            answers.append(row["y"] == "yes")
    return known, answers


def learned(
    known: Sequence[dict[str, Feature]], answers: Sequence[bool], split: int
) -> tuple[list[float], list[float]]:
    """What the learner says of the rest: as it was after the first part, and as answers come."""
    tally = Tally()
    model = Model("TERM_DEPOSIT|PHONE", (tally,))
    for features, accepted in zip(known[:split], answers[:split], strict=True):
        tally.add(features, accepted=accepted)
    still = [model.predict(features).probability for features in known[split:]]
    coming = []
    for features, accepted in zip(known[split:], answers[split:], strict=True):
        coming.append(model.predict(features).probability)
        tally.add(features, accepted=accepted)
    return still, coming


def scikit_learn(part: str) -> ModuleType:
    """A part of scikit-learn, which is of the group `bench` and may be absent."""
    return import_module(f"sklearn.{part}")


def regression(known: Sequence[dict[str, Feature]], answers: Sequence[bool], split: int) -> list[float]:
    """What scikit-learn's logistic regression says of the rest."""
    compose, preprocessing = scikit_learn("compose"), scikit_learn("preprocessing")
    words = [name for name in known[0] if name not in NUMBERS]
    table = [[*(row[name] for name in NUMBERS), *(row[name] for name in words)] for row in known]
    numbers, others = list(range(len(NUMBERS))), list(range(len(NUMBERS), len(table[0])))
    ready = compose.make_column_transformer(
        (preprocessing.StandardScaler(), numbers), (preprocessing.OneHotEncoder(handle_unknown="ignore"), others)
    )
    regress = scikit_learn("linear_model").LogisticRegression(max_iter=1000)
    model = scikit_learn("pipeline").make_pipeline(ready, regress)
    cells = import_module("numpy").array(table, dtype=object)
    model.fit(cells[:split], answers[:split])
    return [float(one) for one in model.predict_proba(cells[split:])[:, 1]]


def shown(name: str, chances: Sequence[float], answers: Sequence[bool], seconds: float) -> None:
    """One line: area under the curve, log loss, and how many yeses were expected against how many came."""
    metrics = scikit_learn("metrics")
    area, loss = metrics.roc_auc_score(answers, chances), metrics.log_loss(answers, chances)
    print(f"{name:<44} {area:8.4f} {loss:9.4f} {math.fsum(chances):10.0f} {sum(answers):8} {seconds:8.1f}")


def main() -> int:
    """Print the table; nothing is asked but that it is printed."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    if not file.is_file():
        print(f"Skipped: {file.name} is not there; name the file.")
        return 0
    if find_spec("sklearn") is None:
        print("Skipped: scikit-learn is not installed (pip install -e '.[bench]').")
        return 0
    known, answers = rows(file)
    split = round(len(known) * FIRST_PART)
    rest = answers[split:]
    print(f"first part: {split} rows, {sum(answers[:split]) / split:.1%} yes; rest: {len(rest)} rows", end="")
    print(f", {sum(rest) / len(rest):.1%} yes")
    print(f"{'':<44} {'AUC':>8} {'log loss':>9} {'expected':>10} {'came':>8} {'seconds':>8}")
    started = time.perf_counter()
    still, coming = learned(known, answers, split)
    middle = time.perf_counter()
    fitted = regression(known, answers, split)
    ended = time.perf_counter()
    shown("learner, first part only", still, rest, middle - started)
    shown("logistic regression, first part only", fitted, rest, ended - middle)
    shown("learner, as answers come (time: see above)", coming, rest, 0.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
