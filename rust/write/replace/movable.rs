//! Whether the system lets a directory be replaced, told before rows are written and not after.

use std::ffi::OsStr;
use std::io;

use crate::error::{Error, Result};
use crate::write::disk::folder::Folder;
use crate::write::disk::names::Owner;
use crate::write::disk::users::User;
use crate::write::unfinished::trust::this_user;

/// The bit of a mode that lets only owners rename what is in a directory.
const STICKY: u32 = 0o1000;
const EPERM: i32 = 1;
const EBUSY: i32 = 16;

/// Fails for a directory that cannot get another name.
///
/// # Errors
/// Something is mounted there; it belongs to another user, in a directory where each renames only their own; this user
/// cannot write in it.
pub(crate) fn check_movable(parent: &Folder, name: &OsStr) -> Result<()> {
    let failed = |e| Error::io(parent.at(name), "looking at what is there", e);
    let refused = |what: &str, code| {
        let doing = format!(
            "replacing the directory that is there, {what}; choose another output (nothing is written)"
        );
        Err(Error::io(parent.at(name), doing, io::Error::from_raw_os_error(code)))
    };
    let folder = parent.sub(name).map_err(failed)?;
    if folder.is_mount(parent).map_err(failed)? {
        return refused("where something is mounted, which cannot get another name", EBUSY);
    }
    let owners = (parent.itself().map_err(failed)?.owner, folder.itself().map_err(failed)?.owner);
    if let (Some(around), Some(own)) = owners
        && is_stuck(around, own, this_user())
    {
        let what =
            format!("which belongs to {}, in a directory where each renames only their own", User(own.user));
        return refused(&what, EPERM);
    }
    // A directory that gets another one around it is written to.
    #[cfg(unix)]
    if let Err(e) = rustix::fs::access(folder.path(), rustix::fs::Access::WRITE_OK) {
        return refused("in which this user cannot write", e.raw_os_error());
    }
    Ok(())
}

/// Whether a directory stays where it is for this user.
fn is_stuck(around: Owner, own: Owner, user: u32) -> bool {
    let may = user == 0 || user == around.user || user == own.user;
    around.mode & STICKY != 0 && !may
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_is_mounted_is_not_replaced() {
        let root = Folder::open(Path::new("/")).unwrap();
        let error = check_movable(&root, OsStr::new("proc")).unwrap_err();
        assert!(
            matches!(&error, Error::Io { source, .. } if source.raw_os_error() == Some(EBUSY)),
            "{error}"
        );
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.make("plain").unwrap();
        check_movable(&folder, OsStr::new("plain")).unwrap();
    }

    #[test]
    fn of_others_nothing_is_renamed_where_each_renames_only_their_own() {
        let owner = |user, mode| Owner { user, mode };
        let (shared, plain) = (owner(1, 0o1777), owner(1, 0o777));
        for (around, own, user, stuck) in [
            (shared, owner(2, 0o755), 3, true),
            (shared, owner(3, 0o755), 3, false),
            (shared, owner(2, 0o755), 1, false),
            (shared, owner(2, 0o755), 0, false),
            (plain, owner(2, 0o755), 3, false),
        ] {
            assert_eq!(is_stuck(around, own, user), stuck, "{around:?} {own:?} {user}");
        }
    }
}
