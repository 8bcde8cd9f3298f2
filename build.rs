//! Tells the code by which profile it is compiled, for `dsdm doctor` and for what is measured.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=BUILD_PROFILE={}", profile());
}

/// Cargo tells whether a profile optimizes, and not its name; but it writes below a folder of that name, into `build`.
fn profile() -> String {
    let folder = env::var("OUT_DIR").ok().and_then(|out| {
        let build = Path::new(&out).ancestors().find(|folder| folder.ends_with("build"))?;
        Some(build.parent()?.file_name()?.to_str()?.to_owned())
    });
    match folder.as_deref() {
        Some("debug") => "dev".to_owned(), // the one profile whose folder has another name
        Some(name) => name.to_owned(),
        None => "unknown".to_owned(),
    }
}
