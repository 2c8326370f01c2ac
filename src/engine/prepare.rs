//! Looking once: the world for a verb, and a plan with everything it wants resolved.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio::sync::OnceCell;

use crate::adapters::credentials::Credentials;
use crate::adapters::docker::{Docker, Fault};
use crate::adapters::journal::Raft;
use crate::adapters::registry::{Limits, Policy, Registry};
use crate::core::check;
use crate::core::group::GroupKey;
use crate::core::image::ImageRef;
use crate::core::pins::PinDoc;
use crate::core::plan::{Draft, Goal, Want, plan};
use crate::core::registry::{Fact, Facts, ImageFact, Why};
use crate::core::world::{Seen, World};

use super::observe;
use super::resolve::Resolver;

/// Look-ups under way at once.
const AT_ONCE: usize = 8;
/// Rounds of wants before a draft is taken as it is: each answers all that the one before asked for.
const ROUNDS: usize = 12;

/// What a look needs.
#[derive(Clone)]
pub struct Eyes {
    /// The swarm.
    pub docker: Docker,
    /// Its journal.
    pub raft: Raft,
    registries: Arc<Registries>,
    resolver: Arc<Resolver>,
}

/// The registries, asked directly once it is known which of them the engine declares insecure.
struct Registries {
    credentials: Credentials,
    client: OnceCell<Registry>,
}

impl Eyes {
    /// Eyes on a swarm, with the operator's credentials for registries.
    pub fn new(docker: Docker, credentials: Credentials) -> Self {
        let raft = Raft::new(docker.clone());
        let registries = Registries { credentials, client: OnceCell::new() };
        Self { docker, raft, registries: Arc::new(registries), resolver: Arc::default() }
    }

    /// Eyes on a swarm and registries that are reached in a way of their own.
    pub fn over(docker: Docker, registry: Registry) -> Self {
        let eyes = Self::new(docker, registry.credentials().clone());
        let _ = eyes.registries.client.set(registry);
        eyes
    }

    async fn registry(&self) -> &Registry {
        let make = || async {
            // An engine that does not answer declares nothing; then only TLS is spoken, which is the safe side.
            let insecure = self.docker.info().await.map(|info| info.engine.insecure).unwrap_or_default();
            let user_agent = concat!("pinnace/", env!("CARGO_PKG_VERSION")).to_owned();
            let policy = Policy { insecure, limits: Limits::default(), user_agent };
            Registry::new(policy, self.registries.credentials.clone())
        };
        self.registries.client.get_or_init(make).await
    }

    /// One look at the whole swarm, with the task histories of services in trouble.
    ///
    /// # Errors
    /// When the cluster cannot be reached or used.
    pub async fn world(&self) -> Result<World, Fault> {
        let mut world = World::default();
        for seen in observe::snapshot(&self.docker, true, |_| false).await? {
            world.apply(seen, self.docker.clock().now());
        }
        Ok(world)
    }

    /// Reads the whole task history of these services.
    async fn learn_tasks(&self, world: &mut World, ids: &[String]) -> Result<(), Fault> {
        for some in ids.chunks(observe::SLICE) {
            for (service, tasks) in observe::histories_of(&self.docker, some).await? {
                world.apply(Seen::Tasks { service, tasks }, self.docker.clock().now());
            }
        }
        Ok(())
    }

    /// Plans, and resolves what the planner wants until it wants nothing more.
    ///
    /// # Errors
    /// When the cluster stops answering; a registry that does not answer is a finding.
    pub async fn draft(&self, goal: &Goal, world: &mut World, facts: &mut Facts) -> Result<Draft, Fault> {
        let mut draft = plan(goal, world, facts, self.docker.clock().now());
        for _ in 0..ROUNDS {
            if draft.wants.is_empty() {
                break;
            }
            self.learn(&draft.wants, world, facts).await?;
            draft = plan(goal, world, facts, self.docker.clock().now());
        }
        Ok(draft)
    }

    /// Asks for what a document's check wants.
    pub async fn learn_document(&self, group: &GroupKey, doc: &PinDoc, world: &World, facts: &mut Facts) {
        self.learn_images(check::wants(group, doc, world), facts).await;
    }

    /// Learns what is wanted.
    ///
    /// # Errors
    /// When the cluster stops answering.
    pub async fn learn(&self, wants: &BTreeSet<Want>, world: &mut World, facts: &mut Facts) -> Result<(), Fault> {
        let mut images = BTreeSet::new();
        let mut tasks = Vec::new();
        for want in wants {
            match want {
                Want::Image(text) => {
                    images.insert(text.clone());
                }
                Want::Tasks(service) => tasks.push(service.clone()),
                Want::Record(change) => {
                    let record = self.raft.record(change).await?.map(Box::new);
                    world.apply(Seen::Record { change: change.clone(), record }, self.docker.clock().now());
                }
                Want::Journal => {
                    let slots = self.raft.slots().await?;
                    world.apply(Seen::Slots(slots), self.docker.clock().now());
                }
            }
        }
        self.learn_tasks(world, &tasks).await?;
        self.learn_images(images, facts).await;
        Ok(())
    }

    async fn learn_images(&self, images: BTreeSet<String>, facts: &mut Facts) {
        let asked = futures_util::stream::iter(images).map(|text| async move {
            let fact = self.image(&text).await;
            (text, fact)
        });
        let answers: Vec<_> = asked.buffer_unordered(AT_ONCE).collect().await;
        for (text, fact) in answers {
            facts.learn(&text, fact);
        }
    }

    /// What a reference names: by its registry, else by the engine.
    pub async fn image(&self, text: &str) -> Fact<ImageFact> {
        let image = match ImageRef::parse(text) {
            Ok(image) => image,
            Err(error) => return Fact::Failed { why: Why::Other(error.to_string()), at: self.docker.clock().now() },
        };
        let distribution = |image: ImageRef| async move { self.by_engine(&image).await };
        let clock = self.docker.clock();
        self.resolver.image(&image, self.registry().await, Some(distribution), || clock.now()).await
    }

    async fn by_engine(&self, image: &ImageRef) -> Result<ImageFact, Why> {
        // Credentials that cannot be read are told by the direct way; here the look-up goes without.
        let login = self.registries.credentials.header(&image.host).await.ok().flatten();
        let told = self.docker.distribution(&image.text, login.as_ref()).await.map_err(|fault| why(&fault))?;
        Ok(ImageFact { digest: told.digest, platforms: told.platforms, size: None })
    }
}

/// The engine's words for a failed look-up.
fn why(fault: &Fault) -> Why {
    let text = fault.to_string();
    match fault.status() {
        Some(404) => Why::NotFound,
        Some(401 | 403) => Why::Denied,
        Some(429) => Why::RateLimited,
        Some(_) if text.contains("no basic auth credentials") || text.contains("unauthorized") => Why::NoCredentials,
        _ => Why::Unreachable(text),
    }
}
