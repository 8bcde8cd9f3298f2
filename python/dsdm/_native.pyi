"""The extension module: what `dsdm` is built on. Use the names of `dsdm` itself.

The stub is the reference of the module, and is checked against it by stubtest.
"""

from collections.abc import Callable, Mapping, Sequence, Sized
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeAlias, final, overload

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray

from dsdm.selection.summary import Description

__all__ = [
    "ChecksumError",
    "Corpus",
    "FileIdentity",
    "FormatError",
    "InternalError",
    "Moments",
    "OutputOptions",
    "PinnedFile",
    "PlanEstimate",
    "ResumeMismatchError",
    "SavedState",
    "SchemaError",
    "Scores",
    "SourceChangedError",
    "TruncatedError",
    "UnsafePickleError",
    "VerifiedFiles",
    "Written",
    "__profile__",
    "__version__",
    "best_of_groups",
    "check_files",
    "check_target",
    "count_between",
    "count_of_groups",
    "counts_between",
    "counts_of_cut",
    "cut_of",
    "cut_of_weight",
    "cuts_of_group_weights",
    "cuts_of_groups",
    "default_memory_limit",
    "digest_of_rows",
    "fields_named",
    "finish_units",
    "group_codes",
    "gumbel_top_k",
    "histogram",
    "is_state",
    "json_bytes",
    "layout_of_units",
    "located",
    "moments",
    "nearest",
    "open_scores",
    "prepare_arrays",
    "read_row_file",
    "rebuild_scores",
    "rows_between",
    "rows_of_cut",
    "sample",
    "scores_at",
    "scores_at_shares",
    "token_dtypes",
    "top_k",
    "unfinished",
    "verify",
    "write_units",
]

__version__: str
__profile__: str

class FormatError(ValueError):
    """The bytes are not the format they should be, or a part of it that is not supported."""

class UnsafePickleError(FormatError):
    """A pickle asks for something that is not data. Nothing of it was run."""

class TruncatedError(FormatError):
    """A file ends before what it promises."""

class ChecksumError(FormatError):
    """Stored and computed checksums differ."""

class SchemaError(FormatError):
    """Readable, but not of the type or shape that is needed."""

class SourceChangedError(OSError):
    """A file changed while it was read."""

class ResumeMismatchError(ValueError):
    """An interrupted run cannot be continued by this call."""

class InternalError(RuntimeError):
    """A defect of dsdm: please report it, with what ``dsdm doctor`` prints."""

# --- score vectors: the arguments of open_scores are checked and named in dsdm.scores -------------------------

_Number: TypeAlias = float | np.floating[Any] | np.integer[Any]
_Rows: TypeAlias = slice | Sequence[int] | Sequence[bool] | NDArray[np.integer[Any]] | NDArray[np.bool_]

