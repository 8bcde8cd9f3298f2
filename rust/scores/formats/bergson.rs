//! The score directories of `EleutherAI/bergson`: `scores.bin`, a record for each row, and `info.json`, which says how
//! it lies in memory.
//!
//! A record has pairs of a score and a flag that the score was written. A run that ended early leaves flags of 0 over
//! scores of 0: these are refused.

use serde::Deserialize;

use super::matrix::Matrix;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::check_here;
use crate::io::file::File;
use crate::io::json;
use crate::scores::dtype::DType;
use crate::scores::options::{OpenOptions, RawType};
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::part::Part;

/// The name of the file with the scores.
const SCORES: &str = "scores.bin";
/// The name of the file that tells of it.
const INFO: &str = "info.json";
/// Bytes of records that are looked at at once.
const AT_ONCE: u64 = 1 << 20;

/// What is told of the scores.
#[derive(Debug, Deserialize)]
struct Info {
    num_items: u64,
    num_scores: u64,
    dtype: Record,
}

/// How a record lies in memory, as numpy tells it.
#[derive(Debug, Deserialize)]
struct Record {
    names: Vec<String>,
    formats: Vec<String>,
    offsets: Vec<u64>,
    itemsize: u64,
}

/// How scores and their flags lie in a record.
struct Pairs {
    dtype: DType,
    swapped: bool,
    /// The bytes of the scores and of the flags.
    scores: Vec<u64>,
    flags: Vec<u64>,
}

/// The scores of a file, if a file beside it says that they are bergson's.
pub(crate) fn parts(file: &File, options: &OpenOptions) -> Result<Option<(Vec<Part>, Chosen)>> {
    let info = file.path().with_file_name(INFO);
    if file.path().file_name().is_none_or(|name| name != SCORES) || !info.is_file() {
        return Ok(None); // Proof: other files have other readers.
    }
    let bytes = json::bytes_of(&info)?;
    let Ok(told) = serde_json::from_slice::<Info>(&bytes) else {
        return Ok(None); // Proof: it tells of something else.
    };
    let broken = |message: String| Error::format(&info, At::Field("dtype".to_owned()), message);
    let pairs = pairs(&told).map_err(broken)?;
    let (size, record) = (pairs.dtype.size() as u64, told.dtype.itemsize);
    let needed = told.num_items.checked_mul(record);
    if needed != Some(file.size()) {
        let message = format!(
            "it has {} bytes, and {INFO} beside it tells of {} records of {record}; the file is cut, or not the one that is told of",
            file.size(),
            told.num_items
        );
        return Err(Error::truncated(file.path(), At::File, message));
    }
    let start = pairs.scores.first().copied().ok_or_else(|| broken("it has no scores".to_owned()))?;
    let next = pairs.scores.get(1).copied().unwrap_or(checked::add(start, size)?); // Proof: of one, none follows.
    let step = checked::sub(next, start)? / size;
    let first = Part {
        storage: file.storage(),
        offset: start,
        stride: record / size,
        len: told.num_items,
        dtype: pairs.dtype,
        swapped: pairs.swapped,
        reduced: None,
    };
    let refuse = |message: String| Error::schema(file.path(), At::Field("scores".to_owned()), message);
    let (part, chosen) = Matrix { first, width: told.num_scores, step }.vector(options, refuse)?;
    let flags = match chosen.number().map(checked::index).transpose()? {
        Some(number) if !chosen.transposed => checked::get(&pairs.flags, number..=number)?,
        _ => &pairs.flags,
    };
    check_written(file, record, flags)?;
    Ok(Some((vec![part], chosen)))
}

