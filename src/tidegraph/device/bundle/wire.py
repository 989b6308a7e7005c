"""What a graph may do, read from its bytes.

ONNX is written in protocol buffers; no more of these is read here than says whether a
graph stays within the operators of ONNX and the one file of weights. So a device need
not install the library that writes graphs.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tidegraph.errors import ArtifactError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
DEEPEST = 16
"""Graphs lie no deeper within nodes of graphs."""


class Field(NamedTuple):
    """A field of a message: its number, and its bytes or number."""

    number: int
    value: bytes | int


def check_graph(raw: bytes, name: str, weights: str) -> None:
    """Refuse a graph that could do more than compute from one file of weights.

    Args:
        raw: Its bytes.
        name: Its file, for messages.
        weights: Name of the file of weights.

    Raises:
        ArtifactError: It has operators of others, functions, or other files.
    """
    try:
        graphs = [value for number, value in _fields(raw) if number == _GRAPH]
        others = {number for number, _ in _fields(raw)} & _CODE
        domains = {_text_field(part, 1) for part in _submessages(raw, _OPSETS)}
        files = set[str]()
        for graph in graphs:
            _gather_operators(_message_bytes(graph), domains, files, 0)
    except (IndexError, ValueError) as error:
        raise ArtifactError(f"{name} is not a graph: {error}.") from error
    foreign = sorted(domains - {"", "ai.onnx"})
    if foreign or others or len(graphs) != 1:
        what = f"operators of {foreign[0]!r}" if foreign else "functions"
        raise ArtifactError(
            f"{name} has {what}, beside the operators of ONNX, which alone are run."
        )
    if files - {weights}:
        raise ArtifactError(
            f"{name} reads the file {min(files - {weights})!r}, where it may read "
            f"{weights!r} alone."
        )


_OPSETS, _GRAPH, _CODE = 8, 7, frozenset({20, 25})
"""Fields of a model: its operators, its graph, and training and functions."""
_NODES, _INITIALISERS, _SPARSE = 1, 5, 15
"""Fields of a graph."""
_ATTRIBUTES, _DOMAIN = 5, 7
"""Fields of a node."""
_TENSORS, _GRAPHS, _SPARSES = (5, 10), (6, 11), (22, 23)
"""Fields of an attribute."""
_EXTERNAL = 13
"""Field of a tensor."""


def _gather_operators(
    graph: bytes, domains: set[str], files: set[str], depth: int
) -> None:
    """Gather the domains of the operators of a graph, and the files it reads."""
    if depth > DEEPEST:
        raise ValueError("graphs lie too deep within it")
    tensors = [*_submessages(graph, _INITIALISERS)]
    sparse = [*_submessages(graph, _SPARSE)]
    for node in _submessages(graph, _NODES):
        domains.add(_text_field(node, _DOMAIN))
        for attribute in _submessages(node, _ATTRIBUTES):
            tensors += _submessages(attribute, *_TENSORS)
            sparse += _submessages(attribute, *_SPARSES)
            for inner in _submessages(attribute, *_GRAPHS):
                _gather_operators(inner, domains, files, depth + 1)
    for part in sparse:
        tensors += _submessages(part, 1, 2)
    for tensor in tensors:
        for entry in _submessages(tensor, _EXTERNAL):
            if _text_field(entry, 1) == "location":
                files.add(_text_field(entry, 2))


def _submessages(raw: bytes, *numbers: int) -> Iterator[bytes]:
    """Yield the messages that some fields hold."""
    for number, value in _fields(raw):
        if number in numbers:
            yield _message_bytes(value)


def _text_field(raw: bytes, number: int) -> str:
    """Return the text of a field, as its last entry says it; empty if there is none."""
    found = [*_submessages(raw, number)]
    return found[-1].decode() if found else ""


def _message_bytes(value: bytes | int) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number stands where a message should be")
    return value


def _fields(raw: bytes) -> Iterator[Field]:
    """Yield the fields of a message."""
    at = 0
    while at < len(raw):
        key, at = _varint(raw, at)
        # Who runs the graph cuts a key to 32 bits, and would see another field here.
        if key >> 32 or not key >> 3:
            raise ValueError("it holds a field of an unknown number")
        kind, size = key & 7, 0
        if kind == VARINT:
            value, at = _varint(raw, at)
            yield Field(key >> 3, value)
            continue
        if kind == BYTES:
            size, at = _varint(raw, at)
        elif kind == FIXED64:
            size = 8
        elif kind == FIXED32:
            size = 4
        else:
            raise ValueError("it holds a field of an unknown kind")
        if at + size > len(raw):
            raise ValueError("it is cut short")
        yield Field(key >> 3, raw[at : at + size])
        at += size


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return a number, and where the next begins."""
    value, shift = 0, 0
    while True:
        if at >= len(raw) or shift > 63:
            raise ValueError("it is cut short")
        byte = raw[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
