//! The processes of one call, none of which outlives it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, setpriority_pgrp};

/// How far processes stand back behind this program when there is more to do than processors can.
const NICENESS: i32 = 10;

/// How often strays are looked for while they keep multiplying.
const SWEEPS_MAX: usize = 20;

/// Kills the whole group when dropped, and what left it.
pub(super) struct ProcessGroup {
    leader: Pid,
    directory: PathBuf,
    ended: AtomicBool,
}

impl ProcessGroup {
    /// The group led by a child that was started with a group of its own.
    /// `directory` is the call's own: who works in it, or has it in the environment, belongs to the call.
    pub(super) fn led_by(child: &tokio::process::Child, directory: &Path) -> Option<Self> {
        let id = i32::try_from(child.id()?).ok()?;
        let leader = Pid::from_raw(id)?;
        // However many there will be, this program comes first. That the child has ended already is the only failure.
        let _ = setpriority_pgrp(Some(leader), NICENESS);
        Some(Self {
            leader,
            directory: directory.to_path_buf(),
            ended: AtomicBool::new(false),
        })
    }

    /// Kills what is left of the call. Once this is over, nothing of it runs.
    pub(super) async fn end(&self) {
        self.kill();
        let directory = self.directory.clone();
        let swept = tokio::task::spawn_blocking(move || sweep(&directory)).await;
        self.ended.store(swept.is_ok(), Ordering::Relaxed);
    }

    fn kill(&self) {
        // The only failure is that nobody is left in the group.
        let _ = kill_process_group(self.leader, Signal::KILL);
    }

    pub(super) fn leader(&self) -> i32 {
        self.leader.as_raw_nonzero().get()
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if !*self.ended.get_mut() {
            self.kill();
            sweep(&self.directory);
        }
    }
}

/// Kills what left the group: a daemon makes one of its own, but seldom clears its environment too. Blocks.
fn sweep(directory: &Path) {
    for _ in 0..SWEEPS_MAX {
        let strays = strays(directory);
        if strays.is_empty() {
            break;
        }
        for stray in strays {
            // It may have ended by itself.
            let _ = kill_process(stray, Signal::KILL);
        }
    }
}

/// The living processes that work in `directory` or have it in their environment; none where the system has no `/proc`.
/// Blocks.
fn strays(directory: &Path) -> Vec<Pid> {
    let marked = [b"=", directory.as_os_str().as_encoded_bytes(), b"\0"].concat();
    let belongs = |process: &str| {
        // Those of other users cannot be read, and are not ours. A process that has ended has neither.
        let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        environment
            .windows(marked.len())
            .any(|window| window == marked)
            || std::fs::read_link(format!("/proc/{process}/cwd"))
                .is_ok_and(|cwd| cwd.starts_with(directory))
    };
    processes()
        .filter(|process| belongs(process))
        .filter_map(|process| Pid::from_raw(process.parse().ok()?))
        .collect()
}

/// The names of all processes under `/proc`.
fn processes() -> impl Iterator<Item = String> {
    let is_process = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(is_process)
}

/// Whether more than `members_max` processes are alive in the group of `leader`; unknown, and so false, where the system
/// has no `/proc`. Blocks.
pub(super) fn exceeds(leader: i32, members_max: usize) -> bool {
    processes()
        .filter(|name| {
            let stat = std::fs::read_to_string(format!("/proc/{name}/stat")).unwrap_or_default();
            group_of(&stat) == Some(leader)
        })
        .nth(members_max)
        .is_some()
}

/// The group in a line of `/proc/PID/stat`: the third field after the command, which may itself hold spaces and brackets.
fn group_of(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(2)?
        .parse()
        .ok()
}