/// The scores of a record and their flags, or why these are none.
fn pairs(told: &Info) -> std::result::Result<Pairs, String> {
    let Record { names, formats, offsets, itemsize } = &told.dtype;
    let count = usize::try_from(told.num_scores).ok().and_then(|count| count.checked_mul(2));
    let lengths = [names.len(), formats.len(), offsets.len()];
    if told.num_scores == 0 || lengths.iter().any(|&length| Some(length) != count) {
        return Err(format!(
            "it has {lengths:?} names, formats and offsets, and num_scores is {}",
            told.num_scores
        ));
    }
    let (mut scores, mut flags, mut kind) = (Vec::new(), Vec::new(), None);
    // Proof: as many of each, which was just looked at.
    for (at, ((name, format), &offset)) in names.iter().zip(formats).zip(offsets).enumerate() {
        let (expected, list) = match at % 2 {
            0 => (format!("score_{}", at / 2), &mut scores),
            _ => (format!("written_{}", at / 2), &mut flags),
        };
        let bytes = match (at % 2, format.as_str()) {
            (1, "bool" | "|b1" | "?") => 1,
            (0, format) => {
                let found = value_type(format)
                    .ok_or_else(|| format!("{name:?} is {format:?}, which no scores are"))?;
                if *kind.get_or_insert(found) != found {
                    return Err(format!("{name:?} is {format:?}, and scores before it are of another type"));
                }
                found.dtype.size() as u64
            }
            _ => return Err(format!("{name:?} is {format:?}, and flags are booleans")),
        };
        if *name != expected {
            return Err(format!("its field {at} is {name:?}, and {expected:?} is due"));
        }
        if offset.checked_add(bytes).is_none_or(|end| end > *itemsize) {
            return Err(format!("{name:?} is at byte {offset} of a record of {itemsize}"));
        }
        list.push(offset);
    }
    let RawType { dtype, swapped } = kind.ok_or_else(|| "it has no scores".to_owned())?;
    let size = dtype.size() as u64;
    let steps: Vec<_> = scores.windows(2).map(|pair| pair[1].checked_sub(pair[0])).collect();
    let is_even = steps.windows(2).all(|pair| pair[0] == pair[1]) && steps.iter().all(Option::is_some);
    if !is_even || scores.iter().chain([itemsize]).any(|offset| !offset.is_multiple_of(size)) {
        return Err(format!(
            "its scores are at the bytes {scores:?} of records of {itemsize}, which no steps lead to"
        ));
    }
    Ok(Pairs { dtype, swapped, scores, flags })
}

/// A type as numpy names it, in words or in short.
fn value_type(format: &str) -> Option<RawType> {
    let name = match format {
        "<f2" => "<float16",
        "<f4" => "<float32",
        "<f8" => "<float64",
        other => other,
    };
    RawType::parse(name).ok().filter(|raw| raw.dtype.is_float())
}

/// Fails unless the flags of all records are set.
fn check_written(file: &File, record: u64, flags: &[u64]) -> Result<()> {
    let (mut at, mut missing, mut first) = (0, 0_u64, None);
    let run = checked::mul((AT_ONCE / record.max(1)).max(1), record)?;
    while at < file.size() {
        let len = run.min(checked::sub(file.size(), at)?);
        let bytes = file.read(at, checked::index(len)?)?;
        // Proof: nothing remains, as the file is whole records.
        for (row, record_bytes) in (at / record.max(1)..).zip(bytes.chunks_exact(checked::index(record)?)) {
            for &flag in flags {
                match checked::get(record_bytes, checked::index(flag)?)? {
                    1 => {}
                    0 => {
                        missing = checked::add(missing, 1)?;
                        first.get_or_insert(row);
                    }
                    other => {
                        let place = checked::add(checked::mul(row, record)?, flag)?;
                        let message = format!("the flag of row {row} is {other}, and a boolean is 0 or 1");
                        return Err(Error::format(file.path(), At::Byte(place), message));
                    }
                }
            }
        }
        at = checked::add(at, len)?;
        check_here()?;
    }
    match first {
        None => Ok(()),
        Some(row) => Err(Error::Value(format!(
            "{}: {missing} scores were never written, of row {row} first: the run that makes them ended early, or goes on; run it again",
            file.path().display()
        ))),
    }
}
