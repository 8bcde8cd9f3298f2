//! Members of gzip, one after another, with padding behind them.

use std::io::{BufRead, BufReader, Error as IoError, Read, Result as IoResult};

use flate2::bufread::GzDecoder;

use super::stored::Stored;
use crate::error::{At, Error};
use crate::exec::job::check_here;
use crate::io::sniff::show;

/// The first byte of a member.
const FIRST: u8 = 0x1f;
/// Bytes that a message shows.
const SHOWN: usize = 8;

/// All members of a file, unpacked. Zeros behind a member are padding, as gzip and Python have it; other bytes there
/// are an error, which gzip would warn of and leave out.
pub(super) struct Members {
    /// None behind the last.
    member: Option<GzDecoder<BufReader<Stored>>>,
}

impl Members {
    pub(super) fn new(stored: BufReader<Stored>) -> Self {
        Self { member: Some(GzDecoder::new(stored)) }
    }

    /// The next member, or None at the end of the file.
    fn next(mut stored: BufReader<Stored>) -> IoResult<Option<GzDecoder<BufReader<Stored>>>> {
        loop {
            check_here().map_err(IoError::other)?;
            let bytes = stored.fill_buf()?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            match bytes.iter().skip(zeros).copied().next() {
                Some(FIRST) => {
                    stored.consume(zeros);
                    return Ok(Some(GzDecoder::new(stored)));
                }
                Some(_) => return Err(IoError::other(other_bytes(&stored, zeros))),
                None if zeros == 0 => return Ok(None),
                None => stored.consume(zeros),
            }
        }
    }
}

impl Read for Members {
    fn read(&mut self, into: &mut [u8]) -> IoResult<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            if let Some(ended) = self.member.take() {
                self.member = Self::next(ended.into_inner())?;
            }
        }
        Ok(0)
    }
}

/// What is wrong where other bytes follow so many zeros behind a member.
fn other_bytes(stored: &BufReader<Stored>, zeros: usize) -> Error {
    let behind: Vec<u8> = stored.buffer().iter().skip(zeros).take(SHOWN).copied().collect();
    // Proof: what is in the buffer was read before, and the byte lies in the file.
    let at = stored.get_ref().next.saturating_sub(stored.buffer().len() as u64).saturating_add(zeros as u64);
    Error::format(
        stored.get_ref().opened.path(),
        At::Byte(at),
        format!(
            "behind what gzip compressed come other bytes, {}, which are neither padding of zeros nor a further member; \
             leave them out (head -c {at} FILE), or get it again",
            show(&behind)
        ),
    )
}
