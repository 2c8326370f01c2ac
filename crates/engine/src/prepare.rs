//! Looking once: the world for a verb, and a plan with everything it wants resolved.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::OnceCell;

use crate::credentials::{Credentials, Hidden, Secret};
use crate::docker::{Docker, Fault};
use crate::journal::{Journal, LocalLog};
use crate::registry::{Bounds, Limits, Policy, Registry};
use crate::versions::Versions;
use pinnace_core::check;
use pinnace_core::disk;
use pinnace_core::group::GroupKey;
use pinnace_core::image::ImageRef;
use pinnace_core::manifest::VersionManifest;
use pinnace_core::pins::PinDoc;
use pinnace_core::plan::{Draft, Goal, Manner, Want, plan};
use pinnace_core::registry::{About, Fact, Facts, Files, ImageFact, Learned, Reading, Tags, Via, Why};
use pinnace_core::world::{Seen, World};

use super::execute::Tools;
use super::observe;
use super::resolve::Resolver;

/// Look-ups under way at once.
const AT_ONCE: usize = 8;
/// How long a plan waits for the engine's own look at an image: a plan is not held up by it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Rounds of wants before a draft is taken as it is: each answers all that the one before asked for.
const ROUNDS: usize = 12;

/// What a look needs.
#[derive(Clone)]
pub struct Eyes {
    /// The swarm.
    pub docker: Docker,
    /// Its journal.
    pub journal: Journal,
    registries: Arc<Registries>,
    resolver: Arc<Resolver>,
    versions: Versions,
    state: Option<PathBuf>,
}

/// What an engine declares insecure by itself, for where none answers (moby, `registry/config.go`).
const LOCAL: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// The registries, asked directly once it is known which of them the engine declares insecure.
struct Registries {
    credentials: Credentials,
    /// Hosts that are spoken to by plain HTTP whatever the engine says.
    plain: Vec<String>,
    client: OnceCell<Registry>,
}

impl Eyes {
    /// Eyes on a swarm, with the operator's credentials for registries.
    pub fn new(docker: Docker, credentials: Credentials) -> Self {
        let journal = Journal::new(docker.clone());
        let registries = Registries { credentials, plain: Vec::new(), client: OnceCell::new() };
        let (resolver, versions) = (Arc::default(), Versions::default());
        Self { docker, journal, registries: Arc::new(registries), resolver, versions, state: None }
    }

    /// The same, with what this machine notes kept in this folder.
    #[must_use]
    pub fn with_state(self, state: Option<PathBuf>) -> Self {
        Self { state, ..self }
    }

    /// The same, with the journal kept on this machine instead of in the swarm; without a folder there is none.
    #[must_use]
    pub fn with_local_journal(self) -> Self {
        let Some(state) = self.state.clone() else { return self };
        Self { journal: Journal::on_disk(self.docker.clone(), state), ..self }
    }

    /// The journal on this machine's disk, of the swarm with this id; `None` where nothing is kept.
    pub fn disk(&self, swarm: &str) -> Option<LocalLog> {
        let folder = self.state.as_ref().filter(|_| !swarm.is_empty())?;
        Some(LocalLog::new(folder, swarm, self.docker.is_read_only()))
    }

    /// What a change of the swarm with this id works with.
    pub fn tools(&self, swarm: &str) -> Tools {
        Tools { docker: self.docker.clone(), eyes: self.clone(), journal: self.journal.clone(), disk: self.disk(swarm) }
    }

    /// All that was seen of a group: noted in the swarm, and on this machine.
    ///
    /// # Errors
    /// When the swarm's cannot be read.
    pub async fn sightings(&self, group: &GroupKey, swarm: &str) -> Result<Seen, Fault> {
        let mut sightings = self.journal.sightings(group).await?;
        if let Some(disk) = self.disk(swarm) {
            match disk.load().await {
                Ok(loaded) => sightings.extend(disk::sightings(&loaded.events).remove(group).unwrap_or_default()),
                Err(error) => tracing::warn!(%error, "what was seen from here is left out"),
            }
        }
        Ok(Seen::Sightings { group: group.clone(), sightings })
    }

    /// Eyes on a swarm and registries that are reached in a way of their own.
    pub fn over(docker: Docker, registry: Registry) -> Self {
        let eyes = Self::new(docker, registry.credentials().clone());
        let _ = eyes.registries.client.set(registry);
        eyes
    }

    /// The same, with the version manifest from here.
    #[must_use]
    pub fn with_versions(self, versions: Versions) -> Self {
        Self { versions, ..self }
    }

    /// The same, with these registries spoken to by plain HTTP whatever the engine declares: `host[:port]` each.
    #[must_use]
    pub fn with_plain_http(self, hosts: Vec<String>) -> Self {
        if self.registries.client.initialized() {
            return self;
        }
        let registries =
            Registries { credentials: self.registries.credentials.clone(), plain: hosts, client: OnceCell::new() };
        Self { registries: Arc::new(registries), ..self }
    }

    /// The operator's credentials.
    pub fn credentials(&self) -> &Credentials {
        &self.registries.credentials
    }

    /// Lets the version manifest be asked for anew, next time it is wanted.
    pub fn forget_versions(&self) {
        self.versions.forget();
    }

