//! A finished output opened as its readers open it, before it gets its name: no success is told of a folder that
//! `load_from_disk`, `load_dataset` or a trainer would refuse.
//!
//! It is cheap: the JSON files, the schema of every shard and one batch are read, and nothing is imported.

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::reader::StreamReader;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};

use super::hf::fits::fits;
use super::hf::release::Release;
use super::jsonl;
use super::tokens;
use super::tokens::sidecar;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::catch_panic::guard;
use crate::io::save_to_disk::{STATE, shards_of};
use crate::write::format::finished::FinishedShard;
use crate::write::format::{Format, Layout};

/// An output that is to be opened.
pub(crate) struct ReopenCheck {
    pub(crate) format: Format,
    pub(crate) release: Release,
    pub(crate) folder: PathBuf,
    pub(crate) schema: SchemaRef,
    pub(crate) shards: Vec<FinishedShard>,
}

impl ReopenCheck {
    /// Opens everything.
    ///
    /// # Errors
    /// [`Error::Internal`] with what a reader would refuse, as none of it depends on the caller.
    pub(crate) fn check(&self) -> Result<()> {
        match self.format {
            Format::Arrow => self.saved(),
            Format::Parquet => self.schemas(&|path| {
                let opened = |at: &At| {
                    let file = open(path)?;
                    guard(path, at, "opening", || ParquetRecordBatchReaderBuilder::try_new(file))
                };
                let builder = opened(&At::Field("footer".to_owned()))?;
                let schema = builder.schema().clone();
                let first = move || {
                    let mut rows = guard(path, &At::File, "reading", || builder.with_batch_size(1).build())?;
                    rows.next().map(|row| guard(path, &At::File, "reading a row", || row)).transpose()
                };
                Ok((schema, Box::new(first)))
            }),
            Format::Jsonl => self.lines(),
            Format::Tokens(layout) => self.tokens(layout),
        }
    }

    /// A folder in the layout of `save_to_disk`.
    fn saved(&self) -> Result<()> {
        let info = self.json("dataset_info.json")?;
        let Some(features) = info.get("features").and_then(Value::as_object) else {
            return Err(self.refused("dataset_info.json has no features"));
        };
        self.check_features(features, &self.schema)?;
        let state = self.json(STATE)?;
        if !shards_of(&state).eq(self.files()?.into_iter().map(Some)) {
            return Err(self.refused("state.json names other shards than were written"));
        }
        self.schemas(&|path| {
            let file = BufReader::new(open(path)?);
            let mut stream = guard(path, &At::File, "opening", || StreamReader::try_new(file, None))?;
            let schema = stream.schema();
            let first = move || {
                stream.next().map(|batch| guard(path, &At::File, "reading a batch", || batch)).transpose()
            };
            Ok((schema, Box::new(first)))
        })
    }

    /// Compares the schema of every shard with that of the output, and reads the first batch that there is.
    fn schemas(&self, open: &dyn for<'a> Fn(&'a Path) -> Result<(SchemaRef, First<'a>)>) -> Result<()> {
        let mut read = false;
        for (shard, name) in checked::zip(&self.shards, self.files()?)? {
            let path = self.folder.join(name);
            let (schema, first) = open(&path)?;
            if schema.fields() != self.schema.fields() {
                let message = format!("{name} has other columns than were written: {schema}");
                return Err(self.refused(&message));
            }
            self.check_metadata(&schema)?;
            if shard.rows > 0 && !read {
                let rows = first()?.map_or(0, |batch| batch.num_rows()); // Proof: none are refused below.
                read = rows > 0;
                if !read {
                    return Err(self.refused(&format!("{name} gives none of its {} rows", shard.rows)));
                }
            }
        }
        Ok(())
    }

