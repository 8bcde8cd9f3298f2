//! What is to be written, apart from which rows: everything that the bytes of shards depend on.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use arrow::datatypes::{Schema, SchemaRef};
use serde_json::{Map, Value};

use crate::error::{Error, Result, Shown};
use crate::exec::job::Job;
use crate::gather::{Corpus, Extra, Layout, Plan, output_schema};
use crate::io::identity::FileIdentity;
use crate::write::check::{check_split, cut_as_written, in_types_of};
use crate::write::format::Format;
use crate::write::format::embed::Files;
use crate::write::format::hf::json::{output_features, schema_with_features};
use crate::write::format::tokens::Tokens;
use crate::write::manifest::located::located;
use crate::write::options::Options;

/// What is to be written, and how.
pub(crate) struct Prepared {
    /// The corpus in the types of the format.
    pub(crate) corpus: Corpus,
    /// What every shard is to have.
    pub(crate) schema: SchemaRef,
    /// The features of the columns, as `datasets` tells them.
    pub(crate) features: Map<String, Value>,
    /// The files that rows name and that are taken in.
    pub(crate) files: Files,
    /// The options, with the type in which tokens are stored, also where nobody said it.
    pub(crate) options: Options,
    /// How all rows are cut.
    pub(crate) layout: Layout,
    pub(crate) plan: Plan,
    /// The files that the rows come from.
    pub(crate) sources: Vec<FileIdentity>,
}

impl Prepared {
    /// Plans so many rows with columns added to them, and looks at the sources as they are.
    ///
    /// # Errors
    /// What cannot be written in the format; a path of an output or a source that is not UTF-8; a source that changed.
    pub(crate) fn new(
        job: &Job<'_>,
        corpus: &Corpus,
        rows: u64,
        extras: &[Extra],
        options: &Options,
    ) -> Result<Self> {
        let corpus = in_types_of(corpus, options.format, options.release)?;
        check_split(&options.split_name)?;
        let schema = output_schema(&corpus, extras);
        let features = output_features(&schema, options.release);
        let schema = schema_with_features(&schema, &features);
        let files = if options.embed { Files::of(&features) } else { Files::default() };
        let of_files = files.bytes_of_a_row(job, &corpus, options.memory_limit)?;
        let options = with_token_dtype(options, &schema)?;
        check_target(&options)?;
        // Proof: what saturates is more than any memory.
        let extra_bytes = (extras.len() as u64 * 8).saturating_add(of_files);
        let split =
            cut_as_written(&corpus, rows, options.format, options.token_dtype.as_ref(), options.split)?;
        let layout = Layout::new(&corpus, rows, extra_bytes, split)?;
        let plan = Plan::of_layout(&corpus, &layout, &layout.numbers()?, options.memory_limit)?;
        let sources = sources(&corpus, &options)?;
        Ok(Self { corpus, schema, features, files, options, layout, plan, sources })
    }

    /// Plans some shards by a layout that was made of all rows; of the sources is believed what was described.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub(crate) fn of_layout(
        corpus: &Corpus,
        extras: &[Extra],
        options: &Options,
        layout: &Layout,
        made: &[usize],
    ) -> Result<Self> {
        let corpus = in_types_of(corpus, options.format, options.release)?;
        let schema = output_schema(&corpus, extras);
        let features = output_features(&schema, options.release);
        let schema = schema_with_features(&schema, &features);
        let files = if options.embed { Files::of(&features) } else { Files::default() };
        let options = with_token_dtype(options, &schema)?;
        let plan = Plan::of_layout(&corpus, layout, made, options.memory_limit)?;
        let (layout, sources) = (layout.clone(), corpus.identities()?);
        Ok(Self { corpus, schema, features, files, options, layout, plan, sources })
    }

    /// The sources as the manifest names them.
    pub(crate) fn sources_from_output(&self) -> Result<Vec<FileIdentity>> {
        let named = self.sources.iter().map(|source| {
            let path = located(&source.path, &self.options.target, self.options.places)?;
            Ok(FileIdentity { path, ..source.clone() })
        });
        named.collect()
    }
}

/// The options with the type in which tokens are stored, also where nobody said it.
fn with_token_dtype(options: &Options, written: &Schema) -> Result<Options> {
    let dtype = options.token_dtype.as_ref();
    let token_dtype = match options.format {
        Format::Tokens(layout) => Some(Tokens::new(written, layout, dtype)?.stored().clone()),
        Format::Arrow | Format::Parquet | Format::Jsonl => None,
    };
    Ok(Options { token_dtype, ..options.clone() })
}

fn check_target(options: &Options) -> Result<()> {
    let target = std::path::absolute(&options.target)
        .map_err(|e| Error::io(&options.target, "finding its place", e))?;
    refuse_other_bytes(&target, "output", "datasets cannot open it")
}

/// The files that rows come from, as they were opened: another may have the name of one by now. One that is given twice
/// is told twice, as its rows are numbered twice.
fn sources(corpus: &Corpus, options: &Options) -> Result<Vec<FileIdentity>> {
    for path in corpus.paths().chain(options.sources.iter().map(PathBuf::as_path)) {
        refuse_other_bytes(path, "source", "dsdm.json, which names the sources, cannot hold it")?;
    }
    let mut sources = corpus.identities()?;
    let known: HashSet<PathBuf> = sources.iter().map(|source| source.path.clone()).collect();
    for path in options.sources.iter().filter(|path| !known.contains(*path)) {
        sources.push(FileIdentity::of_path(path, None)?);
    }
    corpus.check_unchanged()?;
    Ok(sources)
}

/// Refuses a path that no JSON can spell and no other library would open.
fn refuse_other_bytes(path: &Path, what: &str, why: &str) -> Result<()> {
    if path.to_str().is_some() {
        return Ok(());
    }
    Err(Error::Value(format!(
        "{}: the path of the {what} is not UTF-8, and {why}; rename it, or link to it by another name",
        Shown(path)
    )))
}