@final
class Scores:
    """One score per row: a vector in files, or an expression over vectors that is computed when read.

    Arithmetic with another vector of the same length or with a number gives another vector, computed block by
    block and never stored. The other vector may be an array in memory, or whatever else holds scores there
    (``docs/scores.md``); it is read where it lies, and must not change as long as the result is used. Float16,
    bfloat16 and float32 are computed in float32, where numbers are rounded to float32; anything with float64 or
    integers is computed in float64. Each operation rounds once, as in numpy.

    Comparison with a number, another vector or an array in memory gives a numpy array of one boolean per row, which
    `exclude=` and `only=` take, and indexing. Scores have no truth value, and are one vector as keys of a dict.

    Indexing gives numpy: a scalar for a number, an array for a slice, for row numbers (negative ones count from
    the end) and for a boolean per row. Values of bfloat16 are given as float32.
    """

    __array_ufunc__: None
    __pandas_priority__: int
    @property
    def dtype(self) -> np.dtype[Any] | str:
        """The type of a value: a numpy type, or the string "bfloat16"."""

    @property
    def paths(self) -> list[Path]:
        """The files that are read, in the order of the expression: those of each of its vectors once."""

    @property
    def column(self) -> str | int | None:
        """The column of Arrow, Parquet or JSON lines files, or the number of the column of a matrix, that was taken.

        None for other files, and for several columns.
        """

    @property
    def key(self) -> str | None:
        """What was taken of ``.npz``, ``.safetensors`` and of ``.pt`` files that hold several tensors, as `column`."""

    @property
    def reduce(self) -> str | None:
        """What each score was made by of the values of a row: "mean", "max", "min", "sum" or None."""

    @property
    def transposed(self) -> bool:
        """Whether the rows of a matrix are those of its second dimension, as was asked for."""

    @property
    def booleans(self) -> bool:
        """Whether any of its values are booleans in files, which are read as 0 and 1."""

    @property
    def is_mapped(self) -> bool:
        """Whether every value is read through a map of its file, rather than copied or decoded."""

    @property
    def in_memory(self) -> bool:
        """Whether any of its values lie in an array in memory, beside those in files."""

    def mapped_by_numpy(self) -> list[Path]:
        """Return the files that its arrays in memory are mapped from by numpy, as far as they are known."""

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, key: int | np.integer[Any], /) -> np.generic: ...
    @overload
    def __getitem__(self, key: _Rows, /) -> NDArray[Any]: ...
    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all values: read-only and without a copy where they lie as one run in a mapped file, else a copy."""

    def __add__(self, value: Scores | _Number | Sized, /) -> Scores: ...
    def __radd__(self, value: Scores | _Number | Sized, /) -> Scores: ...
    def __sub__(self, value: Scores | _Number | Sized, /) -> Scores: ...
    def __rsub__(self, value: Scores | _Number | Sized, /) -> Scores: ...
    def __mul__(self, value: Scores | _Number | Sized, /) -> Scores: ...
    def __rmul__(self, value: Scores | _Number | Sized, /) -> Scores: ...
    def __truediv__(self, value: Scores | _Number | Sized, /) -> Scores: ...
    def __rtruediv__(self, value: Scores | _Number | Sized, /) -> Scores: ...
    def __neg__(self) -> Scores: ...
    def __lt__(self, other: Scores | _Number | Sized, /) -> NDArray[np.bool_]: ...
    def __le__(self, other: Scores | _Number | Sized, /) -> NDArray[np.bool_]: ...
    def __gt__(self, other: Scores | _Number | Sized, /) -> NDArray[np.bool_]: ...
    def __ge__(self, other: Scores | _Number | Sized, /) -> NDArray[np.bool_]: ...
    def __eq__(self, other: Scores | _Number | Sized, /) -> NDArray[np.bool_]: ...  # type: ignore[override]
    def __ne__(self, other: Scores | _Number | Sized, /) -> NDArray[np.bool_]: ...  # type: ignore[override]
    def __hash__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def zscore(self, ddof: int = 0) -> Scores:
        """Return the values less their mean, divided by their standard deviation.

        Both are taken over all rows in float64, once, when a value is first read. The sum of squares is divided
        by the number of rows less `ddof`. A deviation of 0 or NaN is then a ValueError.
        """

    def describe(self, *, threads: int | None = None) -> Description:
        """Return what the scores are like: how many are numbers and how many NaN, extremes, mean, deviation, quartiles.

        Read in 2 to 5 parallel passes; memory does not grow with the rows. NaN is counted, and in none of the other
        figures. `mean` is that of the exact sum to a digit or two of float64, and `std` the square root of the mean
        squared deviation from it (``ddof=0``, as `numpy.std` and :meth:`zscore` have it). `min` and `max` are the
        scores themselves; the quartiles are those of :meth:`quantile`.

        Returns
        -------
        dsdm.Description
            Its fields are numbers of Python; ``print`` shows them as a table.
        """

    def quantile(
        self,
        q: float | Sequence[float] | NDArray[np.floating[Any]],
        *,
        method: str = "linear",
        nan: str = "raise",
        threads: int | None = None,
    ) -> Any:
        """Return the quantiles of the scores, exactly.

        Parameters
        ----------
        q
            A share from 0 to 1, or several. It is the decimal number that it is written as: 0.1 is a tenth.
        method
            As `numpy.quantile` names them. The quantile of m scores lies at the position ``q * (m - 1)`` of the
            ascending ones. ``"linear"``: between two scores in proportion, rounded to float64 once. ``"lower"`` and
            ``"higher"``: the score before it and the one behind it, as it is.
        nan
            As for :func:`dsdm.top_k`: an error; left out; greater or less than every number.
        threads
            How many; by default ``$DSDM_NUM_THREADS``, else all that the process may run on.

        Returns
        -------
        A number of Python for one share; else an array in the shape of `q`, of float64 for ``"linear"``, and for the
        others of the type in which indexing gives the scores. NaN if it lies at a NaN that counts as a number.

        Raises
        ------
        ValueError
            For a share that is not from 0 to 1; for a NaN score by default; if no score is left; if a share lies
            between an infinite score and another, where there is no number in proportion.

        Notes
        -----
        Found digit by digit in 1 to 5 parallel passes for few shares. Memory: at most 8 MB for each thread.
        """

    def histogram(
        self,
        bins: int | Sequence[float] | NDArray[Any] = 10,
        range: tuple[float, float] | None = None,  # noqa: A002 - as in numpy
        *,
        nan: str = "raise",
        threads: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return how many scores lie in each bin, exactly, and the edges of the bins.

        A bin has the scores from its edge up to but without the next edge; the last bin has those at its end too.
        Scores outside all bins are not counted. Each score is compared with the edges as the numbers that they are.

        Parameters
        ----------
        bins
            How many bins of one width there are between the ends, with the edges that `numpy.histogram` gives for
            scores of this type; or the ascending edges.
        range
            The ends, a pair of finite numbers; by default the least score and the greatest. Of integers that float64
            does not hold, an end is the float64 beyond, so that all scores are counted.
        nan
            ``"raise"``: a NaN is an error that names their number and the first row. ``"omit"``: it is in no bin.
        threads
            How many; by default ``$DSDM_NUM_THREADS``, else all that the process may run on.

        Returns
        -------
        The counts, an int64 array of shape ``(bins,)``, and the edges, of shape ``(bins + 1,)``.

        Raises
        ------
        ValueError
            For fewer bins than 1 or more than 1,048,576; edges or ends that do not ascend; infinite scores without a
            `range`; a NaN score by default.
        TypeError
            For bins by the name of a rule, which would need all scores at once.

        Notes
        -----
        One parallel pass, or two without `range` and edges. Memory is that of the bins, for each thread.
        """

    def slice(self, start: int | None = None, stop: int | None = None) -> Scores:
        """Return the rows `start` to `stop` as a vector; nothing is read. Rows outside are an IndexError.

        Its row numbers count from 0. Draws by Philox are those of the whole's rows (:attr:`first_row`).
        """

    def check(self) -> None:
        """Compare the bytes of the files with what they were when they were opened with ``verify=True``.

        Of each file, those blocks of 1 MiB are read again, on all threads, that hold values of this vector: of a slice
        of a vector in files, those of its rows; of an expression, those of all vectors in files that it is computed
        from. Where values were decoded when the file was opened (Parquet, packed Arrow), it is the whole file.

        Every call compares the size of each file, and the times of its last modification and change, which tell of
        most writes. They do not tell of a write through a map of the file (``numpy.memmap`` of another process) to a
        page that was written before it was opened, of one within the tick of the clock in which it was opened, or of
        a file system that keeps no such times.

        Raises
        ------
        SourceChangedError
            For a file with another byte, with the bytes of its block and the rows that they hold.
        ValueError
            For a vector that was opened without ``verify=True``.
        """

    @property
    def first_row(self) -> int:
        """The number of its first row in the whole that it is a slice of, from which noise by row is counted.

        Of a slice, how far it begins behind what it is cut from, and the first row of that. An expression has that of
        its vectors in files and slices, where these agree, else 0; arrays in memory have none of their own.
        """

    def identities(self) -> list[FileIdentity]:
        """Return what the files were known by when they were opened, as `paths` has them."""

    def opened_as(self) -> tuple[list[Path], dict[str, Any], int | None] | None:
        """Return how the vector was opened.

        Its files, the arguments of :func:`dsdm.open_scores` that decide what was read, and the rows at the beginning
        that it is, if it is not all. None for rows from another place on, and for expressions.
        """

    def __copy__(self) -> Scores: ...
    def __deepcopy__(self, memo: object, /) -> Scores: ...
    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]: ...

