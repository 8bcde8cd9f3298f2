//! Digests by which what a run makes is known: of its rows, its texts, its added columns and its blocks.

use arrow::array::ArrayData;
use twox_hash::XxHash3_128;

use crate::error::Result;
use crate::exec::job::check_here;
use crate::gather::Plan;

/// Bytes that a digest takes in between looks at whether the job is to stop.
const AT_ONCE: usize = 64 << 20;

/// The digest by which row numbers are known: XXH3 of 128 bits over them as little-endian numbers of 64 bits.
///
/// # Errors
/// [`Error::Interrupted`](crate::error::Error::Interrupted).
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

pub(crate) fn digest_of_text(text: &str) -> String {
    format!("{:032x}", XxHash3_128::oneshot(text.as_bytes()))
}

/// The digest of a column that is added.
///
/// # Errors
/// [`Error::Interrupted`](crate::error::Error::Interrupted).
pub(crate) fn digest_of_column(values: &ArrayData) -> Result<String> {
    let mut digest = XxHash3_128::new();
    digest_of_array(values, &mut digest)?;
    Ok(format!("{:032x}", digest.finish_128()))
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
pub(crate) fn digest_of_blocks(plan: &Plan) -> String {
    let mut digest = XxHash3_128::new();
    for block in &plan.blocks {
        digest.write(&block.rows.start.to_le_bytes());
        digest.write(&block.rows.end.to_le_bytes());
    }
    format!("{:032x}", digest.finish_128())
}
