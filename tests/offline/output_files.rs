//! Files that commands write: what they lead to, and what is kept of them.

#![cfg(unix)]

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::thread;

use autoconnect::account::OfflineAccount;
use autoconnect::cloud::{Fault, NetworkCloud, NewSecurityGroup};
use autoconnect::files::{self, Locked, New};

use crate::support::example;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_new_file_is_private_or_follows_the_umask() {
    let folder = tempfile::tempdir().unwrap();
    let private = folder.path().join("state.json");
    files::write(&private, b"x", New::Private).unwrap();
    assert_eq!(mode(&private), 0o600);
    let (shared, plain) = (folder.path().join("drift.prom"), folder.path().join("plain"));
    files::write(&shared, b"x", New::Shared).unwrap();
    File::create(&plain).unwrap();
    assert_eq!(mode(&shared), mode(&plain));
    assert_eq!(names(folder.path()), ["drift.prom", "plain", "state.json"]);
}

#[test]
fn what_a_file_is_stays() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for how in [files::write, files::replace] {
        // Its mode, whatever a new one would have.
        fs::write(at("file"), "before, and longer").unwrap();
        fs::set_permissions(at("file"), Permissions::from_mode(0o640)).unwrap();
        how(&at("file"), b"after", New::Private).unwrap();
        assert_eq!(
            (mode(&at("file")), fs::read_to_string(at("file")).unwrap().as_str()),
            (0o640, "after")
        );
        // A link to a link to a file in another folder.
        fs::create_dir_all(at("elsewhere")).unwrap();
        fs::write(at("elsewhere/target"), "before").unwrap();
        let _ = symlink("target", at("elsewhere/link"));
        let _ = symlink("elsewhere/link", at("link"));
        how(&at("link"), b"after", New::Private).unwrap();
        assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink());
        assert!(fs::symlink_metadata(at("elsewhere/link")).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(at("elsewhere/target")).unwrap(), "after");
        // A link to a file that does not exist yet.
        let _ = symlink("elsewhere/new", at("dangling"));
        how(&at("dangling"), b"after", New::Private).unwrap();
        assert!(fs::symlink_metadata(at("dangling")).unwrap().is_symlink());
        assert_eq!(mode(&at("elsewhere/new")), 0o600);
        fs::remove_file(at("elsewhere/new")).unwrap();
        // Two names of one file.
        fs::write(at("one"), "before, and longer").unwrap();
        let _ = fs::hard_link(at("one"), at("two"));
        how(&at("one"), b"after", New::Private).unwrap();
        assert_eq!(fs::read_to_string(at("two")).unwrap(), "after");
        assert_eq!(fs::metadata(at("one")).unwrap().nlink(), 2);
    }
    assert!(names(folder.path()).iter().all(|name| !name.starts_with('.')));
}

#[test]
fn the_owner_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "before").unwrap();
    // Only root may give a file away.
    if chown(&path, Some(12_345), Some(12_346)).is_err() {
        return;
    }
    files::write(&path, b"after", New::Private).unwrap();
    let found = fs::metadata(&path).unwrap();
    assert_eq!((found.uid(), found.gid()), (12_345, 12_346));
}

#[test]
fn pipes_and_devices_are_written_through_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    fifo(&pipe);
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || {
            let mut text = String::new();
            File::open(pipe).unwrap().read_to_string(&mut text).unwrap();
            text
        }
    });
    files::write(&pipe, b"content", New::Private).unwrap();
    assert_eq!(reader.join().unwrap(), "content");
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());

    let null = Path::new("/dev/null");
    files::write(null, b"content", New::Private).unwrap();
    assert!(fs::metadata(null).unwrap().file_type().is_char_device());

    let stdout = folder.path().join("link-to-stdout");
    symlink("/dev/stdout", &stdout).unwrap();
    for path in [
        Path::new("-"),
        Path::new("/dev/stdout"),
        Path::new("/proc/self/fd/1"),
        &stdout,
    ] {
        assert!(files::is_stdout(path).unwrap(), "{}", path.display());
    }
    for path in [&pipe, null, folder.path(), Path::new("-"), &stdout] {
        let error = files::replace(path, b"content", New::Private).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", path.display());
    }
    let folder_itself = files::write(folder.path(), b"content", New::Private).unwrap_err();
    assert_eq!(folder_itself.kind(), ErrorKind::InvalidInput);
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    symlink(&a, &b).unwrap();
    symlink(&b, &a).unwrap();
    assert!(files::write(&a, b"content", New::Private).is_err(), "a loop of links");
    assert_eq!(files::read_regular(&pipe).unwrap(), None, "a pipe is not read");
}

/// Names of descriptors, as a shell gives them to a command, are no files to be replaced, whatever is behind them.
#[test]
fn a_descriptor_is_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, "before\n").unwrap();
    let file = File::options().append(true).open(&path).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    files::write(Path::new(&format!("/dev/fd/{number}")), b"after\n", New::Private).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "before\nafter\n");
    assert_eq!(fs::metadata(&path).unwrap().ino(), file.metadata().unwrap().ino());
}

