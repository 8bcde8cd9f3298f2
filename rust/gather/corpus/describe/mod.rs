//! A corpus described apart from opened: what planning needs of files, and the same corpus of what was told.

mod record;
#[cfg(test)]
mod tests;

pub use record::{Description, DescriptionHead, FileRecord};

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use self::record::{kept, numbers, read, runs, told, wrong};
use super::Corpus;
use super::files::identity_of;
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::{Job, Queue};
use crate::gather::columns::common_schema::check_names;
use crate::gather::columns::constants::{Constant, without_constants};
use crate::gather::source::{CorpusPart, Described, DescribedColumn, DescribedPart};
use crate::io::identity::FileIdentity;

impl Corpus {
    /// Tells of all files what others need who read rows of some of them: what each file is known by, its units, its
    /// columns and about how large they are, and how rows come out.
    ///
    /// # Errors
    /// A table in memory, or lengths in place of values; a source that changed; a column that cannot be read.
    pub fn describe(&self, job: &Job<'_>) -> Result<Description> {
        self.check_readable()?;
        let queue = Queue::new(self.parts.len() as u64);
        let found = job.run_on(self.parts.len(), |_, state| {
            let mut mine = Vec::new();
            while let Some(number) = queue.take() {
                state.check()?;
                let number = checked::index(number)?;
                mine.push((number, self.record(number)?));
            }
            Ok(mine)
        })?;
        // Proof: those of each thread in turn, which are counted below.
        let mut found: Vec<_> = found.into_iter().flatten().collect();
        checked::equal("files described", found.len(), self.parts.len())?;
        found.sort_by_key(|(number, _)| *number);
        let mut files: Vec<FileRecord> = found.into_iter().map(|(_, record)| record).collect();
        let stored = self.number_schemas(&mut files)?;
        let constants = self.constants.iter().map(|one| (one.name.clone(), one.is_integer)).collect();
        let head = DescriptionHead {
            version: DescriptionHead::VERSION,
            columns: self.stored.clone(),
            schema: told(&self.schema)?,
            stored,
            schemas: self.schemas.name().to_owned(),
            io: self.io,
            constants,
        };
        self.check_unchanged()?;
        Ok(Description { head, files })
    }

    /// The schemas of the files, each once; notes in each record which its file has.
    fn number_schemas(&self, files: &mut [FileRecord]) -> Result<Vec<String>> {
        let (mut known, mut stored): (HashMap<SchemaRef, usize>, Vec<String>) = (HashMap::new(), Vec::new());
        for (number, (part, file)) in checked::zip(&self.parts, files)?.enumerate() {
            let schema = kept(part.schema(), number == 0);
            file.stored = stored.len();
            if let Some(&place) = known.get(&schema) {
                file.stored = place;
            } else {
                stored.push(told(&schema)?);
                known.insert(schema, file.stored);
            }
        }
        Ok(stored)
    }

    /// What is told of a file, but for its schema.
    fn record(&self, number: usize) -> Result<FileRecord> {
        let (part, columns) = (checked::get(&self.parts, number)?, checked::get(&self.columns, number)?);
        let identity = identity_of(part)?;
        let (Some(container), Some(identity)) = (part.container(), identity) else {
            let what = "rows in memory, and lengths in place of values, lie in no file that others can open";
            return Err(Error::Value(format!("{what}; describe the corpus of the files themselves")));
        };
        let places = columns.places();
        let mut memory = vec![part.bytes(places)?];
        for &place in places {
            memory.push(part.bytes(&[place])?);
        }
        let rows = part.unit_rows().iter().try_fold(0, |sum, &rows| checked::add(sum, rows))?;
        let value = |constant: &Constant| checked::get(&constant.values, number).cloned();
        Ok(FileRecord {
            path: identity.path,
            bytes: identity.bytes,
            modified_ns: identity.modified_ns,
            rows,
            ends: identity.ends,
            container,
            stored: 0,
            units: runs(part.unit_rows()),
            in_place: part.in_place(),
            memory,
            items: places.iter().map(|&place| part.items(place)).collect::<Result<_>>()?,
            constants: self.constants.iter().map(value).collect::<Result<_>>()?,
        })
    }

    /// The corpus that was described. No file is opened before rows of it are read, and each must then be the one that
    /// was described.
    ///
    /// # Errors
    /// A description that no corpus has.
    pub fn from_description(description: &Description) -> Result<Self> {
        let Description { head, files } = description;
        head.check_version()?;
        let stored: Vec<SchemaRef> = head.stored.iter().map(|text| read(text)).collect::<Result<_>>()?;
        let constants = constants_of(head, files)?;
        let in_files = without_constants(&constants, &head.columns);
        let part = |file: &FileRecord| -> Result<Arc<dyn CorpusPart>> {
            let schema = stored.get(file.stored).ok_or_else(|| {
                wrong(format_args!("gives {} a schema that it does not have", file.path.display()))
            })?;
            Ok(Arc::new(DescribedPart::new(Arc::new(described(head, file, schema, &in_files)?))))
        };
        let parts = files.iter().map(part).collect::<Result<_>>()?;
        let corpus = Self::new(parts, Some(&head.columns), head.schemas()?, constants)?;
        let schema = read(&head.schema)?;
        if schema.fields().len() != corpus.schema.fields().len() {
            return Err(wrong("has a schema of more or fewer columns than it names"));
        }
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        check_names(&schema, &names)?;
        Ok(Self { schema, io: head.io, ..corpus })
    }
}

/// The columns that no file holds, with their values in each file.
fn constants_of(head: &DescriptionHead, files: &[FileRecord]) -> Result<Vec<Constant>> {
    let column = |(place, (name, is_integer)): (usize, &(String, bool))| {
        let value = |file: &FileRecord| file.constants.get(place).cloned();
        let values: Option<Vec<_>> = files.iter().map(value).collect();
        let missing = || wrong(format_args!("has not a value of the column {name:?} for each file"));
        Ok(Constant { name: name.clone(), is_integer: *is_integer, values: values.ok_or_else(missing)? })
    };
    head.constants.iter().enumerate().map(column).collect()
}

/// What is known of a file.
fn described(
    head: &DescriptionHead,
    file: &FileRecord,
    schema: &SchemaRef,
    in_files: &[String],
) -> Result<Described> {
    // Proof: what it lacks is null in all of its rows, or is told to be missing when the corpus is put together.
    let places: Vec<usize> = in_files.iter().filter_map(|name| schema.index_of(name).ok()).collect();
    let sizes = file.memory.split_first().filter(|(_, each)| each.len() == places.len());
    let Some((&bytes, each)) = sizes.filter(|_| file.items.len() == places.len()) else {
        let (path, count) = (file.path.display(), places.len());
        return Err(wrong(format_args!("has not as many sizes of {path} as its {count} columns")));
    };
    let columns = checked::zip(places, checked::zip(each, &file.items)?.collect::<Vec<_>>())?;
    let columns = columns.map(|(place, (&bytes, &items))| DescribedColumn { place, bytes, items }).collect();
    Ok(Described {
        identity: FileIdentity {
            path: file.path.clone(),
            bytes: file.bytes,
            modified_ns: file.modified_ns,
            rows: Some(file.rows),
            ends: file.ends.clone(),
            here: None,
        },
        container: file.container,
        schema: Arc::clone(schema),
        // No file has more of them than bytes.
        unit_rows: numbers(&file.path, &file.units, file.rows, file.bytes)?,
        in_place: file.in_place,
        bytes,
        columns,
        io: head.io,
    })
}
