"""The classifier: a linear one over hashed pieces of words, whose confidence is calibrated on texts it did not see.

Pieces of 2 to 4 letters carry over between the forms of a word, which Polish and Czech have many of, and over typing
errors. Scores become probabilities by a softmax with one temperature (Guo et al. 2017, On Calibration of Modern Neural
Networks), fitted on predictions across folds: 0.8 means that about 80 of 100 such proposals are right.
"""

from __future__ import annotations

import io
import os
import secrets
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import orjson

from graph_crm.errors import ConfigurationError, InvalidInput
from graph_crm.requests.sorting.folding import folded

FORMAT = 1
"""Changes with what a stored model means."""
FEATURES = 2**16
PIECES = (2, 4)
FOLDS = 5
FEWEST = 3
"""Examples of a category without which it is not learned."""
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Thresholds at which the quality is told."""
_HINT = "Train it anew: graph-crm sorting train."


@dataclass(frozen=True, slots=True)
class Example:
    """A text and the category that a person put it into."""

    text: str
    category: str


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """How the classifier does on proposals of at least this confidence."""

    threshold: float
    share: float
    """Of all texts, 0 to 1."""
    accuracy: float | None
    """Of those; None: there are none."""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """How the classifier does on texts that it did not see, measured across folds."""

    examples: int
    categories: int
    accuracy: float
    most_frequent: float
    """Accuracy of who always says the most frequent category."""
    calibration_error: float
    """Expected calibration error over ten bins: how far confidence and accuracy lie apart, 0 to 1."""
    levels: tuple[AtThreshold, ...]
    left_out: tuple[str, ...] = ()
    """Categories with too few examples to be learned."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A category with its probability."""

    category: str
    confidence: float


