"""How dates and clocks are written in text, as patterns of strptime."""

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache

import polars as pl

from tidegraph.errors import ConfigError

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_WEEKDAY = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*"
_CLOCK = r"\d{1,2}:\d{2}(?P<second>:\d{2}(?P<fraction>[.,]\d+)?)?(?P<half> ?[ap]m)?"
_ZONE = r"(?P<zone> ?(?:Z|UTC|GMT|[+-]\d{2}:?(?:\d{2})?))?"
_DATES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"\d{4}-\d{1,2}-\d{1,2}", ("%Y-%m-%d",)),
    (r"\d{4}-W\d{2}-\d", ("%G-W%V-%u",)),
    (r"\d{4}W\d{3}", ("%GW%V%u",)),
    (r"\d{4}-\d{3}", ("%Y-%j",)),
    (r"\d{4}/\d{1,2}/\d{1,2}", ("%Y/%m/%d",)),
    (r"\d{4}\.\d{1,2}\.\d{1,2}", ("%Y.%m.%d",)),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", ("%d.%m.%Y",)),
    (r"\d{1,2}/\d{1,2}/\d{4}", ("%d/%m/%Y", "%m/%d/%Y")),
    (r"\d{1,2}-\d{1,2}-\d{4}", ("%d-%m-%Y", "%m-%d-%Y")),
    (r"\d{1,2} \d{1,2}, \d{4}", ("%m %d, %Y",)),
    (rf"\d{{1,2}} {_MONTH} \d{{4}}", ("%d %B %Y",)),
    (rf"\d{{1,2}}-{_MONTH}-\d{{4}}", ("%d-%B-%Y",)),
    (rf"\d{{1,2}}/{_MONTH}/\d{{4}}", ("%d/%B/%Y",)),
    (rf"{_MONTH} \d{{1,2}}, \d{{4}}", ("%B %d, %Y",)),
    (rf"{_MONTH} \d{{1,2}} \d{{4}}", ("%B %d %Y",)),
)
_BASIC = re.compile(rf"\d{{8}}T(?:\d{{4}}|\d{{6}}(?P<fraction>[.,]\d+)?){_ZONE}", re.I)
_YEAR_LAST = re.compile(
    rf"{_WEEKDAY} {_MONTH} +\d{{1,2}} {_CLOCK}{_ZONE} \d{{4}}", re.IGNORECASE
)
_SHORT = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%h": "%b", "%e": "%d"}
_KNOWN = frozenset("YymdHMSIpjbBaAzGVu%")
_SAMPLE = datetime(2020, 12, 31, 23, 45, 58, 250_000, tzinfo=timezone.utc)  # noqa: UP017


@cache
def _date_patterns() -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    """Return dates with a clock or without; a model that answers reads no text."""
    return tuple(
        (
            re.compile(
                rf"(?P<day>{_WEEKDAY}(?P<gap>,? ))?{date}"
                rf"(?:(?P<between>[T: ]|, ){_CLOCK}{_ZONE})?",
                re.IGNORECASE,
            ),
            formats,
        )
        for date, formats in _DATES
    )


