//! What a run makes: everything that the bytes of its output depend on.
//!
//! It is written down when a run begins, and a run that would continue another must have the same.

mod difference;
pub(crate) mod digests;

use arrow::array::Array;
use arrow::datatypes::{Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::{At, Error, Result, Shown};
use crate::gather::{Extra, Plan};
use crate::io::identity::FileIdentity;
use crate::io::json::{self, MAX_BYTES};
use crate::io::state::REOPEN;
use crate::write::disk::folder::Folder;
use crate::write::disk::short::read_short;
use crate::write::disk::synced::{sync_folder, write_synced};
use crate::write::format::shard_names::TRAIN;
use crate::write::format::tokens::name_of_dtype;
use crate::write::options::Options;
use difference::{first_difference, in_words};
use digests::{digest_of_blocks, digest_of_column, digest_of_rows, digest_of_text};

/// The file that holds a run spec.
pub(crate) const NAME: &str = "plan.json";
/// The file that holds one that is being written.
pub(crate) const UNFINISHED: &str = "plan.json.part";

/// The field that tells how rows were chosen. It is for those who would continue a run, and may be another: which rows
/// were chosen is what counts.
const CHOSEN: &str = "chosen";

/// What a run makes, as named values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunSpec {
    /// Whether the sources are files, so that it can be told whether they are the same.
    pub(crate) resumable: bool,
    /// How many shards there are to be.
    pub(crate) shards: usize,
    fields: Map<String, Value>,
}

/// Fails if a file that rows come from is no longer as it was when the run began.
pub(crate) fn check_unchanged(source: &FileIdentity) -> Result<()> {
    let mut now = FileIdentity::of_path(&source.path, source.rows)?;
    // Of a file that was described, it is not told what it was known by there.
    now.here = now.here.filter(|_| source.here.is_some());
    if now == *source {
        return Ok(());
    }
    let message = format!("the file changed while rows of it were written; {REOPEN}");
    Err(Error::source_changed(&source.path, At::File, message))
}

impl RunSpec {
    pub(crate) fn new(
        rows: &[i64],
        extras: &[Extra],
        schema: &SchemaRef,
        sources: &[FileIdentity],
        plan: &Plan,
        options: &Options,
        embedded: &[String],
    ) -> Result<Self> {
        let mut fields = Map::new();
        let mut add = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        add("dsdm", json!(env!("CARGO_PKG_VERSION")));
        add("format", options.format.describe());
        if let Some(dtype) = &options.token_dtype {
            add("token dtype", json!(name_of_dtype(dtype)));
        }
        if options.split_name != TRAIN {
            add("split", json!(options.split_name));
        }
        if options.by_content {
            add("content-defined chunking", json!(true));
        }
        add("rows", json!(rows.len()));
        for (name, value) in &options.identity {
            add(name, value.clone());
        }
        add("indices", json!(digest_of_rows(rows)?));
        add("columns", columns(schema));
        // Proof: no features are as a text without any.
        add(
            "features",
            json!(digest_of_text(&schema.metadata().get("huggingface").cloned().unwrap_or_default())),
        );
        add("added columns", added(extras)?);
        add("shards", json!(plan.shards.iter().map(|shard| shard.end).collect::<Vec<_>>()));
        add("blocks", json!(digest_of_blocks(plan)));
        if !embedded.is_empty() {
            add("columns with their files", json!(embedded));
        }
        add("details", details(options));
        add("sources", sources.iter().map(absolute).collect());
        Ok(Self { resumable: options.resumable, shards: plan.shards.len(), fields })
    }

    /// Of named values that are all there is to be the same.
    pub(crate) fn of_fields(fields: Map<String, Value>, shards: usize) -> Self {
        Self { resumable: true, shards, fields }
    }

