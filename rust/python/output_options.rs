//! What to write and how, as one argument of everything that writes an output or a part of it.

use std::path::PathBuf;

use pyo3::prelude::*;

use super::arguments::{format_named, object, places, release, resume_named, split, token_dtype};
use crate::gather;
use crate::write::{ExtraKeys, Naming, Options};

/// What to write, and how.
#[pyclass(frozen, module = "dsdm._native")]
pub(super) struct OutputOptions {
    pub(super) options: Options,
    /// Bytes that may be held in memory, if that was said.
    pub(super) memory_limit: Option<u64>,
}

#[pymethods]
impl OutputOptions {
    /// `datasets` is the version that is to open it, the newest if not given. With `embed`, the files that columns
    /// of images and the like name by their paths are taken in.
    /// `format` is the name of one, and `dtype` the type in which tokens are stored, in formats of these.
    /// `sources` are files that the output must not replace, beside those of the corpus. `state` and `info` are JSON
    /// objects whose keys go into `state.json` and `dataset_info.json`, `selection` is one for `dsdm.json`, and
    /// `identity` one that must be the same in a run that continues this one.
    /// `split` is the name of the split, and `card` the text of a README.md, before and behind the bytes of all shards.
    /// With `by_content`, pages of Parquet end where the values say so.
    /// With `absolute`, the manifest names the sources by their absolute paths.
    /// `resume` is "same", "either" or "never". With `by_fingerprint` the directory is named by its fingerprint,
    /// beside `target`.
    #[new]
    #[pyo3(signature = (target, *, format="arrow", dtype=None, sources=None, max_shard_size=None, num_shards=None,
                        memory_limit=None, by_content=false, split="train", card=None, overwrite=false, resume="never",
                        resumable=false, verify=false, by_fingerprint=false, absolute=false, selection=None, identity=None,
                        state=None, info=None, datasets=None, embed=false))]
    #[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)] // they are keywords
    fn new(
        target: PathBuf,
        format: &str,
        dtype: Option<&str>,
        sources: Option<Vec<PathBuf>>,
        max_shard_size: Option<u64>,
        num_shards: Option<u64>,
        memory_limit: Option<u64>,
        by_content: bool,
        split: &str,
        card: Option<(String, String)>,
        overwrite: bool,
        resume: &str,
        resumable: bool,
        verify: bool,
        by_fingerprint: bool,
        absolute: bool,
        selection: Option<&str>,
        identity: Option<&str>,
        state: Option<&str>,
        info: Option<&str>,
        datasets: Option<&str>,
        embed: bool,
    ) -> PyResult<Self> {
        let options = Options {
            target,
            format: format_named(format)?,
            split_name: split.to_owned(),
            card,
            by_content,
            token_dtype: token_dtype(dtype)?,
            release: release(datasets)?,
            embed,
            naming: match (by_fingerprint, overwrite) {
                (true, _) => Naming::ByFingerprint,
                (false, true) => Naming::Replacing,
                (false, false) => Naming::New,
            },
            sources: sources.unwrap_or_default(), // Proof: the default of the argument.
            resume: resume_named(resume)?,
            resumable,
            verify,
            split: self::split(num_shards, max_shard_size),
            memory_limit: memory_limit.unwrap_or_else(gather::default_memory_limit), // Proof: as above.
            places: places(absolute),
            selection: object("selection", selection)?,
            identity: object("identity", identity)?,
            extra_keys: ExtraKeys { state: object("state", state)?, info: object("info", info)? },
        };
        Ok(Self { options, memory_limit })
    }
}

/// Adds the class to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<OutputOptions>()
}
