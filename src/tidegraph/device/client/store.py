"""What a device keeps of its own: requests, theta, and what it has counted.

One SQLite file; nothing half-written survives a crash, and all of it a restart.
"""

import json
import os
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tidegraph.artifact.writing import private_file
from tidegraph.device.gate.upload import DEVICE_BYTES
from tidegraph.device.versions import before
from tidegraph.errors import ArtifactError

FILE = "device.sqlite"
KINDS = ("bool", "int64", "int32", "float32")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS device (
    one INTEGER PRIMARY KEY CHECK (one = 1), name BLOB, counter INTEGER,
    version INTEGER, kind TEXT
);
CREATE TABLE IF NOT EXISTS theta (
    id INTEGER PRIMARY KEY, bundle BLOB UNIQUE, version INTEGER, numbers BLOB,
    samples INTEGER, loss_before REAL, loss_after REAL
);
CREATE TABLE IF NOT EXISTS requests (id INTEGER PRIMARY KEY, label BLOB);
CREATE TABLE IF NOT EXISTS parts (
    request INTEGER, name TEXT, kind TEXT, shape TEXT, numbers BLOB,
    PRIMARY KEY (request, name)
);
"""


class Theta(NamedTuple):
    """What a device has learnt.

    Attributes:
        bundle: Digest of the bundle that it belongs to.
        version: Version of that bundle.
        numbers: The vector.
        samples: Rows that it was learnt from.
        before: Loss of held-out rows without it.
        after: The same with it.
    """

    bundle: bytes
    version: int
    numbers: np.ndarray
    samples: int
    before: float
    after: float


class Store:
    """What a device keeps, in a folder.

    Args:
        folder: Where; made where there is none.

    Raises:
        ArtifactError: It cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        self._place = folder / FILE
        try:
            private_file(self._place)
            self._db = sqlite3.connect(
                folder / FILE, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.executescript(_SCHEMA)
            columns = self._db.execute("PRAGMA table_info(theta)").fetchall()
            if "version" not in [name for _, name, *_ in columns]:
                # Of a file from before: its thetas are of no version that is known.
                self._db.execute("ALTER TABLE theta ADD COLUMN version INTEGER")
            self._db.execute(
                "INSERT OR IGNORE INTO device VALUES (1, ?, 0, 0, '')",
                (os.urandom(DEVICE_BYTES),),
            )
        except (OSError, sqlite3.Error) as error:
            raise ArtifactError(
                f"{folder / FILE} cannot be opened: {error}."
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @property
    def name(self) -> bytes:
        """The device's 16 bytes."""
        return self._device_value("name")

    @property
    def version(self) -> int:
        """Version of the newest bundle that was here."""
        return self._device_value("version")

    @property
    def kind(self) -> str:
        """What the requests that are kept agree in; nothing before any bundle."""
        return self._device_value("kind")

    def counted(self) -> int:
        """Return a number larger than every one before, crash or not."""
        self._write("UPDATE device SET counter = counter + 1")
        return self._device_value("counter")

    def renew(self) -> None:
        """Take a new name, count anew, and drop what was learnt and kept."""
        with self._writing():
            for table in ("theta", "requests", "parts"):
                self._db.execute(f"DELETE FROM {table}")
            self._db.execute(
                "UPDATE device SET name = ?, counter = 0", (os.urandom(DEVICE_BYTES),)
            )

    def installed(self, version: int, kind: str) -> None:
        """Take note of a bundle; requests kept for one of another kind are dropped.

        Args:
            version: Of the bundle.
            kind: What requests must agree in.
        """
        with self._writing():
            if self._device_value("kind") != kind:
                self._db.execute("DELETE FROM requests")
                self._db.execute("DELETE FROM parts")
            self._db.execute("UPDATE device SET version = ?, kind = ?", (version, kind))

    def keep(
        self, inputs: Mapping[str, np.ndarray], label: np.ndarray, most: int
    ) -> None:
        """Keep a request; the oldest go where there are more than ``most``."""
        with self._writing():
            done = self._db.execute(
                "INSERT INTO requests (label) VALUES (?)",
                (label.astype("<f4").tobytes(),),
            )
            for name, array in inputs.items():
                shape = json.dumps(array.shape)
                row = done.lastrowid, name, array.dtype.name, shape, array.tobytes()
                self._db.execute("INSERT INTO parts VALUES (?, ?, ?, ?, ?)", row)
            self._db.execute(
                "DELETE FROM requests WHERE id NOT IN "
                "(SELECT id FROM requests ORDER BY id DESC LIMIT ?)",
                (most,),
            )
            self._db.execute(
                "DELETE FROM parts WHERE request NOT IN (SELECT id FROM requests)"
            )

    def requests(self) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
        """Return the requests that are kept, the oldest first, with their labels."""
        found = dict[int, dict[str, np.ndarray]]()
        for request, name, kind, shape, numbers in self._db.execute(
            "SELECT request, name, kind, shape, numbers FROM parts"
        ):
            if kind in KINDS:
                array = np.frombuffer(numbers, kind).reshape(json.loads(shape))
                found.setdefault(request, {})[name] = array
        labels = self._db.execute("SELECT id, label FROM requests ORDER BY id")
        return [(found[n], np.frombuffer(raw, "<f4")) for n, raw in labels.fetchall()]

    def theta(self, bundle: bytes) -> Theta | None:
        """Return what the device has learnt last with a bundle."""
        return self._theta("bundle = ?", bundle)

    def theta_before(self, version: int) -> Theta | None:
        """Return what it has learnt with the bundle of the version before."""
        return self._theta("version = ?", before(version))

    def learnt(self, theta: Theta) -> None:
        """Keep what was learnt in place of what was learnt with its bundle before.

        Of the others that of the bundle before is kept, from which the next begins.
        """
        said = theta._replace(numbers=theta.numbers.astype("<f4").tobytes())
        with self._writing():
            self._db.execute(
                "INSERT OR REPLACE INTO theta (bundle, version, numbers, samples, "
                "loss_before, loss_after) VALUES (?, ?, ?, ?, ?, ?)",
                said,
            )
            self._db.execute(
                "DELETE FROM theta WHERE bundle <> ? AND version <> ?",
                (theta.bundle, before(theta.version)),
            )

    def _theta(self, which: str, value: bytes | int) -> Theta | None:
        row = self._db.execute(
            "SELECT bundle, version, numbers, samples, loss_before, loss_after "
            f"FROM theta WHERE {which} ORDER BY id DESC LIMIT 1",
            (value,),
        ).fetchone()
        if row is None:
            return None
        bundle, version, numbers, *said = row
        theta = np.frombuffer(numbers, "<f4").astype(np.float32)
        return Theta(bundle, version, theta, *said)

    def _device_value(self, column: str) -> Any:
        (value,) = self._db.execute(f"SELECT {column} FROM device").fetchone()
        return value

    def _write(self, statement: str, *values: object) -> None:
        with self._writing():
            self._db.execute(statement, values)

    @contextmanager
    def _writing(self) -> Generator[None, None, None]:
        """Write all of it or nothing.

        Raises:
            ArtifactError: It cannot be written.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise ArtifactError(
                f"the device cannot keep it in {self._place}: {error}. Nothing was "
                "changed; free space on that disk."
            ) from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            # A full disk has undone it already.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
