"""What a trained pipeline keeps of how it was told to answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from tidegraph.data.times.clocks import Clock
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import called


@dataclass(frozen=True)
class Serving:
    """What a trained pipeline was told about answering.

    Attributes:
        repeat: May a user be recommended items they have already interacted with?
        candidates: How many items retrieval hands to the ranker.
        trained_until: Time of the last event that training saw, on this clock.
        names: Item feature column that names an item in answers.
        source: How the log was read and split, for logs read later.
        fallback: What the channel that fills up short lists is called, if there is one.
        clock: What the times of the log of training are.
    """

    repeat: bool
    candidates: int
    trained_until: int
    names: str | None = None
    source: dict[str, Any] = field(default_factory=dict[str, Any])
    fallback: str | None = None
    clock: Clock = "seconds"

    @property
    def reading(self) -> Mapping[str, Any]:
        """The settings by which the log of training was read, where it was."""
        return cast(Mapping[str, Any], self.source.get("data", {}))

    def described(
        self, channels: Iterable[str], after: Iterable[object], graph: Snapshot
    ) -> str:
        """Return what a pipeline is made of, in one line.

        Args:
            channels: Names of what retrieves.
            after: The stages that follow, in their order; None where there is none.
            graph: Its users and items.
        """
        stages = [" + ".join(channels)]
        stages += [
            called(stage).removeprefix("Fitted") for stage in after if stage is not None
        ]
        seen = "may repeat" if self.repeat else "new items only"
        if self.fallback is not None:
            stages.append(f"else {self.fallback}")
        return (
            f"{' > '.join(stages)}; {len(graph.users):,} users, "
            f"{len(graph.items):,} items; {seen}"
        )
