"""Trainings of every model on one log, kept as they end and never made twice."""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float32

from tidegraph import __version__
from tidegraph.arguments import checked
from tidegraph.artifact.in_use import used_alone
from tidegraph.artifact.sealed import State
from tidegraph.artifact.writing import drop_cut_line, replaced
from tidegraph.bench.clicks import ClickParts, ClickProtocol, click_parts
from tidegraph.bench.tried import Contender
from tidegraph.config import to_table
from tidegraph.data.interactions import Interactions
from tidegraph.data.views.digests import log_digest, rest_digest, short_hash
from tidegraph.errors import ArtifactError, ConfigError
from tidegraph.evaluation.metrics.classification import auc
from tidegraph.evaluation.resampling import Impressions
from tidegraph.progress import track
from tidegraph.ranges import at_least
from tidegraph.run import Run
from tidegraph.stages import Checks, Examples, FittedRanker, Ranker, curve_of

RECORDS = "trainings.jsonl"
PARTS_SEED = 0
"""Negatives are the same for every seed, so that models are judged on one sample."""
_LEARNT = ("ranker", "retriever")
"""What a ranker may be made of that learns."""


@dataclass(frozen=True)
class Trained:
    """A training, as its line in the records says.

    Attributes:
        key: Digest of the log, the protocol, the settings and the seed.
        model: Which model.
        setting: Which of its settings.
        seed: What drew its weights and its order.
        valid_auc: AUC on validation, by which one of the settings is chosen.
        test_auc: AUC on the test.
        seconds: Time on the wall.
        processor_seconds: Time of all processors together.
        parameters: How many numbers were learnt.
        epochs: How many passes were made, 0 where there are none.
    """

    key: str
    model: str
    setting: int
    seed: int
    valid_auc: float
    test_auc: float
    seconds: float
    processor_seconds: float
    parameters: int
    epochs: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """Every training on one log.

    Attributes:
        parts: What was learnt from and judged on.
        contenders: Who was compared.
        trained: By model, the trainings of its chosen setting, one per seed.
        tried: By model, what each of its settings found with the first seed.
        folder: Where the probabilities are.
    """

    parts: ClickParts
    contenders: Sequence[Contender]
    trained: Mapping[str, Sequence[Trained]]
    tried: Mapping[str, Sequence[Trained]]
    folder: Path

    def rows(self, part: str = "test") -> Impressions:
        """Return the impressions of a part, valid or test."""
        return Impressions.of(self._examples(part))

    def runs(self, part: str = "test") -> dict[str, list[Float32[np.ndarray, " n"]]]:
        """Return by model the probabilities of a part, an array per seed."""
        cut = int(self.parts.valid.candidates.present.sum())
        kept = slice(0, cut) if part == "valid" else slice(cut, None)
        return {
            name: [_kept_scores(self.folder, one.key)[kept] for one in trained]
            for name, trained in self.trained.items()
        }

    def chosen(self, name: str) -> Ranker:
        """Return the settings of a model that validation chose."""
        tried = {contender.name: contender.tried for contender in self.contenders}
        return tried[name][self.trained[name][0].setting]

    def unread(self) -> str:
        """Return who does not read which of the features that another reads."""
        read = {one.name: one.features_read for one in self.contenders}
        every = {name for known in read.values() for name in known}
        by_lacking: dict[str, list[str]] = {}
        for name, known in read.items():
            if lacking := ", ".join(sorted(every - known)):
                by_lacking.setdefault(lacking, []).append(name)
        said = [f"{', '.join(who)}: not {lacks}" for lacks, who in by_lacking.items()]
        return f"Features that not all read: {'; '.join(said)}." if said else ""

    def _examples(self, part: str) -> Examples:
        return self.parts.valid if part == "valid" else self.parts.test


