"""What is checked of a tag before a release, and the notes that come out of the changelog."""

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = ("Cargo.toml", "Cargo.lock", "fuzz/Cargo.lock", "CITATION.cff", "CHANGELOG.md", "tools/release_notes.py")


@pytest.fixture
def tree(tmp_path):
    """Return a copy of what a release is checked by."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def noted(tree, tag):
    script = tree / "tools" / "release_notes.py"
    return subprocess.run([sys.executable, script, tag], capture_output=True, text=True, check=False)  # noqa: S603


def version():
    return runpy.run_path(str(ROOT / "tools" / "release_notes.py"))["versions"]()["Cargo.toml"]


def test_all_files_tell_the_same_version():
    told = runpy.run_path(str(ROOT / "tools" / "release_notes.py"))["versions"]()
    assert set(told.values()) == {version()}


def test_the_section_of_the_version_is_what_is_written(tree):
    text = (
        f"# Changelog\n\n## [Unreleased]\n\n- next\n\n## [{version()}] - 2026-01-31\n\n### Added\n\n- one [of](two)\n"
    )
    for end, later in ((text, False), (f"{text}\n## [0.0.1] - 2025-01-01\n\n- old\n\n[0.0.1]: there\n", True)):
        (tree / "CHANGELOG.md").write_text(end)
        done = noted(tree, f"v{version()}")
        assert (done.returncode, done.stderr) == (0, ""), later
        assert (tree / "dist" / "notes.md").read_text() == "### Added\n\n- one [of](two)\n"


@pytest.mark.parametrize(
    ("tag", "changelog", "said"),
    [
        ("", None, "the tag is ''; it is v and the version, such as v0.2.0"),
        ("0.2.0", None, "the tag is '0.2.0'"),
        ("v1.0", None, "the tag is 'v1.0'"),
        ("v99.0.0", None, f"Cargo.toml has version {version()}, and the tag is v99.0.0"),
        (
            f"v{version()}",
            "## [Unreleased]\n\n- next\n",
            f"CHANGELOG.md has no section [{version()}]; it has Unreleased",
        ),
        (f"v{version()}", f"## [{version()}]\n\n- it\n", f"the section [{version()}] has no date"),
        (f"v{version()}", f"## [{version()}] - 2026-01-31\n\n", f"the section [{version()}] is empty"),
    ],
)
def test_what_does_not_fit_a_tag_ends_a_release(tree, tag, changelog, said):
    if changelog is not None:
        (tree / "CHANGELOG.md").write_text(changelog)
    done = noted(tree, tag)
    assert done.returncode == 1
    assert said in done.stderr
    assert not (tree / "dist").exists()


@pytest.mark.parametrize("name", ["Cargo.lock", "fuzz/Cargo.lock", "CITATION.cff"])
def test_a_file_that_tells_another_version_ends_a_release(tree, name):
    path = tree / name
    old, new = (f'name = "dsdm"\nversion = "{version()}"', 'name = "dsdm"\nversion = "9.9.9"')
    if name == "CITATION.cff":
        old, new = f"version: {version()}", "version: 9.9.9"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert f"{name} has version 9.9.9, and the tag is v{version()}" in noted(tree, f"v{version()}").stderr
