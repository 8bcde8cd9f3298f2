//! Files of one name, in memory where there is such a file system.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A folder of this process.
pub fn place() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let around = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let place = around.join(format!("dsdm-fuzz-{}", std::process::id()));
        fs::create_dir_all(&place).expect("a folder can be made");
        place
    })
}

/// A file of these bytes. A name without an ending promises no format: the bytes alone say which it is.
pub fn written(name: &str, bytes: &[u8]) -> PathBuf {
    let path = place().join(name);
    fs::write(&path, bytes).expect("a file can be written");
    path
}
