"""What a trained pipeline keeps of how it was told to answer."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Serving:
    """What a trained pipeline was told about answering.

    Attributes:
        repeat: May a user be recommended items they have already interacted with?
        candidates: How many items retrieval hands to the ranker.
        trained_until: Unix seconds of the last event that training saw.
        names: Item feature column that names an item in answers.
        source: How the log was read and split, for logs read later.
        fallback: What the channel that fills up short lists is called, if there is one.
    """

    repeat: bool
    candidates: int
    trained_until: int
    names: str | None = None
    source: dict[str, Any] = field(default_factory=dict[str, Any])
    fallback: str | None = None