    /// Fails unless the metadata of a schema tells a feature for every column, which stands for its type.
    fn check_metadata(&self, schema: &Schema) -> Result<()> {
        let told = schema.metadata().get("huggingface").and_then(|text| serde_json::from_str(text).ok());
        let told: Value = told.unwrap_or(Value::Null); // Proof: what tells no features is refused below.
        let Some(features) = told.pointer("/info/features").and_then(Value::as_object) else {
            return Err(self.refused("the schema tells no features"));
        };
        self.check_features(features, schema)
    }

    fn check_features(&self, features: &Map<String, Value>, schema: &Schema) -> Result<()> {
        if !features.keys().eq(schema.fields().iter().map(|field| field.name())) {
            return Err(self.refused("the features are those of other columns"));
        }
        for (field, feature) in checked::zip(schema.fields(), features.values())? {
            if !fits(feature, field, self.release) {
                let (name, found) = (field.name(), field.data_type());
                let message =
                    format!("the feature {feature} of the column {name:?} does not stand for {found}");
                return Err(self.refused(&message));
            }
        }
        Ok(())
    }

    /// Lines: the keys of the first row of each shard.
    fn lines(&self) -> Result<()> {
        let names: Vec<_> = self.schema.fields().iter().map(|field| field.name()).collect();
        for (shard, name) in checked::zip(&self.shards, self.files()?)? {
            let keys = jsonl::first_keys(&self.folder.join(name))?;
            let as_written = match &keys {
                Some(keys) => shard.rows > 0 && keys.iter().eq(names.iter().copied()),
                None => shard.rows == 0,
            };
            if !as_written {
                let message =
                    format!("{name} begins with a row of {keys:?}, and rows of {names:?} were written");
                return Err(self.refused(&message));
            }
        }
        Ok(())
    }

    /// Token files: what each says of itself, and the files that name them.
    fn tokens(&self, layout: Layout) -> Result<()> {
        let sidecar = self.json(sidecar::NAME)?;
        // Proof: names that are not there are missed by the comparison.
        let named = sidecar.get("shards").and_then(Value::as_array).into_iter().flatten();
        if !named
            .map(|shard| shard.get("file").and_then(Value::as_str))
            .eq(self.files()?.into_iter().map(Some))
        {
            return Err(self.refused("tokens.json names other shards than were written"));
        }
        let files = self.files()?;
        if tokens::indexed(layout, &self.folder)?.is_some_and(|named| named != files) {
            return Err(self.refused("the index names other shards than were written"));
        }
        // Proof: no type has the name "".
        let dtype = sidecar.get("dtype").and_then(Value::as_str).unwrap_or_default();
        let kind = tokens::dtype_named(dtype);
        for (shard, name) in checked::zip(&self.shards, self.files()?)? {
            let path = self.folder.join(name);
            let rows = tokens::count_rows(layout, &path, kind.as_ref())?;
            // Proof: where the files do not say it, there is nothing to compare.
            let found = tokens::dtype(layout, &path)?.unwrap_or_else(|| dtype.to_owned());
            if rows != shard.rows || found != dtype {
                let message = format!(
                    "{name} has {rows} rows of {found}, and {} rows of {dtype} were written",
                    shard.rows
                );
                return Err(self.refused(&message));
            }
        }
        Ok(())
    }

    /// The files of the shards that hold the rows.
    fn files(&self) -> Result<Vec<&str>> {
        let first = self.shards.iter().map(|shard| shard.files.first());
        let names: Option<Vec<_>> = first.map(|file| file.map(|file| file.name.as_str())).collect();
        names.ok_or_else(|| self.refused("a shard has no file"))
    }

    fn json(&self, name: &str) -> Result<Value> {
        let path = self.folder.join(name);
        crate::io::json::read(&path, |e| format!("this is no JSON: {e}"))
    }

    fn refused(&self, what: &str) -> Error {
        Error::Internal(format!("what was written to {} would not be opened: {what}", self.folder.display()))
    }
}

/// Reads the first batch.
type First<'a> = Box<dyn FnOnce() -> Result<Option<RecordBatch>> + 'a>;

