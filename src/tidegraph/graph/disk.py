"""Graphs on disk, opened by mapping their files into memory; see ``artifact``.

Opening reads the manifest, the ids and the bounds of the rows, so it takes milliseconds
whatever the number of edges; the rest is read as it is touched. What is not checked can
at worst answer wrongly, never read outside its arrays.
"""

import os
from typing import cast

from tidegraph.arguments import checked
from tidegraph.artifact import sealed
from tidegraph.artifact.manifest import GRAPH, MODEL
from tidegraph.artifact.sealed import Rebuilds
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.errors import ArtifactError, type_of
from tidegraph.graph.snapshot import Snapshot

_CLASSES = {cls.__name__: cast(Rebuilds, cls) for cls in (Snapshot, Vocabulary)}


@checked(ArtifactError)
def save(graph: Snapshot, folder: str | os.PathLike[str]) -> None:
    """Write a graph to a folder, all of it or nothing.

    Raises:
        ArtifactError: The place holds something else, or cannot be written.
    """
    sealed.save(graph, folder, GRAPH)


@checked(ArtifactError)
def load(folder: str | os.PathLike[str], *, verify: bool | None = None) -> Snapshot:
    """Open what ``save`` wrote, or the graph of a saved model.

    Args:
        folder: Where it is.
        verify: Compare every byte with its checksum; small graphs only if left out.

    Raises:
        ArtifactError: The folder is missing, incomplete, changed, or of another
            version.
    """
    of_model = os.path.isfile(os.path.join(folder, MODEL.manifest))
    kind, part = (MODEL, "graph") if of_model else (GRAPH, None)
    graph = sealed.load(folder, _CLASSES, kind, part=part, verify=verify)
    if not isinstance(graph, Snapshot):
        raise ArtifactError(f"{folder} holds {type_of(graph)}, not a graph.")
    return graph
