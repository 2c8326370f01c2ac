//! What this screen reads from the whole state.

use pinnace_core::plan::Consent;

use crate::screens::plan::state::{Fresh, PlanState, Warnings};
use crate::state::{Guard, State};

/// Why it cannot be applied, if so.
pub fn obstacle(state: &State, screen: &PlanState) -> Option<String> {
    let cluster = state.clusters.get(screen.cluster)?;
    if state.config.settings.read_only || cluster.guard == Guard::ReadOnly {
        return Some("this cluster is read-only here".to_owned());
    }
    match &screen.fresh {
        Fresh::Making => return Some("what it needs to know is not answered yet".to_owned()),
        Fresh::Checking => return Some("something moved, and it is being looked at".to_owned()),
        Fresh::Stale(moved) => return Some(format!("stale: {moved}; plan again first")),
        Fresh::Equal => {}
    }
    if !matches!(cluster.world.link, pinnace_core::world::Link::Live) {
        return Some("the cluster does not answer, so nobody knows whether it still holds".to_owned());
    }
    let said = |warnings| warnings == Warnings::Acknowledged;
    screen.shown.obstacle(Consent { warnings: said(screen.warnings), unchecked: said(screen.unchecked) })
}
