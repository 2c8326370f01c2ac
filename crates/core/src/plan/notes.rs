//! The notes of a unit, that is its effects besides the new image: restarts by node, downtime, the engine's
//! reaction to a failure, credentials, update order, and what a later rollback would do.

use std::time::Duration;

use super::options::{CredentialPolicy, UpdateOrderOption, forbids_start_first};
use super::planner::Planner;
use super::unit_planning::matches_target;
use crate::history::{RunVerdict, evidence};
use crate::image::{ImageRef, digest_of, short};
use crate::plan::{CredentialOrigin, PlanKind};
use crate::size::size;
use crate::swarm::member_of;
use crate::swarm::{EditableFields, FailureAction, Service, ServiceMode, Task, TaskState};
use crate::time::age;

impl Planner<'_> {
    /// Returns the notes of a unit that posts an update, the most important first.
    pub(super) fn notes(
        &self,
        service: &Service,
        target: &EditableFields,
        credentials: CredentialOrigin,
    ) -> Vec<String> {
        let starts_first = service.policy.start_first || self.switches_to_start_first(service);
        let mut notes = vec![self.tasks_note(service, target), self.away_note(service, target, starts_first)];
        notes.extend(policy_note(service));
        notes.extend(self.order_note(service, starts_first));
        notes.extend(self.credentials_note(&target.image, service, credentials));
        notes.push(self.undo_note(service));
        notes.retain(|note| !note.is_empty());
        notes
    }

    /// Describes which tasks restart, and which stay because they already match the target.
    fn tasks_note(&self, service: &Service, target: &EditableFields) -> String {
        let tasks = self.world.tasks(&service.id).iter().filter(|task| task.desired == TaskState::Running);
        let (stay, go): (Vec<&Task>, Vec<&Task>) =
            tasks.partition(|task| task.state == TaskState::Running && matches_target(task, service, target));
        let hosts = |tasks: &[&Task]| {
            let nodes = tasks.iter().filter_map(|task| self.world.nodes.get(task.node.as_ref()?));
            let mut names: Vec<&str> = nodes.map(|node| node.hostname.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            match names.len() {
                0 => String::new(),
                1..=3 => format!(" on {}", names.join(", ")),
                many => format!(" on {many} nodes"),
            }
        };
        let effect = super::unit_planning::effect(service, target, self.world.tasks(&service.id));
        let told = |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        if effect.restarts == 0 && effect.stays == 0 {
            return "no task runs: nothing restarts".to_owned();
        }
        if self.runs_none(service) {
            return format!("{}, none runs now", told(effect.restarts, "task starts", "tasks start"));
        }
        let mut note = format!("{}{}", told(effect.restarts, "task restarts", "tasks restart"), hosts(&go));
        if effect.stays > 0 {
            note = format!("{note}, {}{}", told(effect.stays, "stays", "stay"), hosts(&stay));
        }
        note
    }

    /// Describes the downtime of the tasks, as far as it can be known.
    fn away_note(&self, service: &Service, target: &EditableFields, starts_first: bool) -> String {
        if matches!(service.mode, ServiceMode::Replicated(0)) {
            return String::new();
        }
        if starts_first {
            return "old tasks stop after new ones are running".to_owned();
        }
        let pull = match self.size_of(&target.image) {
            Some(bytes) => format!("pull ≤ {} unless cached", size(bytes)),
            None => "pull unless cached".to_owned(),
        };
        let took = self.last_start(service).map(|took| format!(", last time {}", age(took))).unwrap_or_default();
        let stop = age(service.stop_grace);
        if self.runs_none(service) {
            return format!("up after: {pull} + start{took}");
        }
        match service.mode {
            ServiceMode::Replicated(1) => format!("downtime: stop ≤ {stop} + {pull} + start{took}"),
            _ => format!("downtime of each task: stop ≤ {stop} + {pull} + start{took}"),
        }
    }

    /// Returns whether no task of the service runs now, so that nothing is stopped.
    fn runs_none(&self, service: &Service) -> bool {
        self.world.health(&service.id).is_some_and(|health| health.running == 0)
    }

    fn size_of(&self, text: &str) -> Option<u64> {
        let image = ImageRef::parse(text).ok()?;
        let digest = image.digest.clone()?;
        let named = [text, image.without_digest()].into_iter().filter_map(|text| self.facts.image(text).known());
        let told = named.filter(|fact| fact.digest == digest).find_map(|fact| fact.size);
        let about = self.facts.image_info(&image.by_digest(&digest)).known().map(|about| about.size());
        told.or(about).filter(|bytes| *bytes > 0)
    }

    /// Returns the longest time that one of the service's running tasks took from creation to running.
    fn last_start(&self, service: &Service) -> Option<Duration> {
        let running = self.world.tasks(&service.id).iter().filter(|task| task.state == TaskState::Running);
        running.filter_map(|task| Some(task.since?.since(task.created?))).max().filter(|took| took.as_secs() > 0)
    }

    /// Describes the effect of start-first on the service, or the reason why it is not possible.
    fn order_note(&self, service: &Service, starts_first: bool) -> Option<String> {
        if self.manner.replacing != UpdateOrderOption::StartFirst || service.policy.start_first {
            return None;
        }
        Some(match forbids_start_first(service) {
            Some(why) if !starts_first => format!("stays stop-first: {why}"),
            _ => "start-first stays in its update policy; a rollback restores the policy".to_owned(),
        })
    }

    fn credentials_note(&self, target: &str, service: &Service, credentials: CredentialOrigin) -> Option<String> {
        let to = ImageRef::parse(target).ok()?.host;
        let mine = self.facts.login(&to).known().copied().unwrap_or(false);
        let moves = ImageRef::parse(service.image()).is_ok_and(|from| from.host != to);
        match credentials {
            CredentialOrigin::Operator => {
                Some(format!("credentials: yours for {to} replace those stored in the service"))
            }
            CredentialOrigin::Previous => Some(format!("credentials: those of the previous spec, for {to}")),
            CredentialOrigin::Stored if self.manner.sending == CredentialPolicy::Operator && !mine => {
                Some(format!("credentials: you have none for {to}; those stored in the service stay"))
            }
            CredentialOrigin::Stored if mine && self.kind != PlanKind::Rollback => {
                Some(format!("credentials: those stored in the service; yours for {to} can be sent instead"))
            }
            CredentialOrigin::Stored if moves && self.kind != PlanKind::Rollback => {
                Some(format!("credentials: none known for {to}, neither here nor in the service"))
            }
            CredentialOrigin::Stored => None,
        }
    }

    /// Describes what a rollback of this unit would do.
    fn undo_note(&self, service: &Service) -> String {
        let from = service.image();
        let name = digest_of(from).map_or_else(|| short(from), |digest| format!("{}@{}", short(from), digest.short()));
        if self.kind == PlanKind::Rollback {
            return "never rolled back automatically: if it fails, pinnace asks".to_owned();
        }
        let past = evidence(self.world, self.group, service, from);
        if past.has_failed() {
            return format!("if it fails, pinnace puts it back to {name}, which failed in {}", member_of(service));
        }
        if past.verdict == RunVerdict::NotKnown {
            return format!(
                "if it fails, pinnace puts it back to {name}, not known to have run in {}",
                member_of(service)
            );
        }
        let by_tag = if digest_of(from).is_none() { ", tag only: it may be another image then" } else { "" };
        format!("if it fails, pinnace puts it back to {name}{by_tag}")
    }
}

