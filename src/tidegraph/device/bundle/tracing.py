"""Functions of a module as ONNX graphs, whose weights stay outside.

A gradient cannot be exported as it is written; what it computes, step by step, can. So
a function is traced into plain operators first, its weights among its arguments, which
are bound again by name before the export.

Nothing of the machine that exports is left in a graph: no names of files, no stack
traces. The same settings give the same bytes, whatever the weights.
"""

import functools
import importlib
import logging
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

from tidegraph.errors import ArtifactError
from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn
    from torch.func import functional_call
    from torch.fx.experimental.proxy_tensor import make_fx

with needed("onnx", "device", "a bundle"):
    import onnx
with needed("onnxscript", "device", "a bundle"):
    # What torch exports by.
    import onnxscript as onnxscript

OPSET = 18
"""What browsers and phones have read for years."""
MOST = 1 << 20
"""Largest number of rows of an input."""


@dataclass(frozen=True)
class Signature:
    """What a graph takes and returns.

    Attributes:
        inputs: Names of the inputs, each with names of the axes that any number of
            rows may have, by place.
        outputs: Names of the outputs.
    """

    inputs: Mapping[str, Mapping[int, str]]
    outputs: Sequence[str]


def traced(
    module: nn.Module,
    function: Callable[..., Any],
    examples: Sequence[Tensor],
    signature: Signature,
) -> onnx.ModelProto:
    """Return the graph of ``function(module, *inputs)``, gradients and all.

    Args:
        module: Holds the weights, which become initialisers named as ``named_weights``
            says.
        function: What is traced.
        examples: Inputs, no two of which share memory.
        signature: What they are called, and which axes are open.

    Raises:
        ArtifactError: An axis that should be open is not.
    """
    called, weights, names = (
        _Called(module, function),
        named_weights(module),
        _named_tensors(module),
    )

    def plain(values: list[Tensor], *inputs: Tensor) -> Any:
        bound = {f"module.{n}": v for n, v in zip(names, values, strict=True)}
        return functional_call(called, bound, inputs)

    with _silence_exporter(), _without_trace_cache():
        steps = make_fx(plain, tracing_mode="symbolic")(
            list(weights.values()), *examples
        )
        return _export_onnx(_Bound(steps, weights), examples, signature)


def traced_without_gradients(
    module: nn.Module,
    function: Callable[..., Any],
    examples: Sequence[Tensor],
    signature: Signature,
) -> onnx.ModelProto:
    """Return the same as ``traced`` of a function without gradients.

    More shapes stay open this way: what is traced step by step may close some.
    """
    names = {
        f"module.{name}": name.replace(".", "__") for name in _named_tensors(module)
    }
    with _silence_exporter(), _without_trace_cache():
        proto = _export_onnx(_Called(module, function), examples, signature)
    for held in proto.graph.initializer:
        held.name = names.get(held.name, held.name)
    for node in proto.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    return proto


def named_weights(module: nn.Module) -> dict[str, Tensor]:
    """Return every weight and buffer of a module by its name in a graph."""
    return {
        name.replace(".", "__"): w.detach()
        for name, w in _named_tensors(module).items()
    }


def _named_tensors(module: nn.Module) -> dict[str, Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


class _Called(nn.Module):
    """A function of a module and inputs, as a module."""

    def __init__(self, module: nn.Module, function: Callable[..., Any]) -> None:
        super().__init__()
        self.module, self._function = module, function

    def forward(self, *inputs: Tensor) -> Any:
        return self._function(self.module, *inputs)


class _Bound(nn.Module):
    """A traced function of weights and inputs, its weights bound as buffers."""

    def __init__(
        self, function: Callable[..., Any], weights: Mapping[str, Tensor]
    ) -> None:
        super().__init__()
        self._function, self._names = function, list(weights)
        for name, value in weights.items():
            self.register_buffer(name, value.clone())

    def forward(self, *inputs: Tensor) -> Any:
        return self._function([getattr(self, n) for n in self._names], *inputs)


def _export_onnx(
    module: nn.Module, examples: Sequence[Tensor], signature: Signature
) -> onnx.ModelProto:
    _read_operators_once()
    axes = {name for free in signature.inputs.values() for name in free.values()}
    dims = {name: torch.export.Dim(name, min=1, max=MOST) for name in sorted(axes)}
    free = [
        {place: dims[name] for place, name in axes.items()} or None
        for axes in signature.inputs.values()
    ]
    program = cast(Any, torch.onnx).export(
        module,
        tuple(examples),
        dynamo=True,
        input_names=list(signature.inputs),
        output_names=list(signature.outputs),
        # One entry: the function takes them as one list.
        dynamic_shapes=(tuple(free),),
        opset_version=OPSET,
        # What is folded would be a second copy of the weights, in the graph.
        optimize=False,
        verbose=False,
    )
    proto = cast(onnx.ModelProto, program.model_proto)
    _refuse_fixed_axes(proto, signature)
    return _without_provenance(proto)


@functools.cache
def _read_operators_once() -> None:
    """Let torch keep the list of its operators.

    At each export it reads the source of 500 of them anew, which takes it a second.
    """
    place = "torch.onnx._internal.exporter._registration"
    # Another release may keep them elsewhere, and is as slow as it is.
    with suppress(ImportError, AttributeError):
        operators = importlib.import_module(place).onnxscript_apis
        operators.get_torchlib_ops = functools.cache(operators.get_torchlib_ops)


def _refuse_fixed_axes(proto: onnx.ModelProto, signature: Signature) -> None:
    """Refuse a graph one of whose open axes was closed without a word."""
    for given in proto.graph.input:
        shape = given.type.tensor_type.shape.dim
        for place, name in signature.inputs[given.name].items():
            if not shape[place].dim_param:
                raise ArtifactError(
                    f"the input {given.name!r} takes {shape[place].dim_value} {name} "
                    "alone, where it should take any number: the model computes with "
                    "a length of its example. Take another model."
                )


def _without_provenance(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Drop all that says where and from what a graph was made."""
    graph = proto.graph
    del graph.value_info[:]
    parts: list[Any] = [proto, graph]
    for many in (graph.node, graph.input, graph.output, graph.initializer):
        parts += many
    for part in parts:
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]
    proto.producer_name, proto.producer_version = "tidegraph", ""
    return proto


def _without_trace_cache() -> AbstractContextManager[None]:
    """Have torch look at each operation anew.

    Where shapes are open, to find one that it has seen takes longer.
    """
    settings: Any = cast(Any, torch)._dynamo.config
    return settings.patch(fake_tensor_cache_enabled=False)


@contextmanager
def _silence_exporter() -> Generator[None, None, None]:
    """Let the exporter not talk of its inner life."""
    talkers = [logging.getLogger(name) for name in ("torch", "onnxscript", "onnx_ir")]
    levels = [one.level for one in talkers]
    for one in talkers:
        one.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, level in zip(talkers, levels, strict=True):
            one.setLevel(level)
