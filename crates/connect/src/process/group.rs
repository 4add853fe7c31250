//! A process group that does not outlive its call.

use rustix::process::{Pid, Signal, kill_process_group, setpriority_pgrp};

/// How far processes stand back behind this program when there is more to do than processors can.
const NICENESS: i32 = 10;

/// Kills the whole group when dropped.
pub(super) struct ProcessGroup {
    leader: Pid,
}

impl ProcessGroup {
    /// The group led by a child that was started with a group of its own.
    pub(super) fn led_by(child: &tokio::process::Child) -> Option<Self> {
        let id = i32::try_from(child.id()?).ok()?;
        let leader = Pid::from_raw(id)?;
        // However many there will be, this program comes first. That the child has ended already is the only failure.
        let _ = setpriority_pgrp(Some(leader), NICENESS);
        Some(Self { leader })
    }

    pub(super) fn kill(&self) {
        // The only failure is that nobody is left in the group.
        let _ = kill_process_group(self.leader, Signal::KILL);
    }

    pub(super) fn leader(&self) -> i32 {
        self.leader.as_raw_nonzero().get()
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether more than `members_max` processes are alive in the group of `leader`; unknown, and so false, where the system
/// has no `/proc`. Blocks.
pub(super) fn exceeds(leader: i32, members_max: usize) -> bool {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return false;
    };
    let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_process(name))
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
