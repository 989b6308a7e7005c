"""How a text file is written: what the caller says of it, and what is found."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tidegraph.data.text.records import Reading
from tidegraph.errors import DataError

RUNS = r"\s+"
"""The separator that is any number of blanks and tabs, as pandas spells it."""
_SPELT = {
    **{"tab": "\t", r"\t": "\t", "comma": ",", "semicolon": ";", "bar": "|"},
    **{"space": " ", "spaces": RUNS, "whitespace": RUNS},
}
_NAMED = {
    ",": "comma-separated",
    "\t": "tab-separated",
    ";": "semicolon-separated",
    "|": "separated by |",
    " ": "separated by single spaces",
    RUNS: "separated by spaces",
}
_ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "cp1252": "Windows-1252",
    "latin-1": "Latin-1",
    "iso8859-1": "Latin-1",
    "utf-16": "UTF-16",
    "utf-32": "UTF-32",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
}


@dataclass(frozen=True)
class TextForm:
    r"""What is said of a text file; what is left out is found.

    Attributes:
        sep: What stands between fields: one or more characters, a name such as
            ``"tab"``, or ``\s+`` for any number of blanks.
        header: Whether the first row names the columns.
        names: Names of all the columns, in place of those of the file.
        encoding: A name that Python knows.
        quoted: Whether quotes enclose fields; else they are text.
    """

    sep: str | None = None
    header: bool | None = None
    names: Sequence[str] | None = None
    encoding: str | None = None
    quoted: bool | None = None

    def __post_init__(self) -> None:
        _check_type("sep", self.sep, str, "text")
        _check_type("header", self.header, bool, "True or False")
        _check_type("encoding", self.encoding, str, "text")
        _check_type("names", self.names, Sequence, "a list of names")
        if self.sep is not None:
            separator = _SPELT.get(self.sep, self.sep)
            if not separator or set(separator) & set('"\r\n'):
                raise DataError(
                    f"sep is {self.sep!r}, and fields are separated by one or more "
                    "characters that are neither quotes nor line ends, such as ',', "
                    "'tab' or '::'."
                )
            object.__setattr__(self, "sep", separator)
        if isinstance(self.names, str):
            raise DataError(
                f"names is {self.names!r}, and a list is expected. Name every column, "
                "such as names=['user', 'item', 'time']."
            )
        if self.encoding is not None:
            object.__setattr__(self, "encoding", _python_encoding(self.encoding))


@dataclass(frozen=True)
class Dialect:
    r"""How a delimited text is written.

    Attributes:
        separator: What stands between fields; ``\s+`` is any number of blanks.
        header: Whether the file names its columns.
        encoding: A name that Python knows.
        quoted: Whether quotes enclose fields; else they are text.
        comment: What begins a line that is skipped; none if empty.
        skips: Whether blanks after a separator are left out.
        layout: The public data set whose file it is; none if empty.
        ends: What ends a line: LF, alone or after CR, or CR.
    """

    separator: str
    header: bool
    encoding: str
    quoted: bool = True
    comment: str = ""
    skips: bool = False
    layout: str = ""
    ends: str = "\n"

    def __str__(self) -> str:
        separator = _NAMED.get(self.separator, f"separated by {self.separator!r}")
        facts = [
            separator,
            "header" if self.header else "no header",
            _ENCODINGS.get(self.encoding, self.encoding),
        ]
        if not self.quoted:
            facts.append("quotes are text")
        if self.comment:
            facts.append(f"comments begin with {self.comment}")
        if self.skips:
            facts.append("blanks after separators are left out")
        if self.ends == "\r":
            facts.append("lines end in CR")
        if self.layout:
            facts.append(f"columns as in {self.layout}")
        return ", ".join(facts)

    @property
    def reading(self) -> Reading:
        """How bytes in UTF-8 are taken apart."""
        runs = self.separator == RUNS
        return Reading(
            separator=b" " if runs else self.separator.encode(),
            quoted=self.quoted,
            comment=ord(self.comment) if self.comment else -1,
            runs=runs,
            skips=self.skips,
            ends=ord(self.ends),
        )


def _check_type(name: str, value: object, kind: type, what: str) -> None:
    """Refuse what a caller without a type checker may pass."""
    if value is not None and not isinstance(value, kind):
        raise DataError(f"{name} is {value!r}, and {what} is expected.")


def _python_encoding(said: str) -> str:
    """Return the name of an encoding as Python writes it."""
    try:
        # What is no encoding of text is found by using it.
        "".encode(said)
        return codecs.lookup(said).name
    except LookupError as error:
        raise DataError(
            f"there is no encoding {said!r}. Name one such as utf-8, latin-1, cp1252, "
            "utf-16, gbk or shift_jis."
        ) from error


class FileForm(StrEnum):
    """What a file is that is not delimited text."""

    PARQUET = "Parquet"
    JSON_LINES = "JSON lines"
    JSON_ARRAY = "a JSON array"
    LITERALS = "Python literals, one a line"


class OtherFormError(Exception):
    """A later part of a file shows that it is written in another way.

    Args:
        form: What is to be said of the file when it is read again.
        reason: What is wrong with it if that fails too.
    """

    def __init__(self, form: TextForm, reason: DataError) -> None:
        super().__init__(str(reason))
        self.form, self.reason = form, reason
