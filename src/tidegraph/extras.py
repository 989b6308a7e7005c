"""Packages that only a part of the library needs, or a sentence that says which.

with needed("pyarrow", "frames", "reading a .zst file"):
import pyarrow
"""

from types import TracebackType

from tidegraph.errors import MissingExtraError


class needed:
    """Turn an import that fails within it into the sentence of ``MissingExtraError``.

    Args:
        package: What is imported.
        extra: The extra of this library that brings it.
        purpose: What needs it; begins the sentence.
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        self._missing = package, extra, purpose

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, ImportError):
            raise MissingExtraError(*self._missing) from error
