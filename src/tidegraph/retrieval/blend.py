"""Several retrievers as one: fused ranks, with places kept for each channel.

A list trained on what it showed drifts into a dead loop: the channel that was shown
gets the clicks, so it is shown more, and the others fall out of use (section 19.1.3).
Places that fusion cannot take away keep every source in the list, and in the log.
"""

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
from jaxtyping import Float64, Int32, Int64

from tidegraph.arguments import settings
from tidegraph.artifact.sealed import State
from tidegraph.errors import ConfigError
from tidegraph.progress import working
from tidegraph.ranges import at_least, from_0_to_1
from tidegraph.retrieval.from_log import FROM_LOG, FromLog
from tidegraph.retrieval.heuristics.proximity import AdamicAdar, PersonalizedPageRank
from tidegraph.retrieval.scoring.channel_weights import learned_weights
from tidegraph.retrieval.scoring.fusion import (
    above_the_last,
    fused,
    stacked,
    stacked_scores,
    votes_for,
)
from tidegraph.retrieval.scoring.trial import trial_of
from tidegraph.run import Run
from tidegraph.stages import (
    NO_ITEM,
    Candidates,
    FittedRetriever,
    Fold,
    Requests,
    Retriever,
    Train,
    because_of,
    by_name,
    check_k,
    fit_in,
    ordered,
    without,
)

By = Literal["ranks", "scores"]
NONE: Mapping[str, FittedRetriever] = {}
_REQUESTS = 2_000  # Whose answers weigh the channels.
_WEIGHED = 100  # How long the lists are from which weights are learnt.
_DEPTH = 1000  # How deep a channel's list is searched for an item to explain.


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
            names; () for all alike. ``FROM_LOG`` learns them: each channel answers the
            users of the newest part of the log, knowing only what came before, and the
            weights that rank highest what they then did are taken, so that no channel
            alone ranks it higher. They are alike where that part is too small.
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
    by: By = "ranks"

    def __post_init__(self) -> None:
        self._shares()
        from_0_to_1("Blend", at_least=self.at_least)
        at_least("Blend", 0, smoothing=self.smoothing)

    @property
    def methods(self) -> dict[str, Retriever]:
        """Each channel's method by its name."""
        return by_name(self.channels, "Blend")

    def fit(
        self,
        train: Train,
        *,
        run: Run | None = None,
        given: Mapping[str, FittedRetriever] = NONE,
        shares: tuple[float, ...] | None = None,
        repeat: bool | None = None,
    ) -> "FittedBlend":
        """Fit every channel, and learn their weights if they are left to the log.

        Args:
            train: A log, a matrix, or a fold of either.
            run: The circumstances of channels that train, if they matter.
            given: Channels by name that are fitted already and are taken as they are.
            shares: Weights that an earlier fit has learnt and this one takes over.
            repeat: May lists hold items of the history, as weights are learnt? What the
                log itself does if left out.

        Raises:
            DataError: A channel cannot learn from the log.
        """
        fold = Fold.of(train, "Blend")
        if shares is None:
            shares = self._shares()
            if self._learns:
                shares = self._learned(fold, run, repeat) or shares
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
            quotas=shares,
            at_least=self.at_least,
            smoothing=self.smoothing,
            num_items=len(fold.log.items),
            by=self.by,
        )

    @property
    def _learns(self) -> bool:
        return isinstance(self.quotas, FromLog) and len(self.methods) > 1

    def _learned(
        self, fold: Fold, run: Run | None, repeat: bool | None
    ) -> tuple[float, ...]:
        """Return the weights that rank highest what users did in the newest part.

        Nothing where that part is too small to tell.
        """
        trial = fold.view(trial_of, None)
        if trial is None:
            return ()
        requests, relevant = trial.as_of_the_cut(_REQUESTS, repeat)
        channels = replace(self, quotas=())
        with working("weighing the channels"):
            blend = channels.fit(trial.known, run=run and run.child("weights"))
            answers = blend.answers(requests, _WEIGHED)
            lists = stacked(answers)
            gain = blend.gains(answers, lists, np.ones(len(answers)))
            return tuple(learned_weights(lists, gain, relevant).tolist())

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


