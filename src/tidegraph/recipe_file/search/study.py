"""The search itself: each trial is a pipeline, fitted on train and judged on valid."""

import importlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from tidegraph.artifact.writing import drop_cut_line
from tidegraph.errors import ConfigError, TidegraphError
from tidegraph.extras import needed
from tidegraph.progress import track
from tidegraph.recipe_file.search.space import (
    Between,
    Search,
    Values,
    with_settings_replaced,
)

STUDY = "study.jsonl"
RECIPE, FAILED = "recipe", "failed"

AGAIN = "tried before"

Score = Callable[[Mapping[str, Any]], float]
"""Returns what the tables of a recipe find on validation."""


class Trial(NamedTuple):
    """Settings that were tried, and what they found; nan where they cannot be."""

    settings: Mapping[str, object]
    score: float


@dataclass(frozen=True)
class Found:
    """What a search has found so far.

    Attributes:
        recipe: What the recipe finds as it is.
        trials: All that was tried, oldest first.
    """

    recipe: float
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """The trial that finds most; the recipe itself if none finds more."""
        own = Trial({}, self.recipe)
        tried = [trial for trial in self.trials if trial.score > self.recipe]
        return max(tried, key=lambda trial: trial.score, default=own)


def search(
    wanted: Search,
    folder: Path,
    key: Mapping[str, Any],
    stages: Mapping[str, Any],
    score: Score,
    seed: int,
) -> Found:
    """Try settings until there are as many trials as wanted, or no others are left.

    Every trial is written to the folder as it ends, and a search that was stopped goes
    on with the next. Settings that were tried are no new trial, and those by which the
    recipe says what it said before are not fitted again.

    Args:
        wanted: What to search.
        folder: Where the trials are kept.
        key: What they were tried on; another is another search.
        stages: The tables of the recipe whose settings are tried.
        score: Says how good the tables with other settings are.
        seed: Seed of the draws.

    Raises:
        ConfigError: The folder holds another search, or no settings can be tried.
        MissingExtraError: Optuna is not installed.

    Source:
        Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011:
        tree-structured Parzen estimators, by Optuna.
    """
    with needed("optuna", "tune", "a search of settings"):
        optuna = cast(Any, importlib.import_module("optuna"))
        journal = cast(Any, importlib.import_module("optuna.storages.journal"))
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    drop_cut_line(folder / STUDY)  # Its trial is tried again.
    _check_records(folder / STUDY)
    backend = journal.JournalFileBackend(str(folder / STUDY))
    study = optuna.create_study(
        study_name="tune",
        direction="maximize",
        storage=optuna.storages.JournalStorage(backend),
        load_if_exists=True,
    )
    _check_same_search(study, key, folder)
    if RECIPE not in study.user_attrs:
        study.set_user_attr(RECIPE, score(stages))

    objective = _Objective(study, wanted, stages, score, optuna.TrialPruned)
    goal = int(min(wanted.trials, wanted.possible))
    for done in track(range(len(_finished_trials(study)), goal), "trying settings"):
        while len(_finished_trials(study)) == done:
            study.sampler = _sampler_of_trial(optuna.samplers, study, seed)
            study.optimize(objective, n_trials=1)
    found = _found_trials(study)
    failed = [t.user_attrs[FAILED] for t in study.trials if FAILED in t.user_attrs]
    if failed and all(math.isnan(trial.score) for trial in found.trials):
        raise ConfigError(
            f"none of {len(found.trials)} trials could be fitted: {failed[-1]}"
        )
    return found


@dataclass(frozen=True)
class _Objective:
    """Says of a trial of Optuna what its settings find.

    Attributes:
        study: What has been tried.
        wanted: What is searched.
        stages: The tables of the recipe.
        score: Says how good they are with other settings.
        pruned: What is raised for settings that cannot be.
    """

    study: Any
    wanted: Search
    stages: Mapping[str, Any]
    score: Score
    pruned: type[Exception]

    def __call__(self, trial: Any) -> float:
        """Return what is found; settings that are known are not fitted again."""
        tried = _found_trials(self.study)
        values = {
            place: _suggested_value(trial, place, values)
            for place, values in self.wanted.settings.items()
        }
        trial.set_user_attr("settings", values)
        if any(_are_same_settings(values, one.settings) for one in tried.trials):
            trial.set_user_attr(AGAIN, True)
        stages = with_settings_replaced(self.stages, values)
        for one in (Trial({}, tried.recipe), *tried.trials):
            if _are_same_settings(
                stages, with_settings_replaced(self.stages, one.settings)
            ):
                if math.isnan(one.score):
                    raise self.pruned
                return one.score
        try:
            return self.score(stages)
        except TidegraphError as error:
            trial.set_user_attr(FAILED, str(error))
            raise self.pruned from error


def _sampler_of_trial(samplers: Any, study: Any, seed: int) -> Any:
    """Return what draws the next settings: at random after some that were tried before.

    Each is one of its own, so that a search that was stopped goes on as it would have.
    """
    # One that was running when the search was stopped is not done.
    finished = [trial for trial in study.trials if trial.state.is_finished()]
    again = bool(finished) and AGAIN in finished[-1].user_attrs
    kind = samplers.RandomSampler if again else samplers.TPESampler
    return kind(seed=_seed_of_trial(seed, len(finished)))


def _are_same_settings(one: object, other: object) -> bool:
    """Are settings, or tables of a recipe, the same in a file?"""
    first, second = (json.dumps(x, sort_keys=True, default=str) for x in (one, other))
    return first == second


def _finished_trials(study: Any) -> list[Any]:
    """Return the trials that are over, of equal settings the first."""
    return [
        trial
        for trial in study.trials
        if trial.state.is_finished()
        and "settings" in trial.user_attrs
        and AGAIN not in trial.user_attrs
    ]


def _check_records(study: Path) -> None:
    """Refuse a file of which a line is no record.

    Raises:
        ConfigError: One is none.
    """
    if not study.exists():
        return
    for place, line in enumerate(study.read_bytes().splitlines(), 1):
        try:
            json.loads(line)
        except ValueError:
            raise ConfigError(
                f"{study} is damaged in line {place}. Choose another folder, or "
                "remove it."
            ) from None


def _seed_of_trial(seed: int, number: int) -> int:
    return int(np.random.SeedSequence((seed, number)).generate_state(1)[0])


def _suggested_value(trial: Any, place: str, values: Values) -> object:
    if not isinstance(values, Between):
        # Optuna keeps words and numbers; a choice may be a table.
        number = trial.suggest_categorical(place, list(range(len(values.choices))))
        return values.choices[number]
    if isinstance(values.low, int) and isinstance(values.high, int):
        return trial.suggest_int(place, values.low, values.high, log=values.log)
    return trial.suggest_float(place, values.low, values.high, log=values.log)


def _check_same_search(study: Any, key: Mapping[str, Any], folder: Path) -> None:
    now = json.dumps(key, sort_keys=True, default=str)
    before = study.user_attrs.get("key")
    if before is None or RECIPE not in study.user_attrs:
        # What was stopped before its first score is no search yet.
        study.set_user_attr("key", now)
    elif before != now:
        raise ConfigError(
            f"{folder} holds a search of another recipe, of other settings or of "
            "another log or graph. Choose another folder, or remove it."
        )


def _found_trials(study: Any) -> Found:
    trials = [
        Trial(
            trial.user_attrs["settings"],
            float("nan") if trial.value is None else float(trial.value),
        )
        for trial in _finished_trials(study)
    ]
    return Found(float(study.user_attrs[RECIPE]), tuple(trials))
