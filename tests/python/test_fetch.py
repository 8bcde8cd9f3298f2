"""Downloads, from a server on this machine alone."""

import hashlib
import http.server
import threading

import pytest

from dsdm import fetch as module
from dsdm import reference

CONTENT = bytes(range(256)) * 5000


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT at every path that ends in .pt, with ranges, and can break off."""

    asked: list[tuple[str, str | None]]
    break_off_at: int | None

    def do_GET(self):
        cls = type(self)
        asked_range = self.headers.get("Range")
        cls.asked.append((self.path, asked_range))
        if not self.path.endswith(".pt"):
            self.send_error(404)
            return
        start = int(asked_range.removeprefix("bytes=").rstrip("-")) if asked_range else 0
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: cls.break_off_at])
        cls.break_off_at = None

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    handler = type("Fresh", (Handler,), {"asked": [], "break_off_at": None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        monkeypatch.setenv("DSDM_DATA_URL", f"http://127.0.0.1:{served.server_port}/files")
        yield handler
        served.shutdown()


@pytest.fixture
def table(monkeypatch):
    """A table of one small file, in place of the published ones."""

    def use(sha256=None, path="dsdm/squad.pt"):
        sha256 = sha256 or hashlib.sha256(CONTENT).hexdigest()
        entry = reference.ReferenceFile(path, len(CONTENT), sha256)
        monkeypatch.setattr(module, "reference_files", lambda: {path: entry})

    return use


def test_a_file_is_fetched_into_the_cache_where_it_is_looked_for(server, table):
    table()
    [path] = module.fetch(["dsdm/squad.pt"])
    assert path.read_bytes() == CONTENT
    assert reference.find_file("dsdm/squad.pt") == path
    assert server.asked == [("/files/dsdm/squad.pt", None)]
    assert module.fetch() == [path], "a second call finds it there"
    assert len(server.asked) == 1


def test_a_download_that_was_cut_off_is_continued(server, table, tmp_path):
    table()
    server.break_off_at = 700_000
    with pytest.raises(OSError, match=r"squad\.pt\.part and continued by the next call"):
        module.fetch(data_dir=tmp_path)
    part = tmp_path / "dsdm" / "squad.pt.part"
    have = part.stat().st_size
    assert 0 < have <= 700_000
    [path] = module.fetch(data_dir=tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.asked[1] == ("/files/dsdm/squad.pt", f"bytes={have}-")
    assert not part.exists()


def test_other_bytes_than_published_are_refused_and_not_kept(server, table, tmp_path):
    table(sha256="0" * 64)
    with pytest.raises(ValueError, match=r"(?s)squad\.pt.*0{64}"):
        module.fetch(data_dir=tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert len(server.asked) == 1


def test_what_the_server_does_not_have_is_named(server, table, tmp_path):
    table(path="dsdm/squad.bin")
    with pytest.raises(OSError, match=r"404.*squad\.bin"):
        module.fetch(data_dir=tmp_path)
    assert len(server.asked) == 1


def test_an_unknown_name_is_refused_before_anything_is_asked(server):
    with pytest.raises(ValueError, match=r"'dsdm/squid\.pt' is no published score file.*dsdm/squad\.pt"):
        module.fetch(["dsdm/squid.pt"])
    assert server.asked == []


def test_a_full_disk_is_told_before_anything_is_asked(server, monkeypatch, tmp_path):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(OSError, match=r"14,054,956,805 bytes are to come and 1,000 are free"):
        module.fetch(data_dir=tmp_path)
    assert server.asked == []
