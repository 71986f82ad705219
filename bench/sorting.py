"""The classifier of requests on real questions of bank customers, beside a floor and a peer in the same run.

banking77 (I. Casanueva et al., "Efficient Intent Detection with Dual Sentence Encoders", NLP4ConvAI 2020, CC BY 4.0):
10,003 short questions in English with one of 77 intents. A fifth of each, drawn with a seed, is held out; the
classifier learns from the rest as `graph-crm sorting train` does and is asked about what it did not see. Floor: who
always says the most frequent intent. Peer: scikit-learn's TfidfVectorizer and LogisticRegression as they come.

    python bench/sorting.py [FILE] [--threshold 0.7]

Exits with 1 when a text takes a millisecond or more, or the accuracy is below the peer's.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from graph_crm.requests.sorting.model import Example, Quality, measured, train

FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "banking77" / "train.csv"
HELD_OUT = 5
"""Of so many questions of an intent one is held out."""
SLOWEST_MS = 1.0


def parts(file: Path) -> tuple[list[Example], list[Example]]:
    """What is learned from, and what is held out."""
    by_intent: dict[str, list[Example]] = {}
    with file.open(newline="", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            by_intent.setdefault(row["category"], []).append(Example(row["text"], row["category"]))
    draw = random.Random(77)
    learned, held = [], []
    for intent in sorted(by_intent):
        examples = by_intent[intent]
        draw.shuffle(examples)
        cut = len(examples) // HELD_OUT
        held += examples[:cut]
        learned += examples[cut:]
    return learned, held


def ours(learned: Sequence[Example]) -> tuple[list[str], Callable[[str], list[float]]]:
    """The classifier's categories, and what it thinks of a text in their order."""
    model = train(learned)
    categories = list(model.categories)
    places = {category: place for place, category in enumerate(categories)}

    def asked(text: str) -> list[float]:
        found = [0.0] * len(categories)
        for one in model.propose(text, len(categories)):
            found[places[one.category]] = one.confidence
        return found

    return categories, asked


def peer(learned: Sequence[Example]) -> tuple[list[str], Callable[[str], list[float]]]:
    """The same of the peer."""
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
    pipeline.fit([one.text for one in learned], [one.category for one in learned])
    return list(pipeline.classes_), lambda text: list(pipeline.predict_proba([text])[0])


def judged(
    make: Callable[[Sequence[Example]], tuple[list[str], Callable[[str], list[float]]]],
    learned: Sequence[Example],
    held: Sequence[Example],
) -> tuple[Quality, float, float]:
    """Quality on what was held out, seconds of learning, milliseconds of a text."""
    started = time.perf_counter()
    categories, asked = make(learned)
    learning = time.perf_counter() - started
    asked("warm up")
    started = time.perf_counter()
    chances = [asked(one.text) for one in held]
    each = (time.perf_counter() - started) / len(held) * 1000
    labels = np.array([categories.index(one.category) for one in held])
    return measured(np.array(chances), labels), learning, each


def main() -> int:
    options = argparse.ArgumentParser(description="The classifier of requests on banking77.")
    options.add_argument("file", nargs="?", type=Path, default=FILE)
    options.add_argument("--threshold", type=float, default=0.7)
    given = options.parse_args()
    if not given.file.is_file():
        print(f"{given.file} is not there: nothing to measure.")
        return 0
    learned, held = parts(given.file)
    print(f"banking77: {len(learned)} texts learned from, {len(held)} held out, 77 intents")
    floor = Counter(one.category for one in held)[Counter(one.category for one in learned).most_common(1)[0][0]] / len(
        held
    )
    print(f"{'':28} accuracy  calibration error  share sure  accuracy of those  learning s  ms a text")
    found = {}
    for name, make in (("ours", ours), ("TfidfVectorizer + LR (peer)", peer)):
        quality, learning, each = judged(make, learned, held)
        sure = min(quality.levels, key=lambda one: abs(one.threshold - given.threshold))
        right = "-" if sure.accuracy is None else f"{sure.accuracy:.4f}"
        print(
            f"{name:28} {quality.accuracy:8.4f}  {quality.calibration_error:17.4f}  {sure.share:10.4f}  {right:>17}  "
            f"{learning:10.1f}  {each:9.3f}"
        )
        found[name] = quality, each
    mine, theirs = found["ours"], found["TfidfVectorizer + LR (peer)"]
    ratio = mine[0].accuracy / theirs[0].accuracy
    print(f"{'most frequent (floor)':28} {floor:8.4f}")
    print(f"sure: confidence of {given.threshold} or more")
    print(f"accuracy against the floor {mine[0].accuracy / floor:.1f}, against the peer {ratio:.3f} (asked: 1.0)")
    print(f"milliseconds of a text {mine[1]:.3f} (asked: below {SLOWEST_MS:g}), of the peer {theirs[1]:.3f}")
    return 0 if mine[1] < SLOWEST_MS and ratio >= 1.0 else 1


if __name__ == "__main__":
    sys.exit(main())
