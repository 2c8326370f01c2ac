//! The identity of this process and of its operator, as the journal names them.

use std::path::Path;

/// The number of parent processes that are searched for the SSH connection.
const ABOVE: usize = 16;

/// Returns the identity of this process: `host boot-id pid`.
pub fn process() -> String {
    format!("{} {} {}", host(), boot_id(), std::process::id())
}

/// Returns whether the process of an identity has certainly ended: it ran on this host, since this boot, and
/// does not exist any more.
///
/// A process of another pid namespace on the same machine would look ended, so the namespace is part of the
/// boot id's text.
pub fn is_gone(identity: &str) -> bool {
    let mut parts = identity.split(' ');
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

/// Returns the id of this boot, with the pid namespace of this process.
fn boot_id() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space =
        std::fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned()).unwrap_or_default();
    format!("{}/{}", boot.trim(), space.trim_start_matches("pid:"))
}

/// Describes the operator for the journal: user, the user behind `sudo`, the SSH connection's origin, the host.
pub fn operator() -> String {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let uid = rustix::process::getuid().as_raw();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut text = user(&users, uid).or_else(|| var("USER")).unwrap_or_else(|| uid.to_string());
    if let Some(sudo) = var("SUDO_USER") {
        text = format!("{text} (sudo by {sudo})");
    }
    // `sudo` drops the variable, but the shell that started it still has it.
    let ssh = var("SSH_CONNECTION").or_else(|| inherited(Path::new("/proc"), "SSH_CONNECTION"));
    if let Some(origin) = ssh.as_deref().and_then(|ssh| ssh.split(' ').next()) {
        text = format!("{text} from {origin}");
    }
    format!("{text} on {}", host())
}

/// Returns the name of a user id, from the text of `/etc/passwd`.
fn user(users: &str, uid: u32) -> Option<String> {
    let mut lines = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = lines.find(|fields| fields.get(2).is_some_and(|id| *id == uid.to_string()))?;
    found.first().map(|name| (*name).to_owned())
}

/// Returns a variable of the nearest parent process that has it and whose environment is readable.
fn inherited(processes: &Path, name: &str) -> Option<String> {
    let mut pid = rustix::process::getppid()?.as_raw_nonzero().get();
    for _ in 0..ABOVE {
        let process = processes.join(pid.to_string());
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        let mut pairs = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let value = pairs.find_map(|pair| Some(pair.strip_prefix(name)?.strip_prefix('=')?.to_owned()));
        if value.as_ref().is_some_and(|value| !value.is_empty()) {
            return value;
        }
        // The format is `pid (name) state ppid …`, where the name may contain any character.
        let stat = std::fs::read_to_string(process.join("stat")).ok()?;
        pid = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok().filter(|pid| *pid > 1)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_names() {
        let users = "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!((user(users, 1000).as_deref(), user(users, 10)), (Some("ann"), None));
        assert!(operator().ends_with(&format!(" on {}", host())), "{}", operator());
    }

    #[test]
    fn the_connection_is_found_above_sudo() {
        let processes = tempfile::tempdir().unwrap();
        let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
        for (pid, above, environment) in [
            (parent, 70, "SUDO_USER=ann\0TERM=xterm\0"),
            (70, 60, "SSH_CONNECTION=\0"),
            (60, 1, "A=b\0SSH_CONNECTION=10.1.2.3 5022 10.9.9.9 22\0"),
        ] {
            let folder = processes.path().join(pid.to_string());
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("environ"), environment).unwrap();
            std::fs::write(folder.join("stat"), format!("{pid} (a) b) S {above} 1 1")).unwrap();
        }
        let found = inherited(processes.path(), "SSH_CONNECTION");
        assert_eq!(found.as_deref(), Some("10.1.2.3 5022 10.9.9.9 22"));
        assert_eq!(inherited(processes.path(), "NOTHING"), None);
    }
}
