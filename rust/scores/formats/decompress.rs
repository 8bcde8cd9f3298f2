//! The compressed buffers of Arrow record batches.

use std::io::Read;
use std::path::Path;

use arrow::ipc::CompressionType;
use bytes::Bytes;

use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::exec::catch_panic::guard;
use crate::io::file::File;
use crate::io::ipc::MAX_RATIO;

/// Where the values of a buffer of a compressed batch are.
#[derive(Debug)]
pub(crate) enum Unpacked {
    /// In the file, at this byte: the buffer was not worth compressing.
    Stored(u64),
    /// In memory, decoded.
    Decoded(Bytes),
}

/// The first `need` bytes of the buffer at `span`, whose first eight bytes say how many it unpacks to.
///
/// No more than `need` bytes are decoded, whatever the buffer says or holds.
pub(crate) fn unpack(
    file: &File,
    span: std::ops::Range<u64>,
    codec: CompressionType,
    need: u64,
) -> Result<Unpacked> {
    let at = At::Byte(span.start);
    let broken = |message| Err(Error::format(file.path(), At::Byte(span.start), message));
    let Some(packed) = span.end.checked_sub(span.start).and_then(|len| len.checked_sub(8)) else {
        // Proof: an error.
        return broken("a compressed buffer has less than the 8 bytes of its length".to_owned());
    };
    let prefix = file.read(span.start, 8)?;
    let declared =
        prefix.first_chunk::<8>().ok_or_else(|| impossible("8 bytes were read and are not there"))?;
    let declared = i64::from_le_bytes(*declared);
    let there = if declared == -1 { Some(packed) } else { u64::try_from(declared).ok() };
    if there.is_none_or(|there| there < need) {
        return broken(format!(
            "a buffer is declared to unpack to {declared} bytes, and its rows need {need}"
        ));
    }
    if declared == -1 {
        return Ok(Unpacked::Stored(span.start + 8));
    }
    // Proof: what saturates is more than any need.
    if need > packed.saturating_mul(MAX_RATIO) {
        return broken(format!(
            "a buffer of {packed} compressed bytes is declared to unpack to {declared}: more than can be"
        ));
    }
    let bytes = file.read(span.start + 8, checked::index(packed)?)?;
    let whole = there == Some(need);
    decode(file.path(), &at, &bytes, codec, need, whole).map(Unpacked::Decoded)
}

/// The first `need` bytes of what is packed, which must be all of it if it is `whole`.
fn decode(
    path: &Path,
    at: &At,
    packed: &[u8],
    codec: CompressionType,
    need: u64,
    whole: bool,
) -> Result<Bytes> {
    let mut values = Vec::new();
    let len = checked::index(need)?;
    // One byte more tells a buffer that holds more than it says: its lengths are damaged, and so are its values.
    // Proof: a bound that no buffer in memory comes near.
    let most = need.saturating_add(u64::from(whole));
    values.try_reserve_exact(len).map_err(|_| {
        Error::Memory(format!("{}: {need} bytes are needed to unpack a column", path.display()))
    })?;
    let name = codec.variant_name().unwrap_or("unknown"); // Proof: a name in messages.
    guard(path, at, "unpacking a buffer", || -> std::io::Result<()> {
        match codec {
            CompressionType::LZ4_FRAME => {
                lz4_flex::frame::FrameDecoder::new(packed).take(most).read_to_end(&mut values)?;
            }
            CompressionType::ZSTD => {
                zstd::stream::read::Decoder::with_buffer(packed)?.take(most).read_to_end(&mut values)?;
            }
            other => return Err(std::io::Error::other(format!("codec {} is not known", other.0))),
        }
        Ok(())
    })?;
    if values.len() != len {
        let more = if values.len() > len { "more than " } else { "" };
        let message = format!(
            "a {name} buffer unpacks to {more}{} bytes, and its rows need {need}; the file is damaged",
            values.len().min(len)
        );
        return Err(Error::format(path, at.clone(), message));
    }
    Ok(values.into())
}
