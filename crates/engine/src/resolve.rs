//! The resolution of queries: the facts that a plan or a check needs, and the loop that plans until no query is
//! left.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use crate::cluster::Cluster;
use crate::credentials::Redacted;
use crate::docker::Fault;
use crate::observe::histories_of;
use crate::registry::Bounds;
use pinnace_core::check;
use pinnace_core::image::ImageRef;
use pinnace_core::pins::PinDoc;
use pinnace_core::plan::{Draft, Goal, PlanOptions, plan};
use pinnace_core::registry::VersionManifest;
use pinnace_core::registry::Want;
use pinnace_core::registry::{About, Fact, FactSource, Facts, Files, ImageFact, Learned, Reading, Tags, Why};
use pinnace_core::swarm::GroupKey;
use pinnace_core::world::{Seen, World};

/// The number of queries that run at the same time.
const AT_ONCE: usize = 8;
/// The longest wait for the engine's answer about an image, so that a plan is not held up by it.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most rounds of queries before a draft is used as it is; each round answers all queries of the draft
/// before.
const ROUNDS: usize = 12;

impl Cluster {
    /// Reads the complete task history of these services.
    async fn learn_tasks(&self, world: &mut World, ids: &[String]) -> Result<(), Fault> {
        for (service, tasks) in histories_of(&self.docker, ids).await? {
            world.apply(Seen::Tasks { service, tasks }, self.docker.clock().now());
        }
        Ok(())
    }

    /// Makes a draft, and resolves the planner's queries until none is left.
    ///
    /// # Errors
    /// Fails if the cluster stops answering; a registry that does not answer is a finding.
    pub async fn draft(
        &self,
        goal: &Goal,
        manner: &PlanOptions,
        world: &mut World,
        facts: &mut Facts,
    ) -> Result<Draft, Fault> {
        let mut draft = plan(goal, manner, world, facts, self.docker.clock().now());
        for _ in 0..ROUNDS {
            if draft.wants.is_empty() {
                break;
            }
            self.learn(&draft.wants, world, facts).await?;
            draft = plan(goal, manner, world, facts, self.docker.clock().now());
        }
        Ok(draft)
    }

    /// Resolves the queries that the check of a pin document needs.
    ///
    /// # Errors
    /// Fails if the cluster stops answering.
    pub async fn learn_document(
        &self,
        group: &GroupKey,
        doc: &PinDoc,
        world: &mut World,
        facts: &mut Facts,
    ) -> Result<(), Fault> {
        for _ in 0..ROUNDS {
            let wants = check::wants(group, doc, world, facts);
            if wants.is_empty() {
                break;
            }
            self.learn(&wants, world, facts).await?;
        }
        Ok(())
    }

    /// Resolves the queries that the findings about a group's running images need.
    pub async fn learn_running(&self, group: &GroupKey, world: &World, facts: &mut Facts) {
        self.learn_all(facts, |facts| check::running::wants(group, world, facts)).await;
    }

    /// Resolves queries about images and versions, round after round, until the answers lead to no further
    /// ones.
    pub async fn learn_all(&self, facts: &mut Facts, wants: impl Fn(&Facts) -> BTreeSet<Want>) {
        for _ in 0..ROUNDS {
            let wants = wants(facts);
            if wants.is_empty() {
                break;
            }
            self.learn_facts(wants, facts).await;
        }
    }

    /// Reads the files of an image from its layers, and reports the progress to `progress`.
    pub async fn files(&self, image: &ImageRef, about: &About, progress: impl Fn(Reading) + Send + Sync) -> Files {
        match self.registry().await.files(image, about, &Bounds::default(), progress).await {
            Ok(files) => Files::Known(Arc::new(files)),
            Err(why) => Files::Failed(why),
        }
    }

    /// Resolves queries, and adds the answers to `world` and `facts`.
    ///
    /// # Errors
    /// Fails if the cluster stops answering.
    pub async fn learn(&self, wants: &BTreeSet<Want>, world: &mut World, facts: &mut Facts) -> Result<(), Fault> {
        let mut asked = BTreeSet::new();
        let mut tasks = Vec::new();
        for want in wants {
            match want {
                Want::Image(_) | Want::About(_) | Want::Tags(_) | Want::Engine(_) | Want::Versions | Want::Login(_) => {
                    asked.insert(want.clone());
                }
                Want::Tasks(service) => tasks.push(service.clone()),
                Want::Record(change) => {
                    let record = self.journal.record(change).await?.map(Box::new);
                    world.apply(Seen::Record { change: change.clone(), record }, self.docker.clock().now());
                }
                Want::Sightings(group) => {
                    let seen = self.sightings(group, &world.engine.swarm).await?;
                    world.apply(seen, self.docker.clock().now());
                }
                Want::Journal => {
                    let slots = self.journal.slots().await?;
                    world.apply(Seen::Slots(slots), self.docker.clock().now());
                }
            }
        }
        self.learn_tasks(world, &tasks).await?;
        self.learn_facts(asked, facts).await;
        Ok(())
    }