    async fn registry(&self) -> &Registry {
        let make = || async {
            // An engine that does not answer declares nothing; then TLS is spoken to all that is not on this machine,
            // which is the safe side.
            let declared = self.docker.info().await.map(|info| info.engine.insecure);
            let mut insecure = declared.unwrap_or_else(|_| LOCAL.map(str::to_owned).to_vec());
            insecure.extend(self.registries.plain.iter().cloned());
            let user_agent = concat!("pinnace/", env!("CARGO_PKG_VERSION")).to_owned();
            let policy = Policy { insecure, limits: Limits::default(), user_agent };
            Registry::new(policy, self.registries.credentials.clone())
        };
        self.registries.client.get_or_init(make).await
    }

    /// Shows a registry this log-in from now on, for this process's life and in memory only.
    pub async fn login(&self, host: &str, user: String, password: Hidden) {
        self.registry().await.login(host, Secret::Basic { user, password });
    }

    /// One look at the whole swarm, with the task histories of services in trouble.
    ///
    /// # Errors
    /// When the cluster cannot be reached or used.
    pub async fn world(&self) -> Result<World, Fault> {
        let mut world = World::default();
        for seen in observe::snapshot(&self.journal, true, |_| false).await? {
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
    pub async fn draft(
        &self,
        goal: &Goal,
        manner: &Manner,
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

    /// Asks for what a document's check wants.
    ///
    /// # Errors
    /// When the cluster stops answering.
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

    /// Asks for what the remarks about a group's running images want.
    pub async fn learn_running(&self, group: &GroupKey, world: &World, facts: &mut Facts) {
        self.learn_all(facts, |facts| check::running::wants(group, world, facts)).await;
    }

    /// Asks for what is wanted of images and versions, again and again with what came, until nothing more is.
    pub async fn learn_all(&self, facts: &mut Facts, wants: impl Fn(&Facts) -> BTreeSet<Want>) {
        for _ in 0..ROUNDS {
            let wants = wants(facts);
            if wants.is_empty() {
                break;
            }
            self.learn_facts(wants, facts).await;
        }
    }

    /// Reads the files of an image from its layers; `progress` is told how far it has come.
    pub async fn files(&self, image: &ImageRef, about: &About, progress: impl Fn(Reading) + Send + Sync) -> Files {
        match self.registry().await.files(image, about, &Bounds::default(), progress).await {
            Ok(files) => Files::Known(Arc::new(files)),
            Err(why) => Files::Failed(why),
        }
    }

    /// Learns what is wanted.
    ///
    /// # Errors
    /// When the cluster stops answering.
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
        let asked = futures_util::stream::iter(wants).map(|want| async move { self.fact(&want).await });
        let answers: Vec<_> = asked.buffer_unordered(AT_ONCE).collect().await;
        for learned in answers.into_iter().flatten() {
            facts.take(learned);
        }
    }

    /// Finds out what is wanted of an image, a repository or the versions there are; `None` for wants of other kinds.
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

    fn learned<T>(&self, answer: Result<T, Why>, via: Via) -> Fact<T> {
        let at = self.docker.clock().now();
        match answer {
            Ok(value) => Fact::Known { value, at, via },
            Err(why) => Fact::Failed { why, at },
        }
    }

    /// What an image is, by `repository@digest`.
    async fn about(&self, text: &str) -> Fact<Arc<About>> {
        let answer = match ImageRef::parse(text) {
            Ok(image) => self.registry().await.about(&image).await.map(Arc::new),
            Err(error) => Err(Why::Other(error.to_string())),
        };
        self.learned(answer, Via::Registry)
    }

    /// The tags of a repository.
    async fn tags(&self, text: &str) -> Fact<Arc<Tags>> {
        let answer = match ImageRef::parse(text) {
            Ok(image) => self.registry().await.tags(&image).await.map(Arc::new),
            Err(error) => Err(Why::Other(error.to_string())),
        };
        self.learned(answer, Via::Registry)
    }

    /// What a reference names for the nodes.
    async fn engine(&self, text: &str) -> Fact<ImageFact> {
        let answer = match ImageRef::parse(text) {
            Ok(image) => {
                let answer = tokio::time::timeout(PATIENCE, self.by_engine(&image)).await;
                answer.unwrap_or_else(|_| Err(Why::Unreachable(format!("no answer in {} s", PATIENCE.as_secs()))))
            }
            Err(error) => Err(Why::Other(error.to_string())),
        };
        self.learned(answer, Via::Engine)
    }

    /// Whether the operator has credentials for a registry; those that cannot be read are none to send.
    async fn login_for(&self, host: &str) -> Fact<bool> {
        let found = self.registry().await.credentials().get(host).await;
        self.learned(found.map(|found| found.is_some()).map_err(|error| Why::Other(error.to_string())), Via::Written)
    }

    /// The version manifest.
    async fn versions(&self) -> Fact<Arc<VersionManifest>> {
        self.learned(self.versions.get().await.map(Arc::new).map_err(Why::Other), Via::Written)
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
        self.distribution(image, login.as_ref()).await
    }

    /// What a reference names for an engine without any credentials, as for a node whose service has none.
    pub async fn without_credentials(&self, image: &ImageRef) -> Fact<ImageFact> {
        self.learned(self.distribution(image, None).await, Via::Engine)
    }

    async fn distribution(&self, image: &ImageRef, login: Option<&Hidden>) -> Result<ImageFact, Why> {
        let told = self.docker.distribution(&image.text, login).await.map_err(|fault| why(&fault))?;
        Ok(ImageFact::new(told.digest, told.platforms))
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
