"""From retrieval to a finished list: each stage hands on to the next."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tidegraph.pipeline.fallback import Fallback
from tidegraph.pipeline.filters import Filters
from tidegraph.retrieval.blended import FittedBlend
from tidegraph.stages import Candidates, FittedRanker, FittedReranker, Requests


class StageAnswers(NamedTuple):
    """What every part of a pipeline answers to the same requests.

    Attributes:
        channels: Each retrieval channel's own list, as long as the ranker's.
        candidates: What retrieval hands to the ranker.
        stages: The finished list after each stage, ``retrieve``, ``rank`` and
            ``rerank`` as far as they are there; the last is the whole.
    """

    channels: dict[str, Candidates]
    candidates: Candidates
    stages: dict[str, Candidates]


@dataclass(frozen=True, eq=False)
class StageChain:
    """The fitted stages in their order.

    Attributes:
        retriever: The blended channels.
        ranker: The ranker, or none.
        reranker: The re-ranker, or none.
        fallback: Fills up short lists, or none.
        candidates: How many items retrieval hands to the ranker.
    """

    retriever: FittedBlend
    ranker: FittedRanker | None
    reranker: FittedReranker | None
    fallback: Fallback | None
    candidates: int

    def answer(self, requests: Requests, k: int, filters: Filters) -> Candidates:
        """Return finished lists of up to ``k`` items that filters leave to each."""
        blocks = [self._answer(some, k) for some in filters.blocks(requests)]
        return Candidates.concatenated(blocks)

    def _answer(self, requests: Requests, k: int) -> Candidates:
        requests = requests.without_erased()
        found = self.retriever.retrieve(requests, max(k, self.candidates))
        *_, (_, last) = self._after_each_stage(requests, found, k)
        return self._with_fallback(requests, last, k)

    def each(self, requests: Requests, k: int) -> StageAnswers:
        """Return what every part answers; each runs once."""
        requests, width = requests.without_erased(), max(k, self.candidates)
        lists = self.retriever.answers(requests, width)
        candidates = self.retriever.fused(lists, width)
        stages = {
            name: self._with_fallback(requests, found, k)
            for name, found in self._after_each_stage(requests, candidates, k)
        }
        names = self.retriever.channels
        channels = {n: found.top(width) for n, found in zip(names, lists, strict=True)}
        return StageAnswers(channels, candidates, stages)

    def _after_each_stage(
        self, requests: Requests, found: Candidates, k: int
    ) -> Iterator[tuple[str, Candidates]]:
        """Yield what each stage hands on, from what retrieval found."""
        yield "retrieve", found
        if self.ranker is not None:
            found = found.ranked(self.ranker.score(requests, found))
            yield "rank", found
        if self.reranker is not None:
            yield "rerank", self.reranker.rerank(requests, found, k)

    def _with_fallback(
        self, requests: Requests, found: Candidates, k: int
    ) -> Candidates:
        found = found.top(k)
        if self.fallback is None:
            return found
        return self.fallback.fill(requests, found, k)