def rebuild_scores(text: str, held: list[tuple[NDArray[Any], str]] | None = None) -> Scores:
    """Open the files of scores that were pickled again, if they are still the same. Values in memory are given."""

def open_scores(
    paths: Sequence[str | PathLike[str]],
    key: str | None,
    column: str | None,
    reduce: str | None,
    transpose: bool,
    booleans: bool,
    shape: tuple[int | None, int | None] | None,
    dtype: str | None,
    io: str,
    verify: bool,
) -> Scores:
    """Open files as one vector, in the order given."""

def read_row_file(path: str | PathLike[str]) -> NDArray[np.integer[Any]] | NDArray[np.bool_]:
    """Read the row numbers in a ``.npy`` file, in the type that they have; or one boolean for each row.

    They are copied. A file that changes meanwhile is a `SourceChangedError`.
    """

# --- selection: the arguments are checked and named in dsdm.selection.indices ---------------------------------

_Scores: TypeAlias = Scores | tuple[NDArray[np.uint8], str] | tuple[NDArray[np.uint8], str, int]
_Excluded: TypeAlias = NDArray[np.int64] | NDArray[np.uint8] | None
_Options: TypeAlias = tuple[str, str, _Excluded, tuple[float | None, float | None]]
_Noise: TypeAlias = int | tuple[int, int]
_Rank: TypeAlias = bool | tuple[_Noise, float] | tuple[float]
_Groups: TypeAlias = tuple[NDArray[np.uint32], int]

