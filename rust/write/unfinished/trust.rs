//! Whether a folder of unfinished output may be written in and removed: it is a directory of this user, into which
//! nobody else can write.
//!
//! Beside an output others may be able to write. A directory of theirs, or a link, under the name that is looked for
//! would have dsdm write and remove where they want.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::process::has_ended;
use crate::error::{Error, Result, Shown};
use crate::write::disk::folder::Folder;
use crate::write::disk::names::{EntryKind, Meta, Owner};
use crate::write::disk::users::User;

/// The bits of a mode that let others write.
const OTHERS_WRITE: u32 = 0o022;
const WHAT: &str = "the directory of unfinished output";
/// What the names of files begin with by which owners are looked at.
const PROBE: &str = ".dsdm-owner-";
const EACCES: i32 = 13;
const EEXIST: i32 = 17;

/// Fails unless a folder is this user's alone.
///
/// # Errors
/// It belongs to another, or others may write in it.
pub(crate) fn check_ours(parent: &Folder, folder: &Folder) -> Result<()> {
    let found = owner(folder)?;
    if of_this_user(parent, found) {
        return Ok(());
    }
    let doing = format!("writing in {WHAT}, which {}", not_ours(found, this_user()));
    Err(Error::io(folder.path(), doing, io::Error::from_raw_os_error(EACCES)))
}

/// Why a folder is not this user's alone, and what to do.
fn not_ours(found: Option<Owner>, user: u32) -> String {
    let untouched = "nothing there is read or removed";
    match found {
        Some(found) if found.user == user => format!(
            "can be written to by others (its mode is {:o}): {untouched}; look at what lies in it and remove it, or choose another output",
            found.mode
        ),
        Some(found) => format!(
            "belongs to {}, and this is {}: {untouched}; ask its owner to remove it, or choose another output",
            User(found.user),
            User(user)
        ),
        None => format!("is not this user's: {untouched}; have it removed, or choose another output"),
    }
}

/// Whether a folder is this user's alone.
pub(crate) fn is_ours(parent: &Folder, folder: &Folder) -> bool {
    owner(folder).is_ok_and(|found| of_this_user(parent, found))
}

fn owner(folder: &Folder) -> Result<Option<Owner>> {
    let found = folder.itself().map_err(|e| Error::io(folder.path(), format!("looking at {WHAT}"), e))?;
    Ok(found.owner)
}

/// Proof: where the system tells no owner, there is none to compare.
fn of_this_user(parent: &Folder, found: Option<Owner>) -> bool {
    let Some(found) = found else { return true };
    let plain = Owner { user: this_user(), mode: 0 };
    fits(found, plain) || owner_here(parent).is_some_and(|here| fits(found, here))
}

/// Whether a directory has the owner of a new one, and no other may write to it who might not write to a new one.
fn fits(found: Owner, new: Owner) -> bool {
    found.user == new.user && found.mode & OTHERS_WRITE & !new.mode == 0
}

/// What a file system makes of whose a new file is: some know one user alone, or no modes.
///
/// Proof: where that cannot be told, the folder is refused.
fn owner_here(parent: &Folder) -> Option<Owner> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    parent.owner_here(&format!("{PROBE}{}-{count}", std::process::id())).ok().flatten()
}

/// Removes what runs that were killed left of the files by which they looked at owners: empty, of this user, and named
/// by a process that has ended, or had the number of this one.
///
/// Proof: what cannot be looked at or removed takes no room, and nobody reads it.
pub(crate) fn remove_probes(parent: &Folder) {
    let Ok(entries) = parent.entries() else { return };
    let own = std::process::id().to_string();
    for (name, _) in entries.iter().filter(|(_, kind)| *kind == EntryKind::File) {
        let Some((name, process)) = name.to_str().and_then(|name| Some((name, prober(name)?))) else {
            continue;
        };
        let left = process == own || has_ended(process);
        if left && parent.meta(name).is_ok_and(|meta| is_probe(parent, &meta)) {
            let _ = parent.remove_file(name);
        }
    }
}

/// The process that named a file by which it looks at owners.
fn prober(name: &str) -> Option<&str> {
    let (process, count) = name.strip_prefix(PROBE)?.split_once('-')?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    Some(process).filter(|process| number(process) && number(count))
}

fn is_probe(parent: &Folder, found: &Meta) -> bool {
    let is_users = |owner: Owner| {
        owner.user == this_user() || owner_here(parent).is_some_and(|here| here.user == owner.user)
    };
    found.kind == EntryKind::File && found.bytes == 0 && found.owner.is_some_and(is_users)
}

#[cfg(unix)]
pub(crate) fn this_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
pub(crate) fn this_user() -> u32 {
    0
}

/// Fails if there is a link in a folder: dsdm makes none there.
pub(crate) fn check_contents(folder: &Folder) -> Result<()> {
    let entries = folder.entries().map_err(|e| Error::io(folder.path(), format!("looking at {WHAT}"), e))?;
    match entries.into_iter().find(|(_, kind)| *kind == EntryKind::Link) {
        None => Ok(()),
        Some((name, _)) => Err(in_the_way(folder, &name, io::Error::from_raw_os_error(EEXIST))),
    }
}

