//! Damaged columns, and what unpacks to more than may be.

use super::*;

/// A stream of two batches of texts, in the second of which a text is no UTF-8: that of the row 5 + 2 of the file.
fn with_bad_text() -> (Vec<u8>, [RecordBatch; 2]) {
    let texts = |texts: Vec<&str>| {
        let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values((0..).take(texts.len())));
        let texts: ArrayRef = Arc::new(StringArray::from(texts));
        RecordBatch::try_from_iter([("t", texts), ("n", numbers)]).unwrap()
    };
    let batches = [texts(vec!["p", "q", "r", "s", "t"]), texts(vec!["ab", "cd", "ef", "gh"])];
    let bytes = stream(&batches, None);
    let (part, _folder, _) = opened(&bytes, Io::Pread);
    let values = buffer(&part, 1, 2);
    assert_eq!(bytes[values.clone()], *b"abcdefgh");
    (set(&bytes, values.start + 4, b"\xff"), batches)
}

#[test]
fn a_text_that_is_none_spoils_its_own_row_alone() {
    let (bytes, batches) = with_bad_text();
    for io in BOTH {
        let (part, _folder, _) = opened(&bytes, io);
        for wanted in [&[0, 1, 3][..], &[3], &[]] {
            for columns in [&[0, 1][..], &[1, 0], &[0]] {
                let expected = rows_of(&batches[1], columns, wanted);
                let found = read(&part, 1, columns, wanted).unwrap();
                assert_eq!(concat_batches(&expected.schema(), &found).unwrap(), expected);
            }
        }
        for wanted in [&[2][..], &[0, 2, 3]] {
            let error = read(&part, 1, &[1, 0], wanted).unwrap_err().to_string();
            assert!(error.contains(r#"column "t", row 7"#) && error.contains("not UTF-8"), "{error}");
        }
        // It is not used where it lies; the batch before it and the column beside it are.
        assert_eq!(part.view(1, &[0, 1]).unwrap(), None);
        let (mapped, beside) = (io == Io::Mmap, &batches[1]);
        assert_eq!(part.view(1, &[1]).unwrap(), mapped.then(|| beside.project(&[1]).unwrap()));
        assert_eq!(part.view(0, &[0, 1]).unwrap(), mapped.then(|| batches[0].clone()));
        assert_eq!(part.bytes(&[0]).unwrap() % 9, 0, "the first batch tells of 9 rows");
    }
}

#[test]
fn a_bad_text_is_named_by_its_row_in_whichever_batch_of_rows_it_comes() {
    // Of three megabytes each, so that rows come in several batches.
    let texts: StringArray = (0..5).map(|n| Some(n.to_string().repeat(3 << 20))).collect();
    let table = RecordBatch::try_from_iter([("t", Arc::new(texts) as ArrayRef)]).unwrap();
    let mut bytes = stream(&[table], None);
    let bad = bytes.iter().rposition(|&byte| byte == b'3').unwrap();
    bytes[bad] = 0xff;
    let (part, _folder, _) = opened(&bytes, Io::Mmap);
    let mut found = part.read(0, &[0], &[0, 2, 3, 4], Unpacking::default()).unwrap();
    let (mut rows, mut error) = (0, None);
    for batch in found.by_ref() {
        match batch {
            Ok(batch) => rows += batch.num_rows(),
            Err(said) => error = error.or(Some(said.to_string())),
        }
    }
    assert!(rows == 3 && error.unwrap().contains(r#"column "t", row 3"#));
}

#[test]
fn a_damaged_column_is_named_and_the_others_are_read() {
    let batches = [batch(0, 4), batch(4, 10)];
    let bytes = stream(&batches, None);
    let (part, _folder, _) = opened(&bytes, Io::Pread);
    let offsets = buffer(&part, 1, 3);
    assert_eq!(offsets.len(), 4 * 11);
    let damaged = set(&bytes, offsets.start + 4, &i32::MAX.to_le_bytes());
    let place = part.batches[1].place.header.start;
    for io in BOTH {
        let (part, _folder, path) = opened(&damaged, io);
        let error = read(&part, 1, &[0, 1], &[0]).unwrap_err();
        let said = format!("column \"t\" in the batch at byte {place}");
        assert!(matches!(error, Error::Format(_)), "{error}");
        let error = error.to_string();
        assert!(error.contains(&said) && error.contains(path.to_str().unwrap()), "{error}");
        assert_eq!(read(&part, 1, &[0], &[3]).unwrap(), [rows_of(&batches[1], &[0], &[3])]);
        assert_eq!(read(&part, 0, &[1], &[3]).unwrap(), [rows_of(&batches[0], &[1], &[3])]);
    }
}

#[test]
fn columns_that_unpack_to_more_than_may_be_are_refused_before() {
    let zeros: ArrayRef = Arc::new(Int32Array::from_iter_values((0..30_000).map(|n| n * 7919)));
    let table = RecordBatch::try_from_iter([("a", zeros.clone()), ("b", zeros)]).unwrap();
    let bytes = stream(std::slice::from_ref(&table), Some(CompressionType::ZSTD));
    let (part, _folder, _) = opened(&bytes, Io::Pread);
    // The buffers are nulls and values of each column; the length of the values of "b" is replaced.
    let values = buffer(&part, 0, 3);
    assert_eq!(bytes[values.start..values.start + 8], 120_000_u64.to_le_bytes());
    let declared = (64_u64 << 20) + 1;
    assert!(declared <= values.len() as u64 * ipc::MAX_RATIO, "{values:?}");
    let large = set(&bytes, values.start, &declared.to_le_bytes());
    for io in BOTH {
        let (part, _folder, path) = opened(&large, io);
        let read = |columns: &[usize], most: u64| {
            let how = Unpacking { most: UnpackLimit::told(most), ..Unpacking::default() };
            part.read(0, columns, &[1], how).and_then(Iterator::collect::<Result<Vec<_>>>)
        };
        let error = read(&[0, 1], 1).unwrap_err();
        let header = part.batches[0].place.header.start;
        let named =
            format!("{}: the batch at byte {header} takes {} bytes", path.display(), declared + 120_000);
        assert!(matches!(&error, Error::Memory(said) if said.contains(&named)), "{error}");
        let error = read(&[1], 1).unwrap_err();
        assert!(matches!(&error, Error::Memory(said) if said.contains(&declared.to_string())), "{error}");
        // Of no more than is allowed, and of a column beside it, nothing is refused before it is unpacked.
        assert!(matches!(read(&[1], declared), Err(Error::Format(_))));
        assert_eq!(read(&[0], 1).unwrap(), [rows_of(&table, &[0], &[1])]);
    }
    let too_large = set(&bytes, values.start, &(values.len() as u64 * ipc::MAX_RATIO + 1).to_le_bytes());
    let (part, _folder, _) = opened(&too_large, Io::Mmap);
    // A buffer that no codec can have packed is refused whichever column is wanted.
    for columns in [&[0][..], &[1]] {
        let error = read(&part, 0, columns, &[1]).unwrap_err().to_string();
        assert!(error.contains("more than can be"), "{error}");
    }
    assert!(part.unpacked().is_err());
    let place = &part.batches[0].place;
    let check = |part: &ArrowPart| {
        part.header(&part.file, place, |header, _| check_buffers(&part.file, place, &header))
    };
    assert!(check(&part).is_err());
    check(&opened(&bytes, Io::Mmap).0).unwrap();
}

#[test]
fn a_message_that_became_another_is_gone() {
    let keys: DictionaryArray<Int8Type> = ["a", "b"].into_iter().collect();
    let table = RecordBatch::try_from_iter([("k", Arc::new(keys) as ArrayRef)]).unwrap();
    let (part, _folder, path) = opened(&stream(&[table], None), Io::Pread);
    let dictionary = &part.dictionaries[0];
    let error = part.header(&part.file, dictionary, |_, _| Ok(())).unwrap_err();
    assert!(matches!(error, Error::Format(_)), "{error}");
    let said = error.to_string();
    let at = format!("byte {}", dictionary.header.start);
    assert!(said.contains("the batch is gone; the file changed") && said.contains(&at), "{said}");
    assert_eq!(
        part.naming(dictionary, "the dictionary"),
        format!("{}: the dictionary at {at}", path.display())
    );
}

#[test]
fn a_copy_of_a_message_takes_no_more_than_may_be() {
    let (part, _folder, _) = opened(&stream(&[batch(0, 3)], None), Io::Pread);
    let place = &part.batches[0].place;
    let excerpt = part.excerpt(place, "the batch", UnpackLimit::told(1)).unwrap();
    assert_eq!(excerpt.size(), place.body.end);
    assert!(excerpt.read_at(place.header.start - 1, 1).is_err(), "it begins with its header");
    // The file is as long as a footer or its frames say, and a message of any length is refused by the limit first.
    let (start, end) = (place.header.start, place.header.start + (64 << 20) + 1);
    let far = ipc::MessageBlock { header: start..start + 8, body: start + 8..end };
    let error = part.excerpt(&far, "the batch", UnpackLimit::told(1)).map(drop).unwrap_err();
    assert!(matches!(&error, Error::Memory(said) if said.contains("the batch at byte")), "{error}");
    let (mapped, _folder, _) = opened(&stream(&[batch(0, 3)], None), Io::Mmap);
    let whole = mapped.excerpt(&far, "the batch", UnpackLimit::told(1)).unwrap();
    assert_eq!((whole.size(), whole.read_at(0, 1).unwrap().len()), (mapped.file.size(), 1));
}
