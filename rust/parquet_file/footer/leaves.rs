//! Which leaves of a Parquet schema the columns of the Arrow schema are that was made of it.
//!
//! The `parquet` crate leaves out groups that no value lies below, so that a column's number among the Arrow fields
//! is not its number among the Parquet roots.

use std::ops::Range;
use std::path::Path;

use arrow::datatypes::Schema;
use parquet::basic::ConvertedType;
use parquet::schema::types::{SchemaDescriptor, Type};

use crate::checked::impossible;
use crate::error::{Error, Result};

/// For each field of an Arrow schema, its leaves in the Parquet schema.
pub(crate) fn leaves(path: &Path, parquet: &SchemaDescriptor, schema: &Schema) -> Result<Vec<Range<usize>>> {
    let roots = parquet.root_schema().get_fields();
    let mut leaves = vec![0..0; roots.len()];
    for leaf in 0..parquet.num_columns() {
        let root = parquet.get_column_root_idx(leaf);
        let leaves = leaves.get_mut(root).ok_or_else(|| impossible(format_args!("a leaf of root {root}")))?;
        let start = if leaves.end == 0 { leaf } else { leaves.start };
        *leaves = start..leaf + 1;
    }
    // Proof: made with as many leaves as roots.
    let kept = roots.iter().zip(leaves).filter(|(root, _)| has_values(root));
    let (names, leaves): (Vec<_>, Vec<_>) = kept.map(|(root, leaves)| (root.name(), leaves)).unzip();
    if names.into_iter().eq(schema.fields().iter().map(|field| field.name().as_str())) {
        return Ok(leaves);
    }
    Err(Error::Internal(format!(
        "{}: the columns of its Parquet schema are not those of its Arrow schema",
        path.display()
    )))
}

/// Whether the crate makes a field of a type: it leaves out what has no leaf, and maps without keys or values.
fn has_values(node: &Type) -> bool {
    if node.is_primitive() {
        return true;
    }
    let is_map =
        matches!(node.get_basic_info().converted_type(), ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE);
    match node.get_fields() {
        [entries] if is_map && !entries.is_primitive() => {
            entries.get_fields().iter().all(|it| has_values(it))
        }
        fields => fields.iter().any(|field| has_values(field)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::arrow::parquet_to_arrow_schema;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    #[test]
    fn fields_are_found_among_roots_that_have_no_values() {
        let message = "message m {
            optional group g {} required int32 a; required group h { optional group i {} }
            optional group l (LIST) { repeated group list { optional group element {} } }
            required group s { optional group n {} required int64 x; }
            optional group m (MAP) { repeated group key_value { required int32 key; optional group value {} } }
            optional group k (MAP) { repeated group key_value { required int32 key; } }
            optional group p (MAP) { repeated group key_value { required int32 key; optional int32 value; } }
            repeated group r {} repeated int32 t; required double b; }";
        let parquet = SchemaDescriptor::new(Arc::new(parse_message_type(message).unwrap()));
        let schema = parquet_to_arrow_schema(&parquet, None).unwrap();
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["a", "s", "k", "p", "t", "b"]);
        let found = leaves(Path::new("x"), &parquet, &schema).unwrap();
        assert_eq!(found, [0..1, 1..2, 3..4, 4..6, 6..7, 7..8]);
    }

    #[test]
    fn schemas_that_do_not_agree_are_not_guessed_about() {
        let parquet = parse_message_type("message m { required int32 a; required int32 b; }").unwrap();
        let parquet = SchemaDescriptor::new(Arc::new(parquet));
        let error = leaves(Path::new("x"), &parquet, &Schema::empty()).unwrap_err();
        assert!(matches!(error, Error::Internal(_)), "{error}");
    }
}