fn open(path: &Path) -> Result<fs::File> {
    fs::File::open(path).map_err(|e| Error::io(path, "opening what was written", e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use arrow::datatypes::{DataType, Field};
    use arrow::ipc::writer::StreamWriter;
    use parquet::arrow::ArrowWriter;
    use serde_json::{Map, json};

    use crate::write::disk::checksum::Crc32;
    use crate::write::format::finished::FileEntry;

    fn schema(name: &str, features: &Value) -> SchemaRef {
        let told = json!({"info": {"features": features}}).to_string();
        let fields = vec![Field::new(name, DataType::Int64, true)];
        Arc::new(Schema::new_with_metadata(fields, [("huggingface".to_owned(), told)]))
    }

    /// A folder with one shard, and what is to be found in it.
    fn output(folder: &Path, format: Format, written: &SchemaRef, info: &Value, rows: i64) -> ReopenCheck {
        let name = if format == Format::Arrow { "data.arrow" } else { "data.parquet" };
        let values = Arc::new(Int64Array::from_iter_values(0..rows));
        let batch = RecordBatch::try_new(written.clone(), vec![values]).unwrap();
        let file = fs::File::create(folder.join(name)).unwrap();
        if format == Format::Arrow {
            let mut writer = StreamWriter::try_new(file, written).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
        } else {
            let mut writer = ArrowWriter::try_new(file, written.clone(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
        }
        let state = json!({"_data_files": [{"filename": name}]});
        fs::write(folder.join("state.json"), state.to_string()).unwrap();
        fs::write(folder.join("dataset_info.json"), json!({"features": info}).to_string()).unwrap();
        let written = FileEntry { name: name.to_owned(), bytes: 0, crc32: Crc32::of(b"") };
        let shard = FinishedShard {
            shard: 0,
            rows: 2,
            files: vec![written],
            digest: String::new(),
            indices: String::new(),
            extra: Map::new(),
        };
        ReopenCheck {
            format,
            release: Release::NEWEST,
            folder: folder.to_path_buf(),
            schema: schema("x", &right()),
            shards: vec![shard],
        }
    }

    fn right() -> Value {
        json!({"x": {"dtype": "int64", "_type": "Value"}})
    }

    #[test]
    fn what_readers_would_refuse_is_found() {
        let wrong = json!({"x": {"dtype": "int32", "_type": "Value"}});
        let other = json!({"y": {"dtype": "int64", "_type": "Value"}});
        for format in [Format::Arrow, Format::Parquet] {
            let found = |name: &str, told: &Value, info: &Value, rows: i64| {
                let dir = tempfile::tempdir().unwrap();
                output(dir.path(), format, &schema(name, told), info, rows).check()
            };
            found("x", &right(), &right(), 2).unwrap();
            for (result, what) in [
                (found("y", &right(), &right(), 2), "other columns"),
                (found("x", &wrong, &right(), 2), "does not stand for Int64"),
                (found("x", &other, &right(), 2), "of other columns"),
                (found("x", &json!(null), &right(), 2), "tells no features"),
                (found("x", &right(), &right(), 0), "gives none of its 2 rows"),
            ] {
                let error = result.unwrap_err().to_string();
                assert!(error.contains(what), "{what}: {error}");
            }
            if format == Format::Arrow {
                found("x", &right(), &wrong, 2).unwrap_err();
                found("x", &right(), &json!(null), 2).unwrap_err();
            }
        }
    }

    #[test]
    fn a_shard_that_is_gone_or_not_named_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let output = output(dir.path(), Format::Arrow, &schema("x", &right()), &right(), 2);
        fs::write(dir.path().join("state.json"), json!({"_data_files": []}).to_string()).unwrap();
        assert!(output.check().unwrap_err().to_string().contains("other shards"));
        fs::remove_file(dir.path().join("state.json")).unwrap();
        assert!(matches!(output.check(), Err(Error::Io { .. })));
    }
}
