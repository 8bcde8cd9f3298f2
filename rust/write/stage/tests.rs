//! Tests of `stage`.

use super::*;
use std::fs;

use crate::gather::Split;
use crate::write::{ExtraKeys, Format, Release, Resume};
use serde_json::Map;

fn options(target: &Path) -> Options {
    Options {
        target: target.to_path_buf(),
        format: Format::Arrow,
        release: Release::NEWEST,
        split_name: "train".to_owned(),
        card: None,
        by_content: false,
        token_dtype: None,
        embed: false,
        naming: Naming::New,
        sources: Vec::new(),
        resume: Resume::Same,
        resumable: true,
        verify: false,
        split: Split::Shards(2),
        memory_limit: 1,
        places: crate::write::PathNames::Relative,
        selection: Map::new(),
        identity: Map::new(),
        extra_keys: ExtraKeys::default(),
    }
}

fn spec(rows: u64) -> RunSpec {
    let text =
        format!(r#"{{"resumable": true, "shards": 2, "fields": {{"rows": {rows}, "shards": [1, 2]}}}}"#);
    serde_json::from_str(&text).unwrap()
}

fn begin(options: &Options) -> Result<Stage> {
    Stage::begin(options, &options.sources, &spec(1))
}

fn begin_named(target: &Path) -> Stage {
    begin(&Options { naming: Naming::ByFingerprint, ..options(target) }).unwrap()
}

fn named(shard: usize) -> String {
    crate::write::format::shard_names::shard_name(Format::Arrow, "train", shard, 2)
}

/// Writes a shard and notes it.
fn finish_shard(stage: &Stage, shard: usize) -> FinishedShard {
    let name = named(shard);
    fs::write(stage.output().at(&name), &name).unwrap();
    let file = serde_json::json!({"name": name, "bytes": name.len(), "crc32": "00000000"});
    let done = serde_json::json!({"shard": shard, "rows": 1, "files": [file], "digest": ""});
    let done: FinishedShard = serde_json::from_value(done).unwrap();
    stage.destination().notes.append(&done).unwrap();
    done
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_target_appears_at_commit_and_nothing_is_left_without() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    let stage = begin(&options(&target)).unwrap();
    fs::write(stage.output().at("dsdm.json"), "x").unwrap();
    assert!(!target.exists());
    drop(stage);
    assert_eq!(names(dir.path()), Vec::<String>::new());
    let stage = begin(&options(&target)).unwrap();
    fs::write(stage.output().at("state.json"), "x").unwrap();
    stage.commit().unwrap();
    assert_eq!(names(dir.path()), ["out"]);
    assert_eq!(names(&target), ["state.json"]);
}

#[test]
fn a_dataset_is_replaced_when_asked_and_other_folders_never() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    fs::create_dir(&target).unwrap();
    let old = crate::write::replace::replaceable::saved_by_others(&target);
    let error = begin(&options(&target)).unwrap_err();
    let exists = std::io::ErrorKind::AlreadyExists;
    assert!(matches!(&error, Error::Io { source, .. } if source.kind() == exists), "{error}");
    let stage = begin(&Options { naming: Naming::Replacing, ..options(&target) }).unwrap();
    fs::write(target.join("notes.txt"), "put there meanwhile").unwrap();
    let error = stage.commit().unwrap_err().0.to_string();
    assert!(error.contains("notes.txt"), "{error}");
    assert_eq!(fs::read_to_string(target.join("state.json")).unwrap(), old);
    fs::remove_file(target.join("notes.txt")).unwrap();
    let stage = begin(&Options { naming: Naming::Replacing, ..options(&target) }).unwrap();
    fs::write(stage.output().at("state.json"), "new").unwrap();
    stage.commit().unwrap();
    assert_eq!(fs::read_to_string(target.join("state.json")).unwrap(), "new");
    assert_eq!(names(dir.path()), ["out"]);
    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("thesis.tex"), "years").unwrap();
    assert!(matches!(begin(&Options { naming: Naming::Replacing, ..options(&home) }), Err(Error::Value(_))));
}

#[test]
fn a_target_that_is_taken_meanwhile_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    let stage = begin(&options(&target)).unwrap();
    fs::create_dir(&target).unwrap();
    assert_eq!(stage.commit().unwrap_err().1, None);
    assert_eq!(names(dir.path()), ["out"]);
    fs::remove_dir(&target).unwrap();
    // What is finished stays, and the error comes with where it is.
    let stage = begin(&options(&target)).unwrap();
    finish_shard(&stage, 0);
    fs::create_dir(&target).unwrap();
    let (error, left) = stage.commit().unwrap_err();
    assert!(error.to_string().contains("giving the finished output its name"), "{error}");
    let folder = dir.path().join(".out.dsdm-unfinished");
    assert_eq!(left, Some(Resumable { folder, finished: 1 }));
    fs::remove_dir(&target).unwrap();
    assert_eq!(begin(&options(&target)).unwrap().kept().len(), 1);
}

