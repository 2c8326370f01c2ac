//! One service's unit: what it becomes, why, and what that does to its tasks.

use super::edits::{edits, with_image};
use super::{Want, Work};
use crate::core::finding::{Code, Finding, Severity};
use crate::core::group::{self, GroupKind, member_of};
use crate::core::image::{ImageRef, digest_of};
use crate::core::pins::PinKey;
use crate::core::registry::ImageFact;
use crate::core::swarm::{FailureAction, Mode, Places, RestartCondition, Service, Task, TaskState, UpdateState};
use crate::core::wire::v1::{Action, Effect, ImageAt, Kind, Unit};

impl Work<'_> {
    /// A service should run a pinned image.
    pub(super) fn wish(&mut self, service: &Service, text: &str, key: &PinKey) {
        let reason = format!("by {key}");
        let Ok(image) = ImageRef::parse(text) else {
            return self.push(service, &service.places.clone(), Action::Blocked, vec![reason]);
        };
        if service.image() == image.text {
            if image.digest.is_none() {
                self.by_tag_only(service);
            }
            return self.push(service, &service.places.clone(), Action::None, vec![reason, "runs it already".into()]);
        }
        let fact = self.facts.image(&image.text);
        if !fact.answered() {
            self.wants.insert(Want::Image(image.text.clone()));
        }
        let known: Option<&ImageFact> = fact.known();
        let target_text = match (&image.digest, known) {
            (None, Some(fact)) => image.pinned(&fact.digest),
            _ => image.text.clone(),
        };
        if target_text == service.image() {
            return self.push(service, &service.places.clone(), Action::None, vec![reason, "runs it already".into()]);
        }
        let platforms = known.and_then(|fact| fact.platforms.as_deref());
        let target = with_image(&service.places, &target_text, platforms);
        let action = if self.ran_here(service, &target_text) { Action::Back } else { Action::New };
        let action = if fact.failed().is_some() { Action::Blocked } else { action };
        self.push(service, &target, action, vec![reason]);
    }

    /// A service is not pinned any more: it keeps what it runs.
    pub(super) fn release(&mut self, service: &Service) {
        self.push(service, &service.places.clone(), Action::None, vec!["no longer pinned: keeps what it runs".into()]);
    }

    fn by_tag_only(&mut self, service: &Service) {
        let message = format!("{} runs by tag only; the next restart may bring another image", service.image());
        self.findings.push(
            Finding::new(Severity::Info, Code::RunsByTag, service.name.clone(), message)
                .hint("pin it with its digest to fix what restarts bring"),
        );
    }

    /// Whether the image, by text or digest, is known to have run in this service.
    fn ran_here(&self, service: &Service, text: &str) -> bool {
        let digest = digest_of(text);
        let same = |other: &str| other == text || (digest.is_some() && digest == digest_of(other));
        let in_history =
            self.world.history(self.group).newest_first().filter_map(|entry| entry.record.as_ref()).any(|record| {
                record.plan.units.iter().any(|unit| unit.service_id == service.id && same(&unit.from.image))
            });
        in_history
            || service.previous.as_ref().is_some_and(|previous| same(&previous.image))
            || self.world.tasks(&service.id).iter().any(|task| same(&task.image) && !task.state.is_failure())
    }

    /// Adds a unit; its findings about nodes and policy come when all units are known.
    pub(super) fn push(&mut self, service: &Service, target: &Places, action: Action, reasons: Vec<String>) {
        let edits = edits(&service.places, target);
        let action = if edits.is_empty() && action != Action::Blocked { Action::None } else { action };
        let effect = if action == Action::None {
            Effect::default()
        } else {
            effect(service, target, self.world.tasks(&service.id))
        };
        self.units.push(Unit {
            service: service.name.clone(),
            service_id: service.id.clone(),
            member: member_of(service),
            node: self.world.hosts(service).join(","),
            action,
            from: ImageAt::new(service.image()),
            to: ImageAt::new(&target.image),
            reasons,
            effect,
            edits,
            rest: service.rest.clone(),
            engine_rolls_back: service.policy.on_failure == FailureAction::Rollback,
            extra: serde_json::Map::new(),
        });
    }

    /// Remarks about the place a unit works in: its nodes, its rollout, its policy, its owner.
    pub(super) fn place_findings(&mut self, at: usize) {
        let unit = &self.units[at];
        if matches!(unit.action, Action::None) {
            return;
        }
        let Some(service) = self.world.services.get(&unit.service_id) else { return };
        let found = [self.nodes(service), self.rollout(service), again(service), policy(service), self.owner(service)];
        self.findings.extend(found.into_iter().flatten());
    }

    /// An update of a service whose node takes no tasks stops the old task and never starts the new one.
    fn nodes(&self, service: &Service) -> Option<Finding> {
        let candidates = self.world.candidates(service);
        let away: Vec<_> = candidates.iter().filter(|node| !node.takes_tasks()).collect();
        if away.is_empty() {
            return None;
        }
        let names: Vec<_> =
            away.iter().map(|node| format!("{} ({}, {})", node.hostname, node.state, node.availability)).collect();
        let global = matches!(service.mode, Mode::Global | Mode::GlobalJob);
        let severity = match (away.len() == candidates.len(), global) {
            (true, _) => Severity::Error,
            (false, true) => Severity::Warning,
            (false, false) => return None,
        };
        let message =
            format!("{} takes no new tasks: the old task would stop and the new one wait for ever", names.join(", "));
        Some(
            Finding::new(severity, Code::NodeNotReady, service.name.clone(), message)
                .hint("bring the node back (`docker node update --availability active NODE`) first")
                .on([service.name.clone()]),
        )
    }

    fn rollout(&self, service: &Service) -> Option<Finding> {
        let update = service.update.as_ref()?;
        let what = match update.state {
            UpdateState::Updating | UpdateState::RollbackStarted => "is running",
            UpdateState::Paused | UpdateState::RollbackPaused => "is paused",
            _ => return None,
        };
        let severity = if self.kind == Kind::Back { Severity::Info } else { Severity::Warning };
        let message = format!("its rollout {what}: any edit resumes it with the edited spec");
        Some(
            Finding::new(severity, Code::RolloutActive, service.name.clone(), message)
                .hint("wait for it, or go on knowing that all its tasks are compared with the new spec")
                .on([service.name.clone()]),
        )
    }

    fn owner(&self, service: &Service) -> Option<Finding> {
        let (owner, hint) = match self.group.kind {
            GroupKind::Database => (
                "the pgEdge control plane will put its own image back at its next reconcile",
                "set `orchestrator_opts.swarm.image` in the database's spec to make it last",
            ),
            GroupKind::Stack => (
                "the next `docker stack deploy` will put the stack file's image back",
                "change `image:` in the stack file to make it last",
            ),
            GroupKind::Service => return None,
        };
        let managed = service.label(group::COMPONENT).is_some() || service.label(group::STACK_IMAGE).is_some();
        managed.then(|| Finding::new(Severity::Info, Code::WillBeOverwritten, self.group.to_string(), owner).hint(hint))
    }
}

