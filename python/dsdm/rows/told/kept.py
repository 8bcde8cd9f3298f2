"""What is said of an output when an interrupt ends the call that writes it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dsdm._native import unfinished
from dsdm.paths import local

_NOTHING = (
    "no shard is finished, and nothing is kept: a shard is kept once all of its rows are there, and where rows come in "
    "another order than they lie in, shards are filled together and finished near the end"
)


@contextmanager
def saying_what_is_kept(out_dir: str | os.PathLike[str], nothing: str = _NOTHING) -> Iterator[None]:
    """Have an interrupt say by a note what is kept: also what an earlier run left, or nothing, and why.

    One that comes as the output has got its name says that all of it is there.
    """
    before = _written(out_dir)
    try:
        yield
    except KeyboardInterrupt as error:
        if _written(out_dir) not in {None, before}:
            error.add_note(f"all rows are written, and {local(out_dir, 'out_dir')} is whole")
        elif not getattr(error, "__notes__", ()):
            try:
                left = unfinished(local(out_dir, "out_dir"))
            except (OSError, ValueError, TypeError):  # nothing that this call, or one like it, could go on from
                left = None
            error.add_note(
                f"{nothing}; the same call begins anew"
                if left is None
                else "what an earlier run left is kept; the same call continues there"
            )
        raise


def _written(out_dir: str | os.PathLike[str]) -> tuple[int, ...] | None:
    """Return what tells one output at a place from another that is there later; None where there is none."""
    try:
        state = Path(local(out_dir, "out_dir"), "dsdm.json").stat()
    except (OSError, ValueError, TypeError):
        return None
    return state.st_dev, state.st_ino, state.st_mtime_ns