#[test]
fn finished_shards_are_left_and_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    let stage = begin(&options(&target)).unwrap();
    let (first, second) = (finish_shard(&stage, 1), finish_shard(&stage, 0));
    fs::write(stage.output().at(named(1) + ".part"), "half").unwrap();
    let left = stage.leave(true).unwrap();
    assert_eq!((left.finished, names(dir.path())), (2, vec![".out.dsdm-unfinished".to_owned()]));
    let stage = begin(&options(&target)).unwrap();
    assert_eq!(stage.kept(), [second, first]);
    assert_eq!(names(stage.output().path()), [named(0), named(1)]);
    stage.leave(true).unwrap();
    // One whose size is another is not kept, and its file goes.
    fs::write(left.folder.join("output").join(named(1)), "").unwrap();
    let stage = begin(&options(&target)).unwrap();
    assert_eq!(stage.kept().iter().map(|done| done.shard).collect::<Vec<_>>(), [0]);
    assert_eq!(names(stage.output().path()), [named(0)]);
    stage.commit().unwrap();
    assert_eq!(names(dir.path()), ["out"]);
}

#[test]
fn what_made_something_else_is_refused_or_removed() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    let leave = || {
        let stage = begin(&Options { resume: Resume::Never, ..options(&target) }).unwrap();
        assert_eq!(stage.kept(), []);
        finish_shard(&stage, 0);
        stage.leave(true).unwrap();
    };
    let other = |resume| Stage::begin(&Options { resume, ..options(&target) }, &[], &spec(2));
    leave();
    let error = other(Resume::Same).unwrap_err();
    assert!(matches!(error, Error::ResumeMismatch(_)));
    let text = error.to_string();
    for said in ["unfinished: rows: ", "had 1, and this call has 2", "1 of its 2 shards", "resume=False"] {
        assert!(text.contains(said), "{text}");
    }
    assert_eq!(other(Resume::Either).unwrap().kept(), []);
    leave();
    assert_eq!(other(Resume::Never).unwrap().kept(), []);
    assert_eq!(names(dir.path()), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn a_living_run_is_named_by_its_process() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    let living = begin(&options(&target)).unwrap();
    let error = begin(&options(&target)).unwrap_err().to_string();
    assert!(error.contains(&format!("the process {} is writing it", std::process::id())), "{error}");
    assert!(living.output().path().exists());
    assert!(unfinished(&target).unwrap().is_none());
    finish_shard(&living, 0);
    living.leave(true).unwrap();
    assert_eq!(unfinished(&target).unwrap().unwrap()["rows"], 1);
}

#[test]
fn what_was_replaced_is_never_taken_for_what_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    let stage = begin(&options(&target)).unwrap();
    finish_shard(&stage, 0);
    stage.completion()().unwrap();
    let left = stage.leave(true).unwrap();
    // It is taken over as long as it is the one that was complete, and not once another is in its place.
    assert_eq!(begin(&options(&target)).unwrap().leave(true).unwrap().finished, 1);
    let output = left.folder.join(OUTPUT);
    fs::rename(&output, dir.path().join("aside")).unwrap();
    fs::create_dir(&output).unwrap();
    fs::write(output.join(named(0)), named(0)).unwrap();
    assert_eq!(begin(&options(&target)).unwrap().kept(), []);
}

#[test]
fn a_name_that_tells_the_contents_is_given_once() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    let stages: Vec<_> = ["first", "second"]
        .into_iter()
        .map(|text| {
            let stage = begin_named(&target);
            fs::write(stage.output().at("dsdm.json"), text).unwrap();
            stage
        })
        .collect();
    for stage in stages {
        stage.commit_as("abc").unwrap();
    }
    assert_eq!(names(dir.path()), ["abc"]);
    assert_eq!(fs::read_to_string(dir.path().join("abc/dsdm.json")).unwrap(), "first");
    fs::write(dir.path().join("file"), "").unwrap();
    assert!(matches!(begin_named(&target).commit_as("file"), Err(Error::Io { .. })));
    assert_eq!(names(dir.path()), ["abc", "file"]);
}

