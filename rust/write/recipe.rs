//! What a run makes: everything that the bytes of its output depend on.
//!
//! It is written down when a run begins, and a run that would continue another must have the same.

use arrow::array::{Array, ArrayData};
use arrow::datatypes::{Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use twox_hash::XxHash3_128;

use super::Options;
use super::folder::Folder;
use super::short::read_short;
use super::synced::{sync_folder, write_synced};
use crate::error::{At, Error, Result, Shown};
use crate::exec::job::check_here;
use crate::gather::{Extra, Plan};
use crate::io::identity::FileIdentity;
use crate::io::json::{self, MAX_BYTES};

/// Bytes that a digest takes in between looks at whether the job is to stop.
const AT_ONCE: usize = 64 << 20;

/// The file that holds a recipe.
pub(super) const NAME: &str = "plan.json";
/// The file that holds one that is being written.
pub(super) const UNFINISHED: &str = "plan.json.part";

/// The field that tells how rows were chosen. It is for those who would continue a run, and may be another: which rows
/// were chosen is what counts.
const CHOSEN: &str = "chosen";

/// What a run makes, as named values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Recipe {
    /// Whether the sources are files, so that it can be told whether they are the same.
    pub(super) resumable: bool,
    /// How many shards there are to be.
    pub(super) shards: usize,
    fields: Map<String, Value>,
}

/// Fails if a file that rows come from is no longer as it was when the run began.
pub(super) fn check_unchanged(source: &FileIdentity) -> Result<()> {
    if FileIdentity::of_path(&source.path, source.rows)? == *source {
        return Ok(());
    }
    let message = "the file changed while rows of it were written; run again once nothing writes to it";
    Err(Error::source_changed(&source.path, At::File, message))
}

impl Recipe {
    pub(super) fn new(
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
        add("blocks", json!(blocks(plan)));
        if !embedded.is_empty() {
            add("columns with their files", json!(embedded));
        }
        add("details", details(options));
        add("sources", sources.iter().map(absolute).collect());
        Ok(Self { resumable: options.resumable, shards: plan.shards.len(), fields })
    }

    /// Writes it into a folder, whole or not at all.
    pub(super) fn write(&self, folder: &Folder) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(|e| Error::Internal(e.to_string()))?;
        write_synced(folder, UNFINISHED, text.as_bytes())?;
        let named = folder.rename_file(UNFINISHED, NAME);
        named.map_err(|e| Error::io(folder.at(NAME), "giving the plan its name", e))?;
        sync_folder(folder)
    }

    /// The recipe in a folder; nothing if there is none that can be read.
    ///
    /// # Errors
    /// It is beyond the limits of what is read.
    pub(super) fn read(folder: &Folder) -> Result<Option<Self>> {
        let bytes = match read_short(folder.reader(NAME), &folder.at(NAME), MAX_BYTES, "a plan") {
            Ok(bytes) => bytes,
            Err(Error::Io { .. }) => return Ok(None), // Proof: what cannot be read is no plan.
            Err(error) => return Err(error),
        };
        json::check(&bytes).map_err(|what| Error::format(folder.at(NAME), At::File, what))?;
        // Proof: as for what cannot be read.
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// The first thing in which an earlier recipe differs from this one: its name, and what the earlier run did
    /// otherwise, as the end of a sentence that begins with it.
    pub(super) fn difference(&self, earlier: &Self) -> Option<(String, String)> {
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
        self.fields.get(CHOSEN)?.pointer("/arguments/seed").filter(|seed| seed.is_number())
    }

    /// How many rows each shard has.
    ///
    /// Proof: a plan of another form has no shard, so that none is kept.
    pub(super) fn rows_of_shards(&self) -> Vec<u64> {
        let ends = self.fields.get("shards").and_then(Value::as_array).into_iter().flatten();
        let ends = ends.map_while(Value::as_u64);
        ends.scan(0, |start, end| end.checked_sub(std::mem::replace(start, end))).collect()
    }

    /// Its values.
    pub(super) fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }
}

/// Says what an earlier run did otherwise: by both values, or in words where these are digests.
fn in_words(name: &str, there: &str, here: &str) -> String {
    let said = match name {
        "features" => "had columns with other features than this call",
        "added columns" => "added other columns than this call, or other values in them",
        "blocks" => "cut the rows into other blocks than this call, as another version of dsdm does",
        "details" => "had other contents for the JSON files beside the shards than this call",
        "dataset" => "had another datasets.Dataset of the same files than this call",
        _ => return format!("had {there}, and this call has {here}"),
    };
    said.to_owned()
}