def top_k(
    scores: _Scores,
    k: int,
    largest: bool,
    options: _Options,
    threads: int | None,
) -> NDArray[np.int64]:
    """The `k` best rows; see :func:`dsdm.top_k`.

    `scores` may be the bytes of a contiguous array and the name of its type. `options`
    are the order, what a NaN means, the excluded rows (row numbers, or one byte per row), and the
    least score that may be chosen and the greatest, as the numbers that they are.
    """

def gumbel_top_k(
    scores: _Scores,
    k: int,
    noise: _Noise,
    temperature: float,
    options: _Options,
    threads: int | None,
) -> NDArray[np.int64]:
    """`k` rows drawn by score; see :func:`dsdm.gumbel_top_k`.

    `noise` is a seed of Philox, or the state and the increment of numpy's PCG64.
    """

def count_of_groups(
    scores: _Scores, rank: _Rank, groups: _Groups, options: _Options, threads: int | None
) -> NDArray[np.uint64]:
    """How many rows of each group can be chosen.

    `rank` is whether large scores are good, the noise and the temperature of a draw, or the value to be near to.
    `groups` are the group of each row, and how many groups there are.
    """

def best_of_groups(
    scores: _Scores,
    rank: _Rank,
    groups: _Groups,
    quotas: NDArray[np.uint64],
    options: _Options,
    threads: int | None,
) -> NDArray[np.int64]:
    """The best rows of each group, as many as its quota, in the order of the options over all groups."""

def group_codes(
    numbers: tuple[NDArray[np.uint8], str], threads: int | None
) -> tuple[list[int], NDArray[np.uint32]] | None:
    """The whole numbers of groups, ascending, and the position of each row's; None if two numbers are far apart."""

def rows_between(
    scores: _Scores, largest: bool, options: _Options, threads: int | None
) -> tuple[NDArray[np.int64], tuple[int, int] | None]:
    """The rows that `count_between` counts, ascending; the first with the worst score, and how many have it."""

def nearest(scores: _Scores, k: int, value: float, options: _Options, threads: int | None) -> NDArray[np.int64]:
    """The `k` rows whose scores are nearest to a finite value; of equal distances, the lower rows. NaN has none."""

def counts_between(
    scores: _Scores, options: _Options, bounds: Sequence[tuple[float | None, float | None]], threads: int | None
) -> list[int]:
    """How many rows `count_between` counts between each of some bounds, in one pass; those of the options are none."""

def count_between(scores: _Scores, options: _Options, threads: int | None) -> int:
    """How many rows have a score between two bounds, both included, and are not excluded."""

@final
class Moments:
    """Count, extremes, mean and standard deviation of the scores that are numbers."""

    @property
    def count(self) -> int: ...
    @property
    def nan(self) -> int: ...
    @property
    def first_nan(self) -> int | None:
        """The first row whose score is NaN."""
    @property
    def least(self) -> int | float | None: ...
    @property
    def most(self) -> int | float | None: ...
    @property
    def mean(self) -> float: ...
    @property
    def std(self) -> float: ...

def moments(scores: _Scores, threads: int | None) -> Moments:
    """The moments of the scores that are numbers, in one pass."""