/// Runs that begin at once look for dead ones at once: none takes another, just begun, for dead.
#[test]
fn runs_that_begin_at_once_leave_each_other_alone() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let stage = begin_named(&target);
                    fs::write(stage.output().at("dsdm.json"), "x").unwrap();
                    assert!(stage.output().at("dsdm.json").exists());
                }
            });
        }
    });
    assert_eq!(names(dir.path()), Vec::<String>::new());
}

/// Of runs of one target that begin at once, one at a time has it.
#[cfg(unix)]
#[test]
fn runs_of_one_target_exclude_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    let holders = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    if let Ok(stage) = begin(&options(&target)) {
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                        fs::write(stage.output().at("dsdm.json"), "x").unwrap();
                        holders.fetch_sub(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert_eq!(names(dir.path()), Vec::<String>::new());
}

/// Of runs that begin at once and end well, one writes, and the others leave nothing behind.
#[cfg(unix)]
#[test]
fn runs_that_come_too_late_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    for _ in 0..50 {
        let run = || begin(&options(&target)).is_ok_and(|stage| stage.commit().is_ok());
        let made: Vec<_> = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        assert_eq!(made.iter().filter(|made| **made).count(), 1, "{made:?}");
        assert_eq!(names(dir.path()), ["out"]);
        fs::remove_dir_all(&target).unwrap();
    }
}

#[test]
fn what_is_left_of_outputs_of_other_names_stays() {
    let dir = tempfile::tempdir().unwrap();
    let stage = begin(&options(&dir.path().join("out.dsdm-2"))).unwrap();
    finish_shard(&stage, 0);
    stage.leave(true).unwrap();
    drop(begin(&options(&dir.path().join("out"))).unwrap());
    assert_eq!(names(dir.path()), [".out.dsdm-2.dsdm-unfinished"]);
}

#[cfg(unix)]
#[test]
fn nothing_is_written_or_removed_behind_a_link() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let (target, victim) = (dir.path().join("out"), dir.path().join("victim"));
    let staging = dir.path().join(".out.dsdm-unfinished");
    fs::create_dir_all(victim.join("sub")).unwrap();
    fs::write(victim.join("thesis"), "years").unwrap();
    let whole = || assert_eq!(names(&victim), ["sub", "thesis"]);
    let refused = || {
        let error = begin(&options(&target)).unwrap_err();
        let exists = std::io::ErrorKind::AlreadyExists;
        assert!(matches!(&error, Error::Io { source, .. } if source.kind() == exists), "{error}");
        assert!(error.to_string().contains("is not followed"), "{error}");
        whole();
    };
    symlink(&victim, &staging).unwrap();
    refused();
    assert!(unfinished(&target).unwrap().is_none());
    fs::remove_file(&staging).unwrap();
    for name in ["pid", "journal", "output", "plan.json"] {
        fs::create_dir(&staging).unwrap();
        symlink(if name == "output" { victim.clone() } else { victim.join("thesis") }, staging.join(name))
            .unwrap();
        refused();
        fs::remove_dir_all(&staging).unwrap();
    }
    // What looks as left by a dead run is not followed either.
    symlink(&victim, dir.path().join(".out.dsdm-1-0")).unwrap();
    let stage = begin(&options(&target)).unwrap();
    // And a directory that takes the place of the one that is open is not that one.
    fs::rename(&staging, dir.path().join("moved")).unwrap();
    symlink(&victim, &staging).unwrap();
    drop(stage);
    whole();
    assert_eq!(fs::read_to_string(victim.join("thesis")).unwrap(), "years");
}

#[cfg(unix)]
#[test]
fn nobody_else_looks_into_what_is_unfinished() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let stage = begin(&options(&dir.path().join("out"))).unwrap();
    assert_eq!(mode(&dir.path().join(".out.dsdm-unfinished")), 0o700);
    stage.commit().unwrap();
    let plain = dir.path().join("plain");
    fs::create_dir(&plain).unwrap();
    assert_eq!(mode(&dir.path().join("out")), mode(&plain));
}

#[test]
fn the_output_is_no_source() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("in");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("state.json"), "").unwrap();
    let shard = source.join("data.arrow");
    fs::write(&shard, "").unwrap();
    for target in [source.clone(), source.join("sub"), dir.path().to_path_buf()] {
        let sources = vec![shard.clone()];
        let error = begin(&Options { naming: Naming::Replacing, sources, ..options(&target) }).unwrap_err();
        assert!(matches!(&error, Error::Value(m) if m.contains("source")), "{error}");
    }
}
