//! The names of what an output holds, by which a run knows its own files again.

use crate::write::disk::partial::PART;
use crate::write::format::Format;

/// The files beside the shards.
const BESIDE: [&str; 4] = ["dataset_info.json", "state.json", "dsdm.json", "tokens.json"];
/// What is before and behind the numbers in the name of a shard.
const ARROW: (&str, &str) = ("data-", ".arrow");
const PARQUET: (&str, &str) = ("data/train-", ".parquet");
const TOKENS: (&str, &str) = ("tokens-", ".npy");
const OFFSETS: (&str, &str) = ("tokens-", ".offsets.npy");
/// Digits of a number in a name, at least.
const DIGITS: usize = 5;

/// The path of a shard in the output, with `/` between folders.
pub(crate) fn shard_name(format: &Format, shard: usize, shards: usize) -> String {
    let (start, end) = match format {
        Format::Arrow => ARROW,
        Format::Parquet => PARQUET,
        Format::Tokens => TOKENS,
    };
    format!("{start}{shard:0DIGITS$}-of-{shards:0DIGITS$}{end}")
}

/// Where the offsets of a shard of tokens are.
pub(crate) fn offsets_name(shard: &str) -> String {
    shard.replacen(TOKENS.1, OFFSETS.1, 1)
}

/// Whether a path in an output is that of a file which some format writes, finished or not.
pub(crate) fn is_written(path: &str) -> bool {
    // Proof: a path without that end is of a file that is finished.
    let finished = path.strip_suffix(PART).unwrap_or(path);
    let shard = |(start, end): (&str, &str)| {
        finished.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).is_some_and(are_numbers)
    };
    BESIDE.contains(&path) || [ARROW, PARQUET, TOKENS, OFFSETS].into_iter().any(shard)
}

/// Whether a text is the number of a shard and how many there are.
fn are_numbers(text: &str) -> bool {
    let number = |text: &str| text.len() >= DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once("-of-").is_some_and(|(shard, shards)| number(shard) && number(shards))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_given_are_known_and_others_are_not() {
        for format in [Format::Arrow, Format::Parquet, Format::Tokens] {
            for (shard, shards) in [(0, 1), (99_999, 100_000)] {
                let name = shard_name(&format, shard, shards);
                let more = offsets_name(&name);
                for name in [name, more] {
                    assert!(is_written(&name) && is_written(&format!("{name}.part")), "{name}");
                    assert!(
                        !is_written(&format!("more/{name}")) && !is_written(&format!("{name}~")),
                        "{name}"
                    );
                }
            }
        }
        assert!(is_written("state.json") && is_written("dsdm.json"));
        for other in
            ["thesis.tex", "data", "data-0-of-1.arrow", "data-00000-of-.arrow", "state.json.part", ""]
        {
            assert!(!is_written(other), "{other}");
        }
    }
}