    async fn learn_facts(&self, wants: BTreeSet<Want>, facts: &mut Facts) {
        let wants = facts.ask(&wants, self.docker.clock().now());
        let asked = futures_util::stream::iter(wants).map(|want| async move { self.fact(&want).await });
        let answers: Vec<_> = asked.buffer_unordered(AT_ONCE).collect().await;
        for learned in answers.into_iter().flatten() {
            facts.take(learned);
        }
    }

    /// Resolves a query about an image, a repository, a login or the version manifest; `None` for queries of
    /// other kinds.
    pub async fn fact(&self, want: &Want) -> Option<Learned> {
        Some(match want.clone() {
            Want::Image(text) => Learned::Image(text.clone(), self.image(&text).await),
            Want::About(text) => Learned::About(text.clone(), self.about(&text).await),
            Want::Tags(text) => Learned::Tags(text.clone(), self.tags(&text).await),
            Want::Engine(text) => Learned::Engine(text.clone(), self.engine(&text).await),
            Want::Versions => Learned::Versions(self.versions().await),
            Want::Login(host) => Learned::Login(host.clone(), self.login_for(&host).await),
            Want::Tasks(_) | Want::Record(_) | Want::Journal | Want::Sightings(_) => return None,
        })
    }

    fn learned<T>(&self, answer: Result<T, Why>, via: FactSource) -> Fact<T> {
        let at = self.docker.clock().now();
        match answer {
            Ok(value) => Fact::Known { value, at, via },
            Err(why) => Fact::Failed { why, at },
        }
    }

    /// Reads the details of an image, given as `repository@digest`.
    async fn about(&self, text: &str) -> Fact<Arc<About>> {
        let answer = match ImageRef::parse(text) {
            Ok(image) => self.registry().await.about(&image).await.map(Arc::new),
            Err(error) => Err(Why::Other(error.to_string())),
        };
        self.learned(answer, FactSource::Registry)
    }

    /// Lists the tags of a repository.
    async fn tags(&self, text: &str) -> Fact<Arc<Tags>> {
        let answer = match ImageRef::parse(text) {
            Ok(image) => self.registry().await.tags(&image).await.map(Arc::new),
            Err(error) => Err(Why::Other(error.to_string())),
        };
        self.learned(answer, FactSource::Registry)
    }

    /// Asks the engine what a reference names, which is what the nodes would get.
    async fn engine(&self, text: &str) -> Fact<ImageFact> {
        let answer = match ImageRef::parse(text) {
            Ok(image) => {
                let answer = tokio::time::timeout(PATIENCE, self.by_engine(&image)).await;
                answer.unwrap_or_else(|_| Err(Why::Unreachable(format!("no answer in {} s", PATIENCE.as_secs()))))
            }
            Err(error) => Err(Why::Other(error.to_string())),
        };
        self.learned(answer, FactSource::Engine)
    }

    /// Returns whether the operator has credentials for a registry; a failed fact if they cannot be read.
    async fn login_for(&self, host: &str) -> Fact<bool> {
        let found = self.registry().await.credentials().get(host).await;
        self.learned(
            found.map(|found| found.is_some()).map_err(|error| Why::Other(error.to_string())),
            FactSource::Written,
        )
    }

    /// Returns the version manifest.
    async fn versions(&self) -> Fact<Arc<VersionManifest>> {
        self.learned(self.versions.get().await.map(Arc::new).map_err(Why::Other), FactSource::Written)
    }

    /// Resolves a reference by its registry, else by the engine.
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
        // Unreadable credentials are reported by the direct query; this one is made without any.
        let login = self.credentials().header(&image.host).await.ok().flatten();
        self.distribution(image, login.as_ref()).await
    }

    /// Resolves a reference by an engine without credentials, as for a node whose service has none.
    pub(crate) async fn without_credentials(&self, image: &ImageRef) -> Fact<ImageFact> {
        self.learned(self.distribution(image, None).await, FactSource::Engine)
    }

    async fn distribution(&self, image: &ImageRef, login: Option<&Redacted>) -> Result<ImageFact, Why> {
        let told = self.docker.distribution(&image.text, login).await.map_err(|fault| why(&fault))?;
        Ok(ImageFact::new(told.digest, told.platforms))
    }
}

/// Converts the engine's error about a query into a reason.
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
