//! Conflicts with other clients that change a service during its update: what they did, and who they likely
//! are.

use super::unit_view::UnitObservation;
use crate::swarm::{COMPONENT, STACK_IMAGE};
use crate::swarm::{Service, UpdateState};

/// Describes what another client did to a service whose edited fields hold neither the original nor the
/// target values. `target` is the image that the service should have.
pub fn overtaken(service: &Service, target: &str) -> String {
    let image = service.image();
    if image == target {
        return format!("another client forced an update or changed its platforms: its image is still {image}");
    }
    let tag = image.split('@').next().unwrap_or(image);
    match service.label(STACK_IMAGE) {
        Some(file) if file == tag || file == image => format!("`docker stack deploy` set {image}"),
        Some(_) => {
            format!("another client set {image}, not from its stack file (`docker service update`, or a program)")
        }
        None if service.label(COMPONENT).is_some() => {
            format!("another client set {image}: most likely the pgEdge control plane, which owns it")
        }
        None => format!("another client set {image}"),
    }
}

/// The beginning of a note about another client's edit; the note is made once per unit.
pub const MEDDLED: &str = "another client edited other parts of it meanwhile";

/// Describes what another client did to the other parts of a service that is at its target. Set
/// `engine_goes_back` if the service's update policy would roll back automatically.
pub fn meddled(service: &Service, engine_goes_back: bool) -> String {
    let parts = match service.previous_differs.as_slice() {
        [] => String::new(),
        parts => {
            let names: Vec<_> = parts.iter().map(|part| part.trim_start_matches('/')).collect();
            format!(" ({})", names.join(", "))
        }
    };
    let blind = if engine_goes_back {
        "; the engine can only roll back to the new image now, as it keeps one previous spec"
    } else {
        ""
    };
    format!("{MEDDLED}{parts}: these edits are kept{blind}")
}

impl UnitObservation<'_> {
    /// Returns whether a client requested the engine's rollback. After an automatic rollback the engine
    /// keeps no previous spec.
    pub(super) fn is_asked_rollback(&self) -> bool {
        let Some(update) = &self.service.update else { return false };
        match update.state {
            UpdateState::RollbackStarted => update.message.contains("manually requested"),
            UpdateState::RollbackCompleted | UpdateState::RollbackPaused => self.service.previous.is_some(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn who_it_was_as_far_as_that_shows() {
        let mut service = sample::service("shop_a", "r/app:9@sha256:00");
        assert_eq!(overtaken(&service, "r/app:2"), "another client set r/app:9@sha256:00");
        assert!(overtaken(&service, "r/app:9@sha256:00").contains("forced an update"));
        service.labels.insert(STACK_IMAGE.into(), "r/app:9".into());
        assert!(overtaken(&service, "r/app:2").starts_with("`docker stack deploy` set r/app:9"));
        service.labels.insert(STACK_IMAGE.into(), "r/app:1".into());
        assert!(overtaken(&service, "r/app:2").contains("not from its stack file"));
        service.labels.clear();
        service.labels.insert(COMPONENT.into(), "postgres".into());
        assert!(overtaken(&service, "r/app:2").contains("control plane"));
        service.previous_differs = vec!["/Labels".into()];
        assert!(meddled(&service, true).contains("(Labels)") && meddled(&service, true).contains("can only roll back"));
    }
}
