//! The selection of the change screen.

use pinnace_core::plan::Scope;

use crate::availability::Unavailable;
use crate::screens::change::state::{ChangeId, ChangeScreenState, ShownChange};
use crate::selection::Selection;
use crate::state::ClusterState;

impl ChangeScreenState {
    /// Returns the change, and the service and image of the unit under the cursor. The scope is the whole group.
    pub(crate) fn selection<'a>(&self, shown: Option<&ShownChange<'a>>, one: Option<&ClusterState>) -> Selection<'a> {
        let missing = if shown.is_none() { Unavailable::Reading } else { Unavailable::NoService };
        let mut selection = Selection::new(self.cluster, missing).with_group(&self.group).with_scope(Scope::Group);
        selection.change = match &self.id {
            ChangeId::Change(change) => Some(change.clone()),
            ChangeId::Plan(_) => None,
        };
        let Some((seen, plan)) = shown.and_then(|seen| Some((seen, seen.plan?))) else { return selection };
        match self.unit.or(seen.focus()).and_then(|at| plan.units.get(at)) {
            Some(unit) => selection.with_service(one, &unit.service_id, &unit.service).with_image_after(plan, unit),
            None => selection,
        }
    }
}
