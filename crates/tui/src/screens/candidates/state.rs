//! What a service may go back to, on a screen.

use crate::clusters::ClusterId;

use pinnace_core::history::{Earlier, Fared, Pullable, earlier};
use pinnace_core::plan::{BackTo, Goal, Scope};
use pinnace_core::swarm::GroupKey;
use pinnace_core::swarm::Service;
use pinnace_core::text::clean;

use crate::availability::Reason;
use crate::layout;
use crate::selection::{PinSource, SelectedImage, Selection};
use crate::state::{Cluster, Scroll};

/// The images a service may go back to.
#[derive(Clone, Debug)]
pub struct EarlierState {
    /// The cluster.
    pub cluster: ClusterId,
    /// The service's id.
    pub service: String,
    /// Its name, also once it is gone.
    pub name: String,
    /// Its group.
    pub group: GroupKey,
    /// The images, made anew after whatever they are made of changed.
    pub rows: Vec<Earlier>,
    /// The image that was chosen: it stays so while others come and go.
    pub chosen: Option<String>,
    /// The first line shown.
    pub top: usize,
}

impl EarlierState {
    /// Lists what is known by now.
    pub fn new(cluster: ClusterId, one: &Cluster, group: GroupKey, service: &Service) -> Self {
        let (id, name) = (service.id.clone(), service.name.clone());
        let mut screen = Self { cluster, service: id, name, group, rows: Vec::new(), chosen: None, top: 0 };
        screen.look(one);
        screen
    }

    /// Lists anew.
    pub fn look(&mut self, one: &Cluster) {
        if let Some(service) = one.world.services.get(&self.service) {
            let now = one.world.heard.unwrap_or_default();
            self.rows = earlier(&one.world, &self.group, service, &one.facts, now);
        }
    }

    /// The place of the chosen one; of nobody's choice, the newest it could go back to that did not fail.
    pub fn at(&self) -> usize {
        // A tag is the same row once its digest is known.
        let bare = |text: &str| text.split('@').next().unwrap_or_default().to_owned();
        let is = |text: &str| self.rows.iter().position(|one| one.places.image == text);
        let becomes = |text: &str| self.rows.iter().position(|one| bare(&one.places.image) == text);
        let chosen = self.chosen.as_deref().and_then(|text| is(text).or_else(|| becomes(text)));
        let well = |one: &Earlier| !one.is_now && !matches!(one.fared, Fared::Failed | Fared::NeverStarted);
        let way = || self.rows.iter().position(well).or_else(|| self.rows.iter().position(|one| !one.is_now));
        chosen.or_else(way).unwrap_or(0)
    }

    /// The chosen one.
    pub fn choice(&self) -> Option<&Earlier> {
        self.rows.get(self.at())
    }

    /// The service, and the image under the cursor.
    pub(crate) fn selection(&self, one: Option<&Cluster>) -> Selection<'static> {
        let image = |row: &Earlier| SelectedImage {
            text: row.places.image.clone(),
            service: Some(self.service.clone()),
            pins: PinSource::None,
        };
        Selection {
            image: self.choice().map(image),
            ..Selection::new(self.cluster, Reason::NoRow)
                .with_group(&self.group)
                .with_scope(Scope::Service(self.name.clone()))
                .with_service(one, &self.service, &self.name)
        }
    }

    /// Cursor and first line for a list of so many lines.
    pub(crate) fn scroll(&self, page: usize) -> Scroll {
        let at = self.at();
        Scroll { at, top: layout::scrolled(self.top, (at, 1), page, self.rows.len()) }
    }
}

/// What choosing the image under the cursor asks for.
pub(crate) fn goal(screen: &EarlierState) -> Result<(ClusterId, Goal), Reason> {
    let one = screen.choice().ok_or(Reason::NoRow)?;
    if one.is_now {
        return Err(Reason::RunsIt);
    }
    let scope = Scope::Service(screen.name.clone());
    let to = Some(BackTo::Image(one.places.image.clone()));
    Ok((screen.cluster, Goal::Back { group: screen.group.clone(), scope, to }))
}

/// What the registry says of an image, in a word or two.
pub fn pullable(one: &Cluster, row: &Earlier) -> (&'static str, Pullable) {
    let known = Pullable::of(&one.facts, &row.places.image);
    let word = match known {
        Pullable::Yes => "has it",
        Pullable::Gone => "gone",
        Pullable::Unknown(_) => "no answer",
        Pullable::Asking => "…",
    };
    (word, known)
}

/// What is told of the chosen one below the list: its whole text, then where it is known from and what else there is.
pub fn about(one: &Cluster, row: &Earlier) -> [String; 2] {
    let mut parts = vec![clean(&row.source.told())];
    if row.digest.is_none() {
        parts.push("its digest is not known: the tag may name another image by now".to_owned());
    }
    if !row.nodes.is_empty() {
        let nodes = row.nodes.iter().map(|node| clean(node)).collect::<Vec<_>>().join(", ");
        parts.push(format!("ran on {nodes}"));
    }
    match pullable(one, row).1 {
        Pullable::Unknown(why) => parts.push(format!("its registry does not answer: {}", clean(&why))),
        Pullable::Gone => parts.push("its registry does not have it any more".to_owned()),
        Pullable::Yes | Pullable::Asking => {}
    }
    [clean(&row.places.image), parts.join(" · ")]
}
