//! Values that the plan screen derives from the console's state.

use pinnace_core::plan::Consent;

use crate::screens::plan::state::{Acknowledgement, Freshness, PlanState};
use crate::state::{State, WriteProtection};

/// Returns the reason why the plan cannot be applied now; `None` if it can.
pub fn obstacle(state: &State, screen: &PlanState) -> Option<String> {
    let cluster = state.clusters.get(screen.cluster)?;
    if state.config.settings.read_only || cluster.guard == WriteProtection::ReadOnly {
        return Some("this cluster is read-only here".to_owned());
    }
    match &screen.fresh {
        Freshness::Incomplete => return Some("the plan is still incomplete".to_owned()),
        Freshness::Checking => return Some("something changed, and the plan is being checked".to_owned()),
        Freshness::Stale(moved) => return Some(format!("stale: {moved}; plan again first")),
        Freshness::UpToDate => {}
    }
    if !matches!(cluster.world.link, pinnace_core::world::ConnectionState::Live) {
        return Some("the cluster does not answer, so the plan may be stale".to_owned());
    }
    let said = |warnings| warnings == Acknowledgement::Given;
    screen.shown.obstacle(Consent { warnings: said(screen.warnings), unchecked: said(screen.unchecked) })
}