/// Goes into lists and objects for what differs, so that a message can show it.
fn first_difference(name: &str, there: Option<&Value>, here: Option<&Value>) -> (String, String, String) {
    match (there, here) {
        (Some(Value::Array(there)), Some(Value::Array(here))) if name == "shards" => {
            // Proof: a text for a message.
            let count =
                |ends: &[Value]| format!("{} of {} rows", ends.len(), ends.last().unwrap_or(&Value::Null));
            (name.to_owned(), count(there), count(here))
        }
        (Some(Value::Array(there)), Some(Value::Array(here))) => {
            if there.len() != here.len() {
                return (format!("number of {name}"), there.len().to_string(), here.len().to_string());
            }
            // Proof: as many, which was just compared.
            let differ = there.iter().zip(here).enumerate().find(|(_, (there, here))| there != here);
            differ.map_or_else(
                || (name.to_owned(), String::new(), String::new()),
                |(index, (there, here))| {
                    let label = here.get("path").and_then(Value::as_str).map_or_else(
                        || format!("{name}[{index}]"),
                        |path| format!("{name}[{index}] ({path})"),
                    );
                    first_difference(&label, Some(there), Some(here))
                },
            )
        }
        (Some(Value::Object(there)), Some(Value::Object(here))) => {
            let differ = here.keys().chain(there.keys()).find(|key| there.get(*key) != here.get(*key));
            differ.map_or_else(
                || (name.to_owned(), String::new(), String::new()),
                |key| first_difference(&format!("{name}, {key}"), there.get(key), here.get(key)),
            )
        }
        _ => {
            let show = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
            (name.to_owned(), show(there), show(here))
        }
    }
}

/// The digest by which row numbers are known: XXH3 of 128 bits over them as little-endian numbers of 64 bits.
///
/// # Errors
/// [`Error::Interrupted`].
pub fn digest_of_rows(rows: &[i64]) -> Result<String> {
    let mut digest = XxHash3_128::new();
    for rows in rows.chunks(AT_ONCE / size_of::<i64>()) {
        check_here()?;
        if cfg!(target_endian = "little") {
            digest.write(bytemuck::cast_slice(rows));
        } else {
            for row in rows {
                digest.write(&row.to_le_bytes());
            }
        }
    }
    Ok(format!("{:032x}", digest.finish_128()))
}

fn digest_of_text(text: &str) -> String {
    format!("{:032x}", XxHash3_128::oneshot(text.as_bytes()))
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
        let mut digest = XxHash3_128::new();
        digest_of_array(&values.to_data(), &mut digest)?;
        Ok((field.name().clone(), json!(format!("{:032x}", digest.finish_128()))))
    });
    digests.collect::<Result<_>>().map(Value::Object)
}

/// Takes the values of a column of numbers in. Columns that are added hold nothing else.
fn digest_of_array(data: &ArrayData, digest: &mut XxHash3_128) -> Result<()> {
    digest.write(data.data_type().to_string().as_bytes());
    digest.write(&(data.len() as u64).to_le_bytes());
    for bytes in data.buffers().iter().flat_map(|buffer| buffer.as_slice().chunks(AT_ONCE)) {
        check_here()?;
        digest.write(bytes);
    }
    if let Some(nulls) = data.nulls() {
        nulls.iter().for_each(|valid| digest.write(&[u8::from(valid)]));
    }
    data.child_data().iter().try_for_each(|child| digest_of_array(child, digest))
}

