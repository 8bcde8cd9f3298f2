//! The names of what an output holds, by which a run knows its own files again.

use crate::write::disk::partial::PART;
use crate::write::format::{Format, Layout};

/// The files beside the shards.
const BESIDE: [&str; 5] = ["dataset_info.json", "state.json", "dsdm.json", "tokens.json", "index.json"];
/// What is before and behind the numbers in the name of a shard.
const ARROW: (&str, &str) = ("data-", ".arrow");
const PARQUET: (&str, &str) = ("data/train-", ".parquet");
const JSONL: (&str, &str) = ("data/train-", ".jsonl.zst");
const TOKENS: (&str, &str) = ("tokens-", ".npy");
const OFFSETS: (&str, &str) = ("tokens-", ".offsets.npy");
const BIN: (&str, &str) = ("tokens-", ".bin");
/// No reader of `*.bin` or `*.npy` takes it for tokens.
const ENDS: (&str, &str) = ("tokens-", ".bin.index");
const IDX: (&str, &str) = ("tokens-", ".idx");
const ALL: [(&str, &str); 8] = [ARROW, PARQUET, JSONL, TOKENS, OFFSETS, BIN, ENDS, IDX];
/// Digits of a number in a name, at least.
const DIGITS: usize = 5;

/// The path of a shard in the output, with `/` between folders.
pub(crate) fn shard_name(format: Format, shard: usize, shards: usize) -> String {
    let (start, end) = match format {
        Format::Arrow => ARROW,
        Format::Parquet => PARQUET,
        Format::Jsonl => JSONL,
        Format::Tokens(Layout::Npy) => TOKENS,
        Format::Tokens(_) => BIN,
    };
    format!("{start}{shard:0DIGITS$}-of-{shards:0DIGITS$}{end}")
}

/// Where the bounds of the rows of a shard of tokens are, unless they are in the shard itself.
pub(crate) fn bounds_name(layout: Layout, shard: &str) -> Option<String> {
    let (_, end) = match layout {
        Layout::Npy => OFFSETS,
        Layout::Bin | Layout::ModdedNanogpt => ENDS,
        Layout::Megatron => IDX,
        Layout::Litdata => return None,
    };
    let (_, of_shard) = if layout == Layout::Npy { TOKENS } else { BIN };
    Some(shard.replacen(of_shard, end, 1))
}

/// Whether a path in an output is that of a file which some format writes, finished or not.
pub(crate) fn is_written(path: &str) -> bool {
    // Proof: a path without that end is of a file that is finished.
    let finished = path.strip_suffix(PART).unwrap_or(path);
    let shard = |(start, end): (&str, &str)| {
        finished.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).is_some_and(are_numbers)
    };
    BESIDE.contains(&path) || ALL.into_iter().any(shard)
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
        for format in Format::ALL {
            for (shard, shards) in [(0, 1), (99_999, 100_000)] {
                let name = shard_name(format, shard, shards);
                let more =
                    if let Format::Tokens(layout) = format { bounds_name(layout, &name) } else { None };
                assert_ne!(Some(&name), more.as_ref());
                for name in [Some(name), more].into_iter().flatten() {
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
