"""The reference code's module ``dsdm.utils``: the tokenizer of the candidate corpus."""

from typing import TYPE_CHECKING

from dsdm.names import public_names

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["REVISION", "TOKENIZER", "tokenizer_maker"]

TOKENIZER = "EleutherAI/pythia-70m"
"""The tokenizer's name on the hub."""

REVISION = "step143000"
"""The revision that made the corpus."""


def tokenizer_maker() -> "PreTrainedTokenizerBase":
    """Load the fast tokenizer of the candidate corpus, from the hub or its cache.

    Raises
    ------
    ImportError
        If ``transformers`` is not installed; nothing else here needs it.

    """
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        message = "tokenizer_maker needs the package transformers; install it with: pip install 'dsdm[tokenizer]'"
        raise ImportError(message) from error
    return AutoTokenizer.from_pretrained(TOKENIZER, revision=REVISION, use_fast=True)


__dir__ = public_names(globals())
