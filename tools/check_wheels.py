"""Look at the wheels and the source distribution of a folder: their names, their symbols, and what is in them.

Run ``python tools/check_wheels.py dist``.
"""

import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

PLATFORMS = ("manylinux_2_17_x86_64", "manylinux_2_17_aarch64", "musllinux_1_2_x86_64", "musllinux_1_2_aarch64")
EXTENSION = "dsdm/_native.abi3.so"
PACKAGED = ("dsdm/__init__.py", "dsdm/_native.pyi", "dsdm/py.typed", "dsdm_bench/__init__.py", EXTENSION)
SOURCES = ("Cargo.lock", "build.rs", "pyproject.toml", "rust/lib.rs", "python/dsdm/__init__.py", "tests/conftest.py")
SOURCES += ("docs/ARCHITECTURE.md", "LICENSE", "Makefile", "examples/mates.py")
FOREIGN = (".ci/", ".github/", "target/", ".venv/", "__pycache__/")
"""Parts of paths that belong in no distribution."""
_MOST_BYTES = 40 << 20


def main() -> None:
    """Check all that a folder holds, or end with what is wrong."""
    folder = Path(sys.argv[1])
    wheels = sorted(folder.glob("*.whl"))
    for platform in PLATFORMS:
        of_platform = [wheel for wheel in wheels if wheel.stem.endswith(platform) or f"{platform}." in wheel.name]
        if len(of_platform) != 1:
            sys.exit(f"{folder}: {len(of_platform)} wheels are for {platform}, and there should be one")
    for wheel in wheels:
        check_wheel(wheel)
    sdists = list(folder.glob("*.tar.gz"))
    if len(sdists) != 1:
        sys.exit(f"{folder}: {len(sdists)} source distributions are there, and there should be one")
    check_sdist(sdists[0])


def check_wheel(wheel: Path) -> None:
    """Check the name of a wheel, what is in it, and that its extension needs nothing newer than the name says."""
    if "-cp311-abi3-" not in wheel.name:
        sys.exit(f"{wheel}: it is not for the stable interface of Python 3.11 and newer (cp311-abi3)")
    with zipfile.ZipFile(wheel) as archive:
        check_names(wheel, set(archive.namelist()), PACKAGED)
    run("abi3audit", "--strict", str(wheel))
    platforms = wheel.stem.rpartition("-")[2].split(".")
    platform = platforms[0] if "musllinux" in wheel.name else None
    if platform is not None:
        check_musl(wheel)
    else:
        said = run("auditwheel", "show", str(wheel))
        platform = next((name for name in platforms if f'"{name}"' in said), None)
        if platform is None:
            sys.exit(f"{wheel}: auditwheel finds it consistent with another platform:\n{said}")
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, abi3 and {platform}")


def check_musl(wheel: Path) -> None:
    """Check that an extension needs musl's library alone: auditwheel would look for it among those of this machine."""
    from elftools.elf.elffile import ELFFile

    with zipfile.ZipFile(wheel) as archive:
        dynamic = ELFFile(io.BytesIO(archive.read(EXTENSION))).get_section_by_name(".dynamic")
    needed = {tag.needed for tag in dynamic.iter_tags("DT_NEEDED")}
    if others := sorted(needed - {"libc.so"}):
        sys.exit(f"{wheel}: it needs {', '.join(others)}; of musl, libc.so alone is on every machine")


def check_sdist(sdist: Path) -> None:
    """Check that a source distribution has the tests and the documents, and nothing that was built."""
    with tarfile.open(sdist) as archive:
        check_names(sdist, {name.partition("/")[2] for name in archive.getnames()}, SOURCES)
    print(f"{sdist.name}: {sdist.stat().st_size / 1e6:.1f} MB")


def check_names(path: Path, names: set[str], needed: tuple[str, ...]) -> None:
    """Check that files are in an archive, that none is there which belongs in none, and that it is not too large."""
    if missing := [name for name in needed if name not in names]:
        sys.exit(f"{path}: {', '.join(missing)} should be in it")
    if foreign := sorted(name for name in names if any(part in f"/{name}" for part in FOREIGN)):
        sys.exit(f"{path}: {', '.join(foreign[:5])} should not be in it")
    if path.stat().st_size > _MOST_BYTES:
        sys.exit(f"{path}: it has {path.stat().st_size:,} bytes, and at most {_MOST_BYTES:,} are reasonable")


def run(tool: str, *arguments: str) -> str:
    """Run a tool of this environment, and return what it says."""
    done = subprocess.run(  # noqa: S603 - tools of this environment on files of this one
        [str(Path(sys.executable).parent / tool), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{tool} {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
