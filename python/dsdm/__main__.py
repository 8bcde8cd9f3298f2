"""The command, and ``python -m dsdm``: it ends by Ctrl-C alike whether it works or is still being imported."""

import sys

# As a shell has it for a command that SIGINT ends.
_INTERRUPTED = 130


def main() -> None:
    """Import the command line and run it."""
    try:
        from dsdm.cli import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
