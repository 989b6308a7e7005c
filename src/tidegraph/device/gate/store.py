"""Devices, bundles and thetas in one SQLite file.

Every write is a transaction that looks at what it relies on before it writes, so that
another process, such as a command that erases a device, may write beside the gate. What
is deleted is overwritten with zeros.
"""

import hashlib
import sqlite3
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from tidegraph.artifact.manifest import check_format
from tidegraph.artifact.writing import private_file
from tidegraph.device.gate.checks import (
    Accepted,
    Device,
    check_enrolled,
    check_not_replayed,
)
from tidegraph.device.gate.policy import GatePolicy
from tidegraph.device.gate.upload import Upload
from tidegraph.errors import ArtifactError, RefusedError

FILE = "thetas.sqlite"
DAY_MS = 86_400_000
BUSY_MS = 10_000
"""So long another writer is waited for."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS bundles (
    digest BLOB PRIMARY KEY, version INTEGER UNIQUE, theta INTEGER, radius REAL,
    expires INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS devices (
    device BLOB PRIMARY KEY, key BLOB, counter INTEGER, revoked INTEGER, day INTEGER,
    spent INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS thetas (
    device BLOB, bundle BLOB, counter INTEGER, samples INTEGER, loss_before REAL,
    loss_after REAL, theta BLOB, PRIMARY KEY (device, bundle)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_bundle ON thetas (bundle);
CREATE TABLE IF NOT EXISTS erased (device BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tickets (nonce BLOB PRIMARY KEY, expires INTEGER)
WITHOUT ROWID;
PRAGMA user_version = 1;
"""


class Thetas(NamedTuple):
    """What the devices have learnt for one bundle.

    Attributes:
        device: The 16 bytes of each, as two numbers.
        theta: The vector of each.
        samples: How many it was learnt from, as each claims.
    """

    device: Int64[np.ndarray, "n 2"]
    theta: Float32[np.ndarray, "n theta"]
    samples: Int64[np.ndarray, " n"]


def connect(folder: Path) -> sqlite3.Connection:
    """Open the store in a folder, which is made where there is none.

    Raises:
        ArtifactError: It cannot be opened, or is something else.
    """
    try:
        private_file(folder / FILE)
        connection = sqlite3.connect(
            folder / FILE,
            timeout=BUSY_MS / 1_000,
            isolation_level=None,
            check_same_thread=False,
        )
        # A commit is on the disk before it returns, whatever happens then.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            connection.executescript(_SCHEMA)
        else:
            check_format(version, 1, folder / FILE, "Name an empty folder")
    except (OSError, sqlite3.Error) as error:
        raise ArtifactError(
            f"{folder / FILE} cannot be opened: {error}. Choose another folder."
        ) from error
    return connection


def bundles(db: sqlite3.Connection, policy: GatePolicy) -> dict[bytes, Accepted]:
    """Return what theta is taken for, by digest."""
    rows = db.execute(
        "SELECT digest, version, theta, radius, expires FROM bundles "
        "ORDER BY version DESC LIMIT ?",
        (policy.accepted,),
    )
    return {digest: Accepted(*row) for digest, *row in rows}


def device(db: sqlite3.Connection, name: bytes) -> Device | None:
    """Return a device, or none if it has not enrolled."""
    row = db.execute(
        "SELECT key, counter, revoked FROM devices WHERE device = ?", (name,)
    ).fetchone()
    return None if row is None else Device(row[0], row[1], bool(row[2]))


def keep(db: sqlite3.Connection, upload: Upload, now: int, policy: GatePolicy) -> None:
    """Write an upload that was checked in place of the last of its device.

    Args:
        db: Within a transaction.
        upload: What was checked, against what may have changed since.
        now: Unix milliseconds.
        policy: What is taken.

    Raises:
        RefusedError: ``device``, ``replay``, ``quota`` or ``bundle``.
    """
    check_not_replayed(upload, check_enrolled(device(db, upload.device)))
    today = now // DAY_MS
    (day, spent) = db.execute(
        "SELECT day, spent FROM devices WHERE device = ?", (upload.device,)
    ).fetchone()
    spent = spent if day == today else 0
    if spent >= policy.per_day:
        raise RefusedError(
            "quota",
            f"the device has sent {spent} uploads today, as many as are taken in a "
            "day. Come back tomorrow.",
        )
    if upload.bundle not in bundles(db, policy):
        raise RefusedError("bundle", "a newer bundle has come out. Download it.")
    db.execute(
        "UPDATE devices SET counter = ?, day = ?, spent = ? WHERE device = ?",
        (upload.counter, today, spent + 1, upload.device),
    )
    db.execute(
        "INSERT OR REPLACE INTO thetas VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            upload.device,
            upload.bundle,
            upload.counter,
            upload.samples,
            upload.before,
            upload.after,
            upload.theta.astype("<f4").tobytes(),
        ),
    )


