"""The process whose memory is watched: ``python -m dsdm_bench.rules.child LIBRARY SETTINGS``."""

import json
import sys

from dsdm_bench.harness.processes.memory import work
from dsdm_bench.rules.inputs import make
from dsdm_bench.rules.peers import SYSTEMS
from dsdm_bench.rules.settings import RuleSettings


def main(library: str, text: str) -> None:
    """Make the inputs, in the form in which the library takes them, and choose by the one job of the settings."""
    settings = RuleSettings(**json.loads(text))
    (job,) = settings.jobs
    inputs = make(settings)
    inputs.compute()
    work(SYSTEMS[library](inputs, settings.thread_count)[job])


if __name__ == "__main__":
    main(*sys.argv[1:])
