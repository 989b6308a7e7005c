"""A bundle opened on a device: everything checked first, and then run.

Nothing of the tensor engine that trained it is needed: onnxruntime runs the graphs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float32

from tidegraph.device.bundle import manifest
from tidegraph.device.bundle.manifest import Signed
from tidegraph.device.bundle.wire import check_graph
from tidegraph.errors import ArtifactError
from tidegraph.extras import needed

with needed("onnxruntime", "device", "a bundle"):
    import onnxruntime

WEIGHTS, ITEMS = "weights.bin", "items.json"
TRUNK, SCORE, TRAIN_STEP, START = (
    "trunk.onnx",
    "score.onnx",
    "train_step.onnx",
    "start.onnx",
)
NEEDED = {SCORE, TRAIN_STEP, START, WEIGHTS}
_KINDS = {
    "tensor(bool)": "bool",
    "tensor(int64)": "int64",
    "tensor(float)": "float32",
}
Vector = Float32[np.ndarray, " n"]
Theta = Float32[np.ndarray, " theta"]


@dataclass(frozen=True, eq=False)
class Bundle:
    """The graphs of a bundle, ready to run on one thread.

    Attributes:
        signed: Its manifest, and what it is known by.
        sessions: The graphs by the names of their files.
    """

    signed: Signed
    sessions: Mapping[str, Any]

    @property
    def has_trunk(self) -> bool:
        """Does it hold the trunk? One that reads a graph runs where the graph is."""
        return TRUNK in self.sessions

    @property
    def inputs(self) -> dict[str, tuple[int | None, ...]]:
        """What the trunk takes: names and shapes, none for any number of rows."""
        return {
            given.name: tuple(n if isinstance(n, int) else None for n in given.shape)
            for given in self.sessions[TRUNK].get_inputs()
        }

    @property
    def kinds(self) -> dict[str, str]:
        """Which numbers the trunk takes, by input."""
        given = self.sessions[TRUNK].get_inputs()
        return {part.name: _KINDS[part.type] for part in given}

    def trunk(
        self, inputs: Mapping[str, np.ndarray]
    ) -> tuple[Float32[np.ndarray, "b k width"], Float32[np.ndarray, "b k"]]:
        """Return what enters the tower of each candidate, and what is added behind it.

        Args:
            inputs: The arrays of ``nn.inputs.Inputs``, by name.

        Raises:
            ArtifactError: The bundle has no trunk, or the inputs do not fit it.
        """
        if not self.has_trunk:
            raise ArtifactError(
                "the bundle has no trunk, since its model reads the graph. Let the "
                "cloud send x and offset with the candidates."
            )
        session = self.sessions[TRUNK]
        given = {part.name: inputs[part.name] for part in session.get_inputs()}
        x, offset = session.run(None, given)
        return x, offset

    def score(
        self, x: Float32[np.ndarray, "n width"], offset: Vector, theta: Theta
    ) -> Vector:
        """Return the probability of an action on each row."""
        (found,) = self.sessions[SCORE].run(
            None, {"x": x, "offset": offset, "theta": theta}
        )
        return found

    def train_step(
        self,
        rows: Mapping[str, np.ndarray],
        theta: Theta,
        learning_rate: float,
    ) -> tuple[Theta, float]:
        """Return theta after a step, and the loss of the rows before it.

        Args:
            rows: ``x``, ``offset``, ``label`` and ``weight``.
            theta: Before the step.
            learning_rate: Length of a step for a gradient of length 1; 0 for the loss
                alone.
        """
        length = np.float32(learning_rate)
        given = {**rows, "theta": theta, "learning_rate": np.array(length)}
        theta, loss = self.sessions[TRAIN_STEP].run(None, given)
        return theta, float(loss)

    def start(self, rows: Mapping[str, np.ndarray], before: Theta) -> Theta:
        """Return theta to begin with.

        Args:
            rows: ``x``, ``label`` and ``weight``: what is known of the user.
            before: Theta as it was; 0 where there was none.
        """
        given = {name: rows[name] for name in ("x", "label", "weight")}
        (found,) = self.sessions[START].run(None, {**given, "before": before})
        return found


def load(folder: Path, trusted: bytes, *, newest: int = 0) -> Bundle:
    """Open a bundle.

    Args:
        folder: Where it is.
        trusted: Public key of its publisher.
        newest: Version of the newest bundle that was here; an older one is refused.

    Raises:
        ArtifactError: It is not signed by the publisher, older, changed, cut short, or
            does more than compute.
    """
    signed = manifest.read(folder, trusted)
    return bundle_of_files(signed, manifest.files_in(folder, signed), newest=newest)


def bundle_of_files(
    signed: Signed, files: Mapping[str, bytes], *, newest: int = 0
) -> Bundle:
    """Return a bundle of files at hand; see ``load``.

    Args:
        signed: Its manifest, whose signature was checked.
        files: Its other files.
        newest: Version of the newest bundle that was here.
    """
    said = signed.manifest
    if said.version < newest:
        raise ArtifactError(
            f"the bundle is of version {said.version}, and version {newest} was here "
            "before. Download the newest."
        )
    lacking = NEEDED - set(said.files)
    if lacking:
        raise ArtifactError(f"the bundle has no {min(lacking)}. Export it again.")
    manifest.check_files(signed, files)
    graphs = [name for name in said.files if name.endswith(".onnx")]
    for name in graphs:
        check_graph(files[name], name, WEIGHTS)
    sessions = {name: _open_session(name, files) for name in graphs}
    _check_widths(sessions, signed)
    return Bundle(signed, sessions)


def _open_session(name: str, files: Mapping[str, bytes]) -> Any:
    """Return what runs a graph; its weights are the bytes that were checked."""
    runtime = cast(Any, onnxruntime)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    held = files[WEIGHTS]
    options.add_external_initializers_from_files_in_memory(
        [WEIGHTS], [held], [len(held)]
    )
    try:
        return runtime.InferenceSession(
            files[name], options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise ArtifactError(f"{name} cannot be run: {str(error)[:200]}") from error


def _check_widths(sessions: Mapping[str, Any], signed: Signed) -> None:
    said = signed.manifest
    given = {part.name: part.shape for part in sessions[SCORE].get_inputs()}
    if given.get("theta") != [said.theta] or given.get("x", [0])[-1] != said.width:
        raise ArtifactError(f"{SCORE} is not of the widths that the manifest says.")
