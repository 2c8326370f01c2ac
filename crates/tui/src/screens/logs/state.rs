//! The state of the log screen.

use crate::clusters::ClusterId;
use crate::dialogs::state::LineUse;
use crate::filter::TextFilter;
use std::collections::VecDeque;

use pinnace_core::plan::Scope;
use pinnace_core::swarm::GroupKey;

use crate::availability::Reason;
use crate::msg::LogLine;
use crate::selection::Selection;
use crate::state::Cluster;

/// A service's log.
#[derive(Clone, Debug)]
pub struct LogsState {
    /// The cluster.
    pub cluster: ClusterId,
    /// The service's id.
    pub service: String,
    /// Its name.
    pub name: String,
    /// The lines, oldest first.
    pub lines: VecDeque<LogLine>,
    /// The filter.
    pub filter: TextFilter,
    /// The first line shown of those that pass; none: the end, as it grows.
    pub top: Option<usize>,
    /// Why no more lines come, once that is so.
    pub ended: Option<String>,
}

impl LogsState {
    /// The line that is typed for this, as it stands.
    pub(crate) fn line(&self, what: LineUse) -> Option<&str> {
        (what == LineUse::Filter).then(|| self.filter.typed())
    }

    /// The service whose log it is.
    pub(crate) fn selection(&self, one: Option<&Cluster>) -> Selection<'static> {
        let selection = Selection::new(self.cluster, Reason::NotHere);
        let selection = selection.with_service(one, &self.service, &self.name);
        let Some(service) = one.and_then(|one| one.world.services.get(&self.service)) else { return selection };
        selection
            .with_group(&GroupKey::of(service))
            .with_scope(Scope::Service(service.name.clone()))
            .with_image_of(Some(service))
    }
}
