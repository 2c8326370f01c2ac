//! The resolution of queries: the facts that a plan or a check needs, and the loop that plans until no query is
//! left.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use crate::cluster::Cluster;
use crate::credentials::Redacted;
use crate::docker::DockerError;
use crate::observe::histories_of;
use crate::registry::LayerLimits;
use pinnace_core::check;
use pinnace_core::image::ImageRef;
use pinnace_core::pins::PinDoc;
use pinnace_core::plan::{Goal, PlanDraft, PlanOptions, plan};
use pinnace_core::registry::FactQuery;
use pinnace_core::registry::VersionManifest;
use pinnace_core::registry::{
    Fact, FactSource, FactUpdate, Facts, ImageFilesState, ImageInfo, LayerReadProgress, LookupError, ResolvedImage,
    Tags,
};
use pinnace_core::swarm::GroupKey;
use pinnace_core::world::{Observation, World};

/// The number of queries that run at the same time.
const AT_ONCE: usize = 8;
/// The longest wait for the engine's answer about an image, so that a plan is not held up by it.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most rounds of queries before a draft is used as it is; each round answers all queries of the draft
/// before.
const ROUNDS: usize = 12;

impl Cluster {
    /// Reads the complete task history of these services.
    async fn learn_tasks(&self, world: &mut World, ids: &[String]) -> Result<(), DockerError> {
        for (service, tasks) in histories_of(&self.docker, ids).await? {
            world.apply(Observation::Tasks { service, tasks }, self.docker.clock().now());
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
    ) -> Result<PlanDraft, DockerError> {
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
    ) -> Result<(), DockerError> {
        for _ in 0..ROUNDS {
            let wants = check::queries(group, doc, world, facts);
            if wants.is_empty() {
                break;
            }
            self.learn(&wants, world, facts).await?;
        }
        Ok(())
    }

    /// Resolves the queries that the findings about a group's running images need.
    pub async fn learn_running(&self, group: &GroupKey, world: &World, facts: &mut Facts) {
        self.learn_all(facts, |facts| check::running::queries(group, world, facts)).await;
    }

    /// Resolves queries about images and versions, round after round, until the answers lead to no further
    /// ones.
    pub async fn learn_all(&self, facts: &mut Facts, wants: impl Fn(&Facts) -> BTreeSet<FactQuery>) {
        for _ in 0..ROUNDS {
            let wants = wants(facts);
            if wants.is_empty() {
                break;
            }
            self.learn_facts(wants, facts).await;
        }
    }

    /// Reads the files of an image from its layers, and reports the progress to `progress`.
    pub async fn files(
        &self,
        image: &ImageRef,
        about: &ImageInfo,
        progress: impl Fn(LayerReadProgress) + Send + Sync,
    ) -> ImageFilesState {
        match self.registry().await.files(image, about, &LayerLimits::default(), progress).await {
            Ok(files) => ImageFilesState::Known(Arc::new(files)),
            Err(why) => ImageFilesState::Failed(why),
        }
    }

    /// Resolves queries, and adds the answers to `world` and `facts`.
    ///
    /// # Errors
    /// Fails if the cluster stops answering.
    pub async fn learn(
        &self,
        wants: &BTreeSet<FactQuery>,
        world: &mut World,
        facts: &mut Facts,
    ) -> Result<(), DockerError> {
        let mut asked = BTreeSet::new();
        let mut tasks = Vec::new();
        for want in wants {
            match want {
                FactQuery::Image(_)
                | FactQuery::ImageInfo(_)
                | FactQuery::Tags(_)
                | FactQuery::Engine(_)
                | FactQuery::Versions
                | FactQuery::Login(_) => {
                    asked.insert(want.clone());
                }
                FactQuery::Tasks(service) => tasks.push(service.clone()),
                FactQuery::Record(change) => {
                    let seen = self.journal.observe_record(change).await?;
                    world.apply(seen, self.docker.clock().now());
                }
                FactQuery::ExternalDeploys(group) => {
                    let seen = self.sightings(group, &world.engine.swarm).await?;
                    world.apply(seen, self.docker.clock().now());
                }
                FactQuery::Journal => {
                    let slots = self.journal.slots().await?;
                    world.apply(Observation::Slots(slots), self.docker.clock().now());
                }
            }
        }
        self.learn_tasks(world, &tasks).await?;
        self.learn_facts(asked, facts).await;
        Ok(())
    }

    async fn learn_facts(&self, wants: BTreeSet<FactQuery>, facts: &mut Facts) {
        let wants = facts.ask(&wants, self.docker.clock().now());
        let asked = futures_util::stream::iter(wants).map(|want| async move { self.fact(&want).await });
        let answers: Vec<_> = asked.buffer_unordered(AT_ONCE).collect().await;
        for learned in answers.into_iter().flatten() {
            facts.take(learned);
        }
    }

    /// Resolves a query about an image, a repository, a login or the version manifest; `None` for queries of
    /// other kinds.
    pub async fn fact(&self, want: &FactQuery) -> Option<FactUpdate> {
        Some(match want.clone() {
            FactQuery::Image(text) => FactUpdate::Image(text.clone(), self.image(&text).await),
            FactQuery::ImageInfo(text) => FactUpdate::ImageInfo(text.clone(), self.image_info(&text).await),
            FactQuery::Tags(text) => FactUpdate::Tags(text.clone(), self.tags(&text).await),
            FactQuery::Engine(text) => FactUpdate::Engine(text.clone(), self.engine(&text).await),
            FactQuery::Versions => FactUpdate::Versions(self.versions().await),
            FactQuery::Login(host) => FactUpdate::Login(host.clone(), self.login_for(&host).await),
            FactQuery::Tasks(_) | FactQuery::Record(_) | FactQuery::Journal | FactQuery::ExternalDeploys(_) => {
                return None;
            }
        })
    }

    fn learned<T>(&self, answer: Result<T, LookupError>, via: FactSource) -> Fact<T> {
        let at = self.docker.clock().now();
        match answer {
            Ok(value) => Fact::Known { value, at, via },
            Err(why) => Fact::Failed { why, at },
        }
    }

    /// Reads the details of an image, given as `repository@digest`.
    async fn image_info(&self, text: &str) -> Fact<Arc<ImageInfo>> {
        let answer = match ImageRef::parse(text) {
            Ok(image) => self.registry().await.image_info(&image).await.map(Arc::new),
            Err(error) => Err(LookupError::Other(error.to_string())),
        };
        self.learned(answer, FactSource::Registry)
    }

    /// Lists the tags of a repository.
    async fn tags(&self, text: &str) -> Fact<Arc<Tags>> {
        let answer = match ImageRef::parse(text) {
            Ok(image) => self.registry().await.tags(&image).await.map(Arc::new),
            Err(error) => Err(LookupError::Other(error.to_string())),
        };
        self.learned(answer, FactSource::Registry)
    }

    /// Asks the engine what a reference names, which is what the nodes would get.
    async fn engine(&self, text: &str) -> Fact<ResolvedImage> {
        let answer = match ImageRef::parse(text) {
            Ok(image) => {
                let answer = tokio::time::timeout(PATIENCE, self.by_engine(&image)).await;
                answer
                    .unwrap_or_else(|_| Err(LookupError::Unreachable(format!("no answer in {} s", PATIENCE.as_secs()))))
            }
            Err(error) => Err(LookupError::Other(error.to_string())),
        };
        self.learned(answer, FactSource::Engine)
    }

    /// Returns whether the operator has credentials for a registry; a failed fact if they cannot be read.
    async fn login_for(&self, host: &str) -> Fact<bool> {
        let found = self.registry().await.credentials().get(host).await;
        self.learned(
            found.map(|found| found.is_some()).map_err(|error| LookupError::Other(error.to_string())),
            FactSource::Curated,
        )
    }

    /// Returns the version manifest.
    async fn versions(&self) -> Fact<Arc<VersionManifest>> {
        self.learned(self.versions.get().await.map(Arc::new).map_err(LookupError::Other), FactSource::Curated)
    }

    /// Resolves a reference by its registry, else by the engine.
    pub async fn image(&self, text: &str) -> Fact<ResolvedImage> {
        let image = match ImageRef::parse(text) {
            Ok(image) => image,
            Err(error) => {
                return Fact::Failed { why: LookupError::Other(error.to_string()), at: self.docker.clock().now() };
            }
        };
        let distribution = |image: ImageRef| async move { self.by_engine(&image).await };
        let clock = self.docker.clock();
        self.resolver.image(&image, self.registry().await, Some(distribution), || clock.now()).await
    }

    async fn by_engine(&self, image: &ImageRef) -> Result<ResolvedImage, LookupError> {
        // Unreadable credentials are reported by the direct query; this one is made without any.
        let login = self.credentials().header(&image.host).await.ok().flatten();
        self.distribution(image, login.as_ref()).await
    }

    /// Resolves a reference by an engine without credentials, as for a node whose service has none.
    pub(crate) async fn without_credentials(&self, image: &ImageRef) -> Fact<ResolvedImage> {
        self.learned(self.distribution(image, None).await, FactSource::Engine)
    }

    async fn distribution(&self, image: &ImageRef, login: Option<&Redacted>) -> Result<ResolvedImage, LookupError> {
        let told = self.docker.distribution(&image.text, login).await.map_err(|fault| why(&fault))?;
        Ok(ResolvedImage::new(told.digest, told.platforms))
    }
}

/// Converts the engine's error about a query into a reason.
fn why(fault: &DockerError) -> LookupError {
    let text = fault.to_string();
    match fault.status() {
        Some(404) => LookupError::NotFound,
        Some(401 | 403) => LookupError::Denied,
        Some(429) => LookupError::RateLimited,
        Some(_) if text.contains("no basic auth credentials") || text.contains("unauthorized") => {
            LookupError::NoCredentials
        }
        _ => LookupError::Unreachable(text),
    }
}
