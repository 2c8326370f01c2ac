//! The symbol, word and role of every status.

use crate::config::Role;
use pinnace_core::finding::Severity;
use pinnace_core::journal::{ChangeState, UnitState};
use pinnace_core::swarm::HealthState;
use pinnace_core::swarm::{Availability, Node, NodeState, Task, TaskState};

/// Returns the symbol of a service's state.
pub fn state(state: HealthState, ascii: bool) -> &'static str {
    let (sign, plain) = match state {
        HealthState::Failing => ("✖", "x"),
        HealthState::Looping => ("↻", "@"),
        HealthState::Missing => ("∅", "-"),
        HealthState::NodeDown => ("▼", "v"),
        HealthState::Paused => ("‖", "="),
        HealthState::Waiting => ("◔", "~"),
        HealthState::Updating => ("◐", ">"),
        HealthState::Unknown => ("?", "?"),
        HealthState::Ok => ("●", "+"),
        HealthState::Finished => ("✓", "."),
        HealthState::Stopped => ("○", "o"),
    };
    if ascii { plain } else { sign }
}

/// Returns the role of a service's state.
pub(crate) fn state_role(state: HealthState) -> Role {
    match state {
        HealthState::Failing | HealthState::Looping | HealthState::Missing | HealthState::NodeDown => Role::Failing,
        HealthState::Paused | HealthState::Waiting => Role::Waiting,
        HealthState::Updating => Role::Updating,
        HealthState::Unknown => Role::Unknown,
        HealthState::Ok => Role::Ok,
        HealthState::Finished | HealthState::Stopped => Role::Stopped,
    }
}

/// Returns a node's symbol, word and role; the word is empty for a node without peculiarities.
pub fn node(node: &Node, ascii: bool) -> (&'static str, &'static str, Role) {
    let (sign, plain, word, role) = match (&node.state, &node.availability) {
        (NodeState::Down, _) => ("✖", "x", "down", Role::Failing),
        (NodeState::Disconnected, _) => ("✖", "x", "disconnected", Role::Failing),
        (NodeState::Ready, Availability::Drain) => ("○", "o", "drained", Role::Stopped),
        (NodeState::Ready, Availability::Pause) => ("‖", "=", "paused", Role::Waiting),
        (NodeState::Ready, _) if node.reachability.as_deref().is_some_and(|reach| reach != "reachable") => {
            ("▼", "v", "no quorum vote", Role::Failing)
        }
        (NodeState::Ready, _) => ("●", "+", "", Role::Ok),
        _ => ("?", "?", "unknown", Role::Unknown),
    };
    (if ascii { plain } else { sign }, word, role)
}

/// Returns a task's symbol and role.
pub fn task(task: &Task, ascii: bool) -> (&'static str, Role) {
    let (sign, plain, role) = match &task.state {
        TaskState::Failed | TaskState::Rejected => ("✖", "x", Role::Failing),
        TaskState::Orphaned => ("▼", "v", Role::Failing),
        TaskState::Running => ("●", "+", Role::Ok),
        TaskState::Complete => ("✓", ".", Role::Stopped),
        TaskState::Shutdown | TaskState::Remove => ("○", "o", Role::Stopped),
        TaskState::Other(_) => ("?", "?", Role::Unknown),
        _ if !task.error.is_empty() => ("◔", "~", Role::Waiting),
        _ => ("◐", ">", Role::Updating),
    };
    (if ascii { plain } else { sign }, role)
}

/// Returns a change's symbol and role.
pub fn change(state: ChangeState, ascii: bool) -> (&'static str, Role) {
    let (sign, plain, role) = match state {
        ChangeState::Running => ("◐", ">", Role::Updating),
        ChangeState::Detached => ("‖", "=", Role::Waiting),
        ChangeState::Done => ("●", "+", Role::Ok),
        ChangeState::Failed => ("✖", "x", Role::Failing),
        ChangeState::Left => ("▼", "v", Role::Failing),
        ChangeState::Undone => ("○", "o", Role::Text),
        ChangeState::Void => ("○", "o", Role::Stopped),
    };
    (if ascii { plain } else { sign }, role)
}

/// Returns a unit's symbol and role.
pub fn unit(state: UnitState, ascii: bool) -> (&'static str, Role) {
    let (sign, plain, role) = match state {
        UnitState::Untouched => ("·", "-", Role::Dim),
        UnitState::Posting | UnitState::PuttingBack => ("◐", ">", Role::Updating),
        UnitState::Done => ("●", "+", Role::Ok),
        UnitState::PutBack => ("○", "o", Role::Text),
        UnitState::Failed => ("✖", "x", Role::Failing),
        UnitState::Overtaken => ("▼", "v", Role::Waiting),
    };
    (if ascii { plain } else { sign }, role)
}

/// Returns the symbol and role of a finding's severity.
pub fn severity(severity: Severity, ascii: bool) -> (&'static str, Role) {
    let (sign, plain, role) = match severity {
        Severity::Error => ("✖", "x", Role::Error),
        Severity::Warning => ("!", "!", Role::Warning),
        Severity::Info => ("·", "-", Role::Info),
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
