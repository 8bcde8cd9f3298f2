//! Rows where pieces, blocks and batches meet, and in compressed files.

use super::*;

/// A file whose lines end at `PIECE + shift`, among others, and one line that is longer than a piece.
fn long(shift: isize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut line = |bytes: usize, number: usize| {
        let head = format!("{{\"n\":{number},\"t\":\"");
        text.extend_from_slice(head.as_bytes());
        text.extend(std::iter::repeat_n(b'x', bytes - head.len() - 3));
        text.extend_from_slice(b"\"}\n");
    };
    let edge = PIECE.checked_add_signed(shift).unwrap();
    let step = 600 << 10;
    for number in 0..edge / step {
        line(step, number);
    }
    line(edge % step, 1000);
    for number in 2000..2040 {
        line(50, number);
    }
    text.extend_from_slice(b"\n{\"late\":[1]}\n");
    text
}

#[test]
fn no_row_is_lost_or_read_twice_where_pieces_and_blocks_meet() {
    for shift in [-1, 0, 1, 25] {
        let text = long(shift);
        let values = lines_of(&text);
        for threads in [1, 3] {
            let table = open(&[&text], threads, None).unwrap();
            let part = table.parts[0].as_ref();
            assert_eq!(part.unit_rows().iter().sum::<u64>(), values.len() as u64);
            assert!(part.unit_rows().len() > 10);
            let names: Vec<&String> = part.schema().fields().iter().map(|field| field.name()).collect();
            assert_eq!(names, ["n", "t", "late"]);
            let rows: Vec<u64> = (0..values.len() as u64).collect();
            assert!(read(part, &rows) == oracle(part, &values, &rows));
            let stored: u64 =
                (0..part.unit_rows().len()).map(|unit| part.stored_bytes(unit, &[]).unwrap()).sum();
            assert_eq!(stored, text.len() as u64);
        }
    }
}

#[test]
fn of_several_wrong_lines_the_first_is_told_whatever_the_threads() {
    let mut text = long(-1);
    let lines = text.split(|&byte| byte == b'\n').count();
    text.extend_from_slice(b"{\"n\":true}\n");
    let wrong = [b"{\"n\":0}\n{".as_slice(), &text].concat();
    let cut = [text.as_slice(), b"{\n", b"{\n"].concat();
    for threads in [1, 2, 3] {
        let found = refused(&[&text], threads);
        let said =
            format!("0: at line {lines}: column \"n\": true or false is here, and a number at line 1;");
        assert!(found.starts_with(&said), "{found}");
        let found = refused(&[b"{\"n\":0}\n", &cut, b"{", &wrong], threads);
        assert!(found.starts_with(&format!("1: at line {}: this is no JSON", lines + 1)), "{found}");
    }
}

#[test]
fn batches_end_where_they_are_full() {
    let text: String = (0..8193 * 2).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let values = lines_of(text.as_bytes());
    let table = open(&[text.as_bytes()], 1, None).unwrap();
    let part = table.parts[0].as_ref();
    for len in [0, 1, 8191, 8192, 8193, 8193 * 2] {
        let rows: Vec<u64> = (0..len).collect();
        assert_eq!(read(part, &rows), oracle(part, &values, &rows));
        // A batch without columns has its rows all the same.
        let wanted: Vec<u32> = (0..u32::try_from(len).unwrap()).collect();
        let counts = part.read(0, &[], &wanted, Unpacking::default()).unwrap();
        assert_eq!(counts.map(|batch| batch.unwrap().num_rows() as u64).sum::<u64>(), len);
    }
}

/// A file of some blocks, compressed, and what its lines are.
fn packed() -> (Vec<u8>, Vec<Value>) {
    let filler = "y".repeat(1000);
    let text: String = (0..4000).map(|n| format!("{{\"n\":{n},\"t\":\"{filler}\"}}\n")).collect();
    (gzip(text.as_bytes()), lines_of(text.as_bytes()))
}

#[test]
fn rows_of_a_compressed_file_are_right_wherever_it_was_read_to() {
    let _alone = alone();
    let (stored, values) = packed();
    let table = open(&[&stored], 1, None).unwrap();
    let part = table.parts[0].as_ref();
    assert_eq!(part.unit_rows(), [4000]);
    assert_eq!(part.stored_bytes(0, &[]).unwrap(), stored.len() as u64);
    for rows in [
        vec![0, 1, 2],
        vec![3, 1500],
        vec![1500, 1501],
        vec![1400, 2900],
        vec![2899],
        vec![0, 3999],
        vec![3999],
        vec![],
        vec![7],
        vec![1047, 1048, 1049],
        vec![1049, 1050, 1051, 2098, 2099, 3147],
    ] {
        assert_eq!(read(part, &rows), oracle(part, &values, &rows), "{rows:?}");
    }
}

#[test]
fn a_place_is_kept_for_rows_that_are_not_before_it_and_only_so_many_are() {
    let _alone = alone();
    let (stored, _) = packed();
    let table = open(&[&stored], 1, None).unwrap();
    let file = LineFile::open(&table.folder.path().join("0")).unwrap();
    let at = |row: u64| {
        let mut cursor = Cursor::new(file.blocks(Reading::default()).unwrap());
        let block = cursor.block_of(row).unwrap().unwrap();
        let run = block.start().rows..block.end().rows;
        assert!(run.contains(&row), "{run:?}");
        (cursor, run)
    };
    let (cursor, run) = at(2000);
    assert!(run.start > 0);
    let kept = Kept::default();
    assert!(kept.take(0).is_none());
    kept.put(cursor);
    let mut cursor = kept.take(run.start).unwrap();
    assert_eq!(cursor.block_of(run.end).unwrap().unwrap().start().rows, run.end);
    assert!(cursor.block_of(3999).unwrap().is_some() && cursor.block_of(4000).unwrap().is_none());
    assert!(kept.take(run.start).is_none());
    kept.put(at(2000).0);
    assert!(kept.take(run.start - 1).is_none());
    // The ninth place is not kept, and one is again once another is gone.
    let many: Vec<Kept> = (0..9).map(|_| Kept::default()).collect();
    for one in &many {
        one.put(at(0).0);
    }
    assert_eq!(
        many.iter().map(|one| usize::from(one.take(0).is_some())).collect::<Vec<_>>(),
        [1, 1, 1, 1, 1, 1, 1, 1, 0]
    );
    many[8].put(at(0).0);
    assert!(many[8].take(0).is_some());
}

#[test]
fn a_file_that_became_another_is_told() {
    let text = "{\"n\":1}\n".repeat(100);
    for (changed, stored) in
        [(text.repeat(2), text.as_bytes().to_vec()), (text[..80].to_owned(), gzip(text.as_bytes()))]
    {
        let table = open(&[&stored], 1, None).unwrap();
        fs::write(table.folder.path().join("0"), changed).unwrap();
        let part = table.parts[0].as_ref();
        let mut found = part.read(0, &[0], &[99], Unpacking::default()).unwrap();
        // A row that is still there comes, and then it is told all the same.
        let error =
            found.find_map(std::result::Result::err).or_else(|| part.check_unchanged().err()).unwrap();
        assert!(matches!(error, Error::SourceChanged(_)), "{error}");
    }
}
