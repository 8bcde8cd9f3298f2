use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use serde_json::{Value, json};

use super::header::HEADER;
use super::*;
use crate::write::disk::checksum::Crc32;
use crate::write::format::finished::FileEntry;

const LAYOUTS: [Layout; 5] =
    [Layout::Npy, Layout::Bin, Layout::ModdedNanogpt, Layout::Megatron, Layout::Litdata];

fn schema(kind: &DataType) -> Schema {
    let item = Arc::new(Field::new("item", kind.clone(), true));
    Schema::new(vec![Field::new("ids", DataType::List(item), true)])
}

fn tokens(layout: Layout, kind: &DataType) -> Tokens {
    // Where the layout must be told a type, it is that of the column.
    let dtype = (layout == Layout::Bin).then_some(kind);
    Tokens::new(&schema(kind), layout, dtype).unwrap()
}

/// Writes a shard of these lengths, whose tokens are 1, 2 and so on, as it lies in an output.
fn write(folder: &Path, layout: Layout, lengths: &[u64]) -> (Tokens, PathBuf) {
    let tokens = tokens(layout, &DataType::Int64);
    let count: u64 = lengths.iter().sum();
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(1..=count.cast_signed()));
    let offsets = OffsetBuffer::from_lengths(lengths.iter().map(|length| usize::try_from(*length).unwrap()));
    let item = Arc::new(Field::new("item", DataType::Int64, true));
    let list = Arc::new(ListArray::new(item, offsets, values, None));
    let batch = RecordBatch::try_new(Arc::new(schema(&DataType::Int64)), vec![list]).unwrap();
    let piece = tokens.encode(0, vec![batch]).unwrap();
    let name = tokens.name(0, 1);
    let head = tokens.head(lengths.len() as u64).unwrap().into_owned();
    let end = tokens.end(&name, vec![(head.len() as u64, piece.note)]).unwrap();
    let replaced = end.head.unwrap();
    assert_eq!(replaced.len(), head.len());
    let bytes: Vec<u8> = piece.buffers.iter().flat_map(|buffer| buffer.to_vec()).collect();
    std::fs::write(folder.join(&name), [replaced, bytes].concat()).unwrap();
    for (name, bytes) in end.more {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    let path = folder.join(name);
    (tokens, path)
}

#[test]
fn rows_are_counted_by_what_the_files_say() {
    for layout in LAYOUTS {
        for lengths in [&[][..], &[0], &[3], &[2, 0, 5], &[4, 4, 4], &[0, 0]] {
            let dir = tempfile::tempdir().unwrap();
            let (tokens, path) = write(dir.path(), layout, lengths);
            assert_eq!(tokens.count_rows(&path).unwrap(), lengths.len() as u64, "{layout:?} {lengths:?}");
            // As it is counted before it has its name.
            let part = |path: &Path| format!("{}.part", path.display());
            let beside = beside(layout, &path).unwrap();
            std::fs::rename(&path, part(&path)).unwrap();
            if beside.exists() {
                std::fs::rename(&beside, part(&beside)).unwrap();
            }
            assert_eq!(tokens.count_rows(Path::new(&part(&path))).unwrap(), lengths.len() as u64);
        }
    }
}

/// A file that is longer, shorter or empty is damage that is named, and no panic.
#[test]
fn files_of_another_size_are_refused() {
    for layout in LAYOUTS {
        let dir = tempfile::tempdir().unwrap();
        let (tokens, path) = write(dir.path(), layout, &[2, 0, 5]);
        let beside = beside(layout, &path).unwrap();
        for file in [&path, &beside] {
            let whole = std::fs::read(file).unwrap();
            for size in 0..whole.len() {
                std::fs::write(file, &whole[..size]).unwrap();
                assert!(tokens.count_rows(&path).is_err_and(is_of_a_file), "{layout:?} {size}");
            }
            std::fs::write(file, [whole.as_slice(), b"x"].concat()).unwrap();
            assert!(tokens.count_rows(&path).is_err_and(is_of_a_file), "{layout:?}");
            std::fs::write(file, &whole).unwrap();
        }
        assert_eq!(tokens.count_rows(&path).unwrap(), 3);
    }
}

