//! Lines of a file, block by block.

use std::io::{ErrorKind, Read};
use std::sync::Arc;

use memchr::memrchr;

use super::block::{LineBlock, Place, is_blank, split_line, without_end};
use super::packing::unpacking;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::check_here;
use crate::exec::memory::check_bytes;
use crate::io::opened::Opened;

/// How much is read at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// Bytes of a block, about. A longer line is a block of its own.
    pub(crate) block_bytes: usize,
    /// Bytes of a line at most, without its LF.
    pub(crate) line_bytes: usize,
}

impl Default for Reading {
    fn default() -> Self {
        Self { block_bytes: 1 << 20, line_bytes: 256 << 20 }
    }
}

/// The lines of a file in blocks. After an error there are no more.
pub(crate) struct Blocks {
    opened: Arc<Opened>,
    source: Box<dyn Read + Send>,
    how: Reading,
    /// What was read behind the last line that was given.
    carry: Vec<u8>,
    next: Place,
    /// What is left out if the first line begins with it.
    mark: Option<&'static [u8]>,
    /// What comes behind the lines before it.
    failed: Option<Error>,
    ended: bool,
}

impl Blocks {
    pub(super) fn new(opened: Arc<Opened>, source: Box<dyn Read + Send>, next: Place, how: Reading) -> Self {
        let how = Reading { block_bytes: how.block_bytes.max(1), ..how };
        Self { opened, source, how, carry: Vec::new(), next, mark: None, failed: None, ended: false }
    }

    pub(super) fn with_mark(self, mark: Option<&'static [u8]>) -> Self {
        Self { mark, ..self }
    }

    fn next_block(&mut self) -> Result<Option<LineBlock>> {
        if let Some(failed) = self.failed.take() {
            self.ended = true;
            return Err(failed);
        }
        check_here()?;
        let mut bytes = std::mem::take(&mut self.carry);
        let whole = self.read_lines(&mut bytes)?;
        // Proof: where no line is whole, a mark before it is none either.
        let whole = whole.saturating_sub(self.leave_mark_out(&mut bytes));
        let (whole, end) = self.count(&bytes, whole)?;
        self.carry = bytes.split_off(whole);
        let block = LineBlock { bytes, start: self.next, end };
        self.next = end;
        if self.ended && self.failed.is_none() && self.carry.is_empty() {
            self.opened.check_unchanged()?;
        }
        Ok(Some(block).filter(|block| !block.bytes.is_empty()))
    }

    /// Reads until there are as many bytes as a block has, and a whole line. Returns how many are in whole lines.
    fn read_lines(&mut self, bytes: &mut Vec<u8>) -> Result<usize> {
        let mut looked = 0;
        loop {
            if bytes.len() >= self.how.block_bytes {
                if let Some(end) = memrchr(b'\n', checked::get(bytes, looked..)?) {
                    return Ok(looked + end + 1);
                }
                looked = bytes.len();
                if looked > self.how.line_bytes {
                    return Ok(looked); // It is too long, which is told where lines are counted.
                }
            }
            // A line that is longer than a block grows by as much again, so that few bytes are copied often.
            let more = self.how.block_bytes.max(looked.min(self.how.line_bytes));
            if self.ended || !self.read(bytes, more)? {
                // Proof: behind an error, the line that is begun is not whole, and is not given.
                let end = memrchr(b'\n', bytes).map_or(0, |end| end + 1);
                return Ok(if self.failed.is_none() { bytes.len() } else { end });
            }
        }
    }

    /// Reads so many bytes, or returns `false` at the end, or before an error.
    fn read(&mut self, bytes: &mut Vec<u8>, more: usize) -> Result<bool> {
        let path = self.opened.path();
        let (begin, end) = (bytes.len(), checked::add(bytes.len(), more)?);
        check_bytes(|| format!("{}: a line of more than {begin} bytes", path.display()), end as u64, 2)?;
        bytes.resize(end, 0);
        let mut at = begin;
        while at < end {
            // Proof: `at` is below the end, as the loop looks at.
            match self.source.read(bytes.get_mut(at..).unwrap_or_default()) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(read) => at += read,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => {
                    let error = unpacking(path, self.next.bytes + at as u64, e);
                    self.failed = Some(error.unless_changed(|| self.opened.check_unchanged()));
                    break;
                }
            }
        }
        bytes.truncate(at);
        Ok(!self.ended && self.failed.is_none())
    }

    /// Leaves the mark out that the first line begins with. Returns how many bytes it had.
    fn leave_mark_out(&mut self, bytes: &mut Vec<u8>) -> usize {
        // Proof: lines behind the first, and those without a mark, are whole as they are.
        let Some(mark) = self.mark.take().filter(|mark| bytes.starts_with(mark)) else { return 0 };
        bytes.drain(..mark.len());
        self.next.bytes = mark.len() as u64;
        mark.len()
    }

    /// How many bytes are in lines that are not too long, and where the line behind them begins.
    fn count(&mut self, bytes: &[u8], whole: usize) -> Result<(usize, Place)> {
        let (mut rest, mut at) = (checked::get(bytes, ..whole)?, self.next);
        while !rest.is_empty() {
            let (line, behind) = split_line(rest);
            let is_whole = line.ends_with(b"\n");
            if checked::sub(line.len(), usize::from(is_whole))? > self.how.line_bytes {
                let message = format!(
                    "the line has more than {} bytes, which is the limit; it is no file of lines, or its ends of lines are lost",
                    self.how.line_bytes
                );
                self.failed = Some(Error::format(self.opened.path(), At::Line(at.lines + 1), message));
                break;
            }
            at = at.behind(line.len() as u64, !is_blank(without_end(line)));
            rest = behind;
        }
        Ok((checked::sub(whole, rest.len())?, at))
    }
}

impl Iterator for Blocks {
    type Item = Result<LineBlock>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.ended && self.carry.is_empty() && self.failed.is_none() {
                return None;
            }
            let next = self.next_block();
            match next {
                Ok(Some(block)) => return Some(Ok(block)),
                // Proof: an error, or the end, comes next; otherwise a block is not empty.
                Ok(None) => {}
                Err(error) => {
                    (self.ended, self.failed) = (true, None);
                    self.carry.clear();
                    return Some(Err(error.unless_changed(|| self.opened.check_unchanged())));
                }
            }
        }
    }
}