/// Describes what the engine does on a failure, and when that is dangerous.
fn policy_note(service: &Service) -> Option<String> {
    let policy = &service.policy;
    let count = match service.mode {
        ServiceMode::Replicated(0) | ServiceMode::ReplicatedJob(_) | ServiceMode::GlobalJob => return None,
        ServiceMode::Replicated(count) => count,
        _ => service.desired.unwrap_or(2),
    };
    let own = if policy.explicit { "" } else { " (the default)" };
    let on_failure = match policy.on_failure {
        FailureAction::Rollback => "rolls back automatically".to_owned(),
        FailureAction::Pause => "pauses".to_owned(),
        FailureAction::Continue => "continues with the others".to_owned(),
        FailureAction::Other(ref other) => other.clone(),
    };
    if count == 1 {
        return Some(format!("on failure Docker {on_failure}{own}"));
    }
    let at_once = match policy.parallelism {
        0 => "all at once".to_owned(),
        1 => "one at a time".to_owned(),
        some => format!("{some} at a time"),
    };
    // The engine stops the next task as soon as the new one runs, whatever the monitor time (observed on
    // Docker Engine 20.10).
    let late = policy.parallelism > 0
        && count > policy.parallelism
        && policy.delay.is_zero()
        && service.health_start.is_none()
        && !policy.start_first
        && matches!(policy.on_failure, FailureAction::Pause | FailureAction::Rollback);
    let late = if late {
        let lost = (2 * policy.parallelism).min(count);
        format!("; without health check or delay {lost} of {count} may be down before it does")
    } else {
        String::new()
    };
    Some(format!("{at_once}; on failure Docker {on_failure}{own}{late}"))
}