def scores_at(scores: _Scores, places: NDArray[np.uint64], threads: int | None) -> list[int | float]:
    """The scores at some places, from 0 on, of the ascending scores that are numbers."""

def scores_at_shares(
    scores: _Scores, shares: Sequence[tuple[int, int]], options: _Options, threads: int | None
) -> tuple[int, list[tuple[int | float, int | float]]]:
    """How many rows may be chosen, and the scores below and above each share of them: one pass.

    A share is its digits and how many of them stand behind the point. It lies at the place `share * (count - 1)` of the
    ascending scores, so that both scores are one where this is a whole number. There are none of no rows.
    """

def histogram(
    scores: _Scores, edges: Sequence[float], threads: int | None
) -> tuple[NDArray[np.int64], int, int | None]:
    """How many scores lie in each bin, how many are NaN, and the first row that is."""

def sample(
    rows: int, k: int, seed: int, excluded: _Excluded, threads: int | None, first_row: int = 0
) -> NDArray[np.int64]:
    """`k` of the rows 0 to `rows` - 1, uniformly and in random order; see :func:`dsdm.sample`."""

# --- cuts: where a selection ends, from which the rows of any part of it follow --------------------------------
#
# All row numbers are those of the whole that scores are a slice of: of cuts, runs and parts, results, and of excluded
# rows, of which those outside are of other parts. A mask has one byte for each row of the scores. The order of the
# options means nothing.

_Ranked: TypeAlias = tuple[_Scores, _Rank] | tuple[int, int, int]
"""Scores and what they are ranked by; or of a sample the first row, the one behind the last, and the seed."""
_Cut: TypeAlias = tuple[int, int] | None
"""The sort key of the worst entry that is chosen and its row; None where no row is. (2**64 - 1, 2**64 - 1): all."""
_Cuts: TypeAlias = _Cut | tuple[_Groups, Sequence[_Cut]]
"""One cut for all rows; or the group of each row of the scores, how many there are, and the cut of each."""

def cut_of(ranked: _Ranked, k: int, options: _Options, threads: int | None) -> _Cut:
    """Return the cut of the `k` best rows, in a few passes, and in memory that does not grow with rows or `k`."""

def cut_of_weight(
    ranked: _Ranked, lengths: _Scores, budget: int, at_least: bool, options: _Options, threads: int | None
) -> tuple[_Cut, int]:
    """Return the cut of the first rows whose lengths add up to at most a budget, and what they add up to.

    With `at_least`, the row that reaches the budget is the last one.
    """

def cuts_of_groups(
    ranked: _Ranked, groups: _Groups, quotas: NDArray[np.uint64], options: _Options, threads: int | None
) -> list[_Cut]:
    """Return the cut of the best rows of each group, as many as its quota."""

def cuts_of_group_weights(
    ranked: _Ranked,
    groups: _Groups,
    lengths: _Scores,
    budgets: NDArray[np.uint64],
    at_least: bool,
    options: _Options,
    threads: int | None,
) -> list[tuple[_Cut, int]]:
    """Return the cut of each group by a budget of its own, and what its rows add up to."""

def rows_of_cut(
    ranked: _Ranked, options: _Options, cuts: _Cuts, start: int, stop: int, threads: int | None
) -> NDArray[np.int64]:
    """Return the chosen rows from `start` to `stop`, ascending.

    The scores are those of the whole or of any part of it that has these rows.
    """

def counts_of_cut(
    ranked: _Ranked, options: _Options, cuts: _Cuts, part_ends: NDArray[np.uint64], threads: int | None
) -> NDArray[np.uint64]:
    """Return how many rows are chosen of each part of the rows of the scores.

    A part ends before the row that is given for it, and begins where the one before it ends: the first with the first
    row of the scores.
    """

# --- rows: used by dsdm.dataset and the modules beside it -----------------------------------------------------

class _ArrowStream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

def token_dtypes(format: str) -> list[str]:  # noqa: A002 - as in dsdm.materialize
    """Return the names of the types that tokens can have in a format: none if it holds other rows than tokens."""

def fields_named(schema: pa.Schema, name: str) -> list[tuple[str, list[str]]]:
    """Return the columns and fields of structs that a name can mean: a text that means each, and the names to it."""

