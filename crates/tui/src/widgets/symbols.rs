//! The symbol, word and role of every status.

use crate::config::StyleRole;
use pinnace_core::finding::Severity;
use pinnace_core::journal::{ChangeState, UnitState};
use pinnace_core::swarm::HealthState;
use pinnace_core::swarm::{Availability, Node, NodeState, Task, TaskState};

/// Returns the symbol of a service's state.
pub fn state(state: HealthState, ascii: bool) -> &'static str {
    let (sign, plain) = match state {
        HealthState::Failing => ("✖", "x"),
        HealthState::CrashLoop => ("↻", "@"),
        HealthState::Missing => ("∅", "-"),
        HealthState::NodeDown => ("▼", "v"),
        HealthState::Paused => ("‖", "="),
        HealthState::Pending => ("◔", "~"),
        HealthState::Updating => ("◐", ">"),
        HealthState::Unknown => ("?", "?"),
        HealthState::Ok => ("●", "+"),
        HealthState::Finished => ("✓", "."),
        HealthState::Stopped => ("○", "o"),
    };
    if ascii { plain } else { sign }
}

/// Returns the role of a service's state.
pub(crate) fn state_role(state: HealthState) -> StyleRole {
    match state {
        HealthState::Failing | HealthState::CrashLoop | HealthState::Missing | HealthState::NodeDown => {
            StyleRole::Failing
        }
        HealthState::Paused | HealthState::Pending => StyleRole::Waiting,
        HealthState::Updating => StyleRole::Updating,
        HealthState::Unknown => StyleRole::Unknown,
        HealthState::Ok => StyleRole::Ok,
        HealthState::Finished | HealthState::Stopped => StyleRole::Stopped,
    }
}

/// Returns a node's symbol, word and role; the word is empty for a node without peculiarities.
pub fn node(node: &Node, ascii: bool) -> (&'static str, &'static str, StyleRole) {
    let (sign, plain, word, role) = match (&node.state, &node.availability) {
        (NodeState::Down, _) => ("✖", "x", "down", StyleRole::Failing),
        (NodeState::Disconnected, _) => ("✖", "x", "disconnected", StyleRole::Failing),
        (NodeState::Ready, Availability::Drain) => ("○", "o", "drained", StyleRole::Stopped),
        (NodeState::Ready, Availability::Pause) => ("‖", "=", "paused", StyleRole::Waiting),
        (NodeState::Ready, _) if node.reachability.as_deref().is_some_and(|reach| reach != "reachable") => {
            ("▼", "v", "no quorum vote", StyleRole::Failing)
        }
        (NodeState::Ready, _) => ("●", "+", "", StyleRole::Ok),
        _ => ("?", "?", "unknown", StyleRole::Unknown),
    };
    (if ascii { plain } else { sign }, word, role)
}

/// Returns a task's symbol and role.
pub fn task(task: &Task, ascii: bool) -> (&'static str, StyleRole) {
    let (sign, plain, role) = match &task.state {
        TaskState::Failed | TaskState::Rejected => ("✖", "x", StyleRole::Failing),
        TaskState::Orphaned => ("▼", "v", StyleRole::Failing),
        TaskState::Running => ("●", "+", StyleRole::Ok),
        TaskState::Complete => ("✓", ".", StyleRole::Stopped),
        TaskState::Shutdown | TaskState::Remove => ("○", "o", StyleRole::Stopped),
        TaskState::Other(_) => ("?", "?", StyleRole::Unknown),
        _ if !task.error.is_empty() => ("◔", "~", StyleRole::Waiting),
        _ => ("◐", ">", StyleRole::Updating),
    };
    (if ascii { plain } else { sign }, role)
}

/// Returns a change's symbol and role.
pub fn change(state: ChangeState, ascii: bool) -> (&'static str, StyleRole) {
    let (sign, plain, role) = match state {
        ChangeState::Running => ("◐", ">", StyleRole::Updating),
        ChangeState::Detached => ("‖", "=", StyleRole::Waiting),
        ChangeState::Done => ("●", "+", StyleRole::Ok),
        ChangeState::Failed => ("✖", "x", StyleRole::Failing),
        ChangeState::Partial => ("▼", "v", StyleRole::Failing),
        ChangeState::RolledBackByUser => ("○", "o", StyleRole::Text),
        ChangeState::Abandoned => ("○", "o", StyleRole::Stopped),
    };
    (if ascii { plain } else { sign }, role)
}

/// Returns a unit's symbol and role.
pub fn unit(state: UnitState, ascii: bool) -> (&'static str, StyleRole) {
    let (sign, plain, role) = match state {
        UnitState::Untouched => ("·", "-", StyleRole::Dim),
        UnitState::Updating | UnitState::RollingBack => ("◐", ">", StyleRole::Updating),
        UnitState::Done => ("●", "+", StyleRole::Ok),
        UnitState::RolledBack => ("○", "o", StyleRole::Text),
        UnitState::Failed => ("✖", "x", StyleRole::Failing),
        UnitState::Superseded => ("▼", "v", StyleRole::Waiting),
    };
    (if ascii { plain } else { sign }, role)
}

/// Returns the symbol and role of a finding's severity.
pub fn severity(severity: Severity, ascii: bool) -> (&'static str, StyleRole) {
    let (sign, plain, role) = match severity {
        Severity::Error => ("✖", "x", StyleRole::Error),
        Severity::Warning => ("!", "!", StyleRole::Warning),
        Severity::Info => ("·", "-", StyleRole::Info),
    };
    (if ascii { plain } else { sign }, role)
}

/// Returns the symbol before a group's name, for an open or a folded group.
pub fn fold(open: bool, ascii: bool) -> &'static str {
    match (open, ascii) {
        (true, false) => "▾",
        (false, false) => "▸",
        (true, true) => "v",
        (false, true) => ">",
    }
}

/// Returns the symbol before a line that belongs to the line above.
pub fn below(ascii: bool) -> &'static str {
    if ascii { "\\_" } else { "↳" }
}

/// Returns the arrow between an old and a new value.
pub(crate) fn arrow(ascii: bool) -> &'static str {
    if ascii { "->" } else { "→" }
}
