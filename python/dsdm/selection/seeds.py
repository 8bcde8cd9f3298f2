"""Seeds of draws: given or drawn, and remembered."""

import logging
import operator
import secrets
import threading
from typing import SupportsIndex

from dsdm import checks

logger = logging.getLogger(__name__)
_drawn = threading.local()


def last_seed() -> int | None:
    """The seed of this thread's last :func:`gumbel_top_k` or :func:`sample`, given or drawn; None before the first.

    Examples
    --------
    >>> import dsdm
    >>> rows = dsdm.sample(100, 5)
    >>> again = dsdm.sample(100, 5, seed=dsdm.last_seed())
    >>> bool((rows == again).all())
    True
    """
    return getattr(_drawn, "seed", None)


def seed_of(seed: SupportsIndex | None) -> int:
    """Return the seed given, or fresh entropy, which is logged; either is remembered."""
    checks.check_seed(seed)
    chosen = secrets.randbits(63) if seed is None else operator.index(seed)
    if seed is None:
        logger.info("seed %d was drawn", chosen)
    _drawn.seed = chosen
    return chosen


def numpy_state(seed: int) -> tuple[int, int]:
    """Return the state and the increment of numpy's PCG64 that a seed makes."""
    import numpy as np

    state = np.random.PCG64(seed).state["state"]
    return state["state"], state["inc"]


def word_of(seed: int) -> int:
    """Return a seed that fits into 64 bits, and refuse another."""
    if seed >= 2**64:
        message = f"seed is {checks.said(seed)}; it can be at most 2**64 - 1"
        raise ValueError(message)
    return seed
