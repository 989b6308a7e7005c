"""The pipeline's settings, and how its stages are trained without leaking."""

from collections.abc import Mapping
from dataclasses import replace

from tidegraph.arguments import checked, settings
from tidegraph.data.views.matrix import as_seconds_log
from tidegraph.data.views.repeats import MayRepeat
from tidegraph.errors import ConfigError, DataError, did_you_mean
from tidegraph.graph.from_log import last_event_time
from tidegraph.graph.join import without_events
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import NoEdgeError, Snapshot
from tidegraph.pipeline.checks import check_names
from tidegraph.pipeline.fitted import FittedPipeline
from tidegraph.pipeline.past import (
    Parts,
    Past,
    Windows,
    check_propensity,
    check_windows,
    past_examples,
)
from tidegraph.pipeline.serving import Serving
from tidegraph.progress import working
from tidegraph.ranges import at_least
from tidegraph.ranking.network import Network, check_ranks, ranker_of
from tidegraph.retrieval.blend import Blend
from tidegraph.retrieval.blended import FittedBlend
from tidegraph.retrieval.scoring.before import check_before
from tidegraph.rng import Seed, generator
from tidegraph.run import Run
from tidegraph.stages import (
    FittedRanker,
    Fold,
    Ranker,
    Reranker,
    Retriever,
    Train,
    by_name,
    called,
    fit_in,
)
from tidegraph.stages.kinds import RERANKS, RETRIEVES, check_kind


