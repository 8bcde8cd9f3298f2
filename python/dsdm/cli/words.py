"""What a message says by the arguments of functions, said by the options of the command: once, for all of them."""

import re
import shlex

OPTIONS = {
    "column": "--column",
    "columns": "--keep",
    "data_dir": "--data-dir",
    "dtype": "--dtype",
    "exclude": "--exclude",
    "format": "--format",
    "k": "-k",
    "key": "--key",
    "max_shard_size": "--max-shard-size",
    "memory_limit": "--memory-limit",
    "nan": "--nan",
    "noise": "--noise",
    "num_shards": "--num-shards",
    "overwrite": "--overwrite",
    "partial": "--partial",
    "resume": "--resume",
    "row_ids": "--row-ids",
    "row_order": "--row-order",
    "rows": "--rows",
    "scores": "--scores",
    "seed": "--seed",
    "sort": "--sort",
    "target": "--target",
    "temperature": "--temperature",
    "threads": "--threads",
    "trust_paths": "--trust-path",
    "verify": "--verify",
}
"""The option for each argument that messages name."""

# Those of a shuffle have other names than those of a choice.
_SHUFFLE = re.compile(r"\bseed=(\S+) belongs to row_order='shuffle', and row_order is ('\w+')")
# A command opens everything itself.
_REOPEN = re.compile(r"open it again \(by open_scores, [^)]*\)")
# What a message advises to call, with its arguments: they are those of Python, whoever's function it is.
_WITHIN = r"\((?:[^()]|\([^()]*\))*\)"
CALL = re.compile(rf"\w\((?:[^()]|{_WITHIN})*\)")
"""A call in a message."""
# What is followed by a slash is the name of a folder.
_ARGUMENT = re.compile(rf"(?<![\w.`/-])({'|'.join(OPTIONS)})=(?!=|[\w.~-]*/)(\"[^\"]*\"|'[^']*'|[\w.-]*\w)?")
_SUBJECTS = "|".join(sorted(OPTIONS.keys() - {"scores", "key"}))
_SUBJECT = re.compile(rf"^({_SUBJECTS}) (?=is |has |holds |must )")


def as_options(text: str) -> str:
    """Say by a command's options what a message says by the arguments of a function.

    >>> as_options('give dtype=, for example dtype="float32", or overwrite=True; resume=False starts over')
    'give --dtype, for example --dtype float32, or --overwrite; --no-resume starts over'
    >>> as_options("threads is -5; a number from 1 to 1024 is needed")
    '--threads is -5; a number from 1 to 1024 is needed'
    >>> as_options("give numpy.asarray(x, dtype='int64')")
    "give numpy.asarray(x, dtype='int64')"
    """
    text = _REOPEN.sub("run again", text)
    text = _SHUFFLE.sub(r"--shuffle-seed \1 belongs to --row-order shuffle, and --row-order is \2", text)
    said, end = [], 0
    for call in CALL.finditer(text):
        said += [_ARGUMENT.sub(_option, text[end : call.start()]), call[0]]
        end = call.end()
    said.append(_ARGUMENT.sub(_option, text[end:]))
    return _SUBJECT.sub(lambda found: OPTIONS[found[1]] + " ", "".join(said))


def _option(found: re.Match[str]) -> str:
    option, value = OPTIONS[found[1]], (found[2] or "").strip("\"'")
    if value in {"", "True"}:
        return option
    return option.replace("--", "--no-", 1) if value == "False" else f"{option} {shlex.quote(value)}"
