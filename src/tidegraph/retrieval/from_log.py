"""Settings that are left to the log: tried on its newest part before the fit.

No constant serves every log (docs/retrieval.md). A setting whose default is
``FROM_LOG`` is chosen among a few values by how high each would have ranked what users
did in the newest part of the log itself, knowing only what came before. A value that is
written is taken as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
from jaxtyping import Float64

from tidegraph.data.interactions import Interactions
from tidegraph.errors import ConfigError, MissingExtraError
from tidegraph.progress import working
from tidegraph.retrieval.scoring.evidence import evident_log
from tidegraph.retrieval.scoring.trial import Trial, ndcg_of_one, trial_of
from tidegraph.stages import FittedRetriever, Fold, Retriever, Train

T = TypeVar("T")
M = TypeVar("M", bound=Retriever)


class FromLog(Enum):
    """Stands in a setting for the value that a log will choose."""

    FROM_LOG = "from the log"

    def __repr__(self) -> str:
        return self.name


FROM_LOG = FromLog.FROM_LOG

Alternatives = Sequence[Mapping[str, object]]
"""Settings to choose among; the first is taken where a log cannot tell."""

HALF_LIVES: Alternatives = [
    {"half_life_days": days} for days in (None, 365.0, 90.0, 30.0)
]
"""What an old event is worth, for methods that sum a history; from all to the least."""

PART, K = 1_000, 50
"""Requests between two looks at a race. The item of each event is looked for among the
first fifty: a list of ten or twenty has too few hits to tell."""


@runtime_checkable
class Fades(Protocol):
    """A fitted method whose half-life concerns only how it answers."""

    def faded(self, half_life_days: float | None) -> FittedRetriever:
        """Return the same with another half-life."""
        ...


@runtime_checkable
class FitsInTurn(Protocol):
    """A method that is fitted on the beginnings of a log in one pass."""

    def fit_in_turn(self, folds: Sequence[Fold]) -> Sequence[FittedRetriever]:
        """Fit on folds each of which goes on where the one before ends."""
        ...


def value_of(value: T | FromLog) -> T:
    """Return a setting that a log has chosen, or that was written.

    Raises:
        ConfigError: It is still open.
    """
    if isinstance(value, FromLog):
        raise ConfigError("a setting is still left to the log. Fit the method first.")
    return value


def chosen_settings(before: Retriever, after: Retriever) -> dict[str, object]:
    """Return what a log has chosen, by setting, as JSON can hold it."""
    return {
        name: _printable_value(getattr(after, name)) for name in _open_settings(before)
    }


def _printable_value(value: object) -> object:
    if isinstance(value, tuple):
        return " + ".join(map(repr, cast(tuple[object, ...], value)))
    return type(value).__name__ if is_dataclass(value) else value


def settle_on_log(
    method: M,
    questions: Sequence[Alternatives],
    train: Train,
    *,
    items: int | None = None,
    moments: int = 1,
) -> M:
    """Return the method with no setting left to the log.

    Args:
        method: A configuration, some of whose settings may be ``FROM_LOG``.
        questions: What to choose among; one after the other, each with the settings
            that those before it chose, and with the first and the last of what those
            after it may choose: an alternative that is best where old events count
            little is not lost because it is poor where all count alike. Together they
            cover every setting that may be left to the log.
        train: What the method is to be fitted on. Settings are chosen by its newest
            part; if it has no times, by events of each user drawn at random.
        items: Try them on at most so many items, those with the most events; None for
            all.
        moments: Fit them anew before so many parts of what they are tried on. What
            answers everybody alike gives one list a moment, however many ask for it,
            and one list says little.

    Raises:
        DataError: ``train`` holds nothing to learn from.
    """
    if not _open_settings(method):
        return method
    fold = Fold.of(train, type(method).__name__)
    log = evident_log(fold, type(method).__name__)
    judge: _Judge | None = None
    for place, question in enumerate(questions):
        ways = _alternatives(method, question, log)
        method = ways[0]
        if len(ways) == 1:
            continue
        if judge is None:
            trial = fold.view(trial_of, items)
            judge = _Judge(() if trial is None else trial.in_parts(moments))
        whole = [
            _extreme_alternatives(way, questions[place + 1 :], log) for way in ways
        ]
        method = ways[judge.best(whole)]
    return method


def _open_settings(method: object) -> list[str]:
    """Return which settings are left to the log."""
    names = [each.name for each in fields(cast(Any, method))]
    return [name for name in names if isinstance(getattr(method, name), FromLog)]


def _alternatives(method: M, question: Alternatives, log: Interactions) -> list[M]:
    """Return the method with each alternative for what is open, without doubles.

    One that does not go with what is written, or with a log without seconds, is left
    out.
    """
    ways: list[M] = []
    for alternative in question:
        new = {n: alternative[n] for n in _open_settings(method) if n in alternative}
        if new.get("half_life_days") is not None and log.clock != "seconds":
            continue
        try:
            way = replace(cast(Any, method), **new)
        except ConfigError:
            continue
        if way not in ways:
            ways.append(way)
    return ways


def _extreme_alternatives(
    method: M, questions: Sequence[Alternatives], log: Interactions
) -> list[M]:
    """Return the method with the first and the last of each question's alternatives."""
    if not questions:
        return [method]
    ways = _alternatives(method, questions[0], log)
    ends = ways[:1] + ways[1:][-1:]
    return [
        whole
        for end in ends
        for whole in _extreme_alternatives(end, questions[1:], log)
    ]


