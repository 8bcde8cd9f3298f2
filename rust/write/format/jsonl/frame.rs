//! The one frame of a shard: zstd, with a checksum of the text.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::mem::take;
use std::path::Path;

use arrow::buffer::Buffer;
use zstd::stream::{read::Decoder, write::Encoder};

use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::{State, check_here};
use crate::write::format::encoder::Packer;

/// How hard it is packed: the default of `zstd`.
const LEVEL: i32 = 3;
/// Bytes between two looks at whether the work is to stop.
const LOOK: usize = 1 << 20;

/// A frame that is being written.
pub(super) struct Frame(Encoder<'static, Vec<u8>>);

impl Frame {
    pub(super) fn begin() -> Result<Self> {
        let begun = Encoder::new(Vec::new(), LEVEL).and_then(|mut encoder| {
            encoder.include_checksum(true)?;
            Ok(encoder)
        });
        begun.map(Self).map_err(|e| cannot_pack(&e))
    }
}

impl Packer for Frame {
    fn pack(&mut self, buffers: Vec<Buffer>, state: &State) -> Result<Vec<Buffer>> {
        for buffer in buffers {
            for part in buffer.chunks(LOOK) {
                state.check()?;
                self.0.write_all(part).map_err(|e| cannot_pack(&e))?;
            }
        }
        let packed = take(self.0.get_mut());
        Ok(if packed.is_empty() { Vec::new() } else { vec![Buffer::from_vec(packed)] })
    }

    fn end(self: Box<Self>) -> Result<Vec<u8>> {
        self.0.finish().map_err(|e| cannot_pack(&e))
    }
}

fn cannot_pack(error: &std::io::Error) -> Error {
    Error::Memory(format!("compressing JSON lines: {error}; use a machine with more memory"))
}

/// The text of a shard.
pub(super) fn text_of(path: &Path) -> Result<Decoder<'static, BufReader<File>>> {
    let file = File::open(path).map_err(|e| Error::io(path, "opening", e))?;
    let decoder = Decoder::with_buffer(BufReader::new(file)).map_err(|e| broken(path, &e))?;
    Ok(decoder.single_frame())
}

/// The rows of a shard: its lines, all of which are read. It is one frame, and its last line is whole.
pub(crate) fn count_rows(path: &Path) -> Result<u64> {
    let mut text = text_of(path)?;
    let mut room = vec![0; LOOK];
    let (mut rows, mut last) = (0u64, b'\n');
    loop {
        check_here()?;
        let count = text.read(&mut room).map_err(|e| broken(path, &e))?;
        let (part, _) = room.split_at(count);
        let Some(&end) = part.last() else { break }; // Proof: the text ends, and what is behind it is looked at below.
        last = end;
        #[allow(clippy::naive_bytecount)] // unpacking takes many times as long
        let lines = part.iter().filter(|&&byte| byte == b'\n').count();
        rows = checked::add(rows, lines as u64)?;
    }
    let mut behind = text.finish();
    if !behind.fill_buf().map_err(|e| Error::io(path, "reading", e))?.is_empty() {
        let message =
            "there are bytes behind the frame of zstd, and a shard is one frame; the file is damaged";
        return Err(Error::format(path, At::File, message));
    }
    if last != b'\n' {
        let message = "the last line does not end, so that it may not be whole; the file is damaged";
        return Err(Error::truncated(path, At::File, message));
    }
    Ok(rows)
}

/// What cannot be unpacked, or what the system refused.
pub(super) fn broken(path: &Path, error: &std::io::Error) -> Error {
    if let Some(code) = error.raw_os_error() {
        return Error::io(path, "reading", std::io::Error::from_raw_os_error(code));
    }
    Error::format(path, At::File, format!("it cannot be unpacked by zstd: {error}; the file is damaged"))
}
