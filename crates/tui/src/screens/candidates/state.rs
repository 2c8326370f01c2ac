//! The state of the candidates screen: the images to which a service can be rolled back.

use crate::clusters::ClusterId;

use pinnace_core::history::{Pullable, RollbackCandidate, earlier};
use pinnace_core::plan::{Goal, RollbackChoice, Scope};
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::GroupKey;
use pinnace_core::swarm::Service;
use pinnace_core::time::age;

use crate::availability::Unavailable;
use crate::layout;
use crate::selection::{PinDocRevision, SelectedImage, Selection};
use crate::state::{ClusterState, ScrollState};

/// The list of a service's rollback candidates.
#[derive(Clone, Debug)]
pub struct CandidatesState {
    pub cluster: ClusterId,
    /// The service's id.
    pub service: String,
    /// The service's name, kept so that it is known after the service is removed.
    pub name: String,
    pub group: GroupKey,
    /// The candidates, newest first; rebuilt after every change of the data they come from.
    pub rows: Vec<RollbackCandidate>,
    /// The image reference of the chosen row; it stays chosen while rows are added or removed.
    pub chosen: Option<String>,
    /// The first line shown.
    pub top: usize,
}

impl CandidatesState {
    /// Builds the list from what is known now.
    pub fn new(cluster: ClusterId, one: &ClusterState, group: GroupKey, service: &Service) -> Self {
        let (id, name) = (service.id.clone(), service.name.clone());
        let mut screen = Self { cluster, service: id, name, group, rows: Vec::new(), chosen: None, top: 0 };
        screen.look(one);
        screen
    }

    /// Rebuilds the list; once the service is removed, the last list stays.
    pub fn look(&mut self, one: &ClusterState) {
        if let Some(service) = one.world.services.get(&self.service) {
            let now = one.world.heard.unwrap_or_default();
            self.rows = earlier(&one.world, &self.group, service, &one.facts, now);
        }
    }

    /// Returns the index of the chosen row. Without a choice: the newest candidate that is proven to have run and did
    /// not fail since, else the current image, so that nothing unproven is chosen by accident.
    pub fn at(&self) -> usize {
        // A row keeps its identity when its tag gets a digest, so a match without the digest counts too.
        let bare = |text: &str| text.split('@').next().unwrap_or_default().to_owned();
        let is = |text: &str| self.rows.iter().position(|one| one.places.image == text);
        let becomes = |text: &str| self.rows.iter().position(|one| bare(&one.places.image) == text);
        let chosen = self.chosen.as_deref().and_then(|text| is(text).or_else(|| becomes(text)));
        let good = || self.rows.iter().position(|one| !one.is_now && one.fared.is_good());
        chosen.or_else(good).unwrap_or(0)
    }

    /// Returns the chosen row.
    pub fn choice(&self) -> Option<&RollbackCandidate> {
        self.rows.get(self.at())
    }

    /// Returns the service and the image under the cursor.
    pub(crate) fn selection(&self, one: Option<&ClusterState>) -> Selection<'static> {
        let image = |row: &RollbackCandidate| SelectedImage {
            text: row.places.image.clone(),
            service: Some(self.service.clone()),
            pins: PinDocRevision::None,
        };
        Selection {
            image: self.choice().map(image),
            ..Selection::new(self.cluster, Unavailable::NoRow)
                .with_group(&self.group)
                .with_scope(Scope::Service(self.name.clone()))
                .with_service(one, &self.service, &self.name)
        }
    }

    /// Returns the cursor and the first line shown, for a list of `page` lines.
    pub(crate) fn scroll(&self, page: usize) -> ScrollState {
        let at = self.at();
        ScrollState { at, top: layout::scrolled(self.top, (at, 1), page, self.rows.len()) }
    }
}

/// Returns the goal of a rollback to the image under the cursor; an error if the service runs that image now.
pub(crate) fn goal(screen: &CandidatesState) -> Result<(ClusterId, Goal), Unavailable> {
    let one = screen.choice().ok_or(Unavailable::NoRow)?;
    if one.is_now {
        return Err(Unavailable::RunsIt);
    }
    let scope = Scope::Service(screen.name.clone());
    let to = Some(RollbackChoice::Image(one.places.image.clone()));
    Ok((screen.cluster, Goal::Back { group: screen.group.clone(), scope, to }))
}

/// Returns whether the registry has an image: a label of one or two words, and the answer behind it.
pub fn pullable(one: &ClusterState, row: &RollbackCandidate) -> (&'static str, Pullable) {
    let known = Pullable::of(&one.facts, &row.places.image);
    let word = match known {
        Pullable::Yes => "available",
        Pullable::Gone => "gone",
        Pullable::Unknown(_) if one.facts.had(&row.places.image).is_some() => "not now",
        Pullable::Unknown(_) => "no answer",
        Pullable::Pending => "…",
    };
    (word, known)
}

/// Describes a candidate for the panel below the list: its full reference, then its source, nodes and problems.
pub fn about(one: &ClusterState, row: &RollbackCandidate) -> [String; 2] {
    let mut parts = vec![clean(&row.source.describe())];
    if row.digest.is_none() {
        parts.push("digest not known: the tag may name another image now".to_owned());
    }
    if !row.nodes.is_empty() {
        let nodes = row.nodes.iter().map(|node| clean(node)).collect::<Vec<_>>().join(", ");
        parts.push(format!("ran on {nodes}"));
    }
    match pullable(one, row).1 {
        Pullable::Unknown(why) => {
            let now = one.world.heard.unwrap_or_default();
            let had =
                one.facts.had(&row.places.image).map(|at| format!("; it had the image {} ago", age(now.since(at))));
            parts.push(format!("the registry does not answer: {}{}", clean(&why), had.unwrap_or_default()));
        }
        Pullable::Gone => parts.push("the registry no longer has it".to_owned()),
        Pullable::Yes | Pullable::Pending => {}
    }
    [clean(&row.places.image), parts.join(" · ")]
}
