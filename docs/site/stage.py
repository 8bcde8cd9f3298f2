"""Write the pages of the site into ``.site/docs``, out of which Zensical builds it: ``make docs``.

Pages of ``docs`` and the two of the project's root are copied. A link to a page becomes the link to its copy, and a
link to a source, which no site has, its text. The reference of the command is written from the command itself.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import command

ROOT = Path(__file__).parents[2]
STAGED = ROOT / ".site" / "docs"
OF_ROOT = {ROOT / "CHANGELOG.md": "changelog.md", ROOT / "CONTRIBUTING.md": "contributing.md"}
SHOWN = {".md", ".json", ".svg", ".css", ".png"}
LINK = re.compile(r"(!?)\[((?:[^][]|\[[^][]*\])*)\]\((?!\w+:)([^)#\s]*)(#[^)\s]*)?\)")
FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
PICTURE = re.compile(r'<picture><source [^>]*srcset="([^"]+)"><img src="([^"]+)" alt="([^"]*)"></picture>')
"""A chart for dark pages and for light ones. A reader of the site chooses between them, whatever the system says."""
COMMANDS = "<!-- commands -->"
"""The mark of the reference where links to the commands belong."""
CODE = re.compile(r"(?<!`)`([^`]+)`(?![`{])")
MOST_SHORT = 26
"""Code of so many characters stays in one line."""
WIDE = {"selecting.md", "performance.md", "dsdm-json.md"}
"""Pages whose tables need the room of the table of contents."""


def main() -> None:
    """Write all pages anew."""
    shutil.rmtree(STAGED, ignore_errors=True)
    copies = {path: STAGED / copy for path, copy in OF_ROOT.items()}
    own = Path(__file__).parent
    for path in sorted((ROOT / "docs").rglob("*")):
        if path.is_file() and path.suffix in SHOWN and (own not in path.parents or path.suffix == ".css"):
            copies[path] = STAGED / (path.name if own in path.parents else path.relative_to(ROOT / "docs"))
    for path, copy in copies.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            text = with_whole_names(with_commands(with_links(path.read_text("utf-8"), path, copies)))
            copy.write_text(f"---\nhide:\n  - toc\n---\n\n{text}" if path.name in WIDE else text, "utf-8")
        else:
            shutil.copyfile(path, copy)
    for name, text in command.pages().items():
        page = STAGED / "reference" / "command" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(with_whole_names(text), "utf-8")


def with_commands(text: str) -> str:
    """Return the text of a page with links to the pages of the commands, which no clone has, in place of their mark."""
    names = [Path(name).stem for name in command.pages() if name != "index.md"]
    links = ", ".join(f"[`{name}`](command/{name}.md)" for name in names)
    return text.replace(COMMANDS, f"Pages: [`{command.NAME}`](command/index.md), {links}.")


def with_links(text: str, path: Path, copies: dict[Path, Path]) -> str:
    """Return the text of a page with links that hold in its copy; what stands in code blocks stays."""

    def linked(found: re.Match[str]) -> str:
        image, label, target, anchor = found[1], found[2], found[3], found[4] or ""
        if not target:
            return found[0]
        file = Path(os.path.normpath(path.parent / target))
        if file in copies:
            way = os.path.relpath(copies[file], copies[path].parent)
            return f"{image}[{label}]({Path(way).as_posix()}{anchor})"
        if not file.exists():
            message = f"{path.relative_to(ROOT)}: the link to {target} leads nowhere"
            raise FileNotFoundError(message)
        return label

    text = PICTURE.sub(r"![\3](\2#only-light)\n![\3](\1#only-dark)", text)
    text = re.sub(r"^(#+ )\[([^\]]+)\](?=$| )", r"\1\2", text, flags=re.MULTILINE)  # a version, and no link
    return outside_of_code(text, lambda part: LINK.sub(linked, part))


def with_whole_names(text: str) -> str:
    """Return the text of a page that breaks no short piece of code at its hyphens."""

    def whole(code: re.Match[str]) -> str:
        return f"{code[0]}{{.whole}}" if len(code[1]) <= MOST_SHORT else code[0]

    return outside_of_code(text, lambda part: CODE.sub(whole, part))


def outside_of_code(text: str, change: Callable[[str], str]) -> str:
    """Change what does not stand in blocks of code."""
    return "".join(part if number % 2 else change(part) for number, part in enumerate(FENCED.split(text)))


if __name__ == "__main__":
    main()
