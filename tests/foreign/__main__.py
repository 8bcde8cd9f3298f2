"""Read every Parquet, Arrow and .npy file below folders here and with pyarrow and numpy, and compare the values.

    python -m tests.foreign DIR [DIR ...] [--list]

Each file is read as a corpus (all rows, some rows with repeats, each column alone) and as scores (each column),
in a process of its own. The classes, from the best to the worst:

    equal            the same rows, or the same scores, to the bit, in the types that are documented
    refused by both  an error here, and an error there; for scores also what is not a vector of numbers
    refused here     pyarrow or numpy read it, and there is an error here
    refused there    it is read here, and pyarrow or numpy raise, or pyarrow finds invalid what it has read
    other type       the same values in another type than the documented one
    WRONG            other rows or other values, or scores of what has none: a null, a text, a date
    crash            a signal, a panic, an error that is not documented, no end, or too much memory

A file has the class of its worst part. The exit status is 1 if anything is WRONG or crashed.
"""

import argparse
import sys
from collections import Counter

import pyarrow as pa

from tests.foreign import jobs
from tests.oracle.outcomes import ALL, BOTH, CRASH, EQUAL, WRONG

CUT = 200
"""Characters of a message that are shown."""


def main():
    """Check the files of the command line, and print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folders", nargs="+", metavar="DIR")
    asked.add_argument("--list", action="store_true", help="also list what both refuse")
    asked.add_argument("--jobs", type=int, default=2, help="files that are checked at once")
    options = asked.parse_args()
    pa.set_cpu_count(1)
    files = jobs.found(options.folders)
    counts, lines = Counter(), []
    for path, form, answer in jobs.run(files, options.jobs):
        for use, (outcome, message) in answer.items():
            counts[form, use, outcome] += 1
            if outcome not in ({EQUAL} if options.list else {EQUAL, BOTH}):
                lines.append((ALL.index(outcome), form, use, path, _shown(message, path)))
    for rank, form, use, path, message in sorted(lines, reverse=True):
        print(f"{ALL[rank]}\t{form}, {use}\t{path}\t{message}")
    print(table(counts))
    return int(any(counts[key] for key in counts if key[2] in {WRONG, CRASH}))


def _shown(message, path):
    return " ".join(message.replace(path, "it").split())[:CUT]


def table(counts):
    """Lay out how many files of each format, as corpus and as scores, are in each class."""
    rows = sorted({(form, use) for form, use, _ in counts}, key=lambda row: (row[1], row[0]))
    lines = [["files", *ALL]]
    lines += [[f"{form}, as {use}", *(str(counts[form, use, outcome]) for outcome in ALL)] for form, use in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


if __name__ == "__main__":
    sys.exit(main())
