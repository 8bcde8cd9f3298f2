"""What every system gives."""

from collections.abc import Callable
from typing import Any, TypeAlias

Call: TypeAlias = Callable[[], Any]
"""What is timed: it returns the rows."""
