//! Values and nothing else: the type is told by the caller.

use crate::error::{At, Error, Result};
use crate::io::file::File;
use crate::scores::options::RawType;
use crate::scores::vector::part::Part;

/// The whole file as one vector.
pub(crate) fn parts(file: &File, raw: RawType) -> Result<Vec<Part>> {
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
    Ok(vec![Part { storage: file.storage(), offset: 0, stride: 1, len, dtype, swapped }])
}
