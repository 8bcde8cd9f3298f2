"""Whether a folder is still what :func:`dsdm.materialize` wrote."""

import json
from dataclasses import dataclass

from dsdm import _native
from dsdm.errors import ChecksumError
from dsdm.paths import PathLike, local
from dsdm.provenance import choose_again
from dsdm.sizes import readable


@dataclass(frozen=True)
class Verified:
    """What :func:`verify` found to be as it was written."""

    path: str
    format: str
    rows: int
    """As the shards say themselves."""
    shards: int
    bytes: int
    """That were read and have the checksums they had."""
    selection: bool
    """Whether the rows were chosen again from their scores, and are those that were written."""
    remark: str
    """Why they were not, if they were not."""

    def __str__(self) -> str:
        shards = "1 shard" if self.shards == 1 else f"{self.shards:,} shards"
        rows = (
            "the selection is that of the scores"
            if self.selection
            else f"the selection was not looked at: {self.remark}"
        )
        return (
            f"{self.path}: {self.rows:,} rows in {shards} of {self.format}, {readable(self.bytes)}, as written; {rows}"
        )


def verify(folder: PathLike, *, data_dir: PathLike | None = None, threads: int | None = None) -> Verified:
    """Read everything in a folder that dsdm wrote, and compare it with ``dsdm.json``.

    Sizes and checksums of all files are compared, the rows of each shard are counted, and the JSON files read. Where
    the manifest tells how the rows were chosen and the score files are at hand, they are chosen again and
    compared. The bytes are read once, in parallel.

    Parameters
    ----------
    folder
        A folder that :func:`dsdm.materialize` or the command wrote, in any format.
    data_dir
        Where score files of the reference's methods are looked for first, if not where they were.
    threads
        All that the process may run on, if not given.

    Raises
    ------
    FileNotFoundError
        If there is no ``dsdm.json``, or a file that it names is missing.
    ChecksumError
        Naming the file and both checksums; or that the scores choose other rows.
    TruncatedError, FormatError
        For a file of another size, or whose rows are others.

    Examples
    --------
    >>> import dsdm, pyarrow as pa, tempfile
    >>> folder = tempfile.mkdtemp() + "/subset"
    >>> report = dsdm.materialize(pa.table({"text": ["a", "b", "c"]}), [2, 0], folder)
    >>> dsdm.verify(folder).rows
    2
    """
    path = local(folder, "the folder")
    kind, rows, shards, size, told = _native.verify(path, threads=threads)
    selection = json.loads(told)
    chosen = choose_again(selection.get("chosen", {}), data_dir)
    if isinstance(chosen, str):
        return Verified(path, kind, rows, shards, size, selection=False, remark=chosen)
    digest = _native.digest_of_rows(chosen)
    if digest != selection["given"]:
        message = (
            f"{path}: the scores choose {len(chosen):,} rows with the digest {digest}, and {selection['rows']:,} "
            f"rows with the digest {selection['given']} were written; the scores are others now"
        )
        raise ChecksumError(message)
    return Verified(path, kind, rows, shards, size, selection=True, remark="")
