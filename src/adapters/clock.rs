//! The machine's clocks, and who is at it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::core::time::Time;

/// The wall clock; for show.
pub fn now() -> Time {
    at(SystemTime::now())
}

/// Whose time a cluster lives in.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's.
    Machine,
    /// Tokio's, from a moment of the machine's on: that of a swarm within this process, whose days may take no time.
    Tokio {
        /// The moment.
        wall: Time,
        /// When it was.
        began: tokio::time::Instant,
    },
}

impl Clock {
    /// Tokio's time from now on; call it within a tokio runtime.
    pub fn tokio() -> Self {
        Self::Tokio { wall: now(), began: tokio::time::Instant::now() }
    }

    /// The wall clock; for show.
    pub fn now(&self) -> Time {
        match self {
            Self::Machine => now(),
            Self::Tokio { wall, began } => {
                Time(wall.0.saturating_add(i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX)))
            }
        }
    }

    /// Time since boot, or since this clock began; suspension included.
    pub fn boottime(&self) -> Duration {
        match self {
            Self::Machine => boottime(),
            Self::Tokio { began, .. } => began.elapsed(),
        }
    }
}

/// A moment of the wall clock or of a file; for show.
pub fn at(time: SystemTime) -> Time {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Time since boot, suspension included: what an owner fences itself by. `Instant` stands still while a laptop sleeps.
fn boottime() -> Duration {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(at.tv_sec).unwrap_or(0), u32::try_from(at.tv_nsec).unwrap_or(0))
}

/// Where this process lives: `host boot-id pid`.
pub fn home() -> String {
    format!("{} {} {}", host(), boot_id(), std::process::id())
}

/// Whether the process a home names is known to be gone: it lived here, since this boot, and there is no such process.
///
/// A process of another pid namespace on the same machine looks gone; namespaces are part of the boot id's text.
pub fn is_gone(home: &str) -> bool {
    let mut parts = home.split(' ');
    let (Some(host_name), Some(boot), Some(pid)) = (parts.next(), parts.next(), parts.next()) else { return false };
    if host_name != host() || boot != boot_id() {
        return false;
    }
    let Ok(pid) = pid.parse::<i32>() else { return false };
    let Some(pid) = rustix::process::Pid::from_raw(pid) else { return false };
    matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().replace(' ', "_")
}

/// This boot, and this process's pid namespace within it.
fn boot_id() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space =
        std::fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned()).unwrap_or_default();
    format!("{}/{}", boot.trim(), space.trim_start_matches("pid:"))
}

/// Who is at the keys, for the journal: user, the user behind `sudo`, the SSH connection's origin, the host.
pub fn operator() -> String {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let uid = rustix::process::getuid();
    let user = if uid.is_root() { "root".to_owned() } else { var("USER").unwrap_or_else(|| uid.as_raw().to_string()) };
    let mut text = user;
    if let Some(sudo) = var("SUDO_USER") {
        text = format!("{text} (sudo by {sudo})");
    }
    if let Some(origin) = var("SSH_CONNECTION").and_then(|ssh| ssh.split(' ').next().map(str::to_owned)) {
        text = format!("{text} from {origin}");
    }
    format!("{text} on {}", host())
}
