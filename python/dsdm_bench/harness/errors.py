"""What goes wrong while a benchmark runs."""


class WrongAnswerError(RuntimeError):
    """A system returned rows that are not the answer."""


class ChildError(RuntimeError):
    """A watched process ended before its work was done."""
