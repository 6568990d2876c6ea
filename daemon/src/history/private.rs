//! What somebody listens to is nobody else's business: the history is for its owner alone. Where files have
//! no modes, it is as private as its folder.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;

/// Makes the folder and those above it, for us alone. Those that are there already stay as they are.
///
/// # Errors
/// When it cannot be made.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// To open a file with that is made for us alone.
pub(super) fn options() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there are no modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Sees to it that nobody else can read a database, before SQLite opens it. What SQLite makes beside it gets
/// its mode; what is left there of a process that was killed is closed to others as well.
pub(super) fn close_to_others(database: &Path) {
    // Made here, so that it is never open to others. If that fails, SQLite says why. One that is there is not
    // opened: closing it again would free locks of SQLite's.
    let _ = options().write(true).create_new(true).open(database);
    #[cfg(unix)]
    for suffix in ["", "-wal", "-shm"] {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        if let Err(error) = take_from_others(name.as_ref()) {
            // It is somebody else's, who may want it so.
            tracing::debug!(%error, "{} stays open to others", name.display());
        }
    }
}

/// Leaves a file, if it is one, to its owner alone.
#[cfg(unix)]
fn take_from_others(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let Ok(found) = file.metadata() else { return Ok(()) };
    let mut permissions = found.permissions();
    // Never a device, such as /dev/null.
    if !found.is_file() || permissions.mode() & 0o077 == 0 {
        return Ok(());
    }
    permissions.set_mode(permissions.mode() & 0o700);
    std::fs::set_permissions(file, permissions)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::store::Store;
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The history and what lies beside it while it is open.
    const FILES: [&str; 4] = ["history.db", "history.db-wal", "history.db-shm", "history.db.lock"];

    #[test]
    fn a_new_history_is_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("very/deep");
        let _store = Store::open(&deep.join("history.db")).unwrap();
        for file in FILES {
            assert_eq!(mode(&deep.join(file)), 0o600, "{file}");
        }
        assert_eq!((mode(&deep), mode(deep.parent().unwrap())), (0o700, 0o700));
    }

    #[test]
    fn an_old_one_is_closed_to_others_but_not_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o755);
        let path = |file: &str| folder.path().join(file);
        drop(Store::open(&path("history.db")).unwrap());
        // As if it had been killed: an empty log is as good as none.
        std::fs::write(path("history.db-wal"), "").unwrap();
        for file in &FILES[..2] {
            set_mode(&path(file), 0o644);
        }
        let _store = Store::open(&path("history.db")).unwrap();
        for file in FILES {
            assert_eq!(mode(&path(file)), 0o600, "{file}");
        }
        assert_eq!(mode(folder.path()), 0o755);
    }

    #[test]
    fn what_is_no_file_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("folder");
        std::fs::create_dir(&inner).unwrap();
        set_mode(&inner, 0o755);
        close_to_others(&inner);
        assert_eq!(mode(&inner), 0o755);
    }
}
