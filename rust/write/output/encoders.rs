//! The encoder of an output, by its format.

use super::prepared::Prepared;
use crate::error::Result;
use crate::write::format::Format;
use crate::write::format::arrow::Streams;
use crate::write::format::embed::Embedded;
use crate::write::format::encoder::Encoder;
use crate::write::format::jsonl::Lines;
use crate::write::format::parquet::Groups;
use crate::write::format::tokens::Tokens;

/// What is done with the encoder of an output, whatever its type is.
pub(crate) trait WithEncoder {
    /// What it gives.
    type Output;

    /// Does it.
    fn run<E: Encoder + 'static>(self, encoder: E) -> Self::Output;
}

/// Does something with the encoder of an output.
///
/// # Errors
/// What the format has no form for.
pub(crate) fn with_encoder<W: WithEncoder>(prepared: &Prepared, with: W) -> Result<W::Output> {
    let Prepared { schema, features, files, options, plan, .. } = prepared;
    let files = files.clone();
    Ok(match options.format {
        Format::Arrow => {
            let encoder = Streams::new(schema, features.clone(), options.extra_keys.clone())?;
            with.run(Embedded { encoder, files })
        }
        Format::Parquet => {
            let encoder = Groups::new(schema, plan, &options.split_name, options.by_content)?;
            with.run(Embedded { encoder, files })
        }
        Format::Jsonl => with.run(Lines::new(schema, &options.split_name)?),
        Format::Tokens(layout) => with.run(Tokens::new(schema, layout, options.token_dtype.as_ref())?),
    })
}
