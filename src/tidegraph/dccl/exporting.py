"""What a cloud publishes for devices."""

import os
from pathlib import Path
from typing import cast

import numpy as np

from tidegraph.dccl.personal import FittedPersonal
from tidegraph.device.bundle.export import export_bundle
from tidegraph.device.bundle.graphs import Model
from tidegraph.device.bundle.manifest import Signed
from tidegraph.device.signing import signing
from tidegraph.device.split import split
from tidegraph.errors import ConfigError
from tidegraph.graph.from_log import ACTION
from tidegraph.nn.inputs import Inputs
from tidegraph.pipeline.fitted import FittedPipeline
from tidegraph.ranges import at_least
from tidegraph.ranking.device_catalog import device_catalog
from tidegraph.ranking.neural import FittedNeuralRanker
from tidegraph.stages import Requests

EXAMPLES = 3
"""Requests of the example that a trunk is traced with, and candidates of each."""


def publish_bundle(
    pipeline: FittedPipeline,
    folder: str | os.PathLike[str],
    key: str | os.PathLike[str] | None = None,
    items: int = 0,
    version: int | None = None,
) -> Signed:
    """Write the bundle that devices download, signed.

    Args:
        pipeline: One whose ranker answers each user by the model of their device.
        folder: Where; a bundle that is there is replaced.
        key: PEM file of the private key, made where there is none, unless nothing is
            written; beside the folder and named after it if left out.
        items: How many items, those with the most actions, a device is to rank itself.
        version: Larger than those before; see ``device.bundle.export``.

    Raises:
        ArtifactError: The place holds something else, or a file cannot be written.
        ConfigError: The model needs of an item what no device has, ``items`` is below
            0, or devices learn with ``correct=False``.
    """
    at_least("a bundle's", 0, items=items)
    target, personal = Path(folder).absolute(), cast(FittedPersonal, pipeline.ranker)
    if not personal.local.correct:
        raise ConfigError(
            "LocalSteps(correct=False) has no bundle: in the cloud, devices learn from "
            "logits moved to how often actions come, which no bundle tells those "
            "outside. Fit DCCL with correct=True."
        )
    place = target.parent / f"{target.name}.pem" if key is None else key
    # A model that reads the graph is answered where the graph is.
    reads = personal.ranker.batches.reads is not None
    trunk = None if reads else split(personal.ranker.network).trunk
    example = None if reads else _trunk_example(pipeline, personal.ranker)
    described = _device_items(pipeline, personal.ranker, items) if items else None
    model = Model(personal.after.head, trunk, example, personal.local, described)
    with signing(place) as signs:
        return export_bundle(model, target, signs, version=version)


def _device_items(
    pipeline: FittedPipeline, ranker: FittedNeuralRanker, count: int
) -> bytes:
    """Return the items with the most actions, as of the last event."""
    graph = pipeline.graph
    nobody = np.full(1, -1, np.int32)
    now = np.full(1, graph.latest + 1, np.int64)
    order = np.argsort(-graph[f"~{ACTION}"].degree(), kind="stable")
    item = order[:count].astype(np.int32)
    requests = Requests.of_users(graph, nobody, now)
    return device_catalog(ranker, requests, item, pipeline.serving.names)


def _trunk_example(pipeline: FittedPipeline, ranker: FittedNeuralRanker) -> Inputs:
    """Return what the trunk gets for a few users."""
    graph = pipeline.graph
    users = np.arange(min(EXAMPLES, len(graph.users)), dtype=np.int32)
    times = np.full(len(users), graph.latest + 1, np.int64)
    requests = Requests.of_users(graph, users, times)
    candidates = pipeline.retriever.retrieve(requests, EXAMPLES)
    numbers = ranker.features.of(requests, candidates)
    return next(ranker.batches.blocks(requests, candidates.item, numbers)).inputs
