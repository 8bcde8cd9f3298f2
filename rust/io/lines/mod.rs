//! Files of lines, such as JSON lines: plain, or compressed with gzip or zstd.
//!
//! A [`LineFile`] is opened once and read as often as wanted. [`LineFile::blocks`] gives it from its beginning in
//! [`LineBlock`]s of whole lines; each [`Line`] knows its number, its row and its first byte:
//!
//! ```text
//! let file = LineFile::open(path)?;
//! for block in file.blocks(Reading::default())? {
//!     for line in block?.lines() {
//!         parse(line.bytes).map_err(|what| Error::format(file.path(), At::Line(line.number), what))?;
//!     }
//! }
//! ```
//!
//! What holds, whatever the sizes of blocks:
//! - Lines end with LF or CR LF, the last one also where the file does. Their bytes come without the end of the line.
//! - Blank lines (spaces, tabs and CR alone) are left out. They count for line numbers and not for rows.
//! - A mark of UTF-8 (BOM) at the beginning of the file is left out.
//! - What a file is, is told by its first bytes: gzip (of any number of members), zstd (of any number of frames), or
//!   plain. A name that promises something else is an error, and so are cut files, and bytes behind the last member,
//!   but for zeros behind members of gzip, which are padding.
//! - No more is held than a block and the line that is begun: a small file may unpack to any size. A line that is
//!   longer than may be is an error that names it.
//! - Lines before an error are given before it. A file that changed since it was opened is an
//!   `Error::SourceChanged`, at the latest where its last line was given.
//!
//! A plain file is also read by parts: [`LineFile::line_start`] says where the next line begins, and
//! [`LineFile::blocks_of`] reads a run of whole lines, from several threads at once.

mod block;
mod file;
mod gzip;
mod packing;
mod reader;
mod stored;
#[cfg(test)]
mod tests;

pub(crate) use block::{Line, LineBlock, Place};
pub(crate) use file::LineFile;
pub(crate) use packing::Packing;
pub(crate) use reader::{Blocks, Reading};
