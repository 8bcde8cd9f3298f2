//! The names of what an output holds, by which a run knows its own files again.

use crate::write::disk::partial::PART;
use crate::write::format::{Format, Layout};

/// The files beside the shards.
const BESIDE: [&str; 6] = ["dataset_info.json", "state.json", "dsdm.json", "tokens.json", "index.json", CARD];
/// The card of a dataset.
pub(crate) const CARD: &str = "README.md";
/// The split that files are of where nobody says.
pub(crate) const TRAIN: &str = "train";
/// What is before and behind the numbers in the name of a shard.
const ARROW: (&str, &str) = ("data-", ".arrow");
/// The name of the split comes between.
const PARQUET: (&str, &str) = ("data/", ".parquet");
const JSONL: (&str, &str) = ("data/", ".jsonl.zst");
const TOKENS: (&str, &str) = ("tokens-", ".npy");
const OFFSETS: (&str, &str) = ("tokens-", ".offsets.npy");
const BIN: (&str, &str) = ("tokens-", ".bin");
/// No reader of `*.bin` or `*.npy` takes it for tokens.
const ENDS: (&str, &str) = ("tokens-", ".bin.index");
const IDX: (&str, &str) = ("tokens-", ".idx");
const OF_SPLITS: [(&str, &str); 2] = [PARQUET, JSONL];
const ALL: [(&str, &str); 6] = [ARROW, TOKENS, OFFSETS, BIN, ENDS, IDX];
/// Digits of a number in a name, at least.
const DIGITS: usize = 5;

/// The path of a shard in the output, with `/` between folders.
pub(crate) fn shard_name(format: Format, split: &str, shard: usize, shards: usize) -> String {
    let ((start, end), split) = match format {
        Format::Arrow => (ARROW, String::new()),
        Format::Parquet => (PARQUET, format!("{split}-")),
        Format::Jsonl => (JSONL, format!("{split}-")),
        Format::Tokens(Layout::Npy) => (TOKENS, String::new()),
        Format::Tokens(_) => (BIN, String::new()),
    };
    format!("{start}{split}{shard:0DIGITS$}-of-{shards:0DIGITS$}{end}")
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
    let middle = |(start, end): (&str, &str)| finished.strip_prefix(start)?.strip_suffix(end);
    let of_split = |text: &str| {
        let (named, _) = text.rsplit_once("-of-")?;
        let (split, _) = named.rsplit_once('-')?;
        Some(is_split_name(split) && are_numbers(text.strip_prefix(split)?.strip_prefix('-')?))
    };
    BESIDE.contains(&path)
        // Proof: what does not begin and end so is the name of no shard.
        || ALL.into_iter().filter_map(middle).any(are_numbers)
        // Proof: as above.
        || OF_SPLITS.into_iter().filter_map(middle).any(|text| of_split(text) == Some(true))
}

/// Whether `datasets` takes a text for the name of a split: words with points between.
pub(crate) fn is_split_name(text: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_');
    text.split('.').all(word)
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
                let name = shard_name(format, "a.b_é", shard, shards);
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
        for other in [
            "thesis.tex",
            "data",
            "data-0-of-1.arrow",
            "data-00000-of-.arrow",
            "state.json.part",
            "",
            "data/-00000-of-00001.parquet",
            "data/a-b-00000-of-00001.parquet",
            "data/a/b-00000-of-00001.parquet",
            "data/00000-of-00001.parquet",
            "data/a-0-of-1.jsonl.zst",
            "data/a..b-00000-of-00001.jsonl.zst",
        ] {
            assert!(!is_written(other), "{other}");
        }
    }
}
