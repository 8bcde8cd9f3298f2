//! The last steps of a shard: its name, the note of it, and its sums.

use super::*;

/// The last steps of a shard of three rows, the files of which are there under the names of their parts.
fn finishing(folder: &TempDir, name: &str) -> (Stage, FinishShard<Numbers>, FinishedShard, Vec<ShardFile>) {
    let stage = stage(folder);
    let output = stage.output().clone();
    if let Some((inner, _)) = name.rsplit_once('/') {
        output.make(inner).unwrap();
    }
    let bytes = b"[00003]123412341234tail";
    let file = create(&output, &part(name, "")).unwrap();
    write_at(&file, Path::new("a"), bytes, 0).unwrap();
    let entry = FileEntry { name: name.to_owned(), bytes: bytes.len() as u64, crc32: Crc32::of(bytes) };
    let done = FinishedShard {
        shard: 0,
        rows: 3,
        files: vec![entry],
        digest: String::new(),
        indices: String::new(),
        extra: Map::new(),
    };
    let parts = vec![ShardFile { name: part(name, ""), file: Arc::new(file) }];
    let settle = FinishShard {
        encoder: Arc::new(PLAIN),
        folder: output,
        wanted: Background::start().unwrap().wanted(),
        notes: stage.destination().notes,
        all: Arc::default(),
    };
    (stage, settle, done, parts)
}

#[test]
fn a_shard_gets_its_name_and_is_noted_or_nothing_of_it_stays() {
    // A token whose thread was dropped is that of work that was abandoned.
    let wanted = || crate::write::disk::sync_thread::CancelToken::default();
    for name in ["0", "inner/0"] {
        let folder = tempfile::tempdir().unwrap();
        let (stage, settle, done, parts) = finishing(&folder, name);
        let settle = FinishShard { wanted: wanted(), ..settle };
        settle.shard(done.clone(), parts).unwrap();
        assert!(stage.output().at(name).exists() && !stage.output().at(part(name, "")).exists());
        assert_eq!(*settle.all.lock().unwrap(), [done]);
        assert_eq!(stage.leave(true).unwrap().finished, 1);
    }
    for (rows, renamed, said) in
        [(4, "0", "4 rows were written and 3 are there"), (3, "none/0", "giving a finished shard its name")]
    {
        let folder = tempfile::tempdir().unwrap();
        let (stage, settle, mut done, parts) = finishing(&folder, "0");
        let settle = FinishShard { wanted: wanted(), ..settle };
        (done.rows, done.files[0].name) = (rows, renamed.to_owned());
        let error = settle.shard(done, parts).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert_eq!(fs::read_dir(stage.output().path()).unwrap().count(), 0);
        assert!(settle.all.lock().unwrap().is_empty() && stage.leave(true).is_none());
    }
    let folder = tempfile::tempdir().unwrap();
    let (stage, settle, done, parts) = finishing(&folder, "0");
    assert!(matches!(settle.shard(done.clone(), parts), Err(Error::Interrupted)));
    assert!(stage.output().at("0.part").exists(), "whoever abandoned it may hold the folder");
    assert!(settle.all.lock().unwrap().is_empty());
    let settle = FinishShard { wanted: wanted(), ..settle };
    assert!(matches!(settle.shard(done, Vec::new()), Err(Error::Internal(_))), "no file");
}

#[test]
fn sums_of_runs_are_the_sum_of_the_whole() {
    let bytes: Vec<u8> = (0..1000_u32).map(|n| (n * 31 % 251).to_le_bytes()[0]).collect();
    for cuts in [&[][..], &[0], &[1000], &[1, 1, 500], &[333, 666]] {
        let mut ends = cuts.to_vec();
        ends.push(1000);
        let mut start = 0;
        let mut sums = Vec::new();
        for end in ends {
            sums.push(of_parts([&bytes[start..end]]));
            start = end;
        }
        assert_eq!(combined(sums.iter()), Crc32::of(&bytes), "{cuts:?}");
    }
    assert_eq!(combined([].iter()), Crc32::of(b""));
}
