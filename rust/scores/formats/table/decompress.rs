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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::io::file::Io;

    const CODECS: [CompressionType; 2] = [CompressionType::LZ4_FRAME, CompressionType::ZSTD];

    fn packed(codec: CompressionType, bytes: &[u8]) -> Vec<u8> {
        if codec == CompressionType::ZSTD {
            return zstd::stream::encode_all(bytes, 1).unwrap();
        }
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// What is unpacked of a buffer that lies behind five other bytes, and the byte that its values begin at if they are
    /// not compressed.
    fn unpacked(declared: i64, body: &[u8], codec: CompressionType, need: u64) -> Result<(Vec<u8>, u64)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes = [b"five.", &declared.to_le_bytes()[..], body, b"more"].concat();
        std::fs::write(file.path(), &bytes).unwrap();
        let file = File::open(file.path(), Io::Pread).unwrap();
        match unpack(&file, 5..(bytes.len() - 4) as u64, codec, need)? {
            Unpacked::Stored(at) => Ok((file.read(at, body.len())?.into_owned(), at)),
            Unpacked::Decoded(bytes) => Ok((bytes.to_vec(), 0)),
        }
    }

    #[test]
    fn as_many_bytes_are_unpacked_as_are_needed() {
        let plain: Vec<u8> = (0..100_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for codec in CODECS {
            for len in [1, 7, 65_535, 65_536, 65_537, plain.len()] {
                let body = packed(codec, &plain[..len]);
                for need in [0, 1, len - 1, len] {
                    let found = unpacked(len.try_into().unwrap(), &body, codec, need as u64).unwrap();
                    assert_eq!(found, (plain[..need].to_vec(), 0), "{codec:?}, {need} of {len}");
                }
            }
            // Bytes that were not worth compressing are where they are, whatever the codec.
            let found = unpacked(-1, &plain[..50], codec, 50).unwrap();
            assert_eq!(found, (plain[..50].to_vec(), 5 + 8));
        }
    }

    #[track_caller]
    fn refused(declared: i64, body: &[u8], codec: CompressionType, need: u64, said: &str) {
        let error = unpacked(declared, body, codec, need).unwrap_err();
        assert!(matches!(error, Error::Format(_)), "{error}");
        let error = error.to_string();
        assert!(error.contains(said) && error.contains("byte 5"), "{error}");
    }

    #[test]
    fn buffers_that_hold_other_than_they_say_are_refused() {
        for codec in CODECS {
            let body = packed(codec, &[7; 100]);
            for (declared, need) in [(99, 100), (-2, 0), (i64::MIN, 1)] {
                let said = format!("declared to unpack to {declared} bytes, and its rows need {need}");
                refused(declared, &body, codec, need, &said);
            }
            refused(-1, &[7; 9], codec, 10, "declared to unpack to -1 bytes, and its rows need 10");
            // All of it is more or less than is said, or there is not as much of it.
            refused(99, &body, codec, 99, "unpacks to more than 99 bytes, and its rows need 99");
            refused(101, &body, codec, 101, "unpacks to 100 bytes, and its rows need 101");
            refused(5000, &body, codec, 101, "unpacks to 100 bytes, and its rows need 101");
            let most = body.len() as u64 * MAX_RATIO;
            refused(i64::MAX, &body, codec, most + 1, "more than can be");
            let said = format!("unpacks to 100 bytes, and its rows need {most}");
            refused(most.cast_signed(), &body, codec, most, &said);
            refused(100, b"no such bytes at all", codec, 100, "unpacking a buffer");
        }
        refused(1, &[0; 8], CompressionType(9), 1, "codec 9 is not known");
    }

    #[test]
    fn a_buffer_has_its_length_before_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [0; 20]).unwrap();
        let file = File::open(file.path(), Io::Pread).unwrap();
        for span in [5..5, 5..12, 20..20] {
            let error = unpack(&file, span, CompressionType::ZSTD, 0).unwrap_err().to_string();
            assert!(error.contains("less than the 8 bytes of its length"), "{error}");
        }
        assert!(unpack(&file, 15..23, CompressionType::ZSTD, 0).is_err(), "it ends behind the file");
    }
}