/// What stands where a folder of unfinished output is to be, or something in it.
pub(crate) fn in_the_way(parent: &Folder, name: &OsStr, error: io::Error) -> Error {
    let found = parent.meta(name);
    let owner = found.as_ref().ok().and_then(|meta| meta.owner);
    let what = match found.map(|meta| meta.kind) {
        Ok(EntryKind::Link) => {
            // Proof: what a message says of a link that is gone.
            let target = parent.link(name).unwrap_or_else(|| PathBuf::from("nothing"));
            format!("there is a link to {}, which is not followed", Shown(&target))
        }
        Ok(EntryKind::File) => "there is a file".to_owned(),
        Ok(EntryKind::Other) => "there is a device or a pipe".to_owned(),
        Ok(EntryKind::Folder) if owner.is_some_and(|owner| owner.user != this_user()) => {
            let doing = format!("opening {WHAT}, which {}", not_ours(owner, this_user()));
            return Error::io(parent.at(name), doing, error);
        }
        // It is a directory, which cannot be opened.
        Ok(EntryKind::Folder) | Err(_) => {
            return Error::io(parent.at(name), format!("opening {WHAT}"), error);
        }
    };
    let doing = format!(
        "making {WHAT} where {what}; see who made it and what for, and remove it or choose another output"
    );
    Error::io(parent.at(name), doing, io::Error::from_raw_os_error(EEXIST))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn only_a_directory_of_this_user_alone_is_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let parent = Folder::open(dir.path()).unwrap();
        parent.make_private("mine").unwrap();
        let folder = parent.sub("mine").unwrap();
        for (mode, trusted) in [(0o700, true), (0o755, true), (0o775, false), (0o702, false), (0o1777, false)]
        {
            fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_ours(&parent, &folder), trusted, "{mode:o}");
            let said = check_ours(&parent, &folder).err().map(|error| error.to_string());
            assert_eq!(said.is_none(), trusted, "{said:?}");
            let told = |said: String| said.contains(&format!("its mode is {mode:o}"));
            assert!(said.is_none_or(told));
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_owner_is_named_with_what_to_do() {
        let owner = |user, mode| Some(Owner { user, mode });
        let said = not_ours(owner(u32::MAX - 7, 0o700), 0);
        assert!(
            said.starts_with("belongs to the user with uid 4294967288, and this is root (uid 0): "),
            "{said}"
        );
        assert!(said.ends_with("; ask its owner to remove it, or choose another output"));
        let said = not_ours(owner(5, 0o777), 5);
        assert!(
            said.starts_with("can be written to by others (its mode is 777): nothing there is"),
            "{said}"
        );
    }

    /// A file system that knows one user alone, or no modes, says so of a new file as well.
    #[test]
    fn what_a_file_system_makes_of_owners_is_taken_into_account() {
        let owner = |user, mode| Owner { user, mode };
        assert!(fits(owner(5, 0o755), owner(5, 0)) && !fits(owner(6, 0o755), owner(5, 0)));
        assert!(fits(owner(65534, 0o777), owner(65534, 0o777)) && !fits(owner(6, 0o777), owner(5, 0o777)));
        assert!(!fits(owner(5, 0o777), owner(5, 0o755)));
    }

    #[test]
    fn what_killed_runs_left_of_looks_at_owners_goes_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let parent = Folder::open(dir.path()).unwrap();
        // No system gives a process such a number.
        let ended = i32::MAX;
        let own = std::process::id();
        let gone = [format!(".dsdm-owner-{ended}-0"), format!(".dsdm-owner-{own}-77")];
        let lives = std::os::unix::process::parent_id();
        let stay = [
            format!(".dsdm-owner-{lives}-0"),
            format!(".dsdm-owner-{ended}-x"),
            format!(".dsdm-owner-{ended}"),
            format!("a.dsdm-owner-{ended}-0"),
        ];
        for name in gone.iter().chain(&stay) {
            fs::write(parent.at(name), "").unwrap();
        }
        let full = format!(".dsdm-owner-{ended}-1");
        fs::write(parent.at(&full), "years").unwrap();
        remove_probes(&parent);
        let left = |name: &String| parent.meta(name).is_ok();
        assert!(!gone.iter().any(left) && stay.iter().all(left) && left(&full));
    }

    #[test]
    fn what_is_in_the_way_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let parent = Folder::open(dir.path()).unwrap();
        check_contents(&parent).unwrap();
        fs::write(parent.at("file"), "").unwrap();
        symlink("/somewhere", parent.at("link")).unwrap();
        let error = |name: &str| {
            let name = OsStr::new(name);
            in_the_way(&parent, name, parent.sub(name).unwrap_err()).to_string()
        };
        assert!(error("link").contains("a link to /somewhere"), "{}", error("link"));
        assert!(error("file").contains("where there is a file"), "{}", error("file"));
        assert!(error("none").contains("opening the directory"), "{}", error("none"));
        let said = check_contents(&parent).unwrap_err().to_string();
        assert!(said.contains("a link to /somewhere"), "{said}");
    }
}