@dataclass(frozen=True, eq=False)
class FittedBlend:
    """Answers with the fused lists of its retrievers.

    Attributes:
        channels: A name for each retriever, all different.
        retrievers: The fitted channels.
        quotas: The weight of each, adding up to 1.
        at_least: How much of its quota of places a channel is sure of.
        smoothing: The larger, the less the first ranks stand out.
        num_items: How many items training knew.
        by: What of a channel's list counts.
    """

    channels: tuple[str, ...]
    retrievers: tuple[FittedRetriever, ...]
    quotas: tuple[float, ...]
    at_least: float
    smoothing: float
    num_items: int
    by: By = "ranks"

    @property
    def reason(self) -> str:
        """Why it recommends; each channel's own reason says more."""
        return "several methods lead from {item} to it"

    def without_users(self, rows: Int32[np.ndarray, " n"]) -> "FittedBlend":
        """Return the same channels without a trace of some users."""
        return replace(
            self, retrievers=tuple(without(one, rows) for one in self.retrievers)
        )

    def weights_text(self) -> str:
        """Return what each channel counts, in one line."""
        pairs = zip(self.channels, self.quotas, strict=True)
        return ", ".join(f"{name} {quota:.2f}" for name, quota in pairs)

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return the fused ``k``; ties break on item number.

        Each channel answers ``k``, so an item can come with the votes of all. A
        single channel keeps its own scores.
        """
        return self.fused(self.answers(requests, k), k)

    def answers(self, requests: Requests, k: int) -> list[Candidates]:
        """Return each channel's own list of ``k``."""
        width = min(check_k(k), self.num_items)
        return [retriever.retrieve(requests, width) for retriever in self.retrievers]

    def fused(self, answers: Sequence[Candidates], k: int) -> Candidates:
        """Return what ``retrieve`` does, from the ``answers`` to the same ``k``."""
        if len(answers) == 1:
            (alone,) = answers
            return Candidates.of_channel(alone.item, alone.score, self.channels[0])
        width = min(check_k(k), self.num_items)
        lists = stacked(answers)
        gain = self.gains(answers, lists, np.array(self.quotas))
        item, score = fused(lists, gain, self._places(width), width, self.num_items)
        votes = votes_for(item, lists, self.num_items)
        return Candidates(item, score, self.channels, votes)

    def gains(
        self,
        answers: Sequence[Candidates],
        lists: Int32[np.ndarray, "c b k"],
        quotas: Float64[np.ndarray, " c"],
    ) -> Float64[np.ndarray, "c b k"]:
        """Return what each place of ``lists``, of the answers, adds to its item."""
        if self.by == "scores":
            return quotas[:, None, None] * above_the_last(stacked_scores(answers))
        rank = np.arange(1, lists.shape[2] + 1, dtype=np.float64)
        worth = (self.smoothing + 1) / (self.smoothing + rank)
        return np.broadcast_to(quotas[:, None, None] * worth, lists.shape)

    def only(self, names: Container[str]) -> dict[str, FittedRetriever]:
        """Return the retrievers of some channels, by name."""
        pairs = zip(self.channels, self.retrievers, strict=True)
        return {name: retriever for name, retriever in pairs if name in names}

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return what the channel that ranks each item best names, -1 for none.

        The channels answer again; ``because_of`` spares that. An item that no
        channel has among its first thousand is explained by the first.
        """
        lists = stacked(self.answers(requests, _DEPTH))
        votes = votes_for(item, lists, self.num_items)
        return self.because_of(
            requests, Candidates(item, votes.sum(axis=2), self.channels, votes)
        )

    def because_of(
        self, requests: Requests, answer: Candidates
    ) -> Int32[np.ndarray, "b k"]:
        """Return what the strongest channel of each answered item names, -1 for none.

        Args:
            requests: The requests that were answered.
            answer: What ``retrieve`` returned, perhaps ranked and cut since; its votes
                say which channel is strongest, the first one where they tie.
        """
        strongest = answer.votes.argmax(axis=2)
        out = np.full(answer.item.shape, NO_ITEM, np.int32)
        for c, retriever in enumerate(self.retrievers):
            mine = strongest == c
            if mine.any():
                own = np.where(mine, answer.item, np.int32(NO_ITEM))
                out[mine] = because_of(retriever, requests, own)[mine]
        return out

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="FittedBlend",
            settings={
                "channels": list(self.channels),
                "quotas": list(self.quotas),
                "at_least": self.at_least,
                "smoothing": self.smoothing,
                "num_items": self.num_items,
                "by": self.by,
            },
            parts={
                str(c): retriever.state() for c, retriever in enumerate(self.retrievers)
            },
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedBlend":
        """Rebuild from what ``state`` returned."""
        channels = tuple(cast(list[str], state.settings["channels"]))
        return cls(
            channels=channels,
            retrievers=tuple(
                cast(FittedRetriever, state.part(str(c), object))
                for c in range(len(channels))
            ),
            quotas=tuple(cast(list[float], state.settings["quotas"])),
            at_least=cast(float, state.settings["at_least"]),
            smoothing=cast(float, state.settings["smoothing"]),
            num_items=cast(int, state.settings["num_items"]),
            by=cast(By, state.settings.get("by", "ranks")),
        )

    def _places(self, k: int) -> Int64[np.ndarray, " c"]:
        """Return how many of ``k`` places each channel is sure of."""
        wanted = self.at_least * np.array(self.quotas) * k
        places = np.ceil(wanted - 1e-9).astype(np.int64)
        while places.sum() > k:
            places[(places - wanted).argmax()] -= 1
        return places
