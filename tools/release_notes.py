"""Check that a tag names the version that is written everywhere, and write its section of the changelog.

Run ``python tools/release_notes.py v0.2.0``.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Write the notes of a release to dist/notes.md, or end with what does not fit."""
    tag = sys.argv[1] if len(sys.argv) > 1 else ""
    if not re.fullmatch(r"v\d+\.\d+\.\d+(-(alpha|beta|rc)\.\d+)?", tag):
        sys.exit(f"the tag is {tag!r}; it is v and the version, such as v0.2.0")
    version = tag[1:]
    for place, found in versions().items():
        if found != version:
            sys.exit(f"{place} has version {found}, and the tag is {tag}")
    notes = section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    place = ROOT / "dist" / "notes.md"
    place.parent.mkdir(exist_ok=True)
    place.write_text(notes, encoding="utf-8")
    print(f"{place.relative_to(ROOT)}: the changes of {version}")


def versions() -> dict[str, str]:
    """Return the version by each file that tells it."""
    found = {"Cargo.toml": tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["package"]["version"]}
    for lock in ("Cargo.lock", "fuzz/Cargo.lock"):
        packages = tomllib.loads((ROOT / lock).read_text(encoding="utf-8"))["package"]
        found[lock] = next(package["version"] for package in packages if package["name"] == "dsdm")
    citation = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    found["CITATION.cff"] = citation.group(1).strip('"') if citation else "no version"
    return found


def section(changelog: str, version: str) -> str:
    """Return what a changelog says of a version, without its heading."""
    parts = re.split(r"^## \[(.+?)\](.*)$", changelog, flags=re.MULTILINE)
    told = {name: (date, text) for name, date, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)}
    if version not in told:
        sys.exit(f"CHANGELOG.md has no section [{version}]; it has {', '.join(told)}")
    date, text = told[version]
    if not re.fullmatch(r" - \d{4}-\d{2}-\d{2}", date):
        sys.exit(f"CHANGELOG.md: the section [{version}] has no date: ## [{version}] - YYYY-MM-DD")
    if not text.strip():
        sys.exit(f"CHANGELOG.md: the section [{version}] is empty")
    return text.split("\n[", 1)[0].strip() + "\n"


if __name__ == "__main__":
    main()