#[test]
fn what_killed_runs_left_is_removed_and_what_runs_use_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at(".autoconnect-dead.tmp"), "half").unwrap();
    fs::write(at(".autoconnect-alive.tmp"), "half").unwrap();
    let alive = File::open(at(".autoconnect-alive.tmp")).unwrap();
    alive.lock().unwrap();
    fs::write(at(".autoconnect-of-somebody"), "theirs").unwrap();
    files::write(&at("state.json"), b"{}", New::Private).unwrap();
    let left = [".autoconnect-alive.tmp", ".autoconnect-of-somebody", "state.json"];
    assert_eq!(names(folder.path()), left);
    drop(alive);
    files::write(&at("state.json"), b"{}", New::Private).unwrap();
    assert_eq!(names(folder.path()), left[1..]);
}

#[test]
fn a_file_that_may_not_be_written_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "before").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    let error = files::write(&path, b"after", New::Private).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(fs::read_to_string(&path).unwrap(), "before");
}

#[test]
fn a_result_does_not_replace_what_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["manifest.toml", "state.json"] {
        fs::write(at(name), "before").unwrap();
    }
    assert_eq!(files::read(&at("manifest.toml"), 100).unwrap(), b"before");
    files::replace(&at("state.json"), b"kept", New::Private).unwrap();
    symlink(at("manifest.toml"), at("link")).unwrap();
    fs::hard_link(at("manifest.toml"), at("hard link")).unwrap();
    for name in ["manifest.toml", "link", "hard link", "state.json"] {
        for write in [
            |path: &Path| files::write(path, b"after", New::Private),
            |path: &Path| files::write_out(path, b"after", New::Private).map(drop),
        ] {
            let error = write(&at(name)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}");
        }
    }
    assert_eq!(fs::read(at("manifest.toml")).unwrap(), b"before");
    assert_eq!(fs::read(at("state.json")).unwrap(), b"kept");
    // What is kept is replaced again, and what was read in order to be replaced is.
    files::replace(&at("state.json"), b"again", New::Private).unwrap();
    fs::write(at("metrics"), "before").unwrap();
    assert_eq!(files::read_regular(&at("metrics")).unwrap().unwrap(), b"before");
    files::write(&at("metrics"), b"after", New::Private).unwrap();
}

#[test]
fn what_is_read_is_bounded() {
    let zeros = files::read(Path::new("/dev/zero"), 1000).unwrap_err();
    assert_eq!(zeros.kind(), ErrorKind::FileTooLarge);
    assert_eq!(files::read_at_most(&b"12345"[..], 5).unwrap(), b"12345");
    assert!(files::read_at_most(&b"123456"[..], 5).is_err());
}

/// A counter that many increase: each has the number for itself from its read to its write.
#[test]
fn whoever_has_the_lock_has_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other_name) = (folder.path().join("one"), folder.path().join("two"));
    for is_hard_link in [false, true] {
        fs::write(&path, "0").unwrap();
        if is_hard_link {
            fs::hard_link(&path, &other_name).unwrap();
        }
        thread::scope(|scope| {
            for worker in 0..4 {
                let path = if is_hard_link && worker % 2 == 0 {
                    &other_name
                } else {
                    &path
                };
                scope.spawn(move || {
                    for _ in 0..50 {
                        let locked = Locked::wait(path).unwrap();
                        let count: u32 = String::from_utf8(locked.read(100).unwrap()).unwrap().parse().unwrap();
                        locked.replace((count + 1).to_string().as_bytes()).unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read_to_string(&path).unwrap(), "200");
    }
}

/// Each write that was accepted is in the file, whoever else wrote meanwhile; whoever came too late gets an error.
#[test]
fn no_accepted_change_of_an_account_file_is_lost() {
    const WRITERS: usize = 8;
    const EACH: usize = 12;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("account.json");
    let document = example();
    let vpc = document.vpcs[0].vpc_id.as_str().into();
    fs::write(&path, serde_json::to_vec(&document).unwrap()).unwrap();
    let group = |writer: usize, number: usize| NewSecurityGroup {
        name: format!("group-{writer}-{number}"),
        vpc: autoconnect::model::VpcId::clone(&vpc),
        description: "made at the same time".to_owned(),
        tags: std::collections::BTreeMap::new(),
    };
    let refused: usize = thread::scope(|scope| {
        let (path, group) = (&path, &group);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    let (mut made, mut refused) = (0, 0);
                    while made < EACH {
                        let account = OfflineAccount::open(path).unwrap();
                        match runtime.block_on(account.create_security_group(&group(writer, made))) {
                            Ok(_) => made += 1,
                            Err(error) => {
                                assert!(matches!(error.fault, Fault::File(_)), "{error}");
                                refused += 1;
                            }
                        }
                    }
                    refused
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    let found = OfflineAccount::open(&path).unwrap().document();
    for writer in 0..WRITERS {
        for number in 0..EACH {
            let name = format!("group-{writer}-{number}");
            assert!(
                found.security_groups.iter().any(|group| group.group_name == name),
                "{name} is lost"
            );
        }
    }
    println!("{refused} writes were refused");
    assert_eq!(names(folder.path()), ["account.json"]);
}
