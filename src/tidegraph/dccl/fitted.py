"""A cloud and the devices of its users, after all rounds."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import polars as pl

from tidegraph.artifact import sealed
from tidegraph.catalog import load
from tidegraph.dccl.cloud_state import Round
from tidegraph.dccl.personal import FittedPersonal
from tidegraph.errors import ArtifactError
from tidegraph.lazy import Homes
from tidegraph.pipeline.fitted import FittedPipeline


@dataclass(frozen=True, eq=False)
class FittedDCCL:
    """What ``DCCL.fit`` returns.

    Attributes:
        pipeline: A pipeline that answers each user by the model of their own device,
            where that has served them better than the model of all.
    """

    pipeline: FittedPipeline

    @property
    def personal(self) -> FittedPersonal:
        """The ranker, with what cloud and devices have learnt."""
        return cast(FittedPersonal, self.pipeline.ranker)

    @property
    def rounds(self) -> tuple[Round, ...]:
        """How each round went."""
        return self.personal.rounds

    def history(self) -> pl.DataFrame:
        """Return how each round went, one a row."""
        return pl.DataFrame(
            [one.table() for one in self.rounds], infer_schema_length=None
        )

    def for_user(self, user: object) -> "ForUser":
        """Return what answers one user.

        Args:
            user: Raw id; an unknown one is answered by the model of all.
        """
        return ForUser(self.pipeline, user)

    def export(
        self,
        folder: str | os.PathLike[str],
        key: str | os.PathLike[str] | None = None,
        *,
        items: int = 0,
        version: int | None = None,
    ) -> None:
        """Write what devices download: graphs, weights and a signed manifest.

        Args:
            folder: Where; a bundle that is there is replaced.
            key: PEM file of the private key that signs it, made where there is none;
                beside the folder and named after it if left out.
            items: Describe so many items, those with the most actions, so that a device
                ranks them by itself; all where there are no more.
            version: A number larger than that of every bundle that devices had before.
                If left out, one more than that of the bundle in the folder; without one
                there, Unix seconds.

        Raises:
            MissingExtraError: The extra ``device`` is not installed.
            ArtifactError: The place holds something else, or cannot be written; or its
                version is as large.
            ConfigError: Items are to be described, and the model needs what no device
                has; see ``ranking.device_catalog``. Or devices learn with
                ``correct=False``, as none does outside the cloud.
        """
        # What makes graphs is needed for that alone.
        homes = Homes({"publish_bundle": "tidegraph.dccl.exporting"})
        homes["publish_bundle"](self.pipeline, folder, key, items, version)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the pipeline to a folder; ``tg.load`` opens it as one, too."""
        sealed.save(self.pipeline, folder)

    @classmethod
    def load(
        cls, folder: str | os.PathLike[str], *, kinds: Iterable[type] = ()
    ) -> "FittedDCCL":
        """Open what ``save`` wrote; ``kinds`` as ``tg.load`` takes them.

        Raises:
            ArtifactError: The folder is not a whole, unchanged cloud of this version.
        """
        pipeline = load(folder, kinds=kinds)
        if not isinstance(pipeline.ranker, FittedPersonal):
            raise ArtifactError(
                f"{folder} holds a pipeline without devices. One that learns with them "
                "is made by tidegraph device simulate, or tg.DCCL."
            )
        return cls(pipeline)


@dataclass(frozen=True, eq=False)
class ForUser:
    """The answers that one user gets.

    Attributes:
        pipeline: Answers everybody.
        user: Raw id.
    """

    pipeline: FittedPipeline
    user: object

    def recommend(self, k: int = 10, **filters: Any) -> pl.DataFrame:
        """Return the user's list; see ``FittedPipeline.recommend``.

        Args:
            k: How many items.
            filters: ``only``, ``exclude`` and ``at``, as of a pipeline.
        """
        return self.pipeline.recommend(self.user, k=k, **filters)
