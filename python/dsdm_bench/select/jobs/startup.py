"""The start-up of ``import dsdm`` and of ``dsdm --help``, beyond that of the interpreter itself."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial

import dsdm
from dsdm_bench.harness.console import say
from dsdm_bench.harness.contest import Contestant, alternate, measured
from dsdm_bench.harness.results import JobResult, Measured
from dsdm_bench.select.measure import SelectBench

_BARE = "python -c pass"
_COMMANDS: dict[str, tuple[str, ...]] = {
    _BARE: ("-c", "pass"),
    "import dsdm": ("-c", "import dsdm"),
    "dsdm --help": ("-m", "dsdm", "--help"),
}
_LIMITS = {"import dsdm": 0.2, "dsdm --help": 0.4}  # seconds


def startup(bench: SelectBench) -> Iterator[JobResult]:
    """Start processes in turns; the interpreter's own median is subtracted from the others."""
    title = "start-up, beyond the interpreter's own"
    say(title)
    contestants = [Contestant(name, partial(_run, arguments), _prints(name)) for name, arguments in _COMMANDS.items()]
    alternate(contestants, bench.settings.repeats, bench.settings.budget)
    bare = contestants[0].median or 0.0
    systems = [_beyond(one, bare) for one in contestants]
    yield JobResult("startup", title, 0, None, None, "", systems)


def _run(arguments: tuple[str, ...]) -> bytes:
    return subprocess.run([sys.executable, *arguments], check=True, capture_output=True).stdout  # noqa: S603


def _prints(name: str) -> Callable[[bytes], str]:
    def check(output: bytes) -> str:
        if (b"Usage:" in output) != name.endswith("--help"):
            message = f"{name} printed {output[:80]!r}"
            raise RuntimeError(message)
        return ""

    return check


def _beyond(contestant: Contestant, bare: float) -> Measured:
    one = measured(contestant, None)
    if contestant.name != _BARE:
        one.library, one.version = "dsdm", dsdm.__version__
        one.seconds = None if one.seconds is None else max(0.0, one.seconds - bare)
        one.limit = _LIMITS[contestant.name]
    return one
