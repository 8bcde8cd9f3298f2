"""What ``dsdm doctor`` tells of the machine, beside what the machine tells of itself."""

import fcntl
import json
import os
import resource
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest

import dsdm
from dsdm.cli import app
from dsdm.reporting import diagnosis

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.disk


def said_by(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def test_versions_are_those_that_are_installed():
    installed = {one.metadata["Name"].lower().replace("_", "-"): one.version for one in distributions()}
    told = dsdm.diagnose().versions
    assert told.pop("python") == sys.version.split()[0]
    assert told.pop("dsdm") == dsdm.__version__
    assert {"numpy", "pyarrow", "datasets", "huggingface-hub"} <= set(told)
    assert told == {name: installed[name] for name in told}


def test_the_profile_is_the_one_that_cargo_was_called_with():
    told = dsdm.diagnose().profile
    profiles = tomllib.loads((ROOT / "Cargo.toml").read_text())["profile"]
    assert told in profiles
    line = next(line for line in str(dsdm.diagnose()).splitlines() if line.startswith("compiled"))
    assert line.split(maxsplit=1)[1] == f"by the profile {told}" + ("" if told == "release" else ", which is slower")


def test_a_profile_is_known_by_the_folder_that_cargo_writes_to(tmp_path):
    script = tmp_path / "script"
    subprocess.run(["rustc", "--edition=2024", "-o", script, ROOT / "build.rs"], check=True)  # noqa: S603, S607 - as cargo
    folders = {
        "/build/dsdm/target/release/build/dsdm-0a1b/out": "release",
        "target/x86_64-apple-darwin/demo/build/dsdm-0a1b/out": "demo",
        "target/debug/build/dsdm/0a1b/out": "dev",
        "target/release/other/out": "unknown",
    }
    for folder, name in folders.items():
        told = said_by("env", "-i", f"OUT_DIR={folder}", script)
        assert told.splitlines()[-1] == f"cargo::rustc-env=BUILD_PROFILE={name}"


def test_the_machine_is_told_as_the_system_tells_it(tmp_path):
    found = dsdm.diagnose(tmp_path)
    assert found.processors == int(said_by("nproc"))
    assert found.memory_bytes == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < found.memory_limit_bytes < found.memory_bytes
    assert found.processor in said_by("lscpu")
    assert set(found.instructions) <= set(said_by("cat", "/proc/cpuinfo").split())
    folder = found.places[0]
    assert (folder.name, folder.path, folder.exists, folder.locks) == ("directory", str(tmp_path.resolve()), True, True)
    assert folder.file_system == said_by("df", "--output=fstype", tmp_path).splitlines()[1].strip()
    assert folder.free_bytes == pytest.approx(shutil.disk_usage(tmp_path).free, abs=1 << 30)
    assert list(tmp_path.iterdir()) == []


def test_limits_are_those_of_the_process(monkeypatch):
    held = {resource.RLIMIT_NOFILE: 321, resource.RLIMIT_AS: 1 << 40, resource.RLIMIT_FSIZE: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda limit: (held[limit], -1))
    told = dsdm.diagnose().limits
    maps = int(said_by("cat", "/proc/sys/vm/max_map_count"))
    assert told == {"open files": 321, "address space": 1 << 40, "file size": "unlimited", "maps of memory": maps}


def test_variables_are_told_and_secrets_are_not(monkeypatch):
    monkeypatch.setenv("DSDM_NUM_THREADS", "2")
    monkeypatch.setenv("DSDM_UPLOAD_TOKEN", "hf_verysecret")
    monkeypatch.setenv("HF_TOKEN", "hf_verysecret")
    monkeypatch.setenv("HF_HOME", "/cache\x1b[31m")
    found = dsdm.diagnose()
    assert found.environment["DSDM_NUM_THREADS"] == "2"
    assert found.environment["HF_HOME"] == "/cache\x1b[31m"
    for text in (str(found), json.dumps(found.to_dict())):
        assert "verysecret" not in text
        assert "\x1b" not in text


def test_a_directory_that_is_not_there_is_told_by_the_one_above_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DSDM_DATA_DIR", str(tmp_path / "none" / "of it"))
    place = next(place for place in dsdm.diagnose(tmp_path).places if place.name == "score files: $DSDM_DATA_DIR")
    assert (place.exists, place.locks) == (False, None)
    assert place.file_system == dsdm.diagnose(tmp_path).places[0].file_system
    assert f"{place.path} ({place.file_system}, " in str(dsdm.diagnose(tmp_path))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("fails", "locks", "said"),
    [("flock", False, "NO LOCKS: two runs may write one output"), ("file", None, "no file can be made there")],
)
def test_a_directory_without_locks_or_files_is_told(tmp_path, monkeypatch, fails, locks, said):
    def refuse(*_, **__):
        raise OSError(95, "Operation not supported")

    if fails == "flock":
        monkeypatch.setattr(fcntl, "flock", refuse)
    else:
        monkeypatch.setattr(diagnosis.tempfile, "TemporaryFile", refuse)
    found = dsdm.diagnose(tmp_path)
    assert found.places[0].locks is locks
    assert said in str(found)


def test_what_linux_alone_tells_is_left_out_elsewhere(monkeypatch):
    real = diagnosis.Path

    class Elsewhere(type(real())):
        """Paths of a system without /proc."""

        def read_text(self, *args, **kwargs):
            if self.parts[1:2] == ("proc",):
                raise FileNotFoundError(str(self))
            return super().read_text(*args, **kwargs)

        def exists(self, **kwargs):
            return self.parts[1:2] != ("proc",) and super().exists(**kwargs)

    monkeypatch.setattr(diagnosis, "Path", Elsewhere)
    found = dsdm.diagnose()
    assert (found.instructions, found.places[0].file_system) == ([], None)
    assert found.processor
    assert "maps of memory" not in found.limits
    assert "an unknown file system" in str(found)


def test_a_folder_that_is_none_is_an_error(tmp_path):
    file = tmp_path / "file"
    file.touch()
    for path in (file, tmp_path / "none"):
        with pytest.raises(NotADirectoryError, match=f"{path}: it is no directory; name the one of a corpus"):
            dsdm.diagnose(path)


def test_the_command_tells_the_same(tmp_path, capfd):
    assert app(["doctor", str(tmp_path), "--json"], standalone_mode=False) in (None, 0)
    told = json.loads(capfd.readouterr().out)
    found = dsdm.diagnose(tmp_path).to_dict()
    for one in (told, found):
        one.pop("memory_limit_bytes")  # what is free changes
        for place in one["places"]:
            place.pop("free_bytes")
    assert told == found
    app(["doctor", str(tmp_path)], standalone_mode=False)
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["dsdm", "python", "numpy"]
