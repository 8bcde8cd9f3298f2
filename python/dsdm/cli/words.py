"""What a message says by the arguments of functions, said by the options of the command: once, for all of them."""

import ast
import re
import shlex

OPTIONS = {
    "at_least": "--at-least",
    "bins": "--bins",
    "booleans": "--booleans",
    "characters": "--characters",
    "column": "--column",
    "card": "--card",
    "columns": "--columns",
    "content_defined_chunking": "--content-defined-chunking",
    "corpus": "--corpus",
    "cpus": "--cpus-per-task",
    "data_dir": "--data-dir",
    "dtype": "--dtype",
    "examples": "--examples",
    "exclude": "--exclude",
    "format": "--format",
    "fraction": "--fraction",
    "groups": "--groups",
    "gumbel": "--gumbel",
    "hive": "--hive",
    "indices": "--indices",
    "k": "-k",
    "key": "--key",
    "lengths": "--lengths",
    "like": "--like",
    "max_score": "--max-score",
    "max_shard_size": "--max-shard-size",
    "memory_limit": "--memory-limit",
    "min_score": "--min-score",
    "nan": "--nan",
    "near": "--near",
    "noise": "--noise",
    "null_groups": "--null-groups",
    "num_shards": "--num-shards",
    "on": "--on",
    "only": "--only",
    "overwrite": "--overwrite",
    "partial": "--partial",
    "per_group": "--per-group",
    "quantile": "--quantile",
    "rank": "--rank",
    "reduce": "--reduce",
    "repeat": "--repeat",
    "replace": "--replace",
    "resume": "--resume",
    "row_ids": "--row-ids",
    "row_order": "--row-order",
    "rows": "--rows",
    "scores": "--scores",
    "schema": "--schema",
    "seed": "--seed",
    "shape": "--shape",
    "short": "--short",
    "shuffle_seed": "--shuffle-seed",
    "sort": "--sort",
    "split": "--split",
    "target": "--target",
    "tasks": "--tasks",
    "temperature": "--temperature",
    "text": "--text",
    "threads": "--threads",
    "ties": "--ties",
    "token_dtype": "--token-dtype",
    "tokens": "--tokens",
    "transpose": "--transpose",
    "trust_paths": "--trust-path",
    "unit": "--unit",
    "verify": "--verify",
    "world": "--world",
}
"""The option for each argument that messages name."""

# What says how many there can be.
_MOST = re.compile(r"; k can be at most ")
_BOUNDS = re.compile(r"^(min_score is \S+ and )max_score (?=is )")
_PLACE = re.compile(r"^(exclude|groups|lengths|only)\[(\d+)\] ")

# Those of a shuffle have other names than those of a choice.
_SHUFFLE = re.compile(r"\bseed=(\S+) belongs to row_order='shuffle', and row_order is ('\w+')")
# A command opens everything itself.
_REOPEN = re.compile(r"open it again \(by open_scores, [^)]*\)")
_QUOTED = r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
_JOIN = re.compile(rf"\bdsdm\.align\(scores, corpus, on=({_QUOTED}|\({_QUOTED}, {_QUOTED}\))\)")
# The group of the rows that have none, among the names of groups.
_NO_GROUP = re.compile(r"(\b(?:names|name|are|them:) (?:.*, )?)None(?=$|[,;]| \()")
_LIE = re.compile(
    r"where they lie as the rows do, give (?:numpy\.asarray\(scores\)|dsdm\.open_shards\(file\)\.column\(name\))"
)
_SAID = {
    "where they lie as the rows do, give their numbers alone: selection.indices": "where they lie as the rows do, "
    "write them by `dsdm indices --by-position`",
    "where both lie alike, give numpy.asarray(groups)": "say --by-position where both lie alike",
    "where both lie alike, give them as an array": "say --by-position where both lie alike",
    "on= takes both names, that of the rows first": "--on ROWS=SCORES names both",
    "columns= takes each name by itself": "give each name its own --columns",
}
"""What is said of the arguments of functions, and how of options."""
# What a message advises to call, with its arguments: they are those of Python, whoever's function it is.
_WITHIN = r"\((?:[^()]|\([^()]*\))*\)"
CALL = re.compile(rf"\w\((?:[^()]|{_WITHIN})*\)")
"""A call in a message."""
# What is followed by a slash is the name of a folder.
_ARGUMENT = re.compile(rf"(?<![\w.`/-])({'|'.join(OPTIONS)})=(?!=|[\w.~-]*/)(\"[^\"]*\"|'[^']*'|[\w.-]*\w)?")
_SUBJECTS = "|".join(sorted(OPTIONS.keys() - {"scores", "key"}))
_SUBJECT = re.compile(rf"^({_SUBJECTS}) (?=is |has |holds |must |names |does not name )")
_PLURAL = re.compile(r"^(groups|lengths) (?=are |have )")


