//! Values and nothing else: the type is told by the caller, and the shape of a matrix.

use super::matrix::Matrix;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::io::file::File;
use crate::scores::options::{OpenOptions, RawShape, RawType};
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::part::Part;

/// The whole file as one vector, or as a matrix whose rows lie one behind the other.
pub(crate) fn parts(file: &File, raw: RawType, options: &OpenOptions) -> Result<(Vec<Part>, Chosen)> {
    let RawType { dtype, swapped } = raw;
    let size = dtype.size() as u64;
    let (len, remainder) = (file.size() / size, file.size() % size);
    if remainder != 0 {
        return Err(Error::format(
            file.path(),
            At::File,
            format!(
                "{} bytes are {len} values of {dtype} and a remainder of {remainder} bytes; the file is cut, or its dtype is another",
                file.size()
            ),
        ));
    }
    let whole = Part { storage: file.storage(), offset: 0, stride: 1, len, dtype, swapped, reduced: None };
    let Some(shape) = options.shape else {
        return Ok((vec![whole], Chosen::default())); // Proof: so it is where nothing is said.
    };
    let refuse = |message: String| Error::schema(file.path(), At::File, message);
    // Proof: a vector has one value in each row.
    let width = shape.columns.unwrap_or(1);
    let rows = len.checked_div(width).filter(|_| width > 0 && len.is_multiple_of(width));
    let rows = rows.filter(|&rows| shape.rows.is_none_or(|told| told == rows)).ok_or_else(|| {
        refuse(format!(
            "{len} values of {dtype} are there, and shape={} needs {}; the file is cut, or its shape or dtype is another",
            shown(shape),
            needed(shape)
        ))
    })?;
    if shape.columns.is_none() {
        return Ok((vec![whole], Chosen::default()));
    }
    let first = Part { stride: width, len: rows, ..whole };
    checked::equal("values of a matrix", checked::mul(rows, width)?, len)?;
    let (part, chosen) = Matrix { first, width, step: 1 }.vector(options, refuse)?;
    Ok((vec![part], chosen))
}

fn shown(RawShape { rows, columns }: RawShape) -> String {
    let rows = rows.map_or("-1".to_owned(), |rows| rows.to_string()); // Proof: as it is given.
    match columns {
        Some(columns) => format!("({rows}, {columns})"),
        None => format!("({rows},)"),
    }
}

/// How many values a shape needs.
fn needed(shape: RawShape) -> String {
    match (shape.rows, shape.columns) {
        (Some(rows), Some(columns)) => (u128::from(rows) * u128::from(columns)).to_string(),
        (Some(rows), None) => rows.to_string(),
        (None, Some(columns)) => format!("whole rows of {columns}"),
        (None, None) => "any number of them".to_owned(),
    }
}