@checked(ConfigError)
def compare(
    log: Interactions,
    contenders: Sequence[Contender],
    protocol: ClickProtocol,
    *,
    seeds: int,
    folder: Path,
) -> Comparison:
    """Train every model with each of its settings, and the best with every seed.

    What the folder holds already is not trained again, so that a comparison that was
    stopped goes on, and one with another model trains that alone.

    Args:
        log: What happened.
        contenders: Who is compared.
        protocol: How the log is split.
        seeds: How many times the chosen setting of each is trained.
        folder: Where trainings are kept.

    Raises:
        ConfigError: Nobody is compared, or two under one name, or another comparison
            is under way in the folder.
        DataError: The log is too short, or lacks what a model reads.
        ArtifactError: The folder cannot be written.
    """
    at_least("a comparison", 1, seeds=seeds)
    _check_names([one.name for one in contenders])
    for ranker in (ranker for one in contenders for ranker in one.tried):
        if isinstance(ranker, Checks):
            ranker.check(log)
    rng = np.random.default_rng(PARTS_SEED)
    parts = click_parts(log, protocol, rng=rng)
    rest = rest_digest(log)
    said = [to_table(protocol), PARTS_SEED, *([rest] if protocol.propensity else [])]
    digests = log_digest(log, json.dumps(said).encode()), rest
    few = frozenset((*log.users.features.columns, *log.context.columns))
    total = sum(len(one.tried) + seeds - 1 for one in contenders)
    tried: dict[str, list[Trained]] = {}
    trained: dict[str, list[Trained]] = {}
    with used_alone(folder, "comparison", "for it"):
        trainings = _Trainings(parts, digests, few, folder)
        steps = _train_step_by_step(contenders, trainings, seeds, tried, trained)
        for _ in track(steps, lambda: f"training {trainings.now}", total):
            pass
    return Comparison(parts, contenders, trained, tried, folder)


def _check_names(names: Sequence[str]) -> None:
    """Refuse a comparison of nobody, and two of one name, which would be mixed up."""
    if not names:
        raise ConfigError("nobody is compared. Give a contender or more.")
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"two contenders are called {name!r}. Give one another name."
            )


def _train_step_by_step(
    contenders: Sequence[Contender],
    trainings: "_Trainings",
    seeds: int,
    tried: dict[str, list[Trained]],
    trained: dict[str, list[Trained]],
) -> Iterator[None]:
    """Train, a step at a time, and write down what was found."""
    for contender in contenders:
        found = tried.setdefault(contender.name, [])
        for setting in range(len(contender.tried)):
            found.append(trainings.one(contender, setting, 0))
            yield
        best = max(found, key=lambda one: one.valid_auc)
        trained[contender.name] = [best]
        for seed in range(1, seeds):
            one = trainings.one(contender, best.setting, seed)
            trained[contender.name].append(one)
            yield