/// Numbers in heads and indexes that cannot be are damage as well: any byte may be any other.
#[test]
fn no_byte_of_a_head_or_index_makes_a_panic() {
    for layout in LAYOUTS {
        let dir = tempfile::tempdir().unwrap();
        let (tokens, path) = write(dir.path(), layout, &[2, 0, 5]);
        for file in [&path, &beside(layout, &path).unwrap()] {
            let whole = std::fs::read(file).unwrap();
            for at in 0..whole.len().min(200) {
                for value in [0, 0x7f, 0x80, 0xff] {
                    let mut bytes = whole.clone();
                    bytes[at] = value;
                    std::fs::write(file, bytes).unwrap();
                    if let Err(error) = tokens.count_rows(&path).and_then(|_| dtype(layout, &path)) {
                        assert!(is_of_a_file(error), "{layout:?} {at}");
                    }
                }
            }
            std::fs::write(file, &whole).unwrap();
        }
    }
}

#[test]
fn an_index_of_megatron_says_of_the_last_row_what_the_tokens_are() {
    let dir = tempfile::tempdir().unwrap();
    let (tokens, path) = write(dir.path(), Layout::Megatron, &[2, 1]);
    let file = beside(Layout::Megatron, &path).unwrap();
    let whole = std::fs::read(&file).unwrap();
    // Behind a head of 34 bytes and two lengths of 4 each: where the rows begin, in bytes.
    assert_eq!(whole[50..58], 16_i64.to_le_bytes());
    for (begin, length) in
        [(17_i64, 1_i32), (23, 1), (8, 1), (24, 1), (-8, 4), (16, 2), (16, 0), (16, -1), (0, 2)]
    {
        let mut bytes = whole.clone();
        bytes[38..42].copy_from_slice(&length.to_le_bytes());
        bytes[50..58].copy_from_slice(&begin.to_le_bytes());
        std::fs::write(&file, bytes).unwrap();
        assert!(tokens.count_rows(&path).is_err_and(is_of_a_file), "{length} tokens at byte {begin}");
    }
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(tokens.count_rows(&path).unwrap(), 2);
}

fn is_of_a_file(error: Error) -> bool {
    matches!(error, Error::Format { .. } | Error::Truncated { .. })
}