/// Blocks are cut the same way as long as the program is the same: a digest is enough.
fn blocks(plan: &Plan) -> String {
    let mut digest = XxHash3_128::new();
    for block in &plan.blocks {
        digest.write(&block.rows.start.to_le_bytes());
        digest.write(&block.rows.end.to_le_bytes());
    }
    format!("{:032x}", digest.finish_128())
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
mod tests {
    use super::*;

    fn recipe(fields: Value) -> Recipe {
        let Value::Object(fields) = fields else { panic!("fields are an object") };
        Recipe { resumable: true, shards: 1, fields }
    }

    #[test]
    fn the_digest_of_rows_is_that_of_their_bytes() {
        let rows: Vec<i64> = (0..10_000).map(|row| row * row - 7).collect();
        let bytes: Vec<u8> = rows.iter().flat_map(|row| row.to_le_bytes()).collect();
        assert_eq!(digest_of_rows(&rows).unwrap(), format!("{:032x}", XxHash3_128::oneshot(&bytes)));
        assert_ne!(digest_of_rows(&[1, 2]).unwrap(), digest_of_rows(&[2, 1]).unwrap());
    }

    #[test]
    fn what_differs_is_named_with_both_values() {
        let source = |bytes: u64| json!([{"path": "a", "bytes": 1}, {"path": "b", "bytes": bytes}]);
        let mine = recipe(json!({"format": "arrow", "rows": 3, "sources": source(5)}));
        assert_eq!(mine.difference(&mine), None);
        for (earlier, (place, there, here)) in [
            (json!({"format": "parquet", "rows": 3}), ("format", "\"parquet\"", "\"arrow\"")),
            (json!({"format": "arrow", "rows": 2}), ("rows", "2", "3")),
            (
                json!({"format": "arrow", "rows": 3, "sources": source(6)}),
                ("sources[1] (b), bytes", "6", "5"),
            ),
            (
                json!({"format": "arrow", "rows": 3, "sources": [{"path": "a", "bytes": 1}]}),
                ("number of sources", "1", "2"),
            ),
            (
                json!({"format": "arrow", "rows": 3, "sources": source(5), "seed": 1}),
                ("seed", "1", "nothing"),
            ),
        ] {
            let (name, said) = mine.difference(&recipe(earlier)).unwrap();
            assert_eq!((name.as_str(), said), (place, format!("had {there}, and this call has {here}")));
        }
    }

    #[test]
    fn what_is_known_by_a_digest_is_told_in_words() {
        for (name, said) in [
            ("given", "had other rows than this call, or the same in another order"),
            ("indices", "had other rows than this call, or the same in another order"),
            ("features", "had columns with other features than this call"),
            ("added columns", "added other columns than this call, or other values in them"),
            ("blocks", "cut the rows into other blocks than this call, as another version of dsdm does"),
            ("details", "had other contents for the JSON files beside the shards than this call"),
            ("dataset", "had another datasets.Dataset of the same files than this call"),
        ] {
            let fields = |digest: &str| recipe(json!({"rows": 3, name: digest}));
            assert_eq!(fields("1f").difference(&fields("2e")).unwrap().1, said, "{name}");
        }
    }

    #[test]
    fn how_rows_were_chosen_may_be_another_and_tells_the_seeds_where_they_are_others() {
        let drawn = |given: &str, seed: Value| {
            recipe(json!({"given": given, "chosen": {"arguments": {"seed": seed}}, "shards": [3]}))
        };
        assert_eq!(drawn("a", json!(1)).difference(&drawn("a", json!(2))), None);
        for (here, name, said) in [
            (json!(7), "seed of the draw", "had 5, and this call has 7"),
            (json!(5), "rows", "had other rows than this call, or the same in another order"),
            (
                Value::Null,
                "rows",
                "had other rows than this call, or the same in another order, and drew them with seed 5",
            ),
        ] {
            let found = drawn("b", here).difference(&drawn("a", json!(5))).unwrap();
            assert_eq!((found.0.as_str(), found.1.as_str()), (name, said));
        }
    }

    #[test]
    fn a_recipe_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        assert_eq!(Recipe::read(&folder).unwrap(), None);
        let written = recipe(json!({"rows": 3, "seed": u64::MAX}));
        written.write(&folder).unwrap();
        assert_eq!(Recipe::read(&folder).unwrap(), Some(written));
        std::fs::write(dir.path().join(NAME), "{").unwrap();
        assert_eq!(Recipe::read(&folder).unwrap(), None);
    }

    #[test]
    fn a_recipe_beyond_the_limits_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let file = std::fs::File::create(folder.at(NAME)).unwrap();
        file.set_len(MAX_BYTES + 1).unwrap();
        let said = Recipe::read(&folder).unwrap_err().to_string();
        for part in ["plan.json", "67108865 bytes", "at most 67108864"] {
            assert!(said.contains(part), "{said}");
        }
        std::fs::write(folder.at(NAME), "[".repeat(200)).unwrap();
        let said = Recipe::read(&folder).unwrap_err().to_string();
        assert!(said.contains("plan.json") && said.contains("deeper in each other than 100"), "{said}");
    }
}
