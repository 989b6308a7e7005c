"""What a ranker reads that looks at candidates alone, and at no event by itself."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from tidegraph.features.columns import Features
from tidegraph.features.feature import check_reads
from tidegraph.features.fields import check_columns, check_fields_are_read
from tidegraph.features.groups import Group, check_of_candidates, own_of
from tidegraph.features.tables import check_fields
from tidegraph.stages import Examples, Fold, Train


@dataclass(frozen=True)
class CandidateColumns:
    """Those settings of a ranker that say what it reads.

    They are the ranker's own, so that it is written ``RecencyLogit(category="genre")``:
    of a ``FeatureSet`` it could take neither ``ids`` nor ``history``, and a category
    that is a field, too, which are two inputs here, would be there twice.

    Attributes:
        method: The ranker, for messages.
        category: Item feature column that groups items, if any.
        groups: Groups of inputs, of ``OF_CANDIDATES``, and features of one's own.
        fields: Further features, such as ``item.color``.
    """

    method: str
    category: str | None
    groups: tuple[Group, ...]
    fields: tuple[str, ...]

    def check_settings(self) -> None:
        """Refuse what no ranker of candidates can read.

        Raises:
            ConfigError: A group or a field is none, or is not read.
        """
        check_of_candidates(self.method, self.groups)
        check_fields(self.fields)
        check_fields_are_read(self.method, self.fields, self.groups)

    def check(self, train: Train) -> None:
        """Refuse a log that lacks a feature.

        Raises:
            DataError: It does.
        """
        fold = Fold.of(train, self.method)
        check_columns(fold.events, self.category, self.fields)
        check_reads(own_of(self.groups), fold)

    def fit(self, examples: Examples) -> tuple[Features, Float32[np.ndarray, "b k f"]]:
        """Return the inputs as they are fitted, and those of the examples."""
        return Features.fit_and_read(examples, self.category, self.groups, self.fields)

    @property
    def named(self) -> frozenset[str]:
        """The features of a log that it reads, the category among them."""
        category = () if self.category is None else (f"item.{self.category}",)
        return frozenset((*category, *self.fields))