def enrol(
    db: sqlite3.Connection, name: bytes, key: bytes, ticket: tuple[bytes, int] | None
) -> None:
    """Take in a device; to enrol again with the same key changes nothing.

    Args:
        db: Within a transaction.
        name: Its 16 bytes.
        key: Its public key.
        ticket: Nonce and end of the ticket that it spends; none where an operator
            enrols it.

    Raises:
        RefusedError: ``device`` where another key has this name, or it was revoked or
            erased; ``ticket`` where the ticket was spent.
    """
    known = device(db, name)
    if known is not None and known.key == key:
        if known.revoked:
            raise RefusedError("device", "the device was revoked.")
        return
    if known is not None or was_erased(db, name):
        raise RefusedError(
            "device", "a device of this name was here before. Choose 16 new bytes."
        )
    if ticket is not None:
        nonce, expires = ticket
        spent = db.execute("SELECT 1 FROM tickets WHERE nonce = ?", (nonce,))
        if spent.fetchone() is not None:
            raise RefusedError("ticket", "the ticket was spent. Ask for a new one.")
        db.execute("INSERT INTO tickets VALUES (?, ?)", (nonce, expires))
    db.execute("INSERT INTO devices VALUES (?, ?, 0, 0, 0, 0)", (name, key))


def revoke(db: sqlite3.Connection, name: bytes) -> bool:
    """Let a device upload no more, and drop its thetas; was there one?"""
    db.execute("DELETE FROM thetas WHERE device = ?", (name,))
    done = db.execute("UPDATE devices SET revoked = 1 WHERE device = ?", (name,))
    return done.rowcount > 0


def erase(db: sqlite3.Connection, name: bytes) -> bool:
    """Forget a device but for a hash, by which its name is refused.

    Returns whether there was one, or had been; to erase it again changes nothing.
    """
    db.execute("DELETE FROM thetas WHERE device = ?", (name,))
    done = db.execute("DELETE FROM devices WHERE device = ?", (name,))
    if not done.rowcount:
        return was_erased(db, name)
    db.execute("INSERT OR IGNORE INTO erased VALUES (?)", (_erased_name(name),))
    return True


def was_erased(db: sqlite3.Connection, name: bytes) -> bool:
    """Was there a device of this name, which was erased?"""
    held = db.execute("SELECT 1 FROM erased WHERE device = ?", (_erased_name(name),))
    return held.fetchone() is not None


def publish(
    db: sqlite3.Connection, digest: bytes, bundle: Accepted, policy: GatePolicy
) -> None:
    """Take theta for a new bundle, and drop those of bundles that are too old.

    Args:
        db: Within a transaction.
        digest: What the bundle is known by.
        bundle: What is taken for it.
        policy: How many are kept.

    Raises:
        ArtifactError: It is older than one that is known, or another of its version.
    """
    newest = db.execute(
        "SELECT digest, version FROM bundles ORDER BY version DESC LIMIT 1"
    ).fetchone()
    if newest is not None and newest[0] == digest:
        return
    if newest is not None and newest[1] >= bundle.version:
        raise ArtifactError(
            f"the bundle is of version {bundle.version}, and version {newest[1]} was "
            "here before. Export it with a larger one: version=, or --version."
        )
    db.execute("INSERT INTO bundles VALUES (?, ?, ?, ?, ?)", (digest, *bundle))
    db.execute(
        "DELETE FROM bundles WHERE version NOT IN "
        "(SELECT version FROM bundles ORDER BY version DESC LIMIT ?)",
        (policy.kept,),
    )
    db.execute("DELETE FROM thetas WHERE bundle NOT IN (SELECT digest FROM bundles)")


def forget_tickets(db: sqlite3.Connection, now: int) -> None:
    """Drop the tickets that nobody could spend any more.

    Args:
        db: Within a transaction.
        now: Unix milliseconds.
    """
    db.execute("DELETE FROM tickets WHERE expires < ?", (now // 1_000,))


def thetas(db: sqlite3.Connection, digest: bytes) -> Thetas:
    """Return what is held for a bundle, in the order of the devices' names."""
    rows = db.execute(
        "SELECT device, theta, samples FROM thetas WHERE bundle = ? ORDER BY device",
        (digest,),
    ).fetchall()
    names = np.frombuffer(b"".join(row[0] for row in rows), ">i8").reshape(-1, 2)
    theta = np.frombuffer(b"".join(row[1] for row in rows), "<f4")
    return Thetas(
        names.astype(np.int64),
        theta.reshape(len(rows), -1 if rows else 0).astype(np.float32),
        np.array([row[2] for row in rows], np.int64),
    )


def _erased_name(name: bytes) -> bytes:
    return hashlib.sha256(b"erased" + name).digest()
