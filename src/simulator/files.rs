//! Files that commands read and write: an account file, a snapshot, a state file, a metrics file.
//!
//! A regular file is replaced as a whole: the content goes to a temporary file beside it, which is synchronized and then
//! renamed. Links are followed, and mode and owner are kept. A file that cannot be replaced without losing something (it
//! has several hard links or another owner, or its folder is read-only) is overwritten in place. Pipes and devices are
//! written through.
//!
//! A result never replaces a file that this process has read: whoever names a manifest or a Terraform state as the file for a
//! result has mistyped.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

use crate::units::size;

/// The most that is read of an account file.
pub const LARGEST_ACCOUNT: u64 = 1 << 30;

/// The most that is read of a manifest, a state file or a metrics file.
pub const LARGEST_TEXT: u64 = 256 << 20;

/// How the temporary files begin and end.
const TEMPORARY: (&str, &str) = (".autoconnect-", ".tmp");

/// More symbolic links in a row are a loop.
const MOST_LINKS: usize = 40;

/// The regular files that this process has read, or keeps for itself, without links.
static IN_USE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn in_use() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    IN_USE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who may read a file that did not exist before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum New {
    /// Its owner only (0600).
    Private,
    /// Whoever the umask lets.
    Shared,
}

/// Where a path leads.
#[derive(Debug)]
enum Target {
    Stdout,
    Stderr,
    /// A pipe, a terminal or another device.
    Stream(PathBuf),
    /// A regular file, or none yet: its path without links.
    File(PathBuf),
}

/// Whether the path is `-`, or another name of standard output.
///
/// # Errors
///
/// Its links cannot be followed.
pub fn is_stdout(path: &Path) -> io::Result<bool> {
    Ok(matches!(target(path)?, Target::Stdout))
}

/// Reads a file to its end. One that is being written is waited for. [`write()`] no longer replaces it.
///
/// # Errors
///
/// It cannot be read, or has more than `most` bytes.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.is_file() {
        in_use().insert(fs::canonicalize(path)?);
    }
    read_open(&file, most)
}

/// Reads a text in UTF-8, like [`read()`].
///
/// # Errors
///
/// It cannot be read, has more than `most` bytes, or is no text.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

fn read_open(file: &File, most: u64) -> io::Result<Vec<u8>> {
    if file.metadata()?.is_file() {
        supported(file.lock_shared())?;
    }
    read_at_most(file, most)
}

/// Reads to the end.
///
/// # Errors
///
/// It cannot be read, or has more than `most` bytes.
pub fn read_at_most(source: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    source.take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("it has more than {}", size(most)),
        ));
    }
    Ok(content)
}

/// What a regular file holds that is to be replaced; none where there is no file, or a pipe or a device.
///
/// # Errors
///
/// It cannot be read.
pub fn read_regular(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Target::File(path) = target(path)? else {
        return Ok(None);
    };
    match File::open(&path).and_then(|file| read_open(&file, LARGEST_TEXT)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        content => content.map(Some),
    }
}

/// Writes a result like [`write()`]. Whether it went to standard output, which then has the result and nothing else.
///
/// # Errors
///
/// It cannot be written. A reader of standard output that has gone away is no error.
pub fn write_out(path: &Path, content: &[u8], new: New) -> io::Result<bool> {
    let is_stdout = is_stdout(path)?;
    match write(path, content, new) {
        Err(error) if is_stdout && error.kind() == ErrorKind::BrokenPipe => Ok(is_stdout),
        written => written.map(|()| is_stdout),
    }
}

/// Writes a result: to a file, which is replaced as a whole, or through a pipe or a device. `-` is standard output.
///
/// # Errors
///
/// It cannot be written, or this process has read it.
pub fn write(path: &Path, content: &[u8], new: New) -> io::Result<()> {
    match target(path)? {
        Target::Stdout => through(&mut io::stdout().lock(), content),
        Target::Stderr => through(&mut io::stderr().lock(), content),
        // What is behind a descriptor may be a regular file that others write too.
        Target::Stream(path) => through(&mut OpenOptions::new().append(true).open(path)?, content),
        Target::File(path) => {
            if in_use().iter().any(|read| is_same_file(read, &path)) {
                let message = "this command reads the file, and does not replace it";
                return Err(io::Error::new(ErrorKind::InvalidInput, message));
            }
            replace_file(&path, content, new)
        }
    }
}

/// Replaces a file that is read again later, so that it cannot be a pipe or a device.
///
/// # Errors
///
/// It is not a regular file, or cannot be written.
pub fn replace(path: &Path, content: &[u8], new: New) -> io::Result<()> {
    let path = regular(path)?;
    replace_file(&path, content, new)?;
    in_use().insert(fs::canonicalize(path)?);
    Ok(())
}

