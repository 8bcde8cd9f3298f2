"""The options that several commands share, each with its one description."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from dsdm.cli.options.numbers import real_number, whole_number
from dsdm.paths import local


class Order(StrEnum):
    """In which order rows are given."""

    best_first = "best_first"
    best_last = "best_last"
    row = "row"


class Nan(StrEnum):
    """What to do with a score that is NaN."""

    raise_ = "raise"
    omit = "omit"
    largest = "largest"
    smallest = "smallest"


class Reduce(StrEnum):
    """What is made of the values of a row."""

    mean = "mean"
    max = "max"
    min = "min"
    sum = "sum"


class Sort(StrEnum):
    """The order of numbered files."""

    name = "name"
    natural = "natural"


class Noise(StrEnum):
    """Where the noise of a draw comes from."""

    philox = "philox"
    numpy = "numpy"


def local_path(text: str) -> Path:
    """Return a path of this machine, with ``~`` expanded, or refuse a URL, a path without a name and a lone `-`."""
    if not text:
        message = "the path is empty; name one"
        raise typer.BadParameter(message)
    if text == "-":
        message = (
            "it is -, and nothing is read from the standard input or written to the standard output in place of a "
            "file; name a path (./- is one of that name)"
        )
        raise typer.BadParameter(message)
    return Path(local(text))


def value_of(choice: StrEnum | None, default: str | None = None) -> Any:
    """Return what a choice is called, or the default where none was made."""
    return default if choice is None else choice.value


_SIZE = "How many (one of these, or as many as a rule says)"
_CHOICE = "Which rows"
_READING = "How files are read"

Count = Annotated[
    int | None,
    typer.Option(
        "--count",
        "-k",
        parser=whole_number,
        help="This many rows; also as 1e5 or 100K.",
        rich_help_panel=_SIZE,
        metavar="K",
    ),
]
Fraction = Annotated[
    float | None,
    typer.Option(
        "--fraction",
        parser=real_number,
        metavar="SHARE",
        help="This share of the rows that may be chosen (not excluded, within the bounds), 0 to 1, rounded down.",
        rich_help_panel=_SIZE,
    ),
]
Tokens = Annotated[
    str | None,
    typer.Option(
        "--tokens",
        help="As many whole rows, best or drawn first, as make at most this many tokens; also as 2.6e10 or 26B. A row "
        "has as many as --lengths or --row-tokens says, else as its list in the column input_ids, or --tokens-column.",
        rich_help_panel=_SIZE,
        metavar="N",
    ),
]
RowTokens = Annotated[
    int | None,
    typer.Option(
        "--row-tokens",
        parser=whole_number,
        metavar="N",
        help="For --tokens, where all rows have the same number: every row is taken to have this many, unseen.",
        rich_help_panel=_SIZE,
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        "-t",
        help="The target of dsdm, classifier and dsir: jeopardy, squad, lambada, cs_algorithms, lm_task_mix, gpt3_mix.",
        rich_help_panel=_CHOICE,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        parser=local_path,
        help="The directory with dsdm/, classifier/, dsir/, sdd.pt; else $DSDM_DATA_DIR, else what `dsdm fetch` got.",
        rich_help_panel=_CHOICE,
    ),
]
Rows = Annotated[
    int | None,
    typer.Option(
        "--rows",
        parser=whole_number,
        metavar="N",
        help="Only the first so many rows are candidates.",
        rich_help_panel=_CHOICE,
    ),
]
Smallest = Annotated[
    bool,
    typer.Option("--smallest", help="Take the smallest scores, not the largest.", rich_help_panel=_CHOICE),
]
Gumbel = Annotated[
    bool,
    typer.Option(
        "--gumbel",
        help="Draw rows without replacement, with probability proportional to exp(score / temperature).",
        rich_help_panel=_CHOICE,
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        "--temperature",
        parser=real_number,
        metavar="T",
        help="The temperature of --gumbel and dsir; 1 by default.",
        rich_help_panel=_CHOICE,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        parser=whole_number,
        metavar="N",
        help="Repeat the run that printed this seed; fresh by default.",
        rich_help_panel=_CHOICE,
    ),
]
NoiseOption = Annotated[
    Noise | None,
    typer.Option(
        "--noise",
        help="The noise of a draw: philox, or numpy for that of numpy.random.default_rng(seed).gumbel.",
        rich_help_panel=_CHOICE,
        show_default="philox",
    ),
]
OldRngOption = Annotated[Noise | None, typer.Option("--rng", hidden=True)]
OrderOption = Annotated[
    Order | None,
    typer.Option("--order", help="The order of the rows.", rich_help_panel=_CHOICE, show_default="best_first"),
]
NanOption = Annotated[Nan, typer.Option("--nan", help="What to do with a NaN score.", rich_help_panel=_CHOICE)]
Exclude = Annotated[
    Path | None,
    typer.Option(
        "--exclude",
        parser=local_path,
        help="A .npy file of row ids that must not be chosen, or of one boolean per row; or a directory that dsdm "
        "materialize wrote of this corpus, whose rows are not chosen again.",
        rich_help_panel=_CHOICE,
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        help="Which vector of .pt, .safetensors or .npz files with several, of those that choose or are added.",
        rich_help_panel=_READING,
    ),
]
Column = Annotated[
    str | None,
    typer.Option(
        "--column",
        help="Which column of scores in Parquet, Arrow or JSON lines, or its number in a matrix, of those that choose "
        "or are added.",
        rich_help_panel=_READING,
    ),
]
ReduceOption = Annotated[
    Reduce | None,
    typer.Option(
        "--reduce",
        help="Make one score of the values of each row, where scores are a matrix.",
        rich_help_panel=_READING,
    ),
]
Transpose = Annotated[
    bool,
    typer.Option("--transpose", help="Take the second dimension of matrices for the rows.", rich_help_panel=_READING),
]
Booleans = Annotated[
    bool,
    typer.Option("--booleans", help="Read scores that are booleans, as 0 and 1.", rich_help_panel=_READING),
]
Shape = Annotated[
    str | None,
    typer.Option(
        "--shape",
        metavar="N,M",
        help="The shape of raw binary scores: N, or N,M for a matrix; N may be -1.",
        rich_help_panel=_READING,
    ),
]
DType = Annotated[
    str | None,
    typer.Option("--dtype", help="The type of raw binary scores, such as float32.", rich_help_panel=_READING),
]
SortOption = Annotated[
    Sort | None,
    typer.Option(
        "--sort",
        help="The order of numbered files in a directory or glob: by name (as datasets), or natural (2 before 10).",
        rich_help_panel=_READING,
    ),
]
Partial = Annotated[
    bool,
    typer.Option(
        "--partial",
        help="Take a directory or glob though files that their names tell of are missing.",
        rich_help_panel=_READING,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        parser=whole_number,
        metavar="N",
        help="Threads to use; else $DSDM_NUM_THREADS, else all that the process may use.",
    ),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print what was done, or found, as one object of JSON. Errors are text on stderr, and nothing is printed.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
