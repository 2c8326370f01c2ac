//! The selection: everything under the cursor of the top screen.
//!
//! Each screen builds its selection with `selection` in its `state` module; [`Selection::of`] returns that of
//! the top screen. Code that acts on "this service" or "this image" uses it, and does not match over the
//! screens.

use crate::clusters::ClusterId;
use pinnace_core::image::ImageRef;
use pinnace_core::pins::{self, PinDoc, PinSettings};
use pinnace_core::plan::{Plan, Scope, Unit};
use pinnace_core::swarm::{GroupKey, Service, member_of};
use pinnace_core::world::World;

use crate::availability::Unavailable;
use crate::state::{ClusterState, State};

/// Everything under the cursor of the top screen, from the cluster down to the task.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    /// The id of the cluster.
    pub cluster: ClusterId,
    /// The node, by id.
    pub node: Option<String>,
    pub group: Option<GroupKey>,
    /// The part of the group that a plan made here covers; none if no plan can be made.
    pub scope: Option<Scope>,
    pub service: Option<SelectedService>,
    /// The task, by id.
    pub task: Option<String>,
    pub image: Option<SelectedImage<'a>>,
    /// The change, by id.
    pub change: Option<String>,
    /// The reason why the selection has no more than this.
    pub(crate) missing: Unavailable,
}

/// The service under the cursor, which may no longer exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedService {
    /// The id; none once the service no longer exists.
    pub id: Option<String>,
    /// The name, also when the service no longer exists.
    pub name: String,
    /// The member name within the group; none if unknown.
    pub member: Option<String>,
}

/// The image under the cursor.
#[derive(Clone, Debug)]
pub struct SelectedImage<'a> {
    /// The reference, as written.
    pub text: String,
    /// The id of the service that the image is for, if known.
    pub service: Option<String>,
    /// The pins that may name the base image and the contract.
    pub pins: PinDocRevision<'a>,
}

/// The source of the pins for a selected image; they are read only when its rules are requested.
#[derive(Clone, Copy, Debug)]
pub enum PinDocRevision<'a> {
    /// No pins.
    None,
    /// The pins in force.
    InForce,
    /// The pins as edited.
    Edited(&'a PinDoc),
    /// The pins after a plan.
    After(&'a Plan),
}

impl<'a> Selection<'a> {
    /// Returns the selection of the top screen, regardless of an open dialog.
    pub fn of(state: &'a State) -> Self {
        crate::screens::selection(state)
    }

    /// Starts a selection in a cluster; `missing` is the reason given for each part that is not added.
    pub(crate) fn new(cluster: ClusterId, missing: Unavailable) -> Self {
        Self {
            cluster,
            node: None,
            group: None,
            scope: None,
            service: None,
            task: None,
            image: None,
            change: None,
            missing,
        }
    }

    /// Adds a group.
    pub(crate) fn with_group(mut self, group: &GroupKey) -> Self {
        self.group = Some(group.clone());
        self
    }

    /// Adds the part of the group that a plan covers.
    pub(crate) fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Adds a service by its id, and by its name if it no longer exists.
    pub(crate) fn with_service(mut self, one: Option<&ClusterState>, id: &str, name: &str) -> Self {
        let service = one.and_then(|one| one.world.services.get(id));
        self.service = Some(SelectedService {
            id: service.map(|service| service.id.clone()),
            name: service.map_or(name, |service| &service.name).to_owned(),
            member: service.map(member_of),
        });
        self
    }

    /// Adds the current image of a live service.
    pub(crate) fn with_image_of(mut self, service: Option<&Service>) -> Self {
        self.image = service.map(|service| SelectedImage {
            text: service.image().to_owned(),
            service: Some(service.id.clone()),
            pins: PinDocRevision::InForce,
        });
        self
    }

    /// Adds the image that a unit of a plan brings.
    pub(crate) fn with_image_after(mut self, plan: &'a Plan, unit: &Unit) -> Self {
        let (text, service) = (unit.to.image.clone(), Some(unit.service_id.clone()));
        self.image = Some(SelectedImage { text, service, pins: PinDocRevision::After(plan) });
        self
    }

    /// Returns the group.
    ///
    /// # Errors
    /// Returns the reason why none is selected.
    pub fn group(&self) -> Result<&GroupKey, Unavailable> {
        self.group.as_ref().ok_or_else(|| self.missing.clone())
    }

    /// Returns the service, also when it no longer exists.
    ///
    /// # Errors
    /// Returns the reason why none is selected.
    pub fn service(&self) -> Result<&SelectedService, Unavailable> {
        self.service.as_ref().ok_or_else(|| self.missing.clone())
    }

    /// Returns the id of the service.
    ///
    /// # Errors
    /// Returns the reason why none is selected, or that the service no longer exists.
    pub fn service_id(&self) -> Result<&str, Unavailable> {
        self.service()?.id.as_deref().ok_or(Unavailable::Gone)
    }

    /// Returns the group and the part of it that a plan made here covers.
    ///
    /// # Errors
    /// Returns the reason why no plan can be made here.
    pub(crate) fn planned(&self) -> Result<(GroupKey, Scope), Unavailable> {
        let group = self.group()?.clone();
        Ok((group, self.scope.clone().ok_or(Unavailable::NotHere)?))
    }

    /// Returns the image, parsed.
    ///
    /// # Errors
    /// Returns the reason why none is selected, or the error in its reference.
    pub(crate) fn image_ref(&self) -> Result<ImageRef, Unavailable> {
        let is_gone = self.service.as_ref().is_some_and(|service| service.id.is_none());
        let missing = || if is_gone { Unavailable::Gone } else { self.missing.clone() };
        let text = &self.image.as_ref().ok_or_else(missing)?.text;
        ImageRef::parse(text)
            .map_err(|error| Unavailable::Obstacle(format!("`{text}` is not an image reference: {error}")))
    }

    /// Returns the base image and the contract that the pins name for the image.
    pub fn rules(&self, world: &World) -> PinSettings {
        let Some(image) = &self.image else { return PinSettings::default() };
        let Some(service) = image.service.as_ref().and_then(|id| world.services.get(id)) else {
            return PinSettings::default();
        };
        let own = GroupKey::of(service);
        let group = self.group.as_ref().unwrap_or(&own);
        match image.pins {
            PinDocRevision::None => PinSettings::default(),
            PinDocRevision::InForce => {
                let text = world.history(group).pins().ok().flatten().unwrap_or_default();
                pins::read(text).rules_for(group, service)
            }
            PinDocRevision::Edited(doc) => doc.rules_for(group, service),
            PinDocRevision::After(plan) => {
                pins::read(plan.pins_after.as_deref().unwrap_or_default()).rules_for(&plan.group, service)
            }
        }
    }
}