/// Tasks that run what the target says stay; all others of those wanted restart.
pub(super) fn effect(service: &Service, target: &Places, tasks: &[Task]) -> Effect {
    let wanted: Vec<_> = tasks.iter().filter(|task| task.desired == TaskState::Running).collect();
    let count = match service.mode {
        Mode::Replicated(replicas) => replicas,
        _ => service.desired.unwrap_or(wanted.len() as u64),
    };
    let stays =
        wanted.iter().filter(|task| task.state == TaskState::Running && matches_target(task, service, target)).count()
            as u64;
    Effect { restarts: count.saturating_sub(stays), stays }
}

fn matches_target(task: &Task, service: &Service, target: &Places) -> bool {
    let same_platforms = task.places.platforms.value == target.platforms.value;
    let same_force = number(task.places.force.value.as_ref()) == number(target.force.value.as_ref());
    let same_rest = match (&task.rest, &service.template) {
        (Some(task), template) => task == template,
        (None, _) => true,
    };
    task.image == target.image && same_platforms && same_force && same_rest
}

fn number(value: Option<&serde_json::Value>) -> u64 {
    value.and_then(serde_json::Value::as_u64).unwrap_or(0)
}

fn again(service: &Service) -> Option<Finding> {
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
    Some(
        Finding::new(Severity::Warning, Code::WillRunAgain, service.name.clone(), message)
            .hint("leave it out if running it twice does harm")
            .on([service.name.clone()]),
    )
}

fn policy(service: &Service) -> Option<Finding> {
    let many = !matches!(service.mode, Mode::Replicated(0 | 1));
    let message = if service.policy.parallelism == 0 && many {
        "its update policy replaces all tasks at once (parallelism 0)"
    } else if service.policy.on_failure == FailureAction::Continue && many {
        "its update policy goes on after failures: all tasks can be lost (failure action continue)"
    } else {
        return None;
    };
    Some(
        Finding::new(Severity::Warning, Code::DangerousPolicy, service.name.clone(), message)
            .hint("`docker service update --update-parallelism 1 --update-failure-action pause` first")
            .on([service.name.clone()]),
    )
}