    /// Writes it into a folder, whole or not at all.
    pub(crate) fn write(&self, folder: &Folder) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(|e| Error::Internal(e.to_string()))?;
        check_fits(&text, MAX_BYTES)?;
        write_synced(folder, UNFINISHED, text.as_bytes())?;
        let named = folder.rename_file(UNFINISHED, NAME);
        named.map_err(|e| Error::io(folder.at(NAME), "giving the plan its name", e))?;
        sync_folder(folder)
    }

    /// The run spec in a folder; nothing if there is none that can be read.
    ///
    /// # Errors
    /// It is beyond the limits of what is read.
    pub(crate) fn read(folder: &Folder) -> Result<Option<Self>> {
        let bytes = match read_short(folder.reader(NAME), &folder.at(NAME), MAX_BYTES, "a plan") {
            Ok(bytes) => bytes,
            Err(Error::Io { .. }) => return Ok(None), // Proof: what cannot be read is no plan.
            Err(error) => return Err(error),
        };
        json::check(&bytes).map_err(|what| Error::format(folder.at(NAME), At::File, what))?;
        // Proof: as for what cannot be read.
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// The first thing in which an earlier run spec differs from this one: its name, and what the earlier run did
    /// otherwise, as the end of a sentence that begins with it.
    pub(crate) fn difference(&self, earlier: &Self) -> Option<(String, String)> {
        let names = self.fields.keys().chain(earlier.fields.keys()).filter(|name| *name != CHOSEN);
        for name in names {
            let (there, here) = (earlier.fields.get(name), self.fields.get(name));
            if there != here {
                let (place, there, here) = first_difference(name, there, here);
                return Some(match name.as_str() {
                    "given" | "indices" => self.other_rows(earlier),
                    _ => (place, in_words(name, &there, &here)),
                });
            }
        }
        None
    }

    /// Says that an earlier run had other rows, and with which seed it drew them if it did.
    fn other_rows(&self, earlier: &Self) -> (String, String) {
        let other = "had other rows than this call, or the same in another order";
        let (name, said) = match (earlier.seed_of_draw(), self.seed_of_draw()) {
            (Some(there), Some(here)) if there != here => {
                ("seed of the draw", format!("had {there}, and this call has {here}"))
            }
            (Some(there), None) => ("rows", format!("{other}, and drew them with seed {there}")),
            _ => ("rows", other.to_owned()),
        };
        (name.to_owned(), said)
    }

    /// The seed with which its rows were drawn, if they were.
    fn seed_of_draw(&self) -> Option<&Value> {
        let chosen = self.fields.get(CHOSEN)?;
        // What cannot be chosen again tells of the seed by itself.
        let seed = chosen.pointer("/arguments/seed").or_else(|| chosen.get("seed"));
        seed.filter(|seed| seed.is_number())
    }

    /// How many rows each shard has.
    ///
    /// Proof: a plan of another form has no shard, so that none is kept.
    pub(crate) fn rows_of_shards(&self) -> Vec<u64> {
        let ends = self.fields.get("shards").and_then(Value::as_array).into_iter().flatten();
        let ends = ends.map_while(Value::as_u64);
        ends.scan(0, |start, end| end.checked_sub(std::mem::replace(start, end))).collect()
    }

    /// Its values.
    pub(crate) fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }
}

/// Fails for a run spec that no run that follows would read, before any row is written.
fn check_fits(text: &str, most: u64) -> Result<()> {
    let refuse = |what: String| {
        Err(Error::Value(format!(
            "the sources and shards are too many to be told in {NAME} and dsdm.json: {what}; join source files to larger ones, or write fewer shards (num_shards=, max_shard_size=)"
        )))
    };
    let bytes = text.len() as u64;
    if bytes > most {
        return refuse(format!("it has {bytes} bytes, and of JSON at most {most} are read"));
    }
    json::check(text.as_bytes()).or_else(refuse)
}

fn columns(schema: &Schema) -> Value {
    schema
        .fields()
        .iter()
        .map(|field| json!({"name": field.name(), "type": field.data_type().to_string()}))
        .collect()
}

fn added(extras: &[Extra]) -> Result<Value> {
    let digests = extras.iter().map(|(field, values)| {
        let digest = digest_of_column(&values.to_data())?;
        Ok((field.name().clone(), json!(digest)))
    });
    digests.collect::<Result<_>>().map(Value::Object)
}

/// What goes into the JSON files beside the shards.
fn details(options: &Options) -> Value {
    let keys = &options.extra_keys;
    json!(digest_of_text(&json!([keys.state, keys.info]).to_string()))
}

fn absolute(source: &FileIdentity) -> Value {
    // Proof: it fails only where there is no working directory, and there no relative path was opened.
    let path = std::path::absolute(&source.path).unwrap_or_else(|_| source.path.clone());
    let mut told =
        json!({"path": Shown(&path).to_string(), "bytes": source.bytes, "modified_ns": source.modified_ns});
    if let (Some(here), Some(told)) = (&source.here, told.as_object_mut()) {
        told.insert("inode".to_owned(), json!(here.inode));
        if let Some(changed_ns) = here.changed_ns() {
            told.insert("changed_ns".to_owned(), json!(changed_ns));
        }
    }
    told
}

#[cfg(test)]
mod tests;
