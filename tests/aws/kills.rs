//! The real process, killed by SIGKILL at its requests: right before AWS carries one out, and right after, before the
//! answer. The next run connects, the one after it writes nothing, and there is one set of groups.
//!
//! CI kills at each write and at the first and the last request; with `AUTOCONNECT_THOROUGH=1` at every request.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::thorough::thoroughly;
use crate::world::{World, reads};

/// A kill.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    pub request: usize,
    /// Whether AWS has carried the request out.
    pub applied: bool,
}

/// Kills at a time: while a run waits, another one goes on.
const WORKERS: usize = 4;

pub fn is_thorough() -> bool {
    thoroughly([false, true])
}

/// The kills of a run that makes these requests.
fn kills(requests: &[String]) -> Vec<Kill> {
    let ends = [0, requests.len() - 1];
    let at = (0..requests.len()).filter(|at| is_thorough() || ends.contains(at) || !reads(&requests[*at]));
    at.flat_map(|request| [false, true].map(|applied| Kill { request, applied }))
        .collect()
}

impl World {
    async fn pair(&self, name: &str) -> String {
        self.instance(name, "postgres", 5432).await;
        self.function(name).await;
        format!("--instance {name} --function {name} --yes")
    }

    /// Runs until the kill. Whether it was still alive then.
    pub fn is_killed(&self, arguments: &str, name: &str, kill: Kill) -> bool {
        // The peer knows the process by its key.
        let key = format!("{}-{name}", self.region);
        self.peer.stop(&key, kill.request, kill.applied);
        let mut command = self.command();
        command
            .args(arguments.split_whitespace())
            .env("AWS_ACCESS_KEY_ID", &key);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        let is_alive = loop {
            if self.peer.is_stopped(&key) {
                break true;
            }
            if child.try_wait().expect("a child").is_some() {
                break false;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        // SIGKILL, on Unix.
        child.kill().expect("a child");
        child.wait().expect("a child");
        self.peer.go_on(&key);
        is_alive
    }

    /// The next run connects, and the one after it writes nothing.
    fn heals(&self, arguments: &str, kill: Kill) {
        let healed = self.setup_succeeds(arguments);
        assert_ne!(healed["result"], "planned", "{kill:?}: {healed}");
        let third = self.setup_succeeds(arguments);
        let writes = &third["api_calls"]["write"];
        assert_eq!((&third["result"], writes), (&"unchanged".into(), &0.into()), "{kill:?}");
    }

    async fn assert_one_set(&self, name: &str, kill: Kill) {
        let tag = format!("instance/{name}:function/{name}");
        let ours = self.groups_named("*lambda*").await.into_iter().filter(|group| {
            let mut tags = group.tags().iter();
            tags.any(|found| found.key() == Some("autoconnect:connection") && found.value() == Some(&tag))
        });
        let ours: Vec<String> = ours.filter_map(|group| group.group_id).collect();
        assert_eq!(ours.len(), 2, "{kill:?}: one set of groups");
        for list in [self.groups_of_instance(name).await, self.groups_of_function(name).await] {
            assert_eq!(list.len(), 2, "{kill:?}: {list:?}");
            assert!(list[0] == self.base && ours.contains(&list[1]), "{kill:?}: {list:?}");
        }
    }
}

/// Does something for each, some at a time.
pub fn at_a_time<T: Sync>(all: &[T], act: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    act(one);
                }
            });
        }
    });
}

#[tokio::test]
async fn a_killed_run_is_finished_by_the_next() {
    let world = World::new().await;
    let whole = world.pair("whole").await;
    let mark = world.mark();
    world.setup_succeeds(&whole);
    let requests = world.calls_since(mark);
    // Each has a database and a function of its own.
    let mut connections = Vec::new();
    for kill in kills(&requests) {
        let name = format!(
            "kill-{}-{}",
            kill.request,
            if kill.applied { "after" } else { "before" }
        );
        let arguments = world.pair(&name).await;
        connections.push((kill, name, arguments));
    }
    let killed = AtomicUsize::new(0);
    at_a_time(&connections, |(kill, name, arguments)| {
        let is_alive = world.is_killed(&format!("setup {arguments}"), name, *kill);
        killed.fetch_add(usize::from(is_alive), Ordering::Relaxed);
        world.heals(arguments, *kill);
    });
    for (kill, name, _) in &connections {
        world.assert_one_set(name, *kill).await;
    }
    let (killed, all) = (killed.into_inner(), connections.len());
    println!(
        "{killed} processes killed by SIGKILL and healed, at requests of a run of {}",
        requests.len()
    );
    // A run may take a look less than the one that was measured.
    assert!(killed >= 16 && killed + 4 >= all, "{killed} of {all}");
}
