"""The one thread that writes: what waits is written together, and then acknowledged."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from tidegraph.device.gate.store import connect
from tidegraph.errors import ArtifactError, TidegraphError

T = TypeVar("T")
MOST = 1_000
"""So many writes share a commit at most."""


class _Job(NamedTuple):
    write: Callable[[sqlite3.Connection], Any]
    future: "Future[Any]"
    scrub: bool


class Writer:
    """Runs writes in turn, as many as wait in one transaction.

    A future is done once the transaction is on the disk, and not before.

    Args:
        folder: Where the store is.
    """

    def __init__(self, folder: Path) -> None:
        self._db = connect(folder)
        self._waiting: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="gate", daemon=True)
        self._thread.start()

    def submit(
        self, write: Callable[[sqlite3.Connection], T], *, scrub: bool = False
    ) -> "Future[T]":
        """Have a write done; one that raises an error of ours must not have begun.

        Args:
            write: Gets the store, within a transaction.
            scrub: Leave nothing of what it deletes in the log of SQLite either.

        Raises:
            ArtifactError: The writer was closed.
        """
        future: Future[T] = Future()
        with self._lock:
            # Nothing is put behind the end, where it would wait for ever.
            if self._closed:
                raise ArtifactError("the gate is closed.")
            self._waiting.put(_Job(write, future, scrub))
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
        ends = False
        while not ends:
            batch: list[_Job] = []
            job = self._waiting.get()
            while job is not None:
                # Who hung up before this needs no answer, and from here on gets one.
                if job.future.set_running_or_notify_cancel():
                    batch.append(job)
                try:
                    if len(batch) == MOST:
                        break
                    job = self._waiting.get_nowait()
                except Empty:
                    break
            ends = job is None
            if batch:
                self._write(batch)

    def _write(self, batch: list[_Job]) -> None:
        results: list[tuple[Any, TidegraphError | None]] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for job in batch:
                try:
                    results.append((job.write(self._db), None))
                except TidegraphError as error:
                    results.append((None, error))
            self._db.execute("COMMIT")
            if any(job.scrub for job in batch):
                self._scrub()
        except Exception as error:  # noqa: BLE001 - every one that waits is told
            self._undo()
            for job in batch:
                job.future.set_exception(_write_error(error))
            return
        for job, (result, error) in zip(batch, results, strict=True):
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)

    def _scrub(self) -> None:
        """Move what the log of SQLite holds into its file, and empty the log."""
        held = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if held[0]:
            raise sqlite3.OperationalError("another process is reading the old log")

    def _undo(self) -> None:
        with suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _write_error(error: Exception) -> ArtifactError:
    made = ArtifactError(f"the gate cannot write: {error}. Try again later.")
    made.__cause__ = error
    return made
