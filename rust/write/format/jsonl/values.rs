//! The text of values whose readers would get others from what `arrow-json` writes.

use std::fmt::Debug;
use std::io::Write;

use arrow::array::{Array, AsArray};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{ArrowTimestampType, FieldRef};
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, DecimalType, Float32Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow::error::ArrowError;
use arrow::temporal_conversions::as_datetime;
use arrow_json::{Encoder, EncoderFactory, EncoderOptions, writer::NullableEncoder};

/// What writes them.
#[derive(Debug)]
pub(super) struct Values;

impl EncoderFactory for Values {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Float32 => Box::new(Floats(array.as_primitive::<Float32Type>().values().clone())),
            DataType::Timestamp(unit, zone) => {
                let zone = if zone.is_some() { "Z" } else { "" };
                match unit {
                    TimeUnit::Second => times::<TimestampSecondType>(array, zone),
                    TimeUnit::Millisecond => times::<TimestampMillisecondType>(array, zone),
                    TimeUnit::Microsecond => times::<TimestampMicrosecondType>(array, zone),
                    TimeUnit::Nanosecond => times::<TimestampNanosecondType>(array, zone),
                }
            }
            DataType::Decimal128(precision, scale) => decimals::<Decimal128Type>(array, *precision, *scale),
            DataType::Decimal256(precision, scale) => decimals::<Decimal256Type>(array, *precision, *scale),
            _ => return Ok(None), // Proof: what is not told is written as the crate writes it.
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

/// Floats of 32 bits. A reader of JSON has floats of 64, and rounds what it reads a second time: the shortest text of
/// a float may then come out as its neighbour (7.038531e-26 does), and has the digits of 64 bits in its place.
struct Floats(ScalarBuffer<f32>);

impl Encoder for Floats {
    fn encode(&mut self, idx: usize, out: &mut Vec<u8>) {
        let Some(&value) = self.0.get(idx) else { return }; // Proof: the crate asks for values that are there.
        let start = out.len();
        written(out, format_args!("{value:?}"));
        let read = out.get(start..).and_then(|text| std::str::from_utf8(text).ok()?.parse::<f64>().ok());
        #[allow(clippy::cast_possible_truncation)] // that it is rounded is what this is about
        let is_same = read.is_some_and(|read| (read as f32).to_bits() == value.to_bits());
        if !is_same {
            out.truncate(start);
            written(out, format_args!("{:?}", f64::from(value)));
        }
    }
}

/// Moments: with a zone, by the clock of UTC, which no name of a zone must be known for.
struct Times<T> {
    values: ScalarBuffer<i64>,
    zone: &'static str,
    unit: std::marker::PhantomData<T>,
}

fn times<'a, T: ArrowTimestampType>(array: &'a dyn Array, zone: &'static str) -> Box<dyn Encoder + 'a> {
    let values = array.as_primitive::<T>().values().clone();
    Box::new(Times::<T> { values, zone, unit: std::marker::PhantomData })
}

impl<T: ArrowTimestampType> Encoder for Times<T> {
    fn encode(&mut self, idx: usize, out: &mut Vec<u8>) {
        // Proof: the crate asks for values that are there, and those that are no times were refused.
        let Some(time) = self.values.get(idx).and_then(|&value| as_datetime::<T>(value)) else { return };
        written(out, format_args!("\"{time:?}{}\"", self.zone));
    }
}

/// Decimals, as texts: of a number, readers make a float.
struct Decimals<T: DecimalType> {
    values: ScalarBuffer<T::Native>,
    precision: u8,
    scale: i8,
}

fn decimals<'a, T: DecimalType + Debug>(
    array: &'a dyn Array,
    precision: u8,
    scale: i8,
) -> Box<dyn Encoder + 'a> {
    Box::new(Decimals::<T> { values: array.as_primitive::<T>().values().clone(), precision, scale })
}

impl<T: DecimalType> Encoder for Decimals<T> {
    fn encode(&mut self, idx: usize, out: &mut Vec<u8>) {
        let Some(&value) = self.values.get(idx) else { return }; // Proof: as above.
        written(out, format_args!("\"{}\"", T::format_decimal(value, self.precision, self.scale)));
    }
}

fn written(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text); // A vector takes all that is written to it.
}
