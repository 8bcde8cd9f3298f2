//! What a run leaves beside its target until the output has its name: the directory, its owner, its lock, what it makes
//! (`plan.json`), and how far it came (the journal). The formats are specified in docs/formats.

pub(crate) mod journal;
pub(crate) mod known;
pub(crate) mod lock;
pub(crate) mod names;
pub(crate) mod process;
pub(crate) mod resume;
pub(crate) mod run_spec;
pub(crate) mod trust;