/// Whether two paths lead to one regular file, also by links, or will do so once it exists.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    let (Ok(Target::File(one)), Ok(Target::File(other))) = (target(one), target(other)) else {
        return false;
    };
    #[cfg(unix)]
    if let (Ok(one), Ok(other)) = (fs::metadata(&one), fs::metadata(&other)) {
        use std::os::unix::fs::MetadataExt;
        return (one.dev(), one.ino()) == (other.dev(), other.ino());
    }
    let place = |path: &Path| Some((fs::canonicalize(folder(path)).ok()?, path.file_name()?.to_owned()));
    place(&one).is_some_and(|one| place(&other) == Some(one))
}

/// An existing regular file that no other process reads or writes through this module meanwhile.
#[derive(Debug)]
pub struct Locked {
    path: PathBuf,
    file: File,
}

impl Locked {
    /// Waits until nobody else has the file.
    ///
    /// # Errors
    ///
    /// It does not exist, is not a regular file, or cannot be locked.
    pub fn wait(path: &Path) -> io::Result<Self> {
        let path = regular(path)?;
        loop {
            let file = lockable(&path)?;
            supported(file.lock())?;
            // Whoever had it may have replaced it: then this is the lock of a file that is gone.
            if is_same(&file, &path)? {
                return Ok(Self { path, file });
            }
        }
    }

    /// What it holds.
    ///
    /// # Errors
    ///
    /// It cannot be read, or has more than `most` bytes.
    pub fn read(&self, most: u64) -> io::Result<Vec<u8>> {
        read_at_most(File::open(&self.path)?, most)
    }

    /// Replaces what it holds, and lets others have it.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn replace(self, content: &[u8]) -> io::Result<()> {
        let before = fs::metadata(&self.path)?;
        if before.permissions().readonly() {
            let message = format!("{} is read-only", self.path.display());
            return Err(io::Error::new(ErrorKind::PermissionDenied, message));
        }
        let done = if links(&before) > 1 {
            false
        } else {
            renamed(&self.path, content, New::Private, Some(&before))?
        };
        if !done {
            in_place(&self.path, content)?;
        }
        drop(self.file);
        Ok(())
    }
}

fn through(stream: &mut impl Write, content: &[u8]) -> io::Result<()> {
    stream.write_all(content)?;
    stream.flush()
}

fn replace_file(path: &Path, content: &[u8], new: New) -> io::Result<()> {
    match Locked::wait(path) {
        Ok(locked) => locked.replace(content),
        Err(error) if error.kind() == ErrorKind::NotFound => renamed(path, content, new, None).map(drop),
        Err(error) => Err(error),
    }
}

/// The path of a regular file, or of none yet, without links.
fn regular(path: &Path) -> io::Result<PathBuf> {
    if let Target::File(path) = target(path)? {
        return Ok(path);
    }
    let message = format!("{} is not a regular file", path.display());
    Err(io::Error::new(ErrorKind::InvalidInput, message))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Follows links by hand: the last one may lead to a file that does not exist yet, and one of `/proc` is a descriptor.
fn target(path: &Path) -> io::Result<Target> {
    if path == Path::new("-") {
        return Ok(Target::Stdout);
    }
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if let Some(descriptor) = descriptor(&path) {
            return Ok(match descriptor {
                1 => Target::Stdout,
                2 => Target::Stderr,
                _ => Target::Stream(path),
            });
        }
        let found = match fs::symlink_metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Target::File(path)),
            Err(error) => return Err(error),
        };
        if found.is_symlink() {
            path = folder(&path).join(fs::read_link(&path)?);
        } else if found.is_file() {
            return Ok(Target::File(path));
        } else if is_stream(&found) {
            return Ok(Target::Stream(path));
        } else {
            let message = format!("{} is neither a file nor a pipe", path.display());
            return Err(io::Error::new(ErrorKind::InvalidInput, message));
        }
    }
    let message = format!("{} has too many symbolic links", path.display());
    Err(io::Error::new(ErrorKind::InvalidInput, message))
}

/// The number of the descriptor that a path such as `/dev/stdout` or `/proc/self/fd/1` names.
fn descriptor(path: &Path) -> Option<u32> {
    match path.to_str()? {
        "/dev/stdout" => return Some(1),
        "/dev/stderr" => return Some(2),
        _ => {}
    }
    let parent = path.parent()?;
    let number = path.file_name()?.to_str()?.parse().ok()?;
    let is_of_descriptors = |folder: &Path| {
        folder == Path::new("/dev/fd") || (folder.starts_with("/proc") && folder.file_name() == Some("fd".as_ref()))
    };
    (is_of_descriptors(parent) || fs::canonicalize(parent).is_ok_and(|parent| is_of_descriptors(&parent)))
        .then_some(number)
}

