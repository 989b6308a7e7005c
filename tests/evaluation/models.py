"""Recommenders of the tests: nothing of ours, so evaluation judges foreign models."""

from dataclasses import dataclass

import numpy as np

from tidegraph.data.interactions import Interactions, interactions
from tidegraph.stages import NO_ITEM, Candidates, Requests


@dataclass(frozen=True, eq=False)
class Fixed:
    """Gives everybody the same scores."""

    score: np.ndarray

    def scores(self, requests: Requests) -> np.ndarray:
        return np.tile(self.score.astype(np.float32), (len(requests), 1))

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        score = self.scores(requests)
        hidden = requests.excluded
        score[
            np.repeat(np.arange(len(requests)), np.diff(hidden.ptr)), hidden.item
        ] = -np.inf
        item = np.argsort(-score, axis=1, kind="stable")[:, :k].astype(np.int32)
        best = np.take_along_axis(score, item, axis=1)
        item[np.isneginf(best)] = NO_ITEM
        return Candidates.of_channel(item, best, "Fixed")


def popular(log: Interactions) -> Fixed:
    counts = np.bincount(log.item, minlength=len(log.items)).astype(np.float32)
    return Fixed(np.where(counts > 0, counts, -np.inf))


def unpopular(log: Interactions) -> Fixed:
    score = popular(log).score
    return Fixed(np.where(np.isneginf(score), score, -score))


def small() -> tuple[Interactions, Interactions]:
    """Ana has x, y; Bo has x. Then Ana takes x and z, Bo y twice, Cy z."""
    log = interactions(
        ["ana", "bo", "ana", "ana", "bo", "ana", "bo", "cy"],
        ["x", "x", "y", "x", "y", "z", "y", "z"],
        [10, 11, 12, 20, 21, 22, 23, 24],
    )
    return log.before(20), log.since(20)
