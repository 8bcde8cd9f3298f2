//! Memory of blocks, used again.

use arrow::buffer::{Buffer, MutableBuffer};

/// Memory of blocks that were made, taken again once the sink has let go of it.
#[derive(Default)]
pub(super) struct BufferPool(Vec<Buffer>);

impl BufferPool {
    /// Returns a buffer that nobody else holds, or a new one.
    pub(super) fn take(&mut self) -> MutableBuffer {
        // The last is the likeliest to be in the processor's cache.
        let mut held = Vec::new();
        let found = loop {
            match self.0.pop().map(Buffer::into_mutable) {
                Some(Err(bytes)) => held.push(bytes),
                Some(Ok(bytes)) => break bytes,
                None => break MutableBuffer::new(0),
            }
        };
        self.0.extend(held.into_iter().rev());
        found
    }

    /// Notes a buffer that is given to a sink.
    pub(super) fn keep(&mut self, bytes: Buffer) {
        self.0.push(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_taken_again_once_nobody_holds_it() {
        let mut pool = BufferPool::default();
        assert_eq!(pool.take().capacity(), 0);
        let mut made = MutableBuffer::new(0);
        made.resize(100, 7);
        let held: Buffer = made.into();
        let place = held.as_ptr();
        pool.keep(held.clone());
        assert_eq!(pool.take().capacity(), 0);
        drop(held);
        assert_eq!(pool.take().as_ptr(), place);
        assert_eq!(pool.take().capacity(), 0);
    }
}
