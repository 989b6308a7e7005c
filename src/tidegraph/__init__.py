"""Recommendations from a live interaction graph.

Names load on first use, so importing a room of the library loads only that room.
"""

from tidegraph.lazy import Homes, lifted

__version__ = "0.1.0"
_NAMES = Homes.of(__name__).where(lambda name: not name.startswith("Fitted"))
__all__ = list(_NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
__getattr__, __dir__ = lifted(__name__)
