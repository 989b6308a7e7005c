"""Several things that one network tells of a candidate: acted on, bought, and so on."""

import numpy as np
from jaxtyping import Bool, Float, Float32

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError, DataError, did_you_mean
from tidegraph.extras import needed
from tidegraph.fitting.labels import check_label, further_label
from tidegraph.graph.from_log import ACTION
from tidegraph.losses import binary_cross_entropy
from tidegraph.nn.click.tasks import logit_of_product
from tidegraph.ranges import above
from tidegraph.stages import Examples, Fold

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor


@settings
class Tasks:
    """What a network learns to tell beside what is acted on, and what it answers.

    Each task has a last layer of its own above those that all share.

    Attributes:
        also: Further labels: edges of the graph from users to items, columns of the
            log's context that are true, or ``event=bought``, a value of a column. See
            ``fitting.labels``.
        answer: Whose probability the score is: ``action`` or a further label.
        after: Does what is told further follow an action? Its probability is that of
            an action then, times what its own layer says.
        weight: How much the loss of each further label counts beside that of actions.

    Source:
        Ma et al., "Entire Space Multi-Task Model", SIGIR 2018, for ``after``. Departs:
        layers are shared, where the paper shares vectors alone.
    """

    also: tuple[str, ...] = ()
    answer: str = ACTION
    after: bool = False
    weight: float = 1.0

    def __post_init__(self) -> None:
        above("tasks", 0, weight=self.weight)
        if not self.also:
            raise ConfigError(
                "tasks has also=[], so there is no further task. Name a label, such as "
                'also = ["bought"], or leave tasks out.'
            )
        for n, name in enumerate(self.also):
            if name in self.names[: n + 1]:
                raise ConfigError(
                    f"tasks has {name!r} twice: the first label, {ACTION!r}, is told "
                    "anyway. Leave one out."
                )
        if self.answer not in self.names:
            raise ConfigError(
                f"tasks has answer={self.answer!r}, which is none of its labels."
                f"{did_you_mean(self.answer, self.names)} There are: "
                f"{', '.join(self.names)}."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """All labels, that of actions first."""
        return (ACTION, *self.also)

    def check(self, fold: Fold) -> None:
        """Find out before any work whether a log has the further labels.

        Raises:
            DataError: It lacks one.
        """
        for name in self.also:
            check_label(fold.events, fold.edges, name)

    def right(self, examples: Examples, name: str) -> Float32[np.ndarray, "b k"]:
        """Return a label of examples.

        Raises:
            DataError: There is no such label.
        """
        if name == ACTION:
            return examples.label
        found = further_label(examples, name)
        return found * examples.label if self.after else found

    def rights(self, examples: Examples) -> Float32[np.ndarray, "b k t"]:
        """Return all labels of examples, that of actions first.

        Raises:
            DataError: One is not there, or nowhere so.
        """
        found = {name: self.right(examples, name) for name in self.names}
        for name, label in found.items():
            if not label.any():
                raise DataError(
                    f"no candidate of the past was {name!r}, so there is nothing to "
                    "learn of it. Lengthen the windows, or leave the label out."
                )
        return np.stack(list(found.values()), axis=2)

    def starts(self, shares: Float32[np.ndarray, " t"]) -> Float32[np.ndarray, " t"]:
        """Return the probability that the layer of each label begins near.

        Args:
            shares: How much of the candidates is right, that of actions first.
        """
        return np.append(shares[:1], shares[1:] / shares[0]) if self.after else shares

    def answered(self, logits: Float[Tensor, "b k t"]) -> Float[Tensor, "b k"]:
        """Return the logit of what is answered.

        Args:
            logits: What the last layers say, that of actions first.
        """
        return self.each(logits)[:, :, self.names.index(self.answer)]

    def each(self, logits: Float[Tensor, "b k t"]) -> Float[Tensor, "b k t"]:
        """Return the logit of each label, that of actions first.

        Args:
            logits: What the last layers say.
        """
        if not self.after:
            return logits
        action, further = logits[:, :, :1], logits[:, :, 1:]
        return torch.cat(
            [action, logit_of_product(action.expand_as(further), further)], dim=2
        )

    def loss(
        self,
        logits: Float[Tensor, "b k t"],
        label: Float[Tensor, "b k t"],
        present: Bool[Tensor, "b k"],
        weight: Float[Tensor, "b k"],
        odds: Float[Tensor, "b 1"],
    ) -> Float[Tensor, ""]:
        """Return the loss of a batch: that of actions, and those of further labels.

        A sample of candidates has the odds of an action too high. Where what is told
        further follows an action, that is mended with the odds of the action. Elsewhere
        what was not acted on counts as many times as the sample leaves it out.

        Args:
            logits: What the last layers say, that of actions first.
            label: What is right, in the same order.
            present: Where there is a candidate.
            weight: How much each counts.
            odds: Log of how many times too high the odds of an action are.
        """
        sampled = torch.cat([logits[:, :, :1] + odds[:, :, None], logits[:, :, 1:]], 2)
        own = binary_cross_entropy(sampled[:, :, 0], label[:, :, 0], present, weight)
        if not self.after:
            weight = weight * torch.where(label[:, :, 0] > 0, 1.0, odds.exp())
            weight = weight / (weight * present).sum() * present.sum()
        further = self.each(sampled)[:, :, 1:]
        there, counts = (x[:, :, None].expand_as(further) for x in (present, weight))
        loss = binary_cross_entropy(further, label[:, :, 1:], there, counts)
        return own + self.weight * len(self.also) * loss