@dataclass(frozen=True, eq=False)
class _Judge:
    """Says which of several settings of a method does best in a trial.

    After each part of the trial those drop out that are behind the best by more than
    the standard error of what is between them, so that requests are spent where it is
    close.

    Attributes:
        trials: What they are tried on, one trial for each moment.
        fits: Methods and what they are fitted before each, so that none is fitted
            twice.
        gains: Methods and what they find of each part, so that none is tried twice.

    Source:
        Birattari et al. (2002), a race, with the interval of a paired mean.
    """

    trials: tuple[Trial, ...]
    fits: list[tuple[Retriever, Trial, FittedRetriever | None]] = field(
        default_factory=list[tuple[Retriever, Trial, FittedRetriever | None]]
    )
    gains: list[tuple[Retriever, list[np.ndarray]]] = field(
        default_factory=list[tuple[Retriever, list[np.ndarray]]]
    )

    def best(self, options: Sequence[Sequence[Retriever]]) -> int:
        """Return the place of the option of which some method ranks the items highest.

        Of equals the first is taken, as it is where there is nothing to try them on.
        """
        if not self.trials:
            return 0
        left = [(place, way) for place, option in enumerate(options) for way in option]
        winner = 0
        with working(f"choosing the settings of {type(left[0][1]).__name__}"):
            for asked in range(
                self._part_size, self._requests + self._part_size, self._part_size
            ):
                found = np.stack([self._gains(way, asked) for _, way in left])
                lead = int(found.mean(axis=1).argmax())
                behind = found[lead] - found
                error = behind.std(axis=1) / np.sqrt(found.shape[1])
                winner = left[lead][0]
                close = behind.mean(axis=1) <= error
                left = [one for one, kept in zip(left, close, strict=True) if kept]
                if all(place == winner for place, _ in left):
                    break
        return winner

    @property
    def _requests(self) -> int:
        return sum(len(trial.item) for trial in self.trials)

    @property
    def _part_size(self) -> int:
        # Requests of a moment that share a list err alike, more than their error says:
        # nobody drops out by it, and all are asked for.
        return PART if len(self.trials) == 1 else self._requests

    def _gains(self, method: Retriever, asked: int) -> Float64[np.ndarray, " requests"]:
        """Return the NDCG of the first requests, where their item alone is relevant.

        Of each trial there are as many as its share.
        """
        gains = self._known_gains(method)
        for stop in range(
            self._part_size * (len(gains) + 1), asked + 1, self._part_size
        ):
            found = [self._gains_until(method, trial, stop) for trial in self.trials]
            gains.append(np.concatenate(found))
        return np.concatenate(gains[: asked // self._part_size])

    def _gains_until(
        self, method: Retriever, trial: Trial, stop: int
    ) -> Float64[np.ndarray, " requests"]:
        size = len(trial.item)
        first, last = (
            size * at // self._requests for at in (stop - self._part_size, stop)
        )
        part = trial.rows(first, min(last, size))
        fitted = self._fitted(method, trial)
        if fitted is None:
            return np.zeros(len(part.item))
        return ndcg_of_one(fitted.retrieve(part.requests, K).item, part.item)

    def _known_gains(self, method: Retriever) -> list[np.ndarray]:
        for known, gains in self.gains:
            if known == method:
                return gains
        self.gains.append((method, []))
        return self.gains[-1][1]

    def _fitted(self, method: Retriever, trial: Trial) -> FittedRetriever | None:
        days = cast(Any, method).half_life_days
        if days is not None:
            ageless = replace(cast(Any, method), half_life_days=None)
            fitted = self._fitted_as(ageless, trial)
            if isinstance(fitted, Fades):
                return fitted.faded(days)
        return self._fitted_as(method, trial)

    def _fitted_as(self, method: Retriever, trial: Trial) -> FittedRetriever | None:
        """Return a fitted method; none where what it needs is not there."""
        for known, before, fitted in self.fits:
            if before is trial and known == method:
                return fitted
        trials = (trial,)
        try:
            if len(self.trials) > 1 and isinstance(method, FitsInTurn):
                trials = self.trials
                found = method.fit_in_turn([each.known for each in trials])
            else:
                found = [method.fit(trial.known)]
        except (ConfigError, MissingExtraError):
            found = [None] * len(trials)
        self.fits.extend((method, *each) for each in zip(trials, found, strict=True))
        return found[trials.index(trial)]
