"""The rule of ids written a second time, as an oracle, and values to try it on."""

import unicodedata
from decimal import Decimal

from hypothesis import strategies as st

SHOWN = ("ARABIC", "SYRIAC", "INTERLINEAR")
"""Format characters whose names begin so are drawn, but for one mark of direction."""


def shows_nothing(c: str) -> bool:
    """By Unicode's categories, of which C1 may be letters that were decoded wrongly."""
    kind = unicodedata.category(c)
    if kind == "Cf":
        name = unicodedata.name(c)
        return name == "ARABIC LETTER MARK" or not name.startswith(SHOWN)
    return kind in ("Zs", "Zl", "Zp") or c == "\x85" or (kind == "Cc" and c < "\x80")


INVISIBLE = "".join(c for c in map(chr, range(0x10000)) if shows_nothing(c))
"""White space, controls of ASCII, and format characters of the first plane."""


def rule(value) -> str | None:
    """The text of an id, written again from the documentation and nothing else."""
    if isinstance(value, float):
        value = int(value) if value == int(value) else str(value)
    if isinstance(value, Decimal):
        value = format(value, "f")
        if "." in value:
            value = value.rstrip("0").rstrip(".")
    text = str(value).strip(INVISIBLE)
    head, _, tail = text.partition(".")
    digits = head.removeprefix("-")
    plain = digits.isascii() and digits.isdigit() and str(int(digits)) == digits
    if plain and (not tail or not tail.strip("0")) and not text.endswith("."):
        return str(int(head))
    return text or None


SPELLINGS = st.one_of(
    st.sampled_from(
        [
            "7",
            "7.0",
            " 7",
            "7.00 ",
            "7.00",
            "07",
            "+7",
            "-7",
            "-0",
            "-0.0",
            "0",
            "7.5",
            "7.",
        ]
    ),
    st.sampled_from(
        ["a", "A", "a ", ".0", "7.5", "7.", "1e5", "1_0", "٣", "\t", "-", "", "0x1"]
    ),
    st.text("0123456789.-+ ", max_size=5),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=4),
    st.tuples(
        st.text(INVISIBLE, max_size=2),
        st.sampled_from(["7", "7.0", "-0", "a", "A b", "NULL", "a\u200bb", "\x80"]),
        st.text(INVISIBLE, max_size=2),
    ).map("".join),
    st.integers(-(2**70), 2**70).map(str),
    st.integers(-(2**65), 2**65).map(lambda n: f"{n}.0"),
)
VALUES = st.one_of(
    SPELLINGS,
    st.integers(-(2**66), 2**66),
    st.integers(-9, 9),
    st.integers(-(2**53) + 1, 2**53 - 1).map(float),
    st.sampled_from([0.5, -0.0, 2.25, -7.5, 123456.789]),
    st.decimals(-(10**9), 10**9, places=2),
    st.uuids(),
    st.dates(),
)