class SortingModel:
    """A trained classifier. Build it with `train` or `load`; it is never changed."""

    def __init__(
        self,
        categories: Sequence[str],
        weights: np.ndarray[Any, Any],
        bias: np.ndarray[Any, Any],
        frequency: np.ndarray[Any, Any],
        temperature: float,
        quality: Quality,
    ) -> None:
        self.categories = tuple(categories)
        self.quality = quality
        self.temperature = temperature
        self._weights = weights
        """One row a feature, one column a category."""
        self._bias = bias
        self._frequency = frequency
        """Inverse document frequency of each feature."""

    def propose(self, text: str, most: int = 1) -> list[Proposed]:
        """The ``most`` likely categories of ``text``, the likeliest first."""
        row = self._hashing.transform([folded(text)])
        places, counts = row.indices, row.data
        values = (1.0 + np.log(counts)) * self._frequency[places]
        length = float(np.sqrt(values @ values)) or 1.0
        scores = (values / length) @ self._weights[places] + self._bias
        chances = softmax(scores[np.newaxis, :] / self.temperature)[0]
        best = np.argsort(-chances)[:most]
        return [Proposed(self.categories[place], float(chances[place])) for place in best]

    @cached_property
    def _hashing(self) -> Any:
        return hashing()

    def save(self, path: Path) -> None:
        """Write it whole: a reader sees the old file or the new one."""
        told = {
            "format": FORMAT,
            "categories": self.categories,
            "temperature": self.temperature,
            "quality": asdict(self.quality),
        }
        buffer = io.BytesIO()
        np.savez(
            buffer,
            weights=self._weights.astype(np.float32),
            bias=self._bias.astype(np.float32),
            frequency=self._frequency.astype(np.float32),
            told=np.frombuffer(orjson.dumps(told), dtype=np.uint8),
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            draft.write_bytes(buffer.getvalue())
            os.replace(draft, path)  # noqa: PTH105 - the atomic one, as its name says
        finally:
            draft.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a model. Raises ConfigurationError for a file that is none; nothing in it is ever run."""
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
                told = orjson.loads(stored["told"].tobytes())
                weights, bias, frequency = stored["weights"], stored["bias"], stored["frequency"]
            categories = told["categories"]
            if (
                told["format"] != FORMAT
                or weights.shape != (FEATURES, len(categories))
                or frequency.shape != (FEATURES,)
            ):
                raise ConfigurationError(f"The sorting model {path} is of another version.", hint=_HINT)
            quality = told["quality"]
            levels = tuple(AtThreshold(**one) for one in quality.pop("levels"))
            left_out = tuple(quality.pop("left_out"))
            found = Quality(**quality, levels=levels, left_out=left_out)
            return cls(categories, weights, bias, frequency, float(told["temperature"]), found)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise ConfigurationError(f"The sorting model {path} can't be read: {error}.", hint=_HINT) from error


def hashing() -> Any:
    """Text to counts of hashed pieces; the same in every process and on every machine."""
    from sklearn.feature_extraction.text import HashingVectorizer  # noqa: PLC0415 - a second of imports

    return HashingVectorizer(
        analyzer="char_wb",
        ngram_range=PIECES,
        n_features=FEATURES,
        alternate_sign=False,
        norm=None,
        lowercase=False,
        dtype=np.float32,
    )


def train(examples: Sequence[Example]) -> SortingModel:
    """Learn from ``examples``; the same ones give the same model.

    Raises InvalidInput with fewer than two categories of `FEWEST` examples.
    """
    from sklearn.feature_extraction.text import TfidfTransformer  # noqa: PLC0415 - a second of imports
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # noqa: PLC0415 - the same
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415 - the same
    from sklearn.svm import LinearSVC  # noqa: PLC0415 - the same

    counted = Counter(one.category for one in examples)
    learned = sorted(category for category, count in counted.items() if count >= FEWEST)
    if len(learned) < 2:  # noqa: PLR2004 - nothing is to be told apart
        raise InvalidInput(
            f"There are too few examples: at least two categories of {FEWEST} are needed.",
            hint="Sort some requests by hand, or add examples.",
        )
    used = sorted((one for one in examples if one.category in set(learned)), key=lambda one: (one.category, one.text))
    counts = hashing().transform([folded(one.text) for one in used])
    labels = np.array([learned.index(one.category) for one in used])
    pipeline = make_pipeline(TfidfTransformer(sublinear_tf=True), LinearSVC(random_state=0))
    folds = StratifiedKFold(min(FOLDS, *(counted[one] for one in learned)), shuffle=True, random_state=0)
    seen = _columns(cross_val_predict(pipeline, counts, labels, cv=folds, method="decision_function"))
    temperature = _temperature(seen, labels)
    pipeline.fit(counts, labels)
    frequency, linear = pipeline[0].idf_, pipeline[1]
    weights, bias = linear.coef_.T, linear.intercept_
    if weights.shape[1] == 1:  # of two categories one score is kept
        weights, bias = np.hstack([-weights, weights]), np.concatenate([-bias, bias])
    return SortingModel(
        learned,
        np.ascontiguousarray(weights, dtype=np.float32),
        bias.astype(np.float32),
        np.asarray(frequency, dtype=np.float32),
        temperature,
        measured(softmax(seen / temperature), labels, left_out=tuple(sorted(set(counted) - set(learned)))),
    )


def _columns(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.column_stack([-scores, scores]) if scores.ndim == 1 else scores


def _temperature(scores: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> float:
    """The temperature under which what happened is likeliest."""
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - comes with scikit-learn

    rows = np.arange(len(labels))

    def surprise(logarithm: float) -> float:
        chances = softmax(scores / np.exp(logarithm))
        return float(-np.log(np.clip(chances[rows, labels], 1e-12, None)).mean())

    return float(np.exp(minimize_scalar(surprise, bounds=(-4.0, 3.0), method="bounded").x))


def measured(chances: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], *, left_out: tuple[str, ...] = ()) -> Quality:
    """The quality of predictions ``chances`` (one row a text, one column a category) of texts with ``labels``."""
    confidence, right = chances.max(axis=1), chances.argmax(axis=1) == labels
    bins = np.minimum((confidence * 10).astype(int), 9)
    error = sum(
        abs(confidence[bins == one].mean() - right[bins == one].mean()) * (bins == one).mean()
        for one in np.unique(bins)
    )
    levels = []
    for threshold in LEVELS:
        sure = confidence >= threshold
        accuracy = float(right[sure].mean()) if sure.any() else None
        levels.append(AtThreshold(threshold, float(sure.mean()), accuracy))
    return Quality(
        examples=len(labels),
        categories=chances.shape[1],
        accuracy=float(right.mean()),
        most_frequent=float(np.bincount(labels).max() / len(labels)),
        calibration_error=float(error),
        levels=tuple(levels),
        left_out=left_out,
    )


def softmax(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Scores as probabilities, row by row."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: np.ndarray[Any, Any] = shifted / shifted.sum(axis=1, keepdims=True)
    return found
