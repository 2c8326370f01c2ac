//! The state of the service screen.

use crate::clusters::ClusterId;
use pinnace_core::plan::Scope;
use pinnace_core::swarm::GroupKey;
use pinnace_core::world::World;

use crate::availability::Unavailable;
use crate::screens::history::state::{HistoryScope, entries};
use crate::screens::service::tasks;
use crate::selection::Selection;
use crate::state::{ClusterState, ScrollState};

/// A tab of the service screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceTab {
    /// The tasks, by slot.
    #[default]
    Tasks,
    /// The labels, constraints and update policy.
    Settings,
    /// The changes that edited the service.
    Changes,
}

impl ServiceTab {
    /// All tabs in display order.
    pub const ALL: [Self; 3] = [Self::Tasks, Self::Settings, Self::Changes];

    /// Returns the tab's title in capitals.
    pub fn title(self) -> &'static str {
        match self {
            Self::Tasks => "TASKS",
            Self::Settings => "SETTINGS",
            Self::Changes => "CHANGES",
        }
    }
}

/// The state of the service screen.
#[derive(Clone, Debug)]
pub struct ServiceState {
    pub cluster: ClusterId,
    /// The service's id.
    pub service: String,
    /// The service's name, kept so that it is known after the service is removed.
    pub name: String,
    pub group: GroupKey,
    /// The tab shown.
    pub tab: ServiceTab,
    /// The cursor and the first line shown in the tab.
    pub scroll: ScrollState,
}

impl ServiceState {
    /// Returns the service, its image, and the task or change under the cursor.
    pub(crate) fn selection(&self, one: Option<&ClusterState>) -> Selection<'static> {
        let world = one.map(|one| &one.world);
        let task = |world: &World| tasks::by_slot(world, &self.service).get(self.scroll.at).map(|task| task.id.clone());
        let change = |world: &World| {
            let span = HistoryScope::Service(self.group.clone(), self.name.clone());
            entries(world, &span).get(self.scroll.at).map(|entry| entry.slot.change.clone())
        };
        Selection {
            task: world.filter(|_| self.tab == ServiceTab::Tasks).and_then(task),
            change: world.filter(|_| self.tab == ServiceTab::Changes).and_then(change),
            ..Selection::new(self.cluster, Unavailable::NotHere)
                .with_group(&self.group)
                .with_scope(Scope::Service(self.name.clone()))
                .with_service(one, &self.service, &self.name)
                .with_image_of(world.and_then(|world| world.services.get(&self.service)))
        }
    }
}
