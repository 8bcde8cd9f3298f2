//! The formats that are known by their first bytes: one table for scores and for rows.

use super::signature::{Advice, FileType, Head, Signature};
use super::text::is_text;

/// The first and the last bytes of a Parquet file whose footer is encrypted.
pub(crate) const ENCRYPTED: &[u8; 4] = b"PARE";

/// What to do about encrypted Parquet.
pub(crate) const DECRYPT: &str = "write the file again without encryption: pyarrow.parquet.read_table reads it with decryption_properties=, and pyarrow.parquet.write_table writes it";

/// Return the signature that a file begins with, if it is a known one.
pub(crate) fn known(head: Head<'_>) -> Option<&'static Signature> {
    TABLE.iter().find(|signature| (signature.begins)(head))
}

const GET: Advice = Advice::Do("it stands for a file that is not there; get the file with: git lfs pull");
const PAGE: Advice = Advice::Do("it was saved under the file's name; download the file itself");
const RESAVE: Advice = Advice::Each(
    "it is a pickle that could run code; re-save it: torch.save(torch.load(path, weights_only=True), path)",
    "write the rows as Parquet",
);
const PICKLE: Advice = Advice::Each(
    "it could run code, and is not read; write the scores with torch.save(tensor, path) of torch 1.6 or later, or numpy.save",
    "it could run code, and is not read; write the rows as Parquet",
);
const NUMBERS: Advice = Advice::Each(
    "save its numbers with numpy.save, for example numpy.save(\"scores.npy\", numpy.loadtxt(path, delimiter=\",\"))",
    "write the rows as Parquet",
);
const ROWS_OF_JSON: Advice = Advice::Do(
    "JSON lines are read from files whose names end with .jsonl (or .jsonl.gz, .jsonl.zst); or write it as Parquet: pyarrow.parquet.write_table(pyarrow.json.read_json(path), \"new.parquet\"), which reads one object a line",
);
const LIST_OF_JSON: Advice = Advice::Each(
    "save its numbers: numpy.save(\"scores.npy\", numpy.array(json.loads(pathlib.Path(path).read_text()), dtype=\"float64\"))",
    "of JSON, lines are read, each of which is one object: write the list as such (jq -c '.[]'), or write the rows as Parquet",
);
const ROWS_OF_TEXT: Advice = Advice::Do(
    "write it as Parquet: pyarrow.parquet.write_table(pyarrow.csv.read_csv(path), \"new.parquet\"), which reads the names of columns in its first line",
);
const TENSORS: Advice =
    Advice::Each("save the tensor of the scores with numpy.save or torch.save", "write the rows as Parquet");
const SCORES: Advice = Advice::Do("scores are opened with open_scores; rows are read from Arrow and Parquet");
const READ: Advice = Advice::Do("it is opened as what it is"); // its type is read, and so not refused by this

/// The first signature that matches is the answer, so those that say more come first.
#[rustfmt::skip] // a row is a line
static TABLE: &[Signature] = &[
    Signature::sure(FileType::Other, "a git LFS pointer", |h| h.starts(b"version https://git-lfs"), GET),
    Signature::sure(FileType::Other, "a web page", is_web_page, PAGE),
    Signature::sure(FileType::Other, "torch's format from before 1.6", |h| h.starts(b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e"), RESAVE),
    Signature::sure(FileType::Zip, "a .npz archive", is_npz, SCORES),
    Signature::sure(FileType::Zip, "a zip archive (as torch.save writes it)", |h| h.starts(b"PK\x03\x04") || h.starts(b"PK\x05\x06"), SCORES),
    Signature::sure(FileType::Npy, "a numpy .npy file", |h| h.starts(b"\x93NUMPY"), SCORES),
    Signature::sure(FileType::Arrow, "Arrow IPC", |h| h.starts(b"ARROW1"), READ),
    Signature::sure(FileType::Parquet, "Parquet", |h| h.starts(b"PAR1"), READ),
    Signature::sure(FileType::Other, "Parquet with an encrypted footer", |h| h.starts(ENCRYPTED), Advice::Do(DECRYPT)),
    Signature::sure(FileType::Other, "Feather of version 1", |h| h.starts(b"FEA1"), Advice::Do("write it again with pyarrow.feather.write_feather, as version 2")),
    Signature::sure(FileType::Other, "HDF5", |h| h.starts(b"\x89HDF\r\n\x1a\n"), Advice::Convert),
    Signature::sure(FileType::Safetensors, "safetensors", is_safetensors, SCORES),
    Signature::sure(FileType::Other, "GGUF", |h| h.starts(b"GGUF"), TENSORS),
    Signature::sure(FileType::Gzip, "compressed with gzip", is_gzip, Advice::Do("decompress it first: gunzip")),
    Signature::sure(FileType::Zstd, "compressed with zstd", is_zstd, Advice::Do("decompress it first: zstd -d")),
    Signature::sure(FileType::Other, "compressed with xz", |h| h.starts(b"\xfd7zXZ\0"), Advice::Do("decompress it first: unxz")),
    Signature::sure(FileType::Other, "compressed with bzip2", |h| h.starts(b"BZh") && h.at(4, b"1AY&SY"), Advice::Do("decompress it first: bunzip2")),
    Signature::sure(FileType::Other, "compressed with lz4", |h| h.starts(b"\x04\x22\x4d\x18"), Advice::Do("decompress it first: lz4 -d")),
    Signature::sure(FileType::Other, "compressed with snappy", |h| h.starts(b"\xff\x06\0\0sNaPpY"), Advice::Do("decompress it first")),
    Signature::sure(FileType::Other, "a 7z archive", |h| h.starts(b"7z\xbc\xaf\x27\x1c"), Advice::Do("unpack it first")),
    Signature::sure(FileType::Other, "a tar archive", |h| h.at(257, b"ustar"), Advice::Each(
        "torch's oldest format is one: re-save it: torch.save(torch.load(path, weights_only=True), path); else unpack it first",
        "unpack it first, and write the rows as Parquet")),
    Signature::sure(FileType::Other, "Avro", |h| h.starts(b"Obj\x01"), Advice::Convert),
    Signature::sure(FileType::Other, "an SQLite database", |h| h.starts(b"SQLite format 3\0"), Advice::Convert),
    Signature::sure(FileType::Other, "a DuckDB database", |h| h.at(8, b"DUCK"), Advice::Convert),
    Signature::sure(FileType::Other, "a MATLAB file", |h| h.starts(b"MATLAB 5.0 MAT-file"), Advice::Convert),
    Signature::sure(FileType::Other, "an index of Megatron", |h| h.starts(b"MMIDIDX\0\0"), Advice::Convert),
    Signature::weak(FileType::Other, "ORC", |h| h.starts(b"ORC"), Advice::Convert),
    Signature::sure(FileType::Other, "netCDF", |h| h.starts(b"CDF") && matches!(h.bytes.get(3), Some(1 | 2 | 5)), Advice::Convert),
    Signature::weak(FileType::Arrow, "Arrow IPC", |h| h.starts(&[0xff; 4]), READ),
    Signature::weak(FileType::Arrow, "an Arrow stream from before 0.15", is_old_stream, READ),
    Signature::weak(FileType::Other, "a bare pickle", |h| matches!(h.bytes, [0x80, 2..=5, ..]), PICKLE),
    Signature::weak(FileType::Other, "a list as JSON text", |h| is_json(h) && begins_with_a_list(h), LIST_OF_JSON),
    Signature::weak(FileType::Json, "JSON text", is_json, ROWS_OF_JSON),
    Signature::weak(FileType::Other, "numbers as text", begins_with_numbers, NUMBERS),
    Signature::weak(FileType::Other, "text (CSV or the like)", |h| h.bytes.contains(&b'\n') && is_text(h.bytes), ROWS_OF_TEXT),
];

fn begins_with_a_list(head: Head<'_>) -> bool {
    without_mark(head.bytes).iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

/// A text without the mark that some editors put before it.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text) // Proof: where there is none, all is text.
}

/// Whether the first line is numbers with commas between them, and no names of columns.
fn begins_with_numbers(head: Head<'_>) -> bool {
    // Proof: without a line there is no first line.
    let Some(end) = head.bytes.iter().position(|&byte| byte == b'\n') else { return false };
    let line = head.bytes.get(..end).and_then(|line| std::str::from_utf8(line).ok());
    is_text(head.bytes)
        && line.is_some_and(|line| line.split(',').all(|number| number.trim().parse::<f64>().is_ok()))
}

fn is_web_page(head: Head<'_>) -> bool {
    let text = without_mark(head.bytes).trim_ascii_start();
    let opens = |tag: &&[u8]| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    [&b"<!doctype html"[..], b"<html", b"<?xml"].iter().any(opens)
}

/// Whether the first entry of a zip is an array.
pub(crate) fn is_npz(head: Head<'_>) -> bool {
    let Some(&[low, high]) = head.bytes.get(26..28) else { return false }; // Proof: too short to be one.
    let name = head.bytes.get(30..30 + usize::from(u16::from_le_bytes([low, high])));
    head.starts(b"PK\x03\x04") && name.is_some_and(|name| name.ends_with(b".npy"))
}

/// The length of a JSON header that fits into the file, and the header's beginning. How long what is packed is may not
/// be known: eight letters are a length too, and far beyond what the format allows.
fn is_safetensors(head: Head<'_>) -> bool {
    const MOST: u64 = 100_000_000;
    let Some((length, rest)) = head.bytes.split_first_chunk::<8>() else { return false }; // Proof: too short to be one.
    let length = u64::from_le_bytes(*length);
    let fits = length <= MOST && length + 8 <= head.size;
    let inside = rest.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    fits && inside.is_some_and(|inside| matches!(inside.first(), Some(b'"' | b'}')))
}

/// The length of a message that fits into the file, and the beginning of its flatbuffer: where the table is, where
/// what says its fields, a version that has been, and a schema.
fn is_old_stream(head: Head<'_>) -> bool {
    let field = |table: usize, number: usize| -> Option<usize> {
        let places = table.checked_add_signed(-isize::try_from(head.i32(table)?).ok()?)?;
        let size = usize::from(head.u16(places)?);
        let place = number.checked_mul(2)?.checked_add(4).filter(|place| place + 2 <= size)?;
        let offset = usize::from(head.u16(places.checked_add(place)?)?);
        Some(if offset == 0 { 0 } else { table.checked_add(offset)? })
    };
    let holds_schema = || {
        let length = u64::try_from(head.i32(0)?).ok().filter(|length| length % 4 == 0)?;
        let table = usize::try_from(head.i32(4)?).ok()?.checked_add(4)?;
        let fits = length > table as u64 && length.checked_add(4)? <= head.size;
        let version = match field(table, 0)? {
            0 => 0,
            place => head.u16(place)?,
        };
        let file_type = field(table, 1).filter(|&place| place > 0)?;
        Some(fits && version <= 4 && *head.bytes.get(file_type)? == 1)
    };
    holds_schema() == Some(true)
}

/// The magic, and flags and a system that exist: three bytes alone may be a number's.
fn is_gzip(head: Head<'_>) -> bool {
    let [0x1f, 0x8b, 8, flags, _, _, _, _, extra, system, ..] = head.bytes else { return false }; // Proof: too short to be one.
    flags & 0xe0 == 0 && matches!(extra, 0 | 2 | 4) && matches!(system, 0..=13 | 255)
}

/// The magic, and a descriptor without the bit that is reserved; or a frame that is skipped, as pzstd writes first.
fn is_zstd(head: Head<'_>) -> bool {
    let skipped =
        matches!(head.bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18, _, _, _, _, rest @ ..] if rest.len() >= 4);
    skipped
        || head.starts(b"\x28\xb5\x2f\xfd") && head.bytes.get(4).is_some_and(|descriptor| descriptor & 8 == 0)
}

fn is_json(head: Head<'_>) -> bool {
    let text = without_mark(head.bytes).trim_ascii_start();
    (text.starts_with(b"{") || text.starts_with(b"[")) && is_text(head.bytes)
}
