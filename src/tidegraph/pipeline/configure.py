"""The pipeline's settings, and how its stages are trained without leaking."""

from dataclasses import dataclass

from tidegraph.data.interactions import Interactions
from tidegraph.data.views import as_log
from tidegraph.errors import ConfigError, DataError, LeakageError
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline.fitted import FittedPipeline, Serving
from tidegraph.pipeline.past import Past, past_examples
from tidegraph.progress import working
from tidegraph.retrieval.blend import Blend
from tidegraph.rng import Seed, generator
from tidegraph.stages import FittedRanker, Ranker, Reranker, Retriever

DAY = 86_400


def _check_order(train: Interactions, valid: Interactions | None) -> None:
    if valid is None or not len(valid) or not len(train):
        return
    if valid.time[0] <= train.time[-1]:
        raise LeakageError(
            f"valid begins at {valid.time[0]}, but train ends at {train.time[-1]}: a "
            "second in both would tell its own answers. Cut between two seconds, as "
            "log.split(time=...) does."
        )


@dataclass(frozen=True)
class Pipeline:
    """Retrieval channels, a ranker and a re-ranker; each of the last two may be absent.

    The ranker learns from requests of the past: the log is cut several times before its
    end, retrieval is fitted on what came before each cut, and what users did in the
    window after it says which candidates were right. Retrieval is then fitted on the
    whole log for serving.

    Attributes:
        retrieve: Retrieval methods, blended in equal parts; or a Blend of your own.
        rank: Ranking method, or none to keep the order of the blend.
        rerank: Re-ranking method, or none to keep the order of the ranker.
        repeat: May a user be recommended items they already met?
        candidates: How many items retrieval hands to the ranker.
        windows: How many past cuts the ranker learns from.
        window_days: Length of the window after a cut; by default that of ``valid``.
        names: Item feature column that names an item in explanations.
    """

    retrieve: tuple[Retriever, ...] | Blend
    rank: Ranker | None = None
    rerank: Reranker | None = None
    repeat: bool = True
    candidates: int = 200
    windows: int = 3
    window_days: float | None = None
    names: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.retrieve, Blend):
            object.__setattr__(self, "retrieve", tuple(self.retrieve))
        if not self.blend.channels:
            raise ConfigError("a pipeline needs at least one retrieval method.")
        for name, value in (
            ("candidates", self.candidates),
            ("windows", self.windows),
            ("window_days", 1 if self.window_days is None else self.window_days),
        ):
            if value <= 0:
                raise ConfigError(f"pipeline {name} is {value}; it must be above 0.")

    @property
    def blend(self) -> Blend:
        """How the channels become one list."""
        if isinstance(self.retrieve, Blend):
            return self.retrieve
        return Blend(channels=self.retrieve)

    def fit(
        self,
        train: Interactions,
        valid: Interactions | None = None,
        *,
        rng: Seed = 0,
    ) -> FittedPipeline:
        """Train every stage.

        Args:
            train: The log to learn from.
            valid: The part of the log right after it, which decides when the ranker
                stops; what is served knows these events too. Without it the last
                window of ``train`` takes its place.
            rng: Seed or generator of everything random.

        Raises:
            DataError: The log has no action, or is too short for the windows.
            LeakageError: ``valid`` begins no later than ``train`` ends.
        """
        train = as_log(train, "Pipeline")
        _check_order(train, valid)
        known = train if valid is None else train.followed_by(valid)
        if self.names is not None and self.names not in known.items.features.columns:
            raise DataError(
                f"names={self.names!r} is not an item feature. "
                f"There are: {', '.join(known.items.features.columns) or 'none'}."
            )
        graph = Snapshot.of(known)
        ranker = self._fit_ranker(train, valid, graph, rng)
        return self._whole(known, graph, ranker)

    def refitted(self, model: FittedPipeline, log: Interactions) -> FittedPipeline:
        """Return a pipeline with the ranker of ``model`` and the rest fitted on a log.

        With the part before ``valid`` as the log it is what to judge on ``valid``,
        which the retrieval of ``model`` itself has seen.

        Args:
            model: What ``fit`` returned.
            log: Everything that the new pipeline knows.
        """
        as_log(log, "Pipeline")
        return self._whole(log, Snapshot.of(log), model.ranker)

    def _whole(
        self, known: Interactions, graph: Snapshot, ranker: FittedRanker | None
    ) -> FittedPipeline:
        retriever = self.blend.fit(known)
        reranker = None
        if self.rerank is not None:
            with working(f"fitting {type(self.rerank).__name__}"):
                reranker = self.rerank.fit(known)
        serving = Serving(
            repeat=self.repeat,
            candidates=self.candidates,
            trained_until=graph.latest,
            names=self.names,
        )
        return FittedPipeline(graph, retriever, ranker, reranker, serving)

    def _fit_ranker(
        self,
        train: Interactions,
        valid: Interactions | None,
        graph: Snapshot,
        rng: Seed,
    ) -> FittedRanker | None:
        if self.rank is None:
            return None
        rng = generator(rng)
        past = Past(self.blend, graph, self.candidates, self.repeat)
        seconds = self._window_seconds(train, valid)
        with working(f"training {type(self.rank).__name__}"):
            learn, check = past_examples(past, train, valid, self.windows, seconds, rng)
            return self.rank.fit(learn, check, rng=rng)

    def _window_seconds(self, train: Interactions, valid: Interactions | None) -> int:
        """Return the length of a window, by default the span of ``valid``."""
        if self.window_days is not None:
            return max(1, int(self.window_days * DAY))
        if valid is not None and len(valid):
            return max(1, int(valid.time[-1] - train.time[-1]))
        return max(1, int(train.time[-1] - train.time[0]) // 20)
