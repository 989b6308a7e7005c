"""Names and the modules that they live in, imported when a name is first looked up.

What a program does not use is neither loaded nor needs to be installed.
"""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any


class Homes(Mapping[str, Any]):
    """Values by name; looking one up imports its module.

    Args:
        package: The package that the modules are in.
        names: Module, as seen from the package, to the names that it defines.
    """

    def __init__(self, package: str, names: Mapping[str, tuple[str, ...]]) -> None:
        homes = [(name, home) for home, listed in names.items() for name in listed]
        self._homes = {name: f"{package}.{home}" for name, home in sorted(homes)}

    def __getitem__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._homes[name]), name)

    def __contains__(self, name: object) -> bool:
        return name in self._homes

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)
