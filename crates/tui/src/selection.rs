//! The selection: everything the cursor of the top screen is on.
//!
//! Each screen describes its own with `selection` in its `state` module; [`Selection::of`] asks the top one. Whatever
//! acts on "this service" or "this image" asks here, and nothing else matches over the screens for it.

use crate::clusters::ClusterId;
use pinnace_core::image::ImageRef;
use pinnace_core::pins::{self, PinDoc, Rules};
use pinnace_core::plan::{Plan, Scope, Unit};
use pinnace_core::swarm::{GroupKey, Service, member_of};
use pinnace_core::world::World;

use crate::availability::Reason;
use crate::state::{Cluster, State};

/// Everything the cursor of the top screen is on, from the cluster down to the task.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    /// The cluster, by its place in the state.
    pub cluster: ClusterId,
    /// The node, by id.
    pub node: Option<String>,
    /// The group.
    pub group: Option<GroupKey>,
    /// The part of the group that a plan made here covers; none where no plan can be made.
    pub scope: Option<Scope>,
    /// The service.
    pub service: Option<SelectedService>,
    /// The task, by id.
    pub task: Option<String>,
    /// The image.
    pub image: Option<SelectedImage<'a>>,
    /// The change, by id.
    pub change: Option<String>,
    /// Why the selection has no more than this.
    pub(crate) missing: Reason,
}

/// The selected service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedService {
    /// Its id; none once it is gone.
    pub id: Option<String>,
    /// Its name, also once it is gone.
    pub name: String,
    /// The member of the group it belongs to; none where that is not known.
    pub member: Option<String>,
}

/// The selected image.
#[derive(Clone, Debug)]
pub struct SelectedImage<'a> {
    /// Its reference, as written.
    pub text: String,
    /// The id of the service it is for, where one is known.
    pub service: Option<String>,
    /// The pins that may name its base and its contract.
    pub pins: PinSource<'a>,
}

/// The pins that go with a selected image; they are read only when somebody asks for the rules.
#[derive(Clone, Copy, Debug)]
pub enum PinSource<'a> {
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
    /// Returns the selection of the top screen, whatever dialog is open over it.
    pub fn of(state: &'a State) -> Self {
        crate::screens::selection(state)
    }

    /// Starts a selection in a cluster; `missing` says why it has no more than what is added.
    pub(crate) fn new(cluster: ClusterId, missing: Reason) -> Self {
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

    /// Adds a service by its id, and its name in case it is gone.
    pub(crate) fn with_service(mut self, one: Option<&Cluster>, id: &str, name: &str) -> Self {
        let service = one.and_then(|one| one.world.services.get(id));
        self.service = Some(SelectedService {
            id: service.map(|service| service.id.clone()),
            name: service.map_or(name, |service| &service.name).to_owned(),
            member: service.map(member_of),
        });
        self
    }

    /// Adds the image a live service has.
    pub(crate) fn with_image_of(mut self, service: Option<&Service>) -> Self {
        self.image = service.map(|service| SelectedImage {
            text: service.image().to_owned(),
            service: Some(service.id.clone()),
            pins: PinSource::InForce,
        });
        self
    }

    /// Adds the image that a unit of a plan brings.
    pub(crate) fn with_image_after(mut self, plan: &'a Plan, unit: &Unit) -> Self {
        let (text, service) = (unit.to.image.clone(), Some(unit.service_id.clone()));
        self.image = Some(SelectedImage { text, service, pins: PinSource::After(plan) });
        self
    }

    /// The group.
    ///
    /// # Errors
    /// With the reason why none is selected.
    pub fn group(&self) -> Result<&GroupKey, Reason> {
        self.group.as_ref().ok_or_else(|| self.missing.clone())
    }

    /// The service, whether it still exists or not.
    ///
    /// # Errors
    /// With the reason why none is selected.
    pub fn service(&self) -> Result<&SelectedService, Reason> {
        self.service.as_ref().ok_or_else(|| self.missing.clone())
    }

    /// The id of the service.
    ///
    /// # Errors
    /// With the reason why none is selected, or that it is gone.
    pub fn service_id(&self) -> Result<&str, Reason> {
        self.service()?.id.as_deref().ok_or(Reason::Gone)
    }

    /// The group and the part of it that a plan made here covers.
    ///
    /// # Errors
    /// With the reason why no plan can be made here.
    pub fn planned(&self) -> Result<(GroupKey, Scope), Reason> {
        let group = self.group()?.clone();
        Ok((group, self.scope.clone().ok_or(Reason::NotHere)?))
    }

    /// The image, parsed.
    ///
    /// # Errors
    /// With the reason why none is selected, or what is wrong with the reference.
    pub(crate) fn image_ref(&self) -> Result<ImageRef, Reason> {
        let is_gone = self.service.as_ref().is_some_and(|service| service.id.is_none());
        let missing = || if is_gone { Reason::Gone } else { self.missing.clone() };
        let text = &self.image.as_ref().ok_or_else(missing)?.text;
        ImageRef::parse(text).map_err(|error| Reason::Obstacle(format!("`{text}` is no image: {error}")))
    }

    /// The base and the contract that the pins name for the image.
    pub fn rules(&self, world: &World) -> Rules {
        let Some(image) = &self.image else { return Rules::default() };
        let Some(service) = image.service.as_ref().and_then(|id| world.services.get(id)) else {
            return Rules::default();
        };
        let own = GroupKey::of(service);
        let group = self.group.as_ref().unwrap_or(&own);
        match image.pins {
            PinSource::None => Rules::default(),
            PinSource::InForce => {
                let text = world.history(group).pins().ok().flatten().unwrap_or_default();
                pins::read(text).rules_for(group, service)
            }
            PinSource::Edited(doc) => doc.rules_for(group, service),
            PinSource::After(plan) => {
                pins::read(plan.pins_after.as_deref().unwrap_or_default()).rules_for(&plan.group, service)
            }
        }
    }
}
