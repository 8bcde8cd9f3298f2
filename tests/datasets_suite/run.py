"""Run datasets' own tests of `Dataset` with dsdm's lazy class in place of the datasets that they make.

The tests are those of the version installed, from its sdist, which is fetched. They run four times: with plain
datasets, with plain datasets that are adopted, over Arrow shards and over Parquet shards. What passes plainly and not
lazily must be in `differences.toml` with its reason, and nothing else may be there.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import datasets

HERE = Path(__file__).parent
KINDS = ["plain", "adopted", "arrow", "parquet"]
MODULE = "tests/test_arrow_dataset.py"


def fetch(work: Path) -> Path:
    """Lay the tests of the installed version out as a package, with what they import beside them."""
    name = f"datasets-{datasets.__version__}"
    archive = work / f"{name}.tar.gz"
    if not archive.exists():
        command = ["download", "--quiet", "--no-deps", "--no-binary", "datasets", "--dest", str(work)]
        subprocess.run([sys.executable, "-m", "pip", *command, f"datasets=={datasets.__version__}"], check=True)
    root = work / name
    shutil.rmtree(root, ignore_errors=True)
    (root / "tests").mkdir(parents=True)
    with tarfile.open(archive) as members:
        (root / MODULE).write_bytes(members.extractfile(f"{name}/{MODULE}").read())
    (root / "tests" / "__init__.py").touch()
    shutil.copy(HERE / "support" / "utils.py", root / "tests")
    # Not of this name here, where pytest would take it for a part of dsdm's own tests.
    shutil.copy(HERE / "support" / "fixtures.py", root / "tests" / "conftest.py")
    (root / "pytest.ini").write_text("[pytest]\nmarkers = integration: needs a network\n")
    return root


def run(root: Path, kind: str, chosen: list[str]) -> dict[str, str]:
    """Give the outcome of each test: passed, failed or skipped."""
    report = root / f"{kind}.xml"
    options = ["-q", "--tb=short", "-p", "no:cacheprovider", f"--junitxml={report}", *chosen]
    environment = {**os.environ, "DSDM_SUITE": kind, "HF_HUB_OFFLINE": "1"}
    with (root / f"{kind}.log").open("w") as log:
        command = [sys.executable, "-m", "pytest", MODULE, *options]
        subprocess.run(command, cwd=root, env=environment, stdout=log, stderr=log, check=False)
    cases = ET.parse(report).getroot().iter("testcase")
    return {f"{case.get('classname').split('.')[-1]}::{case.get('name')}": outcome(case) for case in cases}


def outcome(case: ET.Element) -> str:
    children = {child.tag for child in case}
    return "failed" if children & {"failure", "error"} else "skipped" if "skipped" in children else "passed"


def main(chosen: list[str]) -> int:
    work = Path(".datasets-suite").resolve()
    work.mkdir(exist_ok=True)
    root = fetch(work)
    found = {kind: run(root, kind, chosen) for kind in KINDS}
    print(f"datasets {datasets.__version__}, {MODULE}")
    print(f"{'':10}{'passed':>8}{'failed':>8}{'skipped':>9}")
    for kind, outcomes in found.items():
        counts = [list(outcomes.values()).count(each) for each in ("passed", "failed", "skipped")]
        print(f"{kind:10}{counts[0]:8}{counts[1]:8}{counts[2]:9}")
    return compare(found, work / root.name)


def compare(found: dict[str, dict[str, str]], logs: Path) -> int:
    """Print every difference from plain datasets; give how many have no reason, or a reason and no difference."""
    listed = tomllib.loads((HERE / "differences.toml").read_text(encoding="utf-8"))["difference"]
    reasons = {(kind, test): each["reason"] for each in listed for kind in each["kinds"] for test in each["tests"]}
    plain = found.pop("plain")
    wrong = 0
    for kind, outcomes in found.items():
        tests = {test for test, result in plain.items() if result == "passed" and outcomes.get(test) != "passed"}
        for test in sorted(tests):
            reason = reasons.get((kind, test))
            print(f"{kind}: {test}: {reason or 'NOT LISTED'}")
            wrong += reason is None
        stale = [test for (of, test) in reasons if of == kind and test in outcomes and test not in tests]
        for test in stale:
            print(f"{kind}: {test}: listed, and passes (or fails plainly too)")
        wrong += len(stale)
    if wrong:
        print(f"{wrong} not as tests/datasets_suite/differences.toml has it; the logs are in {logs}")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
