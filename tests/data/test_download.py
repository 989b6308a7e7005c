import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tidegraph.data import download
from tidegraph.data.download import fetch
from tidegraph.errors import DataError

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HELP = {"otherwise": "use a local copy"}


class Shelf(ThreadingHTTPServer):
    """A server of one file that can resume, refuse to, or stop half way."""

    daemon_threads = True
    content = CONTENT
    resumes = True
    stops_after: int | None = None

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Clerk)
        self.ranges: list[str | None] = []
        self.address = f"http://127.0.0.1:{self.server_port}/file.bin"


class Clerk(BaseHTTPRequestHandler):
    server: Shelf

    def do_GET(self):
        range_ = self.headers.get("Range")
        self.server.ranges.append(range_)
        start = 0
        if range_ and self.server.resumes:
            start = int(range_.removeprefix("bytes=").removesuffix("-"))
            if start >= len(self.server.content):
                self.send_error(416)
                return
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.stops_after])

    def log_message(self, *args):
        pass


@pytest.fixture
def shelf():
    with Shelf() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_file_arrives_whole_and_nothing_is_left_beside_it(shelf, tmp_path):
    target = fetch(shelf.address, SHA256, tmp_path / "a" / "file.bin", **HELP)

    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def test_a_file_that_is_there_is_not_asked_for_again(shelf, tmp_path):
    fetch(shelf.address, SHA256, tmp_path / "file.bin", **HELP)
    fetch(shelf.address, SHA256, tmp_path / "file.bin", **HELP)

    assert shelf.ranges == [None]


def test_a_stopped_transfer_says_so_and_goes_on_where_it_stopped(shelf, tmp_path):
    shelf.stops_after = 100_000
    with pytest.raises(
        DataError, match=r"cannot be downloaded .* go on where it stopped"
    ):
        fetch(shelf.address, SHA256, tmp_path / "file.bin", **HELP)
    assert (tmp_path / "file.bin.part").stat().st_size == 100_000
    assert not (tmp_path / "file.bin").exists()

    shelf.stops_after = None
    target = fetch(shelf.address, SHA256, tmp_path / "file.bin", **HELP)

    assert shelf.ranges == [None, "bytes=100000-"]
    assert target.read_bytes() == CONTENT


def test_a_server_that_cannot_resume_is_read_from_the_start(shelf, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:5])
    shelf.resumes = False

    target = fetch(shelf.address, SHA256, tmp_path / "file.bin", **HELP)

    assert target.read_bytes() == CONTENT


def test_a_part_that_was_already_whole_is_taken(shelf, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT)

    target = fetch(shelf.address, SHA256, tmp_path / "file.bin", **HELP)

    assert target.read_bytes() == CONTENT


def test_other_bytes_than_published_are_thrown_away(shelf, tmp_path):
    shelf.content = b"something else"

    with pytest.raises(DataError, match=f"{SHA256} is expected, so it was thrown away"):
        fetch(shelf.address, SHA256, tmp_path / "file.bin", **HELP)

    assert list(tmp_path.iterdir()) == []


def test_a_damaged_copy_is_replaced(shelf, tmp_path):
    (tmp_path / "file.bin").write_bytes(b"damaged")

    target = fetch(shelf.address, SHA256, tmp_path / "file.bin", **HELP)

    assert target.read_bytes() == CONTENT


def test_a_file_that_never_ends_is_given_up(shelf, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MAX_BYTES", 70_000)

    with pytest.raises(DataError, match="larger than 70,000 bytes"):
        fetch(shelf.address, SHA256, tmp_path / "file.bin", **HELP)


def test_an_address_out_of_reach_is_named_with_what_to_do(tmp_path):
    with Shelf() as server:
        address = server.address

    with pytest.raises(DataError, match=f"{address} cannot be .* or use a local copy"):
        fetch(address, SHA256, tmp_path / "file.bin", **HELP)
