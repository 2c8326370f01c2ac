//! Checks of the circumstances of a change: nodes, a rollout in progress, update policy, and the tool that
//! owns the service.

use crate::check::subject::{ServiceFinding, subject};
use crate::finding::{Code, Finding, Severity};
use crate::swarm::{COMPONENT, GroupKey, GroupKind, STACK_IMAGE};
use crate::swarm::{FailureAction, Node, RestartCondition, Service, ServiceMode, UpdateState};
use crate::world::World;

/// Returns the findings about changing this service now. `back` is set for a rollback.
pub fn check(group: &GroupKey, service: &Service, world: &World, back: bool) -> Vec<Finding> {
    let said = [nodes(service, &world.candidates(service)), rollout(service), again(service), policy(service)];
    // During an incident a rollback must not need an acknowledgement, so its warnings become infos.
    let told = |said: ServiceFinding| {
        let lighter = back && said.severity == Severity::Warning;
        ServiceFinding { severity: if lighter { Severity::Info } else { said.severity }, ..said }
    };
    let finding = |said: ServiceFinding| {
        let ServiceFinding { severity, code, message, hint } = said;
        Finding::new(severity, code, subject(&[service], world), message).hint(hint).on([service.name.clone()])
    };
    said.into_iter().flatten().map(told).map(finding).chain(owner(group, service)).collect()
}

/// Reports candidate nodes that take no new tasks: an update would stop the old task there and never start
/// the new one.
///
/// An error if none of the `candidates` takes tasks; a warning for a global service if some do not; else no
/// finding.
pub fn nodes(service: &Service, candidates: &[&Node]) -> Option<ServiceFinding> {
    let mut candidates = candidates.to_vec();
    candidates.sort_by(|one, other| one.hostname.cmp(&other.hostname));
    let away: Vec<_> = candidates.iter().filter(|node| !node.takes_tasks()).collect();
    if away.is_empty() {
        return None;
    }
    let names: Vec<_> =
        away.iter().map(|node| format!("{} ({}, {})", node.hostname, node.state, node.availability)).collect();
    let global = matches!(service.mode, ServiceMode::Global | ServiceMode::GlobalJob);
    let severity = match (away.len() == candidates.len(), global) {
        (true, _) => Severity::Error,
        (false, true) => Severity::Warning,
        (false, false) => return None,
    };
    let verb = if names.len() == 1 { "accepts" } else { "accept" };
    let names = names.join(", ");
    let message = format!("{names} {verb} no new tasks: the old task would stop and the new one stay pending");
    let hint = "make the node available first: `docker node update --availability active NODE`";
    Some(ServiceFinding::new(severity, Code::NodeNotReady, message, hint))
}

fn rollout(service: &Service) -> Option<ServiceFinding> {
    let (what, hint) = match service.update.as_ref()?.state {
        UpdateState::Updating | UpdateState::RollbackStarted => {
            ("is running", "wait for it to end; otherwise the engine compares all its tasks with the new spec")
        }
        UpdateState::Paused | UpdateState::RollbackPaused => {
            ("is paused", "it does not end on its own: this plan resumes it, and replaces every task that differs")
        }
        _ => return None,
    };
    let message = format!("its rollout {what}: any edit resumes it with the edited spec");
    Some(ServiceFinding::new(Severity::Warning, Code::RolloutActive, message, hint))
}

fn again(service: &Service) -> Option<ServiceFinding> {
    let job = service.mode.is_job();
    let one_shot = service.restart == RestartCondition::None && !job;
    if !job && !one_shot {
        return None;
    }
    let message = if job {
        "it is a job: the change runs it again from the start"
    } else {
        "it never restarts: the change runs it again"
    };
    Some(ServiceFinding::new(
        Severity::Warning,
        Code::WillRunAgain,
        message,
        "leave it out if running it twice does harm",
    ))
}

fn policy(service: &Service) -> Option<ServiceFinding> {
    let many = !matches!(service.mode, ServiceMode::Replicated(0 | 1));
    let message = if service.policy.parallelism == 0 && many {
        "its update policy replaces all tasks at once (parallelism 0)"
    } else if service.policy.on_failure == FailureAction::Continue && many {
        "its update policy continues after failures: all tasks can be lost (failure action continue)"
    } else {
        return None;
    };
    let hint = "first run `docker service update --update-parallelism 1 --update-failure-action pause SERVICE`";
    Some(ServiceFinding::new(Severity::Warning, Code::DangerousPolicy, message, hint))
}

/// Names the tool that owns the service and will restore its own image. An info, so that it needs no
/// acknowledgement.
fn owner(group: &GroupKey, service: &Service) -> Option<Finding> {
    let (owner, hint) = match group.kind {
        GroupKind::Database => (
            "the pgEdge control plane will restore its own image at its next reconcile",
            "set `orchestrator_opts.swarm.image` in the database's spec to keep the change",
        ),
        GroupKind::Stack => (
            "the next `docker stack deploy` will restore the stack file's image",
            "set `image:` in the stack file to keep the change",
        ),
        GroupKind::Service => return None,
    };
    let managed = service.label(COMPONENT).is_some() || service.label(STACK_IMAGE).is_some();
    let hint = format!("{hint}: `Y` copies what to write there, `pinnace pins {group} --permanent` prints it");
    managed.then(|| Finding::new(Severity::Info, Code::WillBeOverwritten, group.to_string(), owner).hint(hint))
}