@settings
class Pipeline:
    """Retrieval channels, a ranker and a re-ranker; each of the last two may be absent.

    The ranker learns from requests of the past: the log is cut several times before its
    end, retrieval is fitted on what came before each cut, and what users did in the
    window after it says which candidates were right; who was shown something in vain is
    one of them, who left no event in it is not. Retrieval is then fitted on the
    whole log for serving.

    Attributes:
        retrieve: One retrieval method, whose own scores are kept; several, blended
            with weights learnt from the log, perhaps by names of your own; or a Blend
            of your own.
        rank: Ranking method, or a click model with the inputs and the training that one
            has unless said; none to keep the order of the blend.
        rerank: Re-ranking method, or none to keep the order of the ranker.
        fallback: Retrieval method that fills up the end of lists for which the
            channels have too few items, such as those of unknown users; a mapping of
            one name to it if it shall have one.
        repeat: May a user be recommended items they have already interacted with? Left
            out, what users of ``train`` do: where at most a tenth of 100 events or more
            are repeats, lists hold new items alone. ``describe()`` says the choice.
        candidates: How many items retrieval hands to the ranker.
        windows: Which requests of the past the ranker learns from.
        names: Item feature column that names an item in answers.
    """

    retrieve: Retriever | tuple[Retriever, ...] | Mapping[str, Retriever]
    rank: Ranker | Network | None = None
    rerank: Reranker | None = None
    fallback: Retriever | Mapping[str, Retriever] | None = None
    repeat: bool | None = None
    candidates: int = 200
    windows: Windows = Windows()
    names: str | None = None

    def __post_init__(self) -> None:
        names = tuple(self.blend.methods)
        at_least("pipeline", 1, candidates=self.candidates)
        check_kind("the pipeline's fallback", self.spare.values(), RETRIEVES)
        check_ranks("pipeline rank", self.rank)
        check_kind("pipeline rerank", (self.rerank,), RERANKS)
        for name in self.windows.fit_once:
            if name not in names:
                raise ConfigError(
                    f"windows fit_once names {name!r}, and there is no such channel."
                    f"{did_you_mean(name, names)} There are: {', '.join(names)}."
                )
        for other in (*self.spare, *([called(self.rank)] if self.rank else [])):
            if other in names:
                raise ConfigError(
                    f"the pipeline has a channel called {other!r}, as its ranker or "
                    "fallback is. Rename it."
                )

    @property
    def blend(self) -> Blend:
        """How the channels become one list."""
        if isinstance(self.retrieve, Blend):
            return self.retrieve
        given = self.retrieve
        several = isinstance(given, tuple | Mapping)
        return Blend(channels=given if several else (given,))

    @property
    def spare(self) -> dict[str, Retriever]:
        """The method that fills up short lists by what its rows say, or nothing."""
        given = () if self.fallback is None else self.fallback
        if isinstance(given, Retriever):
            given = (given,)
        methods = by_name(given, "the pipeline's fallback")
        if len(methods) > 1:
            raise ConfigError(
                f"the pipeline's fallback names {len(methods)} methods. Give it one, "
                "or a Blend of them."
            )
        return {f"{name} (fallback)": method for name, method in methods.items()}

    @checked(DataError)
    def fit(
        self,
        train: Train,
        valid: Train | None = None,
        *,
        graph: Snapshot | Graph | None = None,
        per_user: bool = False,
        rng: Seed = 0,
        run: Run | None = None,
    ) -> FittedPipeline:
        """Train every stage.

        Args:
            train: The log to learn from, or a matrix, which has no times, or a fold.
            valid: The part of the log right after it, cut as what will be judged: it
                decides when the ranker stops and what each channel counts, and what is
                served knows these events too. Without it that of the fold is taken, or
                else the last window of ``train``.
            graph: Further nodes and edges that every stage may read: what is known of
                items, who follows whom, a second behaviour. Its ``user`` and ``item``
                nodes are those of the log where their raw ids are, and have these names
                for keys; their features join those of the log. Ids that the log lacks
                become nodes, which nobody is recommended. Timed edges are read only
                before the time of each request, and training sees none that is later
                than the log.
            per_user: Were the parts split user by user, as ``leave_last_out`` does?
                They may overlap in time then, which lets the future of some users
                into training.
            rng: Seed or generator of everything random, where no run is given.
            run: Device, threads, checkpoints and generator, if they matter; every part
                that trains has a folder of its own among the checkpoints.

        Raises:
            ConfigError: A setting of a stage makes no sense.
            DataError: The log has no action, lacks what a stage needs, is too short
                for the windows, or does not fit the graph. All that can be known before
                the work is said before.
            LeakageError: ``valid`` begins no later than ``train`` ends.
        """
        parts = Parts.of(train, valid, per_user)
        if graph is not None:
            parts = parts.beside(graph.snapshot())
        run = Run(generator(rng)) if run is None else run
        try:
            return self._fit_stages(parts, run)
        except NoEdgeError as error:
            if graph is not None:
                raise
            raise DataError(
                f"{error} Edges beside those of the log are given by graph=."
            ) from None

    def _fit_stages(self, parts: Parts, run: Run) -> FittedPipeline:
        self._check_before_fit(parts)
        repeat = MayRepeat.of(self.repeat, parts.train.events)
        ranker = self._fit_ranker(parts, run, repeat.allowed)
        weighed = self._fit_weighted_blend(parts, run, repeat.allowed)
        # What was fitted on train alone is kept by a fold of the caller's, if by any.
        parts = replace(parts, train=parts.known)
        return self._fit_on_known(parts, ranker, run, weighed, repeat)

    @checked(DataError)
    def refitted(
        self,
        model: FittedPipeline,
        log: Train,
        *,
        graph: Snapshot | Graph | None = None,
        run: Run | None = None,
    ) -> FittedPipeline:
        """Return ``model`` with all but its ranker and its weights fitted on a log.

        With the part before ``valid`` as the log it is what to judge on ``valid``,
        which the retrieval of ``model`` itself has seen.

        Args:
            model: What ``fit`` returned.
            log: The events that the new pipeline knows. What ``fit`` has learnt of it
                in the same circumstances is taken over if it is the same fold.
            graph: Further nodes and edges, those that ``fit`` got if what it has
                learnt shall be taken over; those that ``model`` knows if left out.
            run: In what circumstances channels train, if they matter.
        """
        fold = Fold.of(log, "Pipeline")
        more = without_events(model.graph) if graph is None else graph.snapshot()
        parts = Parts(fold, None, fold, False, fold.edges)
        if more is not None and parts.further is None:
            parts = parts.beside(more)
        told = model.serving.repeat
        return self._fit_on_known(parts, model.ranker, run, model.retriever, told)

    def _fit_weighted_blend(
        self, parts: Parts, run: Run, repeat: bool
    ) -> FittedBlend | None:
        """Return the channels of ``train``, weighed by what happened in ``valid``."""
        if parts.valid is None or not self.blend.learns:
            return None
        run = run.child("train")
        return self.blend.fit(parts.train, parts.valid, run=run, repeat=repeat)

    def _fit_on_known(
        self,
        parts: Parts,
        ranker: FittedRanker | None,
        run: Run | None,
        weighed: FittedBlend | None,
        repeat: MayRepeat,
    ) -> FittedPipeline:
        known = parts.known
        retriever = self.blend.fit(
            known, run=run and run.child("known"), like=weighed, repeat=repeat.allowed
        )
        reranker, fallback = None, None
        if self.rerank is not None:
            with working(f"fitting {called(self.rerank)}"):
                reranker = fit_in(self.rerank, known, run and run.child("rerank"))
        for name, method in self.spare.items():
            with working(f"fitting {name}"):
                fallback = fit_in(method, known, run and run.child("fallback"))
        log = known.events
        serving = Serving(
            repeat=repeat,
            candidates=self.candidates,
            trained_until=last_event_time(parts.graph.edges),
            names=self.names,
            fallback=next(iter(self.spare), None),
            clock=log.clock,
            reading=log.reading,
        )
        return FittedPipeline(
            Graph(parts.graph.in_order(), late_seconds=None),
            retriever,
            ranker,
            reranker,
            serving,
            fallback,
        )

    def _check_before_fit(self, parts: Parts) -> None:
        """Raise what can be known to be wrong before anything is trained."""
        ranker = () if self.rank is None else (ranker_of(self.rank),)
        reranker = () if self.rerank is None else (self.rerank,)
        channels = (*self.blend.methods.values(), *self.spare.values())
        check_names(self.names, parts.known.events.items)
        if self.rank is not None:
            name = called(self.rank)
            log = parts.train.events
            as_seconds_log(log, f"{name}, which learns from windows of time,")
            seconds = parts.window_seconds(self.windows.days)
            cuts = check_windows(log, parts.valid, self.windows.count, seconds)
            check_propensity(self.windows, parts, cuts[0])
        check_before((*channels, *ranker, *reranker), parts.known)

    def _fit_ranker(self, parts: Parts, run: Run, repeat: bool) -> FittedRanker | None:
        if self.rank is None:
            return None
        past = Past(
            self.blend,
            self.windows,
            parts.graph,
            self.candidates,
            repeat,
            run,
        )
        with working(f"training {called(self.rank)}"):
            learn, check = past_examples(
                past,
                parts.train,
                parts.valid,
                self.windows.count,
                parts.window_seconds(self.windows.days),
                per_user=parts.per_user,
            )
            return ranker_of(self.rank).fit(learn, check, run=run.child("rank"))
