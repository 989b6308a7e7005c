"""What a trained pipeline keeps of how it was told to answer."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from tidegraph.data.reading import Reading
from tidegraph.data.times.clocks import Clock
from tidegraph.data.views.repeats import MayRepeat
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline.stage_chain import StageChain
from tidegraph.stages import called


@dataclass(frozen=True)
class Source:
    """What a pipeline was made from, where a recipe says it.

    Attributes:
        split: What finds the parts of its log again.
        recipe: The tables of its stages, from which it can be fitted anew.
    """

    split: Mapping[str, Any]
    recipe: Mapping[str, Any]


@dataclass(frozen=True)
class Serving:
    """What a trained pipeline was told about answering.

    Attributes:
        repeat: May a user be recommended items they have already interacted with, and
            by which share of repeats was that chosen?
        candidates: How many items retrieval hands to the ranker.
        trained_until: Time of the last event that training saw, on this clock.
        names: Item feature column that names an item in answers.
        source: What it was made from, where a recipe says it.
        fallback: What the channel that fills up short lists is called, if there is one.
        clock: What the times of the log of training are.
        reading: How the log of training was read, where it was.
    """

    repeat: MayRepeat
    candidates: int
    trained_until: int
    names: str | None = None
    source: Source | None = None
    fallback: str | None = None
    clock: Clock = "seconds"
    reading: Reading | None = None

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> "Serving":
        """Return what ``table`` has told."""
        told, read, made = dict(table), table["reading"], table["source"]
        told["reading"] = None if read is None else Reading.of(read, "the saved model")
        told["source"] = None if made is None else Source(**made)
        told["repeat"] = MayRepeat(told["repeat"], told.pop("repeats", None))
        return cls(**told)

    def table(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        read = None if self.reading is None else self.reading.table()
        allowed, share = self.repeat
        table = asdict(replace(self, reading=None)) | {"reading": read}
        return table | {"repeat": allowed, "repeats": share}

    def described(self, steps: StageChain, graph: Snapshot) -> str:
        """Return what a pipeline is made of, and its users and items, in one line."""
        after = [one for one in (steps.ranker, steps.reranker) if one is not None]
        stages = [" + ".join(steps.retriever.channels)]
        stages += [called(stage).removeprefix("Fitted") for stage in after]
        seen = "may repeat" if self.repeat.allowed else "new items only"
        if self.repeat.share is not None:
            seen += f", as {self.repeat.share:.1%} of its events are repeats"
        if self.fallback is not None:
            stages.append(f"else {self.fallback}")
        return (
            f"{' > '.join(stages)}; {len(graph.users):,} users, "
            f"{len(graph.items):,} items; {seen}"
        )