@dataclass(eq=False)
class _Trainings:
    """Makes trainings, or finds them among those that were made.

    Attributes:
        parts: What is learnt from and judged on.
        digests: Of the log and the protocol, and of the rest of the log, which few
            models read.
        few: Columns of that rest; a model that reads one names it in its settings.
        folder: Where trainings are kept.
        now: What is being trained.
    """

    parts: ClickParts
    digests: tuple[str, str]
    few: frozenset[str]
    folder: Path
    now: str = ""

    def __post_init__(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            drop_cut_line(self.folder / RECORDS)
            held = _read_records(self.folder / RECORDS)
        except OSError as error:
            raise ArtifactError(
                f"cannot write {self.folder}: {error.strerror or error}. Choose "
                "another folder."
            ) from error
        self._held = {one.key: one for one in held if _is_kept(self.folder, one.key)}

    def one(self, contender: Contender, setting: int, seed: int) -> Trained:
        """Return a training of one setting with one seed."""
        ranker = contender.tried[setting]
        self.now = f"{contender.name}, setting {setting + 1}, seed {seed}"
        key = self._key(ranker, seed)
        if key in self._held:
            return self._held[key]
        wall, processor = time.perf_counter(), time.process_time()
        run = Run(np.random.default_rng(seed))
        fitted = ranker.fit(self.parts.train, self.parts.valid, run=run)
        spent = time.perf_counter() - wall, time.process_time() - processor
        valid, test = (_flat_scores(fitted, part) for part in self._judged_parts)
        test = shift_odds(test, self.parts.odds)
        with replaced(self.folder / f"{key}.npy") as aside, aside.open("wb") as file:
            np.save(file, np.concatenate([valid, test]))
        curve = curve_of(fitted)
        found = [
            auc(part.label[part.candidates.present], score)
            for part, score in zip(self._judged_parts, (valid, test), strict=True)
        ]
        one = Trained(
            key,
            contender.name,
            setting,
            seed,
            round(found[0], 5),
            round(found[1], 5),
            round(spent[0], 2),
            round(spent[1], 2),
            _numbers_learnt(fitted.state()),
            len(curve.loss),
        )
        with (self.folder / RECORDS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(one)) + "\n")
        self._held[key] = one
        return one

    @property
    def _judged_parts(self) -> tuple[Examples, Examples]:
        return self.parts.valid, self.parts.test

    def _key(self, ranker: Any, seed: int) -> str:
        settings = {"ranker": type(ranker).__name__, **to_table(ranker)}
        text = json.dumps(settings, sort_keys=True, default=repr)
        parts = [self.digests[0], text, str(seed), __version__]
        said = list(_texts_in_settings(json.loads(text)))
        if any(_is_named_in(one, column) for one in said for column in self.few):
            parts.append(self.digests[1])
        return short_hash("\n".join(parts).encode())


def shift_odds(
    probability: Float32[np.ndarray, " n"], factor: float
) -> Float32[np.ndarray, " n"]:
    """Return probabilities where a positive is so many times likelier, odds to odds.

    Negatives that were left out of the test are as many times as often met in what was
    learnt from; the order of rows stays.

    Source:
        He et al., "Practical lessons from predicting clicks on ads at Facebook",
        ADKDD 2014, section 6.3, the other way round.
    """
    sure = probability.astype(np.float64)
    return (sure * factor / (sure * factor + 1 - sure)).astype(np.float32)


def _numbers_learnt(state: State) -> int:
    """Return how many numbers a fitted value holds, with those of one within it."""
    own = sum(array.size for array in state.arrays.values())
    inner = (state.parts[name] for name in _LEARNT if name in state.parts)
    return own + sum(map(_numbers_learnt, inner))


def _flat_scores(fitted: FittedRanker, part: Examples) -> Float32[np.ndarray, " n"]:
    score = fitted.score(part.requests, part.candidates)
    return score[part.candidates.present]


def _texts_in_settings(settings: object) -> Iterator[str]:
    """Yield every text among the values of settings, at any depth."""
    if isinstance(settings, str):
        yield settings
    elif isinstance(settings, dict):
        yield from _texts_in_settings(list(cast(dict[str, object], settings).values()))
    elif isinstance(settings, list):
        for one in cast(list[object], settings):
            yield from _texts_in_settings(one)


def _is_named_in(text: str, column: str) -> bool:
    """Is a column named in a text, such as ``event=bought`` or ``user.age``?"""
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", text) is not None


def _read_records(path: Path) -> list[Trained]:
    """Return the trainings of earlier comparisons, but for lines that are damaged."""
    if not path.exists():
        return []
    found: list[Trained] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(Trained(**json.loads(line)))
        except (json.JSONDecodeError, TypeError):
            continue
    return found


def _is_kept(folder: Path, key: str) -> bool:
    return (folder / f"{key}.npy").is_file()


def _kept_scores(folder: Path, key: str) -> Float32[np.ndarray, " n"]:
    return np.load(folder / f"{key}.npy")
