"""Several retrievers as one: fused ranks, with places kept for each channel.

A list trained on what it showed drifts into a dead loop: the channel that was shown
gets the clicks, so it is shown more, and the others fall out of use (section 19.1.3).
Places that fusion cannot take away keep every source in the list, and in the log.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

from tidegraph.arguments import settings
from tidegraph.data.interactions import Interactions
from tidegraph.data.views.repeats import MayRepeat
from tidegraph.errors import ConfigError, DataError
from tidegraph.progress import working
from tidegraph.ranges import at_least, from_0_to_1
from tidegraph.retrieval.blended import LEAST_DEEP, FittedBlend
from tidegraph.retrieval.from_log import FROM_LOG, FromLog
from tidegraph.retrieval.heuristics.proximity import AdamicAdar, PersonalizedPageRank
from tidegraph.retrieval.scoring.before import check_before
from tidegraph.retrieval.scoring.channel_weights import learned_weights
from tidegraph.retrieval.scoring.evidence import positive_events, trained_until
from tidegraph.retrieval.scoring.fusion import By, rank_gains, stack_lists
from tidegraph.retrieval.scoring.trial import (
    LEAST,
    Asked,
    at_the_end,
    next_events,
    trial_of,
)
from tidegraph.run import Run
from tidegraph.stages import (
    Candidates,
    FittedRetriever,
    Fold,
    Ids,
    ItemSets,
    Retriever,
    Train,
    by_name,
    fit_in,
    ordered,
    remembers,
)
from tidegraph.stages.kinds import RETRIEVES, check_kind

NONE: Mapping[str, FittedRetriever] = {}
_REQUESTS = 5_000  # Whose answers weigh the channels.


@settings
class Blend:
    """Merges the lists of several channels into one, each item once.

    score(i) = sum over channels c that propose i of
    quota_c * (smoothing + 1) / (smoothing + rank_c(i)), which is 1 for an item that
    every channel puts first, or, by scores, of quota_c times how far its score is above
    the last of its list, in standard deviations of the list. Each channel's first
    ``at_least * quota_c * k`` items (rounded up, as far as there are places) are in the
    list whatever their score; the other places go to the highest scores.

    Attributes:
        channels: The retrievers, called by their classes; or a mapping of names of your
            own to them, which may hold one class several times.
        quotas: The weight of each channel, in any unit, in their order or by their
            names; () for all alike. ``FROM_LOG`` learns them: each channel answers
            before the newest events of the log, and before the last one of users that
            it knows without these, and the weights are taken that rank what they then
            did most surely no lower than any channel alone. They are alike where there
            is too little.
        at_least: How much of its quota of places a channel is sure of, 0 to 1.
        smoothing: The larger, the less the first ranks stand out.
        by: What of a channel's list counts, its ranks or its scores.

    Source:
        Cormack, Clarke & Buettcher (2009), "Reciprocal rank fusion outperforms
        Condorcet and individual rank learning methods", who use 60.
    """

    channels: tuple[Retriever, ...] | Mapping[str, Retriever] = (
        AdamicAdar(),
        PersonalizedPageRank(),
    )
    quotas: tuple[float, ...] | Mapping[str, float] | FromLog = FROM_LOG
    at_least: float = 0.5
    smoothing: float = 60.0
    by: By | FromLog = FROM_LOG

    def __post_init__(self) -> None:
        check_kind("retrieval", self.methods.values(), RETRIEVES)
        self._shares()
        from_0_to_1("Blend", at_least=self.at_least)
        at_least("Blend", 0, smoothing=self.smoothing)

    @property
    def methods(self) -> dict[str, Retriever]:
        """Each channel's method by its name."""
        return by_name(self.channels, "Blend")

    @property
    def learns(self) -> bool:
        """Are weights of channels learnt?"""
        return isinstance(self.quotas, FromLog) and len(self.methods) > 1

    def check(self, train: Fold) -> None:
        """Find out before any work what a channel would fail in, where it can say."""
        check_before(self.methods.values(), train)

    @remembers
    def fit(
        self,
        train: Train,
        valid: Train | None = None,
        *,
        run: Run | None = None,
        given: Mapping[str, FittedRetriever] = NONE,
        like: FittedBlend | None = None,
        repeat: bool | None = None,
    ) -> FittedBlend:
        """Fit every channel on ``train``, and learn their weights if they are left to.

        Args:
            train: A log, a matrix, or a fold of either.
            valid: What happened after it, cut as what the blend is to find will be: by
                time, or the last events of each user. That of the fold if left out.
            run: The circumstances of channels that train, if they matter.
            given: Channels by name that are fitted already and are taken as they are.
            like: A blend of the same channels whose weights are taken over.
            repeat: May lists hold items of the history, as weights are learnt? What the
                log itself does if left out.

        Raises:
            DataError: A channel cannot learn from the log, or ``valid`` is of another.
        """
        fold = Fold.of(train, "Blend")
        valid = fold.valid if valid is None else valid
        later = None if valid is None else _relevant_items(fold, valid)
        fitted = self._fit_channels(fold, run, given)
        if like is not None and like.channels == fitted.channels:
            return replace(fitted, quotas=like.quotas, by=like.by)
        if not self.learns:
            return fitted
        with working("weighing the channels"):
            if later is not None and len(later) >= LEAST:
                repeat = MayRepeat.of(repeat, fold.events).allowed
                asked = at_the_end(fold, later, _REQUESTS, repeat)
                return self._learn_weights(fitted, fitted, (asked,))
            trial = fold.view(trial_of, None)
            if trial is None:
                return fitted
            held = next_events(trial, _REQUESTS, repeat)
            known = self._fit_channels(held.known, run and run.child("weights"), NONE)
            return self._learn_weights(fitted, known, held.asked)

    def _fit_channels(
        self, fold: Fold, run: Run | None, given: Mapping[str, FittedRetriever]
    ) -> FittedBlend:
        """Return all channels fitted, and weighed alike if weights are to be learnt."""
        fitted: dict[str, FittedRetriever] = {}
        for name, channel in self.methods.items():
            if name in given:
                fitted[name] = given[name]
                continue
            with working(f"fitting {name}"):
                fitted[name] = fit_in(channel, fold, run and run.child(name))
        return FittedBlend(
            channels=tuple(fitted),
            retrievers=tuple(fitted.values()),
            quotas=self._shares(),
            at_least=self.at_least,
            smoothing=self.smoothing,
            num_items=len(fold.log.items),
            by="ranks" if isinstance(self.by, FromLog) else self.by,
            trained_until=trained_until(fold),
        )

    def _learn_weights(
        self,
        fitted: FittedBlend,
        known: FittedBlend,
        asked: Sequence[Asked],
    ) -> FittedBlend:
        """Return a blend with the weights by which ``known`` ranks best what is due."""
        parts = [known.answers(requests, LEAST_DEEP) for requests, _ in asked]
        answers = [
            Candidates.concatenated(list(part)) for part in zip(*parts, strict=True)
        ]
        relevant = ItemSets.concatenated([due for _, due in asked])
        lists = stack_lists(answers)
        ways = get_args(By) if isinstance(self.by, FromLog) else (self.by,)
        learnt = {
            by: learned_weights(
                lists,
                rank_gains(answers, lists, by, self.smoothing),
                relevant,
                self.at_least,
            )
            for by in ways
        }
        by = max(learnt, key=lambda way: learnt[way].lead)
        return replace(fitted, quotas=tuple(learnt[by].share.tolist()), by=by)

    def _shares(self) -> tuple[float, ...]:
        """Return the quotas, adding up to 1."""
        names = tuple(self.methods)
        count = len(names)
        if not count:
            raise ConfigError(
                "Blend has no channels. Give it at least one retrieval method."
            )
        quotas = (1.0,) * count
        if isinstance(self.quotas, Mapping):
            quotas = ordered(self.quotas, names, "Blend", "quota")
        elif isinstance(self.quotas, tuple) and self.quotas:
            quotas = self.quotas
        if len(quotas) != count:
            raise ConfigError(
                f"Blend has {len(quotas)} quotas for {count} channels. Give one each."
            )
        total = sum(quotas)
        if min(quotas) < 0 or not 0 < total < math.inf:
            raise ConfigError(
                f"Blend has quotas {quotas}; none may be negative, and one must be "
                "above 0."
            )
        return tuple(quota / total for quota in quotas)


def _relevant_items(fold: Fold, valid: Train) -> Interactions:
    """Return what can be found in a later part of the same log.

    Raises:
        DataError: It is of another.
    """
    later = Fold.of(valid, "Blend").view(positive_events)
    log = fold.log
    if Ids(log.users, log.items).differing(Ids(later.users, later.items)) is not None:
        raise DataError(
            "valid has other users or items than train. Read them as one log and split "
            "it."
        )
    # Who came, and what, after training is found by no channel.
    return later.take((later.user < len(log.users)) & (later.item < len(log.items)))
