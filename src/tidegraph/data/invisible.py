"""What shows nothing around a value and so is none of it: white space and the like.

Beside white space these are the control characters of ASCII, and characters that only
say how others are laid out: the mark that begins a file (which stands between two files
laid end to end), spaces without a width, soft hyphens, joiners, and marks of direction.
"""

import polars as pl

_RANGES = (
    *((0x00, 0x20), (0x7F, 0x7F), (0x85, 0x85), (0xA0, 0xA0), (0xAD, 0xAD)),
    *((0x61C, 0x61C), (0x1680, 0x1680), (0x180E, 0x180E), (0x2000, 0x200F)),
    *((0x2028, 0x202F), (0x205F, 0x2064), (0x2066, 0x206F), (0x3000, 0x3000)),
    (0xFEFF, 0xFEFF),
)
INVISIBLE = "".join(chr(c) for low, high in _RANGES for c in range(low, high + 1))
"""The characters; Python and Unicode call only some of them white space."""
_ANY = "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in _RANGES)
AT_AN_END = f"^[{_ANY}]|[{_ANY}]$"
"""A pattern of polars that finds one of them before or behind a text."""

_SEEN = r"\x{20}\x{200c}\x{200d}\x{3000}"
"""Spaces between words, and joiners, which change the letters beside them."""
WITHIN = f"[{_ANY}--[{_SEEN}]]"
"""A pattern of polars that finds one that nobody sees inside a text."""


def stripped(text: pl.Series) -> pl.Series:
    """Return numbers or times in text without what shows nothing around them.

    Control characters may be left, which is faster: no number or time has any.
    """
    text = text.str.strip_chars()
    if (text.str.len_bytes() == text.str.len_chars()).all():
        return text
    return text.str.strip_chars(INVISIBLE)