/// Writes a temporary file and gives it the path. False where that would lose something, and nothing was done.
fn renamed(path: &Path, content: &[u8], new: New, before: Option<&Metadata>) -> io::Result<bool> {
    let folder = folder(path);
    sweep(folder);
    let mut temporary = match temporary(folder, new) {
        Ok(temporary) => temporary,
        Err(error) if before.is_some() && is_refused(&error) => return Ok(false),
        Err(error) => return Err(error),
    };
    if let Some(before) = before
        && !takes_after(temporary.as_file(), before)?
    {
        return Ok(false);
    }
    temporary.write_all(content)?;
    temporary.as_file().sync_all()?;
    match temporary.persist(path) {
        Ok(_) => {}
        // A file that is mounted alone cannot be replaced.
        Err(error) if before.is_some() && is_refused(&error.error) => return Ok(false),
        Err(error) => return Err(error.error),
    }
    // Not every file system can synchronize a folder; the file itself was.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(true)
}

fn is_refused(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::ResourceBusy
    )
}

/// A file without an end that is too early: what is longer than the content goes last.
fn in_place(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(content)?;
    file.set_len(content.len() as u64)?;
    file.sync_all()
}

/// A temporary file whose lock shows that its writer is alive.
fn temporary(folder: &Path, new: New) -> io::Result<NamedTempFile> {
    loop {
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY.0).suffix(TEMPORARY.1).rand_bytes(10);
        with_mode(&mut builder, new);
        let file = builder.tempfile_in(folder)?;
        match file.as_file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => supported(Err(error))?,
            // Another process takes it for one that was left behind.
            Err(TryLockError::WouldBlock) => continue,
        }
        if links(&file.as_file().metadata()?) > 0 {
            return Ok(file);
        }
    }
}

/// Removes temporary files whose writers have died.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_ours = name
            .to_str()
            .is_some_and(|name| name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1));
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        // What cannot be removed is in nobody's way.
        if File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Where the file system has no locks, there is none to wait for.
fn supported(locked: io::Result<()>) -> io::Result<()> {
    match locked {
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
        locked => locked,
    }
}

#[cfg(unix)]
mod platform {
    use std::fs::{self, File, Metadata, OpenOptions, Permissions};
    use std::io::{self, ErrorKind};
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, fchown};
    use std::path::Path;

    use super::New;

    pub(super) fn links(file: &Metadata) -> u64 {
        file.nlink()
    }

    pub(super) fn is_stream(file: &Metadata) -> bool {
        file.file_type().is_fifo() || file.file_type().is_char_device()
    }

    /// The file itself, opened to be locked.
    pub(super) fn lockable(path: &Path) -> io::Result<File> {
        match File::open(path) {
            // It may be written, but not read.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => OpenOptions::new().append(true).open(path),
            opened => opened,
        }
    }

    /// Whether a path still names this file. The next attempt to open one that is gone reports it.
    pub(super) fn is_same(file: &File, path: &Path) -> io::Result<bool> {
        let ours = file.metadata()?;
        Ok(fs::metadata(path).is_ok_and(|theirs| (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino())))
    }

    pub(super) fn with_mode(builder: &mut tempfile::Builder<'_, '_>, new: New) {
        builder.permissions(Permissions::from_mode(match new {
            New::Private => 0o600,
            New::Shared => 0o666,
        }));
    }

    /// Gives a file the owner, the group and the mode of the one that it replaces. False if it may not.
    pub(super) fn takes_after(file: &File, before: &Metadata) -> io::Result<bool> {
        let own = file.metadata()?;
        let owner = (own.uid() != before.uid()).then_some(before.uid());
        let group = (own.gid() != before.gid()).then_some(before.gid());
        if (owner.is_some() || group.is_some()) && fchown(file, owner, group).is_err() {
            return Ok(false);
        }
        file.set_permissions(before.permissions())?;
        Ok(true)
    }
}

#[cfg(not(unix))]
mod platform {
    use std::env;
    use std::fs::{File, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    use super::New;

    pub(super) fn links(_: &Metadata) -> u64 {
        1
    }

    pub(super) fn is_stream(_: &Metadata) -> bool {
        false
    }

    /// A lock keeps others from reading, and an open file from being replaced: a file of its own stands for it.
    pub(super) fn lockable(path: &Path) -> io::Result<File> {
        std::fs::metadata(path)?;
        let name = std::fs::canonicalize(path)?;
        let name = crc32fast::hash(name.to_string_lossy().as_bytes());
        let path = env::temp_dir().join(format!("autoconnect-{name:08x}.lock"));
        OpenOptions::new().create(true).append(true).open(path)
    }

    pub(super) fn is_same(_: &File, _: &Path) -> io::Result<bool> {
        Ok(true)
    }

    pub(super) fn with_mode(_: &mut tempfile::Builder<'_, '_>, _: New) {}

    pub(super) fn takes_after(file: &File, before: &Metadata) -> io::Result<bool> {
        file.set_permissions(before.permissions())?;
        Ok(true)
    }
}

use platform::{is_same, is_stream, links, lockable, takes_after, with_mode};
