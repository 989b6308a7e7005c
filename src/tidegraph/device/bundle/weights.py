"""All weights of a bundle in one file, which its graphs share.

Little-endian numbers, one weight after the other in the order of their names, each
beginning at a multiple of 4,096, as ONNX asks of external data.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tidegraph.device.bundle.loading import WEIGHTS
from tidegraph.errors import ArtifactError
from tidegraph.extras import needed

with needed("onnx", "device", "a bundle"):
    import onnx

PAGE = 4_096


class Place(NamedTuple):
    """Where a weight begins in the file, and how many bytes it has."""

    offset: int
    length: int


def pack_weights(arrays: Mapping[str, np.ndarray]) -> tuple[bytes, dict[str, Place]]:
    """Return the file, and where each weight lies in it."""
    body, places = bytearray(), dict[str, Place]()
    for name in sorted(arrays):
        array = arrays[name]
        body += bytes(-len(body) % PAGE)
        raw = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        places[name] = Place(len(body), len(raw))
        body += raw
    return bytes(body), places


def read_weights_from_file(proto: onnx.ModelProto, places: Mapping[str, Place]) -> None:
    """Have a graph read its weights from the file; its constants stay in it.

    Raises:
        ArtifactError: One is of another length there.
    """
    for held in proto.graph.initializer:
        place = places.get(held.name)
        if place is None:
            continue
        if place.length != len(held.raw_data):
            raise ArtifactError(
                f"the weight {held.name!r} has {place.length} bytes in the file, and "
                f"{len(held.raw_data)} in the graph."
            )
        held.ClearField("raw_data")
        held.data_location = onnx.TensorProto.EXTERNAL
        said = ("location", WEIGHTS), ("offset", place.offset), ("length", place.length)
        for key, value in said:
            held.external_data.add(key=key, value=str(value))


def weight_places(proto: onnx.ModelProto) -> dict[str, Place]:
    """Return where a graph reads the weights that stand outside."""
    found = dict[str, Place]()
    for held in proto.graph.initializer:
        if held.data_location != onnx.TensorProto.EXTERNAL:
            continue
        said = {entry.key: entry.value for entry in held.external_data}
        found[held.name] = Place(int(said["offset"]), int(said["length"]))
    return found
