//! Scores from JSON lines, plain or compressed: one number of each line, decoded into memory.
//!
//! The lines are read twice. First all values are looked at, which makes a schema as tables have one: by it a name means
//! here what it means there, whatever line it leads to something else in. Then the number of each line is taken.
//!
//! Integers are int64 (or uint64) where all lines have such, else all are float64, the one next to each; as float64 an
//! integer beyond 2^53 could tie with others, and is refused. Python's `NaN`, `Infinity` and `-Infinity` are floats.

mod numbers;
mod shape;
#[cfg(test)]
mod tests;
mod value;

use std::path::Path;

use super::table::column::named_or_only;
use super::table::path;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::io::file::{File, Storage};
use crate::io::lines::{LineFile, Packing, Reading};
use crate::scores::options::OpenOptions;
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::part::Part;
use numbers::Numbers;
use shape::Looking;
use value::Wanted;

/// The endings of JSON lines, and those that they have where they are compressed.
const ENDINGS: [&str; 3] = [".jsonl", ".ndjson", ".json"];
const PACKED: [&str; 4] = [".gz", ".gzip", ".zst", ".zstd"];

/// Whether a name is that of JSON lines.
fn is_named(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase());
    let name = name.unwrap_or_default(); // Proof: what has no name has no ending.
    let plain = PACKED.into_iter().find_map(|ending| name.strip_suffix(ending));
    let plain = plain.unwrap_or(&name); // Proof: it is not compressed by its name.
    ENDINGS.iter().any(|ending| plain.ends_with(ending))
}

/// The numbers of the lines, if the file is one of JSON lines by its name, and its first line is no other text.
pub(crate) fn parts(file: &File, options: &OpenOptions) -> Result<Option<(Vec<Part>, Chosen)>> {
    let path = file.path();
    if !is_named(path) || file.size() == 0 {
        return Ok(None); // Proof: other files have other readers, which say what is wrong.
    }
    let lines = LineFile::new(file.shared())?;
    if lines.packing() == Packing::Plain && is_other(&lines.unpacked_head()?) {
        return Ok(None); // Proof: as above.
    }
    if options.shape.is_some() {
        let message = "shape= is for raw values, and this file has JSON lines; leave it out";
        return Err(Error::schema(path, At::File, message));
    }
    let wrong = |line, what: String| Error::format(path, At::Line(line), what);
    let (mut looking, mut rows) = (Looking::default(), 0_u64);
    for block in lines.blocks(Reading::default())? {
        for line in block?.lines() {
            looking.line(line.bytes).map_err(|what| wrong(line.number, what))?;
            rows = checked::add(rows, 1)?;
        }
    }
    if rows == 0 {
        let message = "it has no lines but blank ones, and one object on each was expected; get it again";
        return Err(Error::truncated(path, At::File, message));
    }
    let schema = looking.schema();
    let (found, name) = named_or_only(path, &schema, options)?;
    let mut wanted = Wanted::new(path::names(&schema, &found.fields), found.place, options);
    let mut numbers = Numbers::new(path, &name, options.booleans, rows)?;
    for block in lines.blocks(Reading::default())? {
        for line in block?.lines() {
            let value = wanted.value(line.bytes).map_err(|what| numbers.refuse(line.number, &what))?;
            numbers.add(line.number, value)?;
        }
    }
    let (bytes, len, dtype) = numbers.end()?;
    checked::equal("the number of lines that are read again", len, rows)?;
    let storage = Storage::Memory(bytes.into());
    let part = Part { storage, offset: 0, stride: 1, len, dtype, swapped: false, reduced: None };
    Ok(Some((vec![part], Chosen { booleans: options.booleans, ..Chosen::column(name) })))
}

/// Whether the first bytes are no object's, and no blanks before one.
fn is_other(head: &[u8]) -> bool {
    head.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|&first| first != b'{')
}