def as_options(text: str) -> str:
    """Say by a command's options what a message says by the arguments of a function.

    >>> as_options('give dtype=, for example dtype="float32", or overwrite=True; resume=False starts over')
    'give --dtype, for example --dtype float32, or --overwrite; --no-resume starts over'
    >>> as_options("threads is -5; a number from 1 to 1024 is needed")
    '--threads is -5; a number from 1 to 1024 is needed'
    >>> as_options("give numpy.asarray(x, dtype='int64')")
    "give numpy.asarray(x, dtype='int64')"
    """
    text = _MOST.sub("; -k can be at most ", _REOPEN.sub("run again", text))
    text = _JOIN.sub(_on, text)
    text = _NO_GROUP.sub(r"\1null", text)
    text = _LIE.sub("say --by-position where they lie as the rows do", text)
    for said_of_arguments, said_of_options in _SAID.items():
        text = text.replace(said_of_arguments, said_of_options)
    text = _SHUFFLE.sub(r"--shuffle-seed \1 belongs to --row-order shuffle, and --row-order is \2", text)
    said, end = [], 0
    for call in CALL.finditer(text):
        said += [_ARGUMENT.sub(_option, text[end : call.start()]), call[0]]
        end = call.end()
    said.append(_ARGUMENT.sub(_option, text[end:]))
    text = _BOUNDS.sub(r"\1--max-score ", "".join(said))
    text = _PLACE.sub(lambda found: f"{OPTIONS[found[1]]}, number {found[2]}, ", text)
    subject = _PLURAL if _PLURAL.match(text) else _SUBJECT
    return subject.sub(lambda found: OPTIONS[found[1]] + " ", text)


def _on(found: re.Match[str]) -> str:
    """Say by which columns scores are joined: by one, or by that of the rows and that of the scores."""
    names = ast.literal_eval(found[1])
    return f"--on {shlex.quote(names if isinstance(names, str) else '='.join(names))}"


# What a rule says of its arguments: by their names, and with the value that is meant.
_OF_RULE = (
    *("k", "fraction", "tokens", "lengths", "at_least", "min_score", "max_score", "quantile", "near"),
    *("groups", "per_group", "like", "null_groups", "repeat", "seed", "temperature", "noise"),
)
# Options have their dashes already.
_NAME = re.compile(rf"(?<![\w-])({'|'.join(_OF_RULE)})\b(?!-)")
_WITH_VALUE = re.compile(r"\b(largest|gumbel|replace|ties|nan|null_groups)=('\w+'|True|False)")


def as_rule_options(text: str) -> str:
    """Say by options which arguments of a rule do not go together.

    >>> as_rule_options("k and tokens are given, which both say how many rows; give one of them")
    '-k and --tokens are given, which both say how many rows; give one of them'
    >>> as_rule_options("ties='random' and gumbel=True are given, which do not go together")
    '--ties random and --gumbel are given, which do not go together'
    """
    text = _NAME.sub(lambda found: OPTIONS[found[1]], text)
    return _WITH_VALUE.sub(lambda found: "--smallest" if found[1] == "largest" else _option(found), text)


def _option(found: re.Match[str]) -> str:
    option, value = OPTIONS[found[1]], (found[2] or "").strip("\"'")
    if value in {"", "True"}:
        return option
    return option.replace("--", "--no-", 1) if value == "False" else f"{option} {shlex.quote(value)}"