#[test]
fn heads_say_what_the_readers_look_for() {
    let dir = tempfile::tempdir().unwrap();
    let (_, path) = write(dir.path(), Layout::ModdedNanogpt, &[2, 1]);
    let bytes = std::fs::read(&path).unwrap();
    let numbers: Vec<_> =
        bytes[..1024].chunks(4).map(|b| i32::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(numbers[..4], [20_240_520, 1, 3, 0]);
    assert_eq!(bytes[1024..], [1, 0, 2, 0, 3, 0]);
    let (_, path) = write(dir.path(), Layout::Litdata, &[2, 1]);
    let bytes = std::fs::read(&path).unwrap();
    let numbers: Vec<_> = bytes[..16].chunks(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(numbers, [2, 16, 32, 40]);
    let (_, path) = write(dir.path(), Layout::Megatron, &[2, 1]);
    assert_eq!(std::fs::read(&path).unwrap().len(), 24);
    let bytes = std::fs::read(dir.path().join("tokens-00000-of-00001.idx")).unwrap();
    assert_eq!(&bytes[..18], b"MMIDIDX\0\0\x01\0\0\0\0\0\0\0\x05");
    let wide = |bytes: &[u8]| -> Vec<i64> {
        bytes.chunks(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect()
    };
    assert_eq!(wide(&bytes[18..34]), [2, 3]);
    assert_eq!(bytes[34..42], [2, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(wide(&bytes[42..]), [0, 16, 0, 1, 2]);
}

#[test]
fn the_type_of_tokens_is_read_back() {
    for (layout, kind, stored) in [
        (Layout::Npy, DataType::UInt32, Some("uint32")),
        (Layout::Npy, DataType::Int8, Some("int8")),
        (Layout::Megatron, DataType::UInt32, Some("int32")),
        (Layout::Megatron, DataType::UInt16, Some("uint16")),
        (Layout::Bin, DataType::UInt32, None),
        (Layout::Litdata, DataType::UInt64, None),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let tokens = tokens(layout, &kind);
        let name = tokens.name(0, 1);
        let end = tokens.end(&name, Vec::new()).unwrap();
        std::fs::write(dir.path().join(&name), end.head.unwrap()).unwrap();
        for (name, bytes) in end.more {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        assert_eq!(dtype(layout, &dir.path().join(&name)).unwrap().as_deref(), stored, "{layout:?}");
    }
    assert_eq!(tokens(Layout::Litdata, &DataType::UInt64).column.stored, DataType::Int64);
    assert_eq!(tokens(Layout::ModdedNanogpt, &DataType::Int8).column.stored, DataType::UInt16);
}

/// What a header or an index cannot say is an error as soon as it is known, and never wraps.
#[test]
fn shards_and_rows_beyond_what_files_can_say_are_refused() {
    let most = [
        (Layout::ModdedNanogpt, 1024 + 2 * ((1 << 31) - 1)),
        (Layout::Litdata, (1 << 32) - 1),
        (Layout::Bin, u64::MAX),
        (Layout::Megatron, u64::MAX),
    ];
    for (layout, most) in most {
        let tokens = tokens(layout, &DataType::UInt16);
        tokens.check_bytes("tokens.bin", most).unwrap();
        let refused = most.checked_add(1).map(|bytes| tokens.check_bytes("tokens.bin", bytes).unwrap_err());
        let said = refused.map(|error| error.to_string());
        assert!(said.is_none_or(
            |said| said.contains(&format!("at most {most} bytes")) && said.contains("num_shards=")
        ));
    }
    let tokens = tokens(Layout::Litdata, &DataType::UInt16);
    assert!(tokens.head(1 << 31).unwrap_err().to_string().contains("below 4 GiB"));
    assert!(tokens.head(u64::MAX).unwrap_err().to_string().contains("below 4 GiB"));
    let long = vec![(0, vec![1 << 31])];
    assert!(
        super::tests::tokens(Layout::ModdedNanogpt, &DataType::UInt16)
            .end("tokens.bin", long.clone())
            .is_err()
    );
    assert!(super::tests::tokens(Layout::Megatron, &DataType::UInt16).end("tokens.bin", long).is_err());
}

#[test]
fn a_shard_that_tells_no_tokens_is_an_error() {
    let tokens = tokens(Layout::Npy, &DataType::UInt16);
    let extra = tokens.end("tokens-0.npy", vec![(128, vec![2, 3])]).unwrap().extra;
    let done = |extra| FinishedShard {
        shard: 0,
        rows: 2,
        files: Vec::new(),
        digest: String::new(),
        indices: String::new(),
        extra,
    };
    let sidecar: Value =
        serde_json::from_str(&tokens.companions("", &[done(extra.clone())]).unwrap()[0].1).unwrap();
    assert_eq!((sidecar["tokens"].as_u64(), sidecar["rows"].as_u64()), (Some(5), Some(2)));
    let refused = tokens.companions("", &[done(extra), done(serde_json::Map::new())]);
    assert!(matches!(refused, Err(Error::Internal(said)) if said.contains("how many tokens")));
}

#[test]
fn rows_of_one_length_make_a_matrix_and_others_offsets() {
    let tokens = tokens(Layout::Npy, &DataType::UInt16);
    let end = tokens.end("tokens-0.npy", vec![(128, vec![3, 3]), (140, vec![3])]).unwrap();
    assert!(
        String::from_utf8_lossy(&end.head.unwrap())
            .contains("'<u2', 'fortran_order': False, 'shape': (3, 3)")
    );
    assert!(end.more.is_empty());
    assert_eq!(end.extra, json!({"tokens": 9, "length": 3}).as_object().cloned().unwrap());
    let end = tokens.end("tokens-0.npy", vec![(128, vec![3, 0]), (134, vec![1])]).unwrap();
    assert_eq!(end.more[0].0, "tokens-0.offsets.npy");
    let numbers: Vec<_> =
        end.more[0].1[HEADER..].chunks(8).map(|b| u64::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(numbers, [0, 3, 3, 4]);
}

#[test]
fn the_index_of_litdata_names_the_chunks() {
    let tokens = tokens(Layout::Litdata, &DataType::Int32);
    let shards = [("a.bin", 3), ("b.bin", 0)].into_iter().enumerate().map(|(shard, (name, count))| {
        let extra = tokens.end(name, vec![(0, vec![count])]).unwrap().extra;
        let file = FileEntry { name: name.to_owned(), bytes: 9, crc32: Crc32::of(b"") };
        FinishedShard {
            shard,
            rows: 1,
            files: vec![file],
            digest: String::new(),
            indices: String::new(),
            extra,
        }
    });
    let companions = tokens.companions("", &shards.collect::<Vec<_>>()).unwrap();
    assert_eq!(
        companions.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["tokens.json", "index.json"]
    );
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("index.json"), &companions[1].1).unwrap();
    assert_eq!(
        indexed(Layout::Litdata, dir.path()).unwrap(),
        Some(vec!["a.bin".to_owned(), "b.bin".to_owned()])
    );
    assert_eq!(indexed(Layout::Bin, dir.path()).unwrap(), None);
    let told: Value = serde_json::from_str(&companions[1].1).unwrap();
    assert_eq!(told["config"]["data_format"], json!(["no_header_tensor:16"]));
    assert_eq!((told["chunks"][0]["dim"].clone(), told["chunks"][1]["dim"].clone()), (json!(3), json!(0)));
}
