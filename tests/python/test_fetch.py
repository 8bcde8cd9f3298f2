"""Downloads, from a server on this machine alone."""

import contextlib
import gzip
import hashlib
import http.server
import io
import logging
import os
import threading

import pytest

from dsdm import reference
from dsdm.reference import fetch as module

CONTENT = bytes(range(256)) * 5000


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT at every path that ends in .pt, with ranges, and can break off."""

    asked: list[tuple[str, str | None]]
    break_off_at: int | None
    body: bytes | None
    headers_sent: dict[str, str]

    def do_GET(self):
        cls = type(self)
        asked_range = self.headers.get("Range")
        cls.asked.append((self.path, asked_range))
        if not self.path.endswith(".pt"):
            self.send_error(404)
            return
        start = int(asked_range.removeprefix("bytes=").rstrip("-")) if asked_range else 0
        body = CONTENT[start:] if cls.body is None else cls.body
        self.send_response(206 if start else 200)
        for name, value in ({"Content-Length": str(len(body))} | cls.headers_sent).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body[: cls.break_off_at])
        cls.break_off_at = None

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    handler = type("Fresh", (Handler,), {"asked": [], "break_off_at": None, "body": None, "headers_sent": {}})
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


@pytest.mark.usefixtures("server")
def test_the_lines_of_a_download_act_on_no_terminal(table, tmp_path, caplog):
    import pooch

    table()
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    pooch.get_logger().addHandler(handler)
    caplog.set_level(logging.INFO, "dsdm")
    address = os.environ["DSDM_DATA_URL"]
    try:
        module.fetch(data_dir=tmp_path / "a\x1b[2J\rb", url=f"{address}/\x1b[2Jc\u202e")
    finally:
        pooch.get_logger().removeHandler(handler)
    assert r"a\x1b[2J\rb" in lines.getvalue()
    assert r"/\x1b[2Jc\u202e/" in lines.getvalue()
    assert f"downloading {address}/\\x1b[2Jc\\u202e/dsdm/squad.pt from byte 0" in caplog.text
    for said in (lines.getvalue(), *(record.getMessage() for record in caplog.records)):
        assert not set("\x1b\r\u202e") & set(said)
    assert pooch.get_logger().filters == []


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


@pytest.mark.usefixtures("server")
def test_nothing_is_said_to_be_kept_where_nothing_has_arrived(table, tmp_path):
    table(path="dsdm/squad.bin")
    with pytest.raises(OSError, match=r"404.*nothing has arrived$"):
        module.fetch(data_dir=tmp_path)
    assert not list(tmp_path.rglob("*.part"))


def files(folder):
    return [path.name for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("length", ["told", ""])
@pytest.mark.parametrize("body", [CONTENT * 50, CONTENT[:-1]], ids=["longer", "shorter"])
def test_a_file_of_another_size_is_refused(server, table, tmp_path, length, body):
    table()
    server.body = body
    if not length:
        server.headers_sent = {"Content-Length": ""}
    longer = len(body) > len(CONTENT)
    what = "a file of .* bytes there" if length else ("sends more than the" if longer else "ended after .* kept in")
    with pytest.raises(OSError, match=what):
        module.fetch(data_dir=tmp_path)
    assert files(tmp_path) == ([] if length or longer else ["squad.pt.part"])


def test_a_compressed_answer_is_refused_and_not_asked_for(server, table, tmp_path):
    table()
    server.body = gzip.compress(CONTENT)
    server.headers_sent = {"Content-Encoding": "gzip"}
    with pytest.raises(OSError, match=r"compressed \(gzip\)"):
        module.fetch(data_dir=tmp_path)
    assert files(tmp_path) == []


def test_a_range_that_begins_elsewhere_is_not_added(server, table, tmp_path):
    table()
    part = tmp_path / "dsdm" / "squad.pt.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT[:1000])
    server.body, server.headers_sent = CONTENT, {"Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"}
    [path] = module.fetch(data_dir=tmp_path)
    assert path.read_bytes() == CONTENT


class Answer:
    """What requests gives for an address, without a server that has certificates."""

    def __init__(self, location):
        self.is_redirect, self.headers = True, {"Location": location}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.mark.parametrize("location", ["http://elsewhere.example/a", "ftp://elsewhere.example/a"])
def test_a_redirect_from_https_to_less_is_not_followed(monkeypatch, table, tmp_path, location):
    table()
    asked = []

    def get(url, **options):
        assert not options["allow_redirects"]
        asked.append(url)
        return Answer("/moved" if len(asked) == 1 else location)

    monkeypatch.setattr("requests.get", get)
    with pytest.raises(OSError, match=f"redirected from https to {location}"):
        module.fetch(data_dir=tmp_path, url="https://somewhere.example/data")
    assert asked == ["https://somewhere.example/data/dsdm/squad.pt", "https://somewhere.example/moved"]


@pytest.mark.parametrize("how", ["symlink_to", "hardlink_to"])
@pytest.mark.parametrize("content", [b"export A=1", b""])
@pytest.mark.usefixtures("server")
def test_what_arrives_is_not_written_through_a_link(table, tmp_path, how, content):
    table()
    victim, part = tmp_path / "bashrc", tmp_path / "dsdm" / "squad.pt.part"
    part.parent.mkdir()
    victim.write_bytes(content)
    getattr(part, how)(victim)
    with pytest.raises(FileExistsError, match="a link or a file of others, and is not written to") as caught:
        module.fetch(data_dir=tmp_path)
    assert caught.value.filename == str(part)
    assert victim.read_bytes() == content


def test_an_unknown_name_is_refused_before_anything_is_asked(server):
    with pytest.raises(ValueError, match=r"'dsdm/squid\.pt' is no published score file.*dsdm/squad\.pt"):
        module.fetch(["dsdm/squid.pt"])
    assert server.asked == []


def test_a_full_disk_is_told_before_anything_is_asked(server, monkeypatch, tmp_path):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(OSError, match=r"14,054,956,805 bytes are to come and 1,000 are free"):
        module.fetch(data_dir=tmp_path)
    assert server.asked == []


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_at_the_target_is_not_waited_for(server, table, tmp_path, kind):
    table()
    target = tmp_path / "dsdm" / "squad.pt"
    target.parent.mkdir()
    if kind == "pipe":
        os.mkfifo(target)
    elif kind == "device":
        target.symlink_to("/dev/zero")
    else:
        target.mkdir()
    with pytest.raises(FileExistsError, match="a regular file is needed here") as caught:
        module.fetch(data_dir=tmp_path)
    assert caught.value.filename == str(target)
    assert server.asked == []


def test_a_sum_that_was_not_looked_at_to_its_end_costs_no_download(server, table, tmp_path, monkeypatch):
    table()

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("pooch.file_hash", interrupted)
    with pytest.raises(KeyboardInterrupt):
        module.fetch(data_dir=tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["squad.pt.part"]
    monkeypatch.undo()
    monkeypatch.setattr(module, "reference_files", lambda: {"dsdm/squad.pt": reference_file()})
    [path] = module.fetch(data_dir=tmp_path, url="http://127.0.0.1:9/nothing")
    assert path.read_bytes() == CONTENT
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["squad.pt"]
    assert len(server.asked) == 1


def reference_file():
    return reference.ReferenceFile("dsdm/squad.pt", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
