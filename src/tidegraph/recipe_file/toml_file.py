"""A file in TOML, read whole."""

import codecs
import tomllib
from pathlib import Path
from typing import Any

from tidegraph.errors import ConfigError


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; the byte order mark that some editors write is passed over.

    Raises:
        ConfigError: The file is missing or is not TOML.
    """
    try:
        content = path.read_bytes()
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if wide else "utf-8-sig")
        return tomllib.loads(text.replace("\r\n", "\n").replace("\r", "\n"))
    except FileNotFoundError as error:
        raise ConfigError(f"there is no file {path}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} cannot be read as TOML: byte {error.start + 1} is not UTF-8. "
            "Save the recipe as UTF-8."
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror or error}."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} cannot be read as TOML: {error}.") from error
