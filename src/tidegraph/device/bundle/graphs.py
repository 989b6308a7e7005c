"""Which graphs a bundle has, and that they give what the model gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tidegraph.device.bundle.loading import SCORE, START, TRAIN_STEP, TRUNK, Bundle
from tidegraph.device.bundle.tracing import (
    Signature,
    named_weights,
    traced,
    traced_without_gradients,
)
from tidegraph.device.patch import Patched, project_to_ball
from tidegraph.device.personalise import LocalSteps, local_step, profile_of
from tidegraph.device.rows import Rows
from tidegraph.device.split import Trunk
from tidegraph.errors import ArtifactError, ConfigError
from tidegraph.extras import needed
from tidegraph.nn.inputs import Inputs

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn
with needed("onnx", "device", "a bundle"):
    import onnx

NEAR = 1e-4
"""Graph and model may differ by so much."""
_ROWS, _NONE = {0: "rows"}, dict[int, str]()
_EACH, _PAST = {0: "requests", 1: "candidates"}, {0: "requests"}
_AXES = {
    "item": _EACH,
    "user": _PAST,
    "numbers": _EACH,
    "present": _EACH,
    "step": _PAST,
    "event": _PAST,
    "cross": _EACH,
    "age": _PAST,
    "real_step": _PAST,
}
"""Which axes of the inputs of a trunk are open; a history is as long as its example."""


@dataclass(frozen=True, eq=False)
class Model:
    """What is exported.

    Attributes:
        head: The tower and its metapatches.
        trunk: The rest of the network; none for one that reads the graph, which runs
            where the graph is.
        example: A few requests as the trunk gets them; needed with a trunk.
        local: How a device learns.
        items: What a device that ranks by itself knows of items; see
            ``ranking.device_catalog``.
    """

    head: Patched
    trunk: Trunk | None = None
    example: Inputs | None = None
    local: LocalSteps = field(default_factory=LocalSteps)
    items: bytes | None = None

    def __post_init__(self) -> None:
        if self.trunk is not None and self.example is None:
            raise ArtifactError("a trunk is exported with an example of its inputs.")
        if self.local.steps < 1:
            raise ConfigError(
                "LocalSteps has steps=0, and a device that takes no step has nothing "
                "to send. Export a cloud whose devices take one or more."
            )

    def arrays(self) -> dict[str, np.ndarray]:
        """Return every weight by its name in the graphs."""
        parts: dict[str, nn.Module] = {"head": self.head}
        if self.trunk is not None:
            parts["trunk"] = self.trunk
        held = named_weights(nn.ModuleDict(parts))
        return {name: value.cpu().numpy() for name, value in held.items()}


def graphs_of(model: Model) -> dict[str, onnx.ModelProto]:
    """Return the graphs of a model by the names of their files, weights within.

    Raises:
        ArtifactError: One takes what its example has alone.
    """
    head = nn.ModuleDict({"head": model.head})
    protos = {
        name: export(head, function, given, signature)
        for export, (name, function, given, signature) in (
            (traced_without_gradients, _score_graph(model.head)),
            (traced, _train_step(model.head, model.local.clip)),
            (traced_without_gradients, _start_graph(model.head)),
        )
    }
    if model.trunk is not None and model.example is not None:
        protos[TRUNK] = _trunk_graph(model.trunk, model.example)
    return protos


_Graph = tuple[str, Callable[..., Any], Sequence[Tensor], Signature]


def _score_graph(head: Patched) -> _Graph:
    def score(held: Any, x: Tensor, offset: Tensor, theta: Tensor) -> Tensor:
        return torch.sigmoid(held["head"](x, offset, theta))

    rows, takes = _draw_rows(head, 20), {"x": _ROWS, "offset": _ROWS, "theta": _NONE}
    given = rows.x, rows.offset, _random_theta(head, 1)
    return SCORE, score, given, Signature(takes, ("probability",))


def _train_step(head: Patched, clip: float) -> _Graph:
    def train_step(held: Any, *given: Tensor) -> tuple[Tensor, Tensor]:
        *rows, theta, learning_rate = given
        return local_step(held["head"], theta, Rows(*rows), learning_rate, clip)

    takes = {name: _ROWS for name in Rows._fields}
    signature = Signature(
        {**takes, "theta": _NONE, "learning_rate": _NONE}, ("theta_after", "loss")
    )
    given = *_draw_rows(head, 20), _random_theta(head, 1), torch.tensor(0.3)
    return TRAIN_STEP, train_step, given, signature


def _start_graph(head: Patched) -> _Graph:
    def start(
        held: Any, x: Tensor, label: Tensor, weight: Tensor, before: Tensor
    ) -> Tensor:
        known = profile_of(Rows(x, torch.zeros_like(label), label, weight))
        return held["head"].start(before, known)

    rows = _draw_rows(head, 20)
    takes = {"x": _ROWS, "label": _ROWS, "weight": _ROWS, "before": _NONE}
    given = rows.x, rows.label, rows.weight, _random_theta(head, 1)
    return START, start, given, Signature(takes, ("theta_to_begin",))


def _trunk_graph(trunk: Trunk, example: Inputs) -> onnx.ModelProto:
    def run(held: Any, *parts: Tensor) -> tuple[Tensor, Tensor]:
        x, offset = held["trunk"](Inputs(*parts))
        # An output is not to be an input itself.
        return x.clone(), offset.clone()

    held = nn.ModuleDict({"trunk": trunk})
    return traced_without_gradients(
        held, run, tuple(example), Signature(_AXES, ("x", "offset"))
    )


def check_against_model(model: Model, bundle: Bundle) -> None:
    """Refuse a bundle that does not compute what the model does, at any size.

    Raises:
        ArtifactError: It does not.
    """
    head, before = model.head, _random_theta(model.head, 2)
    with torch.no_grad():
        for count in (1, 7, 33):
            rows, theta = (
                _draw_rows(head, count, seed=count),
                _random_theta(head, count),
            )
            given = {name: part.numpy() for name, part in rows._asdict().items()}
            now, loss = local_step(head, theta, rows, 0.3, model.local.clip)
            found, lost = bundle.train_step(given, theta.numpy(), 0.3)
            likely = torch.sigmoid(head(rows.x, rows.offset, theta))
            score = bundle.score(given["x"], given["offset"], theta.numpy())
            begun = head.start(before, profile_of(rows))
            _check_same_values(TRAIN_STEP, now, found)
            _check_same_values(TRAIN_STEP, loss, np.array(lost))
            _check_same_values(SCORE, likely, score)
            _check_same_values(START, begun, bundle.start(given, before.numpy()))
        if model.trunk is not None and model.example is not None:
            _prove_trunk(model.trunk, model.example, bundle)


def _prove_trunk(trunk: Trunk, example: Inputs, bundle: Bundle) -> None:
    for name, takes in bundle.inputs.items():
        shape = tuple(getattr(example, name).shape)
        if any(n is not None and n != m for n, m in zip(takes, shape, strict=True)):
            free = tuple("any" if n is None else n for n in takes)
            raise ArtifactError(
                f"{TRUNK} takes {name} of shape {free}, and the model one of {shape}. "
                "Export the model anew."
            )
    for count, few in ((1, 1), (1, example.item.shape[1]), (len(example.user), 1)):
        part = Inputs(
            *(
                one[:count, :few] if _AXES[name] is _EACH else one[:count]
                for name, one in example._asdict().items()
            )
        )
        given = {name: one.numpy() for name, one in part._asdict().items()}
        for want, found in zip(trunk(part), bundle.trunk(given), strict=True):
            _check_same_values(TRUNK, want, found)


def _check_same_values(name: str, want: Tensor, found: np.ndarray) -> None:
    off = np.abs(want.numpy() - found).max(initial=0.0)
    # Not a number compares as false.
    if not off <= NEAR * max(1.0, float(want.abs().max())):
        raise ArtifactError(
            f"{name} gives what is off by {off:.2g} from what the model gives. Export "
            "the model anew, or take another."
        )


def _draw_rows(head: Patched, count: int, seed: int = 0) -> Rows:
    """Draw rows, whose values mean nothing."""
    random = torch.Generator().manual_seed(seed)
    label = (torch.arange(count) % 3 == 0).float()
    return Rows(
        torch.randn(count, head.f.width, generator=random),
        torch.randn(count, generator=random),
        label,
        0.5 + torch.rand(count, generator=random),
    )


def _random_theta(head: Patched, seed: int) -> Tensor:
    drawn = torch.randn(head.theta, generator=torch.Generator().manual_seed(seed))
    return project_to_ball(drawn, 0.5 * head.radius)
