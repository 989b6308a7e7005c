"""A training on disk after each epoch, from which it goes on bit for bit.

Every checkpoint has a folder of its own, written aside and renamed; the one before goes
only when it stands. So whatever is killed when, the newest whole one can be read.
"""

import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from tidegraph.artifact.sealed import State, load, save
from tidegraph.errors import ArtifactError, ConfigError
from tidegraph.run import Curve
from tidegraph.training.fingerprint import fingerprint, settings_text
from tidegraph.training.settings import Training

PREFIX = "epoch-"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Everything that the rest of a training depends on.

    Attributes:
        digests: What tells one training from another, by what differs then: its
            ``settings``, ``seed``, ``log`` or ``module``.
        step: Steps taken.
        curve: How it went.
        rng: State of the generator.
        arrays: Weights, their best and mean, and what the optimiser remembers.
        more: What else there is to know, as JSON holds it.
    """

    digests: Mapping[str, str]
    step: int
    curve: Curve
    rng: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def state(self) -> State:
        """Return what a file needs to hold."""
        settings = {
            "digests": dict(self.digests),
            "step": self.step,
            "curve": self.curve.table(),
            "rng": _json_values(self.rng),
            "more": dict(self.more),
        }
        return State("Checkpoint", settings, self.arrays)

    @classmethod
    def from_state(cls, state: State) -> "Checkpoint":
        """Rebuild from what ``state`` returned."""
        kept = state.settings
        curve = Curve.from_table(kept["curve"])
        # Training writes to the arrays, and those of a file are mapped.
        arrays = {name: np.array(array) for name, array in state.arrays.items()}
        return cls(
            kept.get("digests", {}),
            kept["step"],
            curve,
            kept["rng"],
            arrays,
            kept.get("more", {}),
        )

    def write(self, folder: Path) -> None:
        """Write it below ``folder`` and drop what it replaces."""
        mine = folder / f"{PREFIX}{len(self.curve.loss):06d}"
        save(self, mine)
        for old in folder.iterdir():
            # Half-written ones of a killed process begin with a dot.
            if old.name.lstrip(".").startswith(PREFIX) and old.name != mine.name:
                shutil.rmtree(old, ignore_errors=True)


def newest_checkpoint(folder: Path, digests: Mapping[str, str]) -> Checkpoint | None:
    """Return the last whole checkpoint of a folder, or None if it has none.

    Raises:
        ConfigError: It is of another training; the sentence says what differs.
    """
    for path in sorted(folder.glob(f"{PREFIX}*"), reverse=True):
        # What a kill left half removed is not the newest; older ones are whole.
        with suppress(ArtifactError):
            found = cast(Checkpoint, load(path, {"Checkpoint": Checkpoint}))
            if found.digests != digests:
                raise ConfigError(
                    f"{folder} holds a checkpoint of a training with "
                    f"{_differences(found.digests, digests)}. Choose another folder "
                    "for checkpoints, or empty it."
                )
            return found
    return None


def _differences(one: Mapping[str, str], other: Mapping[str, str]) -> str:
    """Return what differs, and not what may differ since that does.

    What is held out and drawn of a log goes by settings and seed, and what a module is
    made of by all of these.
    """
    others = {name for name in {*one, *other} if one.get(name) != other.get(name)}
    causes = {"settings": "other settings", "seed": "another seed"}
    said = [text for name, text in causes.items() if name in others]
    if not said:
        said = ["another log" if "log" in others else "another module"]
    return " and ".join(said)


def digests_of(
    settings: Training,
    method: object,
    data: Iterable[object],
    shapes: Mapping[str, tuple[int, ...]],
    rng: np.random.Generator,
) -> dict[str, str]:
    """Return what tells this training from another, whose epochs may be more or fewer.

    Args:
        settings: How it is trained.
        method: What else there is to set; its training is ``settings``.
        data: What it learns from.
        shapes: Of the module's weights.
        rng: As it is when training begins.
    """
    seed = cast(Any, rng.bit_generator.seed_seq)
    state = _json_values(rng.bit_generator.state)
    return {
        "settings": fingerprint(
            [replace(settings, epochs=1), settings_text(method, but=settings)]
        ),
        "seed": fingerprint([seed.entropy, seed.spawn_key]),
        "log": fingerprint(data),
        "module": fingerprint([sorted(shapes.items()), state]),
    }


def check_epochs(
    folder: Path, found: Checkpoint, settings: Training, *, within: bool
) -> None:
    """Refuse a checkpoint whose epochs would have been others of as many as now.

    Args:
        folder: Where it is.
        found: What the training was.
        settings: What it is to be.
        within: Does the schedule know how far an epoch is?

    Raises:
        ConfigError: It has too many epochs, or what they did goes by their number.
    """
    before, now, done = found.more["epochs"], settings.epochs, len(found.curve.loss)
    why = ""
    if before != now and settings.schedule is not None:
        for over in np.arange(0, done, 0.5 if within else 1.0).tolist():
            step = int(found.step * over / done)
            one, other = (
                settings.schedule.factor(step, over, epochs) for epochs in (before, now)
            )
            if one != other:
                why = f"{type(settings.schedule).__name__} goes by their number"
    if before != now and done in (before, now) and done % settings.validate_every:
        why = f"epoch {done} is validated where it is the last alone"
    if done > now:
        why = f"{done} are over"
    if why:
        raise ConfigError(
            f"{folder} holds a checkpoint of a training of epochs={before}, and this "
            f"one has epochs={now}: {why}. Set epochs to {before}, choose another "
            "folder for checkpoints, or empty it."
        )


def _json_values(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _json_values(part) for key, part in cast(Any, value).items()}
    return value.tolist() if isinstance(value, np.ndarray) else value
