//! The state of the log screen.

use crate::clusters::ClusterId;
use crate::dialogs::state::PromptPurpose;
use crate::filter::TextFilter;
use std::collections::VecDeque;

use pinnace_core::plan::Scope;
use pinnace_core::swarm::GroupKey;

use crate::availability::Unavailable;
use crate::msg::LogLine;
use crate::selection::Selection;
use crate::state::ClusterState;

/// The log of a service, as far as it was received.
#[derive(Clone, Debug)]
pub struct LogsState {
    pub cluster: ClusterId,
    /// The service's id.
    pub service: String,
    /// The service's name.
    pub name: String,
    /// The lines, oldest first.
    pub lines: VecDeque<LogLine>,
    pub filter: TextFilter,
    /// The first line shown, counted among the lines that pass the filter; `None` follows the end of the log.
    pub top: Option<usize>,
    /// The reason why no more lines come; `None` while the log is open.
    pub ended: Option<String>,
}

impl LogsState {
    /// Returns the text of this input line; `None` for a use other than the filter.
    pub(crate) fn line(&self, what: PromptPurpose) -> Option<&str> {
        (what == PromptPurpose::Filter).then(|| self.filter.typed())
    }

    /// Returns the service of the log, and the service's image.
    pub(crate) fn selection(&self, one: Option<&ClusterState>) -> Selection<'static> {
        let selection = Selection::new(self.cluster, Unavailable::NotHere);
        let selection = selection.with_service(one, &self.service, &self.name);
        let Some(service) = one.and_then(|one| one.world.services.get(&self.service)) else { return selection };
        selection
            .with_group(&GroupKey::of(service))
            .with_scope(Scope::Service(service.name.clone()))
            .with_image_of(Some(service))
    }
}
