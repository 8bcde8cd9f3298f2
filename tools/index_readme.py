"""Make the links of the README absolute, so that a package index shows it as the repository does.

    python tools/index_readme.py https://github.com/OWNER/REPOSITORY v0.2.0

A release runs it before its wheels are built. The README of a clone keeps links that lead to the files of that clone.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(!?)(\[[^][]*\])\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
REPOSITORY = re.compile(r"https://[\w.-]+/[\w.-]+/[\w.-]+")
TAG = re.compile(r"[\w.-]+")


def main() -> None:
    """Rewrite the README, or say what does not fit."""
    if len(sys.argv) != 3:  # noqa: PLR2004
        sys.exit("usage: index_readme.py https://HOST/OWNER/REPOSITORY TAG")
    repository, tag = sys.argv[1:]
    if not REPOSITORY.fullmatch(repository) or not TAG.fullmatch(tag):
        sys.exit(f"{repository} and {tag} are not https://HOST/OWNER/REPOSITORY and a tag")
    path = ROOT / "README.md"
    path.write_text(absolute(path.read_text("utf-8"), repository, tag), "utf-8")


def absolute(text: str, repository: str, tag: str) -> str:
    """Return a text whose links lead to a repository as it is at a tag: pictures to the bytes, the others to pages."""

    def linked(found: re.Match[str]) -> str:
        image, label, target, place = found[1], found[2], found[3], found[4] or ""
        if not (ROOT / target).exists():
            sys.exit(f"README.md: the link to {target} leads nowhere")
        return f"{image}{label}({repository}/{'raw' if image else 'blob'}/{tag}/{target}{place})"

    return LINK.sub(linked, text)


if __name__ == "__main__":
    main()
