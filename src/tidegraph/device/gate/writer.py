"""The one thread that writes: what waits is written together, and then acknowledged."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from tidegraph.device.gate.store import BUSY_MS, connect
from tidegraph.errors import ArtifactError, TidegraphError

T = TypeVar("T")
MOST = 1_000
"""So many writes share a commit at most."""


RETRY_SECONDS = 1.0
"""So long until the log is to be emptied again, where it could not be."""
PATIENCE_MS = 500
"""So long another reader of the log is waited for, while uploads wait."""


class _Job(NamedTuple):
    write: Callable[[sqlite3.Connection], Any]
    future: "Future[Any]"
    scrub: bool
    wait: bool


class Writer:
    """Runs writes in turn, as many as wait in one transaction.

    A future is done once the transaction is on the disk, and not before. What was
    deleted may stand in the log of SQLite until that is emptied, which another reader
    can hinder: it is tried at once, after every batch, every second, and when the store
    is opened, since whoever had it before may have been killed in between.

    Args:
        folder: Where the store is.
    """

    def __init__(self, folder: Path) -> None:
        self._db = connect(folder)
        self._waiting: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed, self._to_scrub = False, True
        self._thread = threading.Thread(target=self._run, name="gate", daemon=True)
        self._thread.start()

    def submit(
        self,
        write: Callable[[sqlite3.Connection], T],
        *,
        scrub: bool = False,
        wait: bool = True,
    ) -> "Future[T]":
        """Have a write done; one that raises an error of ours must not have begun.

        Args:
            write: Gets the store, within a transaction.
            scrub: Leave nothing of what it deletes in the log of SQLite either.
            wait: The future is done once nothing is left there; it raises an error of
                ours where that takes longer, though the write was done.

        Raises:
            ArtifactError: The writer was closed.
        """
        future: Future[T] = Future()
        with self._lock:
            # Nothing is put behind the end, where it would wait for ever.
            if self._closed:
                raise ArtifactError("the gate is closed.")
            self._waiting.put(_Job(write, future, scrub, scrub and wait))
        return future

    def close(self) -> None:
        """Do what waits, and end."""
        with self._lock:
            first, self._closed = not self._closed, True
            if first:
                self._waiting.put(None)
        self._thread.join()
        if first:
            self._db.close()

    def _run(self) -> None:
        self._scrubbed()
        ends = False
        while not ends:
            batch, ends = self._batch()
            left = self._write(batch)
            hindered = self._scrubbed()
            for job, result in left:
                if hindered is None:
                    job.future.set_result(result)
                else:
                    job.future.set_exception(_scrub_error(hindered))

    def _batch(self) -> tuple[list[_Job], bool]:
        """Return what waits, and whether nothing comes after it."""
        batch: list[_Job] = []
        try:
            job = self._waiting.get(timeout=RETRY_SECONDS if self._to_scrub else None)
            while job is not None:
                # Who hung up before this needs no answer, and from here on gets one.
                if job.future.set_running_or_notify_cancel():
                    batch.append(job)
                if len(batch) == MOST:
                    break
                job = self._waiting.get_nowait()
        except Empty:
            return batch, False
        return batch, job is None

    def _write(self, batch: list[_Job]) -> list[tuple[_Job, Any]]:
        """Do what a batch asks, and answer; return what waits for an empty log."""
        if not batch:
            return []
        results: list[tuple[Any, TidegraphError | None]] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for job in batch:
                try:
                    results.append((job.write(self._db), None))
                except TidegraphError as error:
                    results.append((None, error))
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - every one that waits is told
            self._undo()
            for job in batch:
                job.future.set_exception(_write_error(error))
            return []
        self._to_scrub |= any(job.scrub for job in batch)
        left: list[tuple[_Job, Any]] = []
        for job, (result, error) in zip(batch, results, strict=True):
            if error is not None:
                job.future.set_exception(error)
            elif job.wait:
                left.append((job, result))
            else:
                job.future.set_result(result)
        return left

    def _scrubbed(self) -> Exception | None:
        """Empty the log of SQLite into its file, if need be; return what hinders it."""
        if not self._to_scrub:
            return None
        try:
            self._db.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
            held = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            return error
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        if held[0]:
            return sqlite3.OperationalError("another process is reading the old log")
        self._to_scrub = False
        return None

    def _undo(self) -> None:
        with suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _write_error(error: Exception) -> ArtifactError:
    made = ArtifactError(f"the gate cannot write: {error}. Try again later.")
    made.__cause__ = error
    return made


def _scrub_error(error: Exception) -> ArtifactError:
    made = ArtifactError(
        f"it is deleted, but the log of the store still holds it: {error}. It is "
        "emptied as soon as that ends; ask again to hear that it was."
    )
    made.__cause__ = error
    return made