@final
class Corpus:
    """A table in files or in memory, read where it lies."""

    @staticmethod
    def open(
        paths: Sequence[str | PathLike[str]],
        *,
        columns: Sequence[str] | None = None,
        threads: int | None = None,
        io: str = "mmap",
        schema: str = "same",
        constants: Sequence[tuple[str, bool, Sequence[str | None]]] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Corpus:
        """Open Arrow and Parquet files and JSON lines as one table, in the order given.

        `constants` are columns that no file has: each by its name, whether its values are whole numbers, and their text
        in each file. `progress` is called a few times a second with how many bytes of lines, unpacked, were looked at.
        """

    @property
    def io(self) -> str: ...
    @property
    def missing(self) -> str:
        """What it means that a file lacks a column: "same" if it is an error, "union" if the column is null there."""

    @property
    def constants(self) -> list[tuple[str, bool, list[str | None]]]:
        """The columns that no file has, as they were given to `open`."""

    def describe(self, *, threads: int | None = None) -> tuple[str, list[dict[str, Any]]]:
        """Return what is told of all files, as JSON, and a record of each.

        Others have the same corpus by `from_description`, without opening any file. A record has plain values alone:
        the `path`, its `bytes`, `modified_ns`, `rows` and `ends` (as in `FileIdentity`), its `container`, which of the
        schemas of the head it has (`stored`), its `units` (how many follow each other of as many rows, and how many
        rows those have, and so on), whether rows can be used `in_place`, about how many bytes of `memory` its columns
        take together and each, how many `items` their lists have, and the values of `constants`.
        """

    @staticmethod
    def from_description(head: str, files: Sequence[Mapping[str, Any]]) -> Corpus:
        """Return a corpus that was described.

        Files are opened when rows of them are read, and then stay open. One that is not what was described is a
        `SourceChangedError` that tells both states. Everything else is as it was described.
        """

    def open_for(self, rows: NDArray[np.int64], *, threads: int | None = None) -> Corpus:
        """Return the same rows, with the files open that hold `rows`: what is opened for it is closed with it."""

    @property
    def open_files(self) -> int:
        """How many of its files are open; a table in memory counts as one."""

    @staticmethod
    def from_stream(stream: _ArrowStream, *, columns: Sequence[str] | None = None) -> Corpus:
        """Borrow anything that gives an Arrow stream, such as a ``pyarrow.Table``."""

    def select(self, columns: Sequence[str]) -> Corpus:
        """Return the same rows with some columns alone."""

    def lengths(self, fields: list[str]) -> Corpus: ...
    def rename(self, names: Sequence[str], metadata: Mapping[str, str]) -> Corpus:
        """Return the same rows with other names for the columns and other metadata of the schema."""

    def for_datasets(self, version: str | None = None) -> Corpus:
        """Return the same rows in the types that a version of ``datasets`` has, the newest if not given.

        The metadata of the schema tells features that stand for the types.
        """

    def __len__(self) -> int:
        """The number of rows."""

    @property
    def schema(self) -> pa.Schema:
        """The schema that rows come out with."""

    def identities(self) -> list[FileIdentity]:
        """The files, as they were when they were opened; none for a table in memory."""

    def pinned(self) -> list[PinnedFile]:
        """The same, with what this machine knows the files by: for :func:`check_files`."""

    def check_named(self) -> None:
        """Fail if a file changed since it was opened, or if another has its name, which tells nothing of these rows."""

    @property
    def stored_names(self) -> list[str]:
        """The names that the columns have in the first file."""

    @property
    def nbytes(self) -> int:
        """About how many bytes all rows take in memory."""

    def take(
        self,
        indices: NDArray[np.int64],
        *,
        memory_limit: int | None = None,
        threads: int | None = None,
    ) -> pa.Table:
        """The rows at `indices`, in that order."""

    def run(self, start: int, stop: int) -> pa.Table:
        """The rows `start` to `stop`, read by the calling thread: for a few rows at a time."""

    @property
    def in_place(self) -> bool:
        """Whether rows can be used where they lie, with nothing unpacked: Arrow that is not compressed."""

    def plan(
        self,
        indices: NDArray[np.int64],
        *,
        format: str = "arrow",  # noqa: A002 - as in dsdm.materialize
        dtype: str | None = None,
        extra_bytes: int = 0,
        max_shard_size: int | None = None,
        num_shards: int | None = None,
        memory_limit: int | None = None,
        threads: int | None = None,
        datasets: str | None = None,
        embed: bool = False,
    ) -> PlanEstimate:
        """What `materialize` would read, write and hold; `extra_bytes` is the width of added columns."""

    def check_format(
        self,
        format: str,  # noqa: A002 - as in dsdm.materialize
        added: list[str],
        *,
        dtype: str | None = None,
        datasets: str | None = None,
    ) -> None:
        """Fail if rows cannot be written in a format, by their types, with columns of these names added."""

    def written_schema(
        self,
        format: str,  # noqa: A002 - as in dsdm.materialize
        extras: _ArrowStream | None = None,
        *,
        datasets: str | None = None,
    ) -> pa.Schema:
        """Return the schema of what would be written, with the columns of a table added."""

    def materialize(
        self,
        indices: NDArray[np.int64],
        options: OutputOptions,
        *,
        extras: _ArrowStream | None = None,
        threads: int | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> Written:
        """Write the rows at `indices` as a dataset directory. `extras` is a table of as many rows to add to them."""

@final
class Written:
    """What was written."""

    @property
    def rows(self) -> int: ...
    @property
    def shards(self) -> int: ...
    @property
    def kept(self) -> int:
        """Those of the shards that an interrupted run had finished."""
    @property
    def bytes(self) -> int: ...
    @property
    def passes(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...

@final
class PlanEstimate:
    """What would be read, written and held."""

    @property
    def rows(self) -> int: ...
    @property
    def shards(self) -> int: ...
    @property
    def passes(self) -> int: ...
    @property
    def mapped_bytes(self) -> int: ...
    @property
    def positional_rows(self) -> int: ...
    @property
    def positional_bytes(self) -> int: ...
    @property
    def decoded_bytes(self) -> int: ...
    @property
    def converted_bytes(self) -> int: ...
    @property
    def reads(self) -> int: ...
    @property
    def write_bytes(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...

def layout_of_units(
    corpus: Corpus,
    rows: int,
    options: OutputOptions,
    *,
    extras: _ArrowStream | None = None,
    threads: int | None = None,
) -> str:
    """Return how so many rows are cut into shards and blocks, as JSON. `extras` has no rows."""

def write_units(
    corpus: Corpus,
    indices: NDArray[np.int64],
    options: OutputOptions,
    layout: str,
    plan: str,
    units: list[int],
    folder: str | PathLike[str],
    *,
    extras: _ArrowStream | None = None,
    threads: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> list[str]:
    """Make units of a plan in the directory of a job, and return their notes. `indices` are the rows of these alone."""

def finish_units(
    corpus: Corpus,
    options: OutputOptions,
    layout: str,
    plan: str,
    notes: list[str],
    folder: str | PathLike[str],
    target: str | PathLike[str],
    *,
    extras: _ArrowStream | None = None,
    threads: int | None = None,
) -> Written:
    """Put all units of a plan together to the output at `target`."""

@final
class OutputOptions:
    """What to write, and how.

    `dtype` is the type in which tokens are stored, in formats of these. `datasets` is the version that is to open
    it, the newest if not given. With `embed`, the files that columns of images and the like name by their paths
    are taken in.
    `sources` are files that the output must not replace, beside those of the corpus. `state` and `info` are JSON
    objects whose keys go into ``state.json`` and ``dataset_info.json``, `selection` is one for ``dsdm.json``, and
    `identity` one that must be the same in a run that continues this one. `resume` is "same", "either" or "never": what
    an interrupted run left is continued or an error, continued or removed, removed. With `by_fingerprint`
    the directory is named by its fingerprint, beside `target`; where one of that name is there, it is left
    as it is. With `absolute`, the manifest names the sources by their absolute paths. With `by_content`, pages of
    Parquet end where the values say so. `split` is the name of the split, and `card` the text of a
    ``README.md``, before and behind the bytes of all shards.
    """

    def __new__(
        cls,
        target: str | PathLike[str],
        *,
        format: str = "arrow",  # noqa: A002 - as in dsdm.materialize
        dtype: str | None = None,
        sources: Sequence[str | PathLike[str]] | None = None,
        max_shard_size: int | None = None,
        num_shards: int | None = None,
        memory_limit: int | None = None,
        by_content: bool = False,
        split: str = "train",
        card: tuple[str, str] | None = None,
        overwrite: bool = False,
        resume: str = "never",
        resumable: bool = False,
        verify: bool = False,
        by_fingerprint: bool = False,
        absolute: bool = False,
        selection: str | None = None,
        identity: str | None = None,
        state: str | None = None,
        info: str | None = None,
        datasets: str | None = None,
        embed: bool = False,
    ) -> OutputOptions: ...

@final
class VerifiedFiles:
    """A directory that is what its ``dsdm.json`` says."""

    @property
    def format(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def shards(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def files(self) -> list[str]:
        """Its files, as paths in the directory."""
    @property
    def indices(self) -> list[tuple[int, str | None]]:
        """Of each shard its rows, and the digest of their numbers; None in the first layout of the manifest."""
    @property
    def selection(self) -> dict[str, Any]:
        """What the manifest says of the rows."""
    @property
    def sources(self) -> list[FileIdentity]:
        """The files that the rows came from."""

@final
class FileIdentity:
    """A file as it was: its size, its time, its rows, and a digest of its first and last bytes."""

    def __new__(
        cls,
        path: str | PathLike[str],
        bytes: int,  # noqa: A002 - as in dsdm.json
        modified_ns: int,
        rows: int | None = None,
        ends: str | None = None,
    ) -> FileIdentity: ...
    @property
    def path(self) -> str:
        """The path, as it was named."""

    @property
    def bytes(self) -> int:
        """Its size."""

    @property
    def modified_ns(self) -> int:
        """The time of its last change, in nanoseconds since 1970; 0 where there is none."""

    @property
    def rows(self) -> int | None:
        """The rows it has, where that is known."""

    @property
    def ends(self) -> str | None:
        """The digest of its first and last bytes, where that is known."""

    def fields(self) -> dict[str, Any]:
        """What is known of it as ``dsdm.json`` has it."""

    def at(self, path: str | PathLike[str]) -> FileIdentity:
        """The same file at another path."""

    def difference(self) -> str | None:
        """In what the file that has its path now differs; None if it is the same. Times are not compared."""

    def __eq__(self, other: object, /) -> bool: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class PinnedFile:
    """A file as it was, with what tells on the same machine whether it is that file still."""

    def __new__(
        cls, file: FileIdentity, here: tuple[int, int, tuple[int, int] | None] | None, boot: str | None
    ) -> PinnedFile: ...
    @property
    def file(self) -> FileIdentity:
        """What it is known by anywhere."""

    def at(self, path: str | PathLike[str]) -> PinnedFile:
        """The same file at another path."""

    def __reduce__(self) -> tuple[Any, ...]: ...

def default_memory_limit() -> int:
    """The memory that a gather holds when nobody says, in bytes."""

def digest_of_rows(indices: NDArray[np.int64]) -> str:
    """The digest by which ``dsdm.json`` knows row numbers: XXH3 of 128 bits, in hexadecimal digits."""

def check_target(target: str | PathLike[str], overwrite: bool) -> None:
    """Fail if an output cannot get its name: there is something, and it is not to be replaced."""

def unfinished(target: str | PathLike[str]) -> dict[str, Any] | None:
    """What an interrupted run that would write `target` was to make; None if nothing was left."""

def verify(folder: str | PathLike[str], *, threads: int | None = None) -> VerifiedFiles:
    """Compare a directory with its ``dsdm.json``."""

@final
class SavedState:
    """What a ``state.json`` of ``save_to_disk`` says."""

    @staticmethod
    def read(path: str | PathLike[str]) -> SavedState:
        """Read the state of a path."""

    @property
    def shards(self) -> list[str]:
        """The names of the shards, in the order of their rows."""

    @property
    def fields(self) -> dict[str, Any]:
        """All fields."""

def is_state(path: str | PathLike[str]) -> bool:
    """Whether a ``state.json`` is one of ``datasets``, by the names of its fields: it may be damaged."""

def json_bytes(path: str | PathLike[str]) -> bytes:
    """The bytes of a file of JSON, which stay within the limits: a regular file, neither long nor deep."""

def located(path: str | PathLike[str], target: str | PathLike[str], absolute: bool) -> Path:
    """A file as the manifest of an output at `target` names it: by the way from there, or by its name alone."""

def check_files(files: Sequence[PinnedFile]) -> None:
    """Fail if files are no longer what they were."""

def prepare_arrays() -> None:
    """Look up numpy's functions, so that no later call fails at it."""