@dataclass(frozen=True)
class Layout:
    """How a text spells a time.

    Attributes:
        formats: The pattern; day first and then month first where it may be either.
        comma: Whether a comma begins the fraction of a second.
        hour_only: Whether minutes are left out.
    """

    formats: tuple[str, ...]
    comma: bool = False
    hour_only: bool = False

    def fits(self, text: str) -> bool:
        """Return whether a text is a time in one of the patterns."""
        return any(not read.null_count() for read in self.read(pl.Series([text])))

    def read(self, texts: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Return the times by the first and the last pattern, null where none fits."""
        if self.comma:
            texts = texts.str.replace(r",(\d+)", ".$1")
        if self.hour_only:
            texts = texts + " 00"
        first = _parsed_times(texts, self.formats[0])
        if len(self.formats) == 1:
            return first, first
        return first, _parsed_times(texts, self.formats[1])


def layout_of(text: str) -> Layout | None:
    """Return how a time is written, none if it is not a spelling that we know."""
    if found := _YEAR_LAST.fullmatch(text):
        return Layout((f"%A %B %d {_clock_pattern(found)}{_zone_pattern(found)} %Y",))
    if found := _BASIC.fullmatch(text):
        clock = "%H%M" if len(text.split("T")[1].rstrip("Zz")) == 4 else "%H%M%S%.f"
        comma = (found["fraction"] or "").startswith(",")
        return Layout((f"%Y%m%dT{clock}{_zone_pattern(found)}",), comma)
    for pattern, formats in _date_patterns():
        if found := pattern.fullmatch(text):
            before = f"%A{found['gap']}" if found["day"] else ""
            after = ""
            if found["between"]:
                after = (
                    f"{found['between']}{_clock_pattern(found)}{_zone_pattern(found)}"
                )
            comma = (found["fraction"] or "").startswith(",")
            return Layout(tuple(f"{before}{f}{after}" for f in formats), comma)
    return None


def day_first_pattern(text: str) -> str:
    """Return the ``time_format`` of a text that the day begins."""
    layout = layout_of(text)
    pattern = layout.formats[0] if layout else "%d/%m/%Y"
    fraction = ".%f" if "." in text else ""
    return pattern.replace("%.f", fraction).replace("%#z", "%z")


def _clock_pattern(found: re.Match[str]) -> str:
    seconds = ":%S%.f" if found["second"] else ""
    if not found["half"]:
        return f"%H:%M{seconds}"
    return f"%I:%M{seconds}{' ' if found['half'].startswith(' ') else ''}%p"


def _zone_pattern(found: re.Match[str]) -> str:
    zone: str = found["zone"] or ""
    bare = zone.strip()
    # Z, +01, +0100 and +01:00 are one pattern; the names stand as they are.
    named = bare.upper() in ("", "UTC", "GMT")
    return zone if named else zone.replace(bare, "%#z")


def given_layout(time_format: str) -> Layout:
    """Return a pattern that a caller gives, as ``strptime`` of Python understands it.

    Raises:
        ConfigError: It has a directive that we do not know, or tells no day.
    """
    plain = re.sub(r"%[-_0](?=[A-Za-z])", "%", time_format)
    for short, long in _SHORT.items():
        plain = plain.replace(short, long)
    comma = ",%f" in plain
    pattern = re.sub(r"%[.,]f|[.,]%f", "%.f", plain).replace("%#z", "%z")
    for directive in re.findall(r"%(?!\.f)(.?)", pattern):
        if directive not in _KNOWN or not directive:
            raise ConfigError(
                f"time_format={time_format!r} has %{directive}, which "
                f"{_directive_advice(directive)}. Write it as in '%d.%m.%Y %H:%M:%S'."
            )
    hour_only = "%M" not in pattern and ("%H" in pattern or "%I" in pattern)
    full = pattern.replace("%z", "%#z") + (" %M" if hour_only else "")
    layout = Layout((full,), comma, hour_only)
    spelt = _SAMPLE.strftime(pattern.replace("%.f", f"{',' if comma else '.'}%f"))
    read = layout.read(pl.Series([spelt]))[0][0]
    if read is None or read.date() != _SAMPLE.date():
        raise ConfigError(
            f"time_format={time_format!r} does not tell a time: it needs year, month "
            "and day, and AM or PM with %I, as in '%d.%m.%Y %H:%M:%S'."
        )
    return layout


def _directive_advice(directive: str) -> str:
    if directive == "Z":
        return "is the name of a zone and says no offset; use %z, or UTC as it stands"
    if directive == "f":
        return "is read after a dot or a comma only, as in %S.%f"
    return "is not read"


def _parsed_times(texts: pl.Series, pattern: str) -> pl.Series:
    try:
        return texts.str.to_datetime(
            pattern, time_unit="us", time_zone="UTC", strict=False
        )
    except pl.exceptions.PolarsError:
        return pl.repeat(None, len(texts), dtype=pl.Datetime("us", "UTC"), eager=True)
