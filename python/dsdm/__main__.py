"""``python -m dsdm``."""

from dsdm.cli import main

main()
