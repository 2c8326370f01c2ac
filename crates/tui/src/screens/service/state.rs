//! The state of the service screen.

use crate::clusters::ClusterId;
use pinnace_core::plan::Scope;
use pinnace_core::swarm::GroupKey;
use pinnace_core::world::World;

use crate::availability::Reason;
use crate::screens::history::state::{Span, entries};
use crate::screens::service::tasks;
use crate::selection::Selection;
use crate::state::{Cluster, Scroll};

/// A part of the service screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Its tasks.
    #[default]
    Tasks,
    /// Its labels, constraints and update policy.
    Settings,
    /// Its changes.
    Changes,
}

impl Tab {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Tasks, Self::Settings, Self::Changes];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Tasks => "TASKS",
            Self::Settings => "SETTINGS",
            Self::Changes => "CHANGES",
        }
    }
}

/// One service.
#[derive(Clone, Debug)]
pub struct ServiceState {
    /// The cluster.
    pub cluster: ClusterId,
    /// The service's id.
    pub service: String,
    /// Its name, also once it is gone.
    pub name: String,
    /// Its group.
    pub group: GroupKey,
    /// The part shown.
    pub tab: Tab,
    /// Where in it.
    pub scroll: Scroll,
}

impl ServiceState {
    /// The service, its image, and the task or the change under the cursor.
    pub(crate) fn selection(&self, one: Option<&Cluster>) -> Selection<'static> {
        let world = one.map(|one| &one.world);
        let task = |world: &World| tasks::by_slot(world, &self.service).get(self.scroll.at).map(|task| task.id.clone());
        let change = |world: &World| {
            let span = Span::Service(self.group.clone(), self.name.clone());
            entries(world, &span).get(self.scroll.at).map(|entry| entry.slot.change.clone())
        };
        Selection {
            task: world.filter(|_| self.tab == Tab::Tasks).and_then(task),
            change: world.filter(|_| self.tab == Tab::Changes).and_then(change),
            ..Selection::new(self.cluster, Reason::NotHere)
                .with_group(&self.group)
                .with_scope(Scope::Service(self.name.clone()))
                .with_service(one, &self.service, &self.name)
                .with_image_of(world.and_then(|world| world.services.get(&self.service)))
        }
    }
}
