"""The rows that an earlier output was written from: :func:`written_rows`."""

from collections.abc import Iterable
from typing import Any

from dsdm.checks import check_threads
from dsdm.paths import PathLike, local
from dsdm.rows.sources import open_source, opened_as
from dsdm.selection.record.earlier import rows_of_output
from dsdm.selection.record.trust import Trust
from dsdm.selection.rules.chosen import Selection
from dsdm.shown import safe_messages


@safe_messages
def written_rows(
    folder: PathLike,
    corpus: Any = None,
    *,
    data_dir: PathLike | None = None,
    trust_paths: Iterable[PathLike] = (),
    threads: int | None = None,
) -> Selection:
    """Return the rows that a directory was written from, such as those to exclude from the next choice.

    They are known by the directory's own record: by the column of row numbers that ``row_ids`` of
    :func:`dsdm.materialize` added, or else as :func:`dsdm.verify` finds them, which chooses them again.

    Parameters
    ----------
    folder
        A directory that :func:`dsdm.materialize` or the command wrote, of rows of files.
    corpus
        Rows as :func:`dsdm.materialize` takes them, whose files must be those that the directory was written from, in
        their order, by their sizes and first and last bytes, and by the columns that the names of directories hold
        (``hive``). Without it, those are looked at where they were.
    data_dir, trust_paths, threads
        As in :func:`dsdm.verify`.

    Returns
    -------
    Selection
        The rows in the order in which they were chosen, or ascending where they were written so, and of how many rows
        they are.

    Raises
    ------
    FileNotFoundError
        If there is no such directory, or no ``dsdm.json`` in it.
    ValueError
        For a directory of another corpus, with what differs, and for one of which nothing tells the rows, with what is
        missing.
    FormatError, ChecksumError
        For a manifest or a column that was changed, and for rows that are chosen otherwise now. Row numbers that were
        written ascending are held against the checksums of their shards, which are read for that.

    Notes
    -----
    Memory: 8 bytes for each row of the directory, and what choosing them again takes.

    Examples
    --------
    >>> import dsdm, pathlib, pyarrow as pa, pyarrow.parquet as pq, tempfile
    >>> place = pathlib.Path(tempfile.mkdtemp())
    >>> pq.write_table(pa.table({"text": ["a", "b", "c"]}), place / "corpus.parquet")
    >>> report = dsdm.materialize(place / "corpus.parquet", [2, 0], place / "first", row_ids="row")
    >>> dsdm.written_rows(place / "first", place / "corpus.parquet").indices
    array([2, 0])
    """
    check_threads(threads)
    path = local(folder, "the directory")
    files, hive = None, None
    if corpus is not None:
        source = open_source(corpus, None, threads)
        if source.mapping is not None or not source.corpus.pinned():
            message = (
                "corpus is no rows of files as they lie, so that nothing tells whether they are the same rows; name "
                "the files, or open them by dsdm.open_shards or dsdm.dataset.open_dataset"
            )
            raise ValueError(message)
        files, hive = source.corpus.identities(), opened_as(source.corpus).get("hive")
    return rows_of_output(path, files, Trust(path, data_dir, trust_paths), data_dir, threads, hive)
