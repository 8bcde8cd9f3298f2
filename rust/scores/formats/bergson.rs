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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::scores::options::Reduce;
    use crate::scores::{Scores, Scratch, Source, Values};

    /// What numpy tells of records of `width` pairs, each score of a size and its flag, and `gap` bytes.
    fn told(rows: usize, width: usize, format: &str, gap: usize) -> Value {
        let size = usize::from(format.as_bytes()[format.len() - 1] - b'0');
        let step = size + 1 + gap;
        let each = |of: fn(usize, &str, usize, usize) -> [Value; 2]| -> Vec<Value> {
            (0..width).flat_map(|pair| of(pair, format, size, step)).collect()
        };
        json!({"num_items": rows, "num_scores": width, "dtype": {
            "names": each(|pair, _, _, _| [json!(format!("score_{pair}")), json!(format!("written_{pair}"))]),
            "formats": each(|_, format, _, _| [json!(format), json!("bool")]),
            "offsets": each(|pair, _, size, step| [json!(pair * step), json!(pair * step + size)]),
            "itemsize": width * step,
        }})
    }

    /// Records of float32, with 3 bytes behind each flag.
    fn records(rows: &[Vec<f32>]) -> Vec<u8> {
        let pair = |score: &f32| [&score.to_le_bytes()[..], &[1, 9, 9, 9]].concat();
        rows.iter().flatten().flat_map(pair).collect()
    }

    fn put(folder: &Path, info: &Value, bytes: &[u8]) -> std::path::PathBuf {
        std::fs::write(folder.join(INFO), info.to_string()).unwrap();
        let path = folder.join(SCORES);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn opened(info: &Value, bytes: &[u8], options: &OpenOptions) -> Result<Vec<f32>> {
        let folder = tempfile::tempdir().unwrap();
        let scores = Scores::open(&[put(folder.path(), info, bytes)], options)?;
        let mut scratch = Scratch::default();
        match scores.read(0..scores.len(), &mut scratch)? {
            Values::F32(values) => Ok(values.to_vec()),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn refused(info: &Value, bytes: &[u8], said: &str) {
        let error = opened(info, bytes, &OpenOptions::default()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn each_column_has_the_scores_of_its_records(
            rows in (1..4usize).prop_flat_map(|width| prop::collection::vec(prop::collection::vec(any::<f32>(), width), 1..40)),
        ) {
            let width = rows[0].len();
            let (info, bytes) = (told(rows.len(), width, "<f4", 3), records(&rows));
            for column in 0..width {
                let options = OpenOptions { column: Some(column.to_string()), ..OpenOptions::default() };
                let found: Vec<u32> = opened(&info, &bytes, &options).unwrap().iter().map(|x| x.to_bits()).collect();
                prop_assert_eq!(found, rows.iter().map(|row| row[column].to_bits()).collect::<Vec<_>>());
            }
            let options = OpenOptions { reduce: Some(Reduce::Max), ..OpenOptions::default() };
            let most = |row: &Vec<f32>| row.iter().copied().reduce(|a, b| if a.is_nan() || a > b { a } else { b });
            let found = opened(&info, &bytes, &options).unwrap();
            for (row, found) in rows.iter().zip(found) {
                let is_nan = row.iter().any(|score| score.is_nan());
                let is_right = if is_nan { found.is_nan() } else { Some(found) == most(row) };
                prop_assert!(is_right, "{:?} {}", row, found);
            }
        }
    }

    /// A flag is looked at wherever it is: at the edges of what is looked at at once as well.
    #[test]
    fn a_score_that_was_never_written_is_refused_with_the_first_row() {
        let rows = usize::try_from(AT_ONCE / 8).unwrap() + 3;
        let info = told(rows, 1, "<f4", 3);
        let whole = records(&vec![vec![0.5]; rows]);
        assert_eq!(opened(&info, &whole, &OpenOptions::default()).unwrap().len(), rows);
        for row in [0, rows - 5, rows - 4, rows - 3, rows - 2, rows - 1] {
            let mut bytes = whole.clone();
            bytes[8 * row + 4] = 0;
            bytes[8 * (rows - 1) + 4] = 0;
            let count = if row == rows - 1 { 1 } else { 2 };
            refused(&info, &bytes, &format!("{count} scores were never written, of row {row} first: "));
            bytes[8 * row + 4] = 2;
            refused(&info, &bytes, &format!("at byte {}: the flag of row {row} is 2, and", 8 * row + 4));
        }
        // The flags of another column say nothing of this one.
        let mut bytes = records(&[vec![1.0, 2.0], vec![3.0, 4.0]]);
        bytes[12] = 0;
        let column = |at: u8| OpenOptions { column: Some(at.to_string()), ..OpenOptions::default() };
        let info = told(2, 2, "<f4", 3);
        assert_eq!(opened(&info, &bytes, &column(0)).unwrap(), [1.0, 3.0]);
        assert!(opened(&info, &bytes, &column(1)).is_err());
    }

    #[test]
    fn a_record_that_is_told_of_otherwise_is_refused() {
        let bytes = records(&[vec![1.0, 2.0], vec![3.0, 4.0]]);
        let with = |path: &str, value: Value| {
            let mut info = told(2, 2, "<f4", 3);
            *info.pointer_mut(path).unwrap() = value;
            info
        };
        for (path, value, said) in [
            ("/num_scores", json!(0), "names, formats and offsets, and num_scores is 0"),
            ("/num_scores", json!(3), "[4, 4, 4] names, formats and offsets, and num_scores is 3"),
            ("/num_scores", json!(u64::MAX), "[4, 4, 4] names"),
            ("/dtype/names/1", json!("flag_0"), "its field 1 is \"flag_0\", and \"written_0\" is due"),
            ("/dtype/formats/0", json!("<i4"), "\"score_0\" is \"<i4\", which no scores are"),
            (
                "/dtype/formats/2",
                json!("<f2"),
                "\"score_1\" is \"<f2\", and scores before it are of another type",
            ),
            ("/dtype/formats/3", json!("<f4"), "\"written_1\" is \"<f4\", and flags are booleans"),
            ("/dtype/offsets/2", json!(13), "\"score_1\" is at byte 13 of a record of 16"),
            ("/dtype/offsets/2", json!(u64::MAX), "\"score_1\" is at byte 18446744073709551615"),
            ("/dtype/offsets/2", json!(9), "its scores are at the bytes [0, 9] of records of 16"),
            ("/dtype/itemsize", json!(18), "of records of 18, which no steps lead to"),
            ("/num_items", json!(3), "it has 32 bytes, and info.json beside it tells of 3 records of 16"),
            ("/num_items", json!(u64::MAX), "tells of 18446744073709551615 records"),
        ] {
            refused(&with(path, value), &bytes, said);
        }
        refused(&told(2, 2, "<f4", 3), &bytes[..31], "it has 31 bytes");
        let folder = tempfile::tempdir().unwrap();
        let file = File::open(&put(folder.path(), &json!({"other": 1}), &bytes), crate::io::file::Io::Pread)
            .unwrap();
        assert!(parts(&file, &OpenOptions::default()).unwrap().is_none());
        std::fs::remove_file(folder.path().join(INFO)).unwrap();
        assert!(parts(&file, &OpenOptions::default()).unwrap().is_none());
    }
}
