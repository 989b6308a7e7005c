"""A log as RecBole reads it, in an environment of its own."""

from pathlib import Path
from typing import Any

import numpy as np
from recbole.config import Config


def configured(
    kind: type, pairs: np.ndarray, folder: str, settings: dict[str, Any]
) -> Config:
    """Write pairs of users and items to a folder; return how a model is to read them.

    Args:
        kind: The model.
        pairs: A row each.
        folder: Where.
        settings: Of the model.
    """
    log = Path(folder) / "log"
    log.mkdir()
    with open(log / "log.inter", "w", encoding="utf-8") as out:
        out.write("user_id:token\titem_id:token\n")
        out.writelines(f"{user}\t{item}\n" for user, item in pairs)
    return Config(
        kind,
        "log",
        config_dict={
            "data_path": folder,
            "checkpoint_dir": folder,
            "load_col": {"inter": ["user_id", "item_id"]},
            "eval_args": {"split": {"RS": [1, 0, 0]}},
            "use_gpu": False,
            "state": "ERROR",
            **settings,
        },
    )
