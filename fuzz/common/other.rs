//! The other reader, which may fall over: what is read here is then compared with nothing.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What another reader gives; nothing where it panics, which libFuzzer is not told.
pub fn quietly<T>(read: impl FnOnce() -> T) -> Option<T> {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
    QUIET.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(read));
    QUIET.set(false);
    outcome.ok()
}

/// All that an iterator gives, if none of it is an error.
pub fn until<T, E>(items: impl Iterator<Item = Result<T, E>>) -> Option<Vec<T>> {
    items.collect::<Result<_, _>>().ok()
}
