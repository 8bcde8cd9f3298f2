"""Open every dataset of a demonstration with the installed version of datasets, and read it to the end."""

import sys
from pathlib import Path

import datasets


def main(folder: Path) -> None:
    subsets = sorted((folder / "subsets").iterdir())
    assert subsets
    for subset in subsets:
        opened = datasets.load_from_disk(str(subset))
        rows = opened.with_format("numpy")[:]["input_ids"]
        assert rows.shape == (opened.num_rows, 1024), rows.shape
        assert opened.num_rows > 0
        assert opened.shuffle(seed=1337)[0].keys() == {"input_ids", "text"}
    print(f"datasets {datasets.__version__} opens all {len(subsets)}")  # noqa: T201 - the report


if __name__ == "__main__":
    main(Path(sys.argv[1]))
