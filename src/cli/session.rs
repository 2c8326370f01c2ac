//! One connection for one verb: the endpoint, its journal, registries, folders and the user's settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Exit;
use super::args::{Common, Edit, Kept};
use super::out::Out;
use crate::console::{ClusterParts, Parts};
use pinnace_core::finding::{Finding, gathered};
use pinnace_core::pins;
use pinnace_core::plan::Plan;
use pinnace_core::registry::Facts;
use pinnace_core::registry::Want;
use pinnace_core::selector::NameError;
use pinnace_core::swarm::{GroupKey, GroupKind};
use pinnace_core::world::World;
use pinnace_engine::cluster::Cluster;
use pinnace_engine::credentials::Credentials;
use pinnace_engine::docker::{Docker, Fault};
use pinnace_engine::docker::{Endpoint, Surroundings};
use pinnace_engine::execute::Refusal;
use pinnace_engine::journal::LOCAL_JOURNAL;
use pinnace_engine::registry::{DOCKER_CERTS, Dial, Trust};
use pinnace_engine::versions::{Keep, Versions};
use pinnace_tui::config::{Config, Keeping, Manifest, ManifestSource, Reach, Text, Texts};
use pinnace_tui::state::Guard;

/// Why a verb could not do its work: what, what to do, and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// What failed, about what.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// The exit code.
    pub exit: Exit,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { message: fault.to_string(), hint: fault.hint(), exit: Exit::Unusable }
    }
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        let exit = if matches!(error, NameError::Ambiguous { .. }) { Exit::Choice } else { Exit::Usage };
        Self { message: error.to_string(), hint: error.hint(), exit }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let exit = match &refusal {
            Refusal::Nothing => Exit::Done,
            Refusal::Fault(_) | Refusal::Unwritable(_) => Exit::Unusable,
            _ => Exit::Choice,
        };
        Self { message: refusal.to_string(), hint: refusal.hint(), exit }
    }
}

/// A usage error.
pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure { message: message.into(), hint: hint.into(), exit: Exit::Usage }
}

/// A pin document as it is edited, with what is to be said of how it came about.
pub struct Edited {
    /// The document.
    pub text: String,
    /// What could not be taken over from another form.
    pub remarks: Vec<Finding>,
}

impl Edited {
    /// A plan with those remarks beside its own.
    pub fn remarked(&mut self, plan: &mut Plan) {
        if !self.remarks.is_empty() {
            plan.findings.append(&mut self.remarks);
            plan.findings = gathered(std::mem::take(&mut plan.findings));
        }
    }
}

/// What verbs are run on.
#[derive(Clone)]
pub struct Stage {
    /// The flags of every verb.
    pub common: Common,
    /// Where they print to.
    pub out: Out,
    /// A swarm that is given instead of found.
    pub given: Option<Given>,
}

/// A swarm that is given, and the folder to note changes in.
#[derive(Clone)]
pub struct Given {
    /// The handle of the cluster.
    pub cluster: Cluster,
    /// What `$XDG_STATE_HOME/pinnace` is otherwise.
    pub state: PathBuf,
}

/// What a verb works with.
pub struct Session {
    /// The cluster's name.
    pub name: String,
    /// Where it prints to.
    pub out: Out,
    /// The handle of the cluster.
    pub cluster: Cluster,
    /// Where changes are noted on disk.
    pub state: Option<PathBuf>,
    /// Where the version manifest comes from.
    pub versions: Versions,
    /// The user's settings.
    pub config: Config,
    /// What is wrong with the user's files.
    pub warnings: Vec<pinnace_tui::config::Warning>,
}

impl Session {
    /// Finds the endpoint and reads the user's files; nothing is asked of the engine but its version and registries.
    ///
    /// # Errors
    /// When the endpoint makes no sense or does not answer.
    pub fn open(stage: &Stage) -> Result<Self, Failure> {
        let (common, out) = (&stage.common, stage.out.clone());
        if let Some(Given { cluster, state }) = stage.given.clone() {
            // The user's own files do not count here, but the one that is named does.
            let named = common.config.is_some();
            let (config, warnings) =
                if named { settings(common) } else { pinnace_tui::config::load(&Texts::default()) };
            let (name, versions) = ("given".to_owned(), Versions::default());
            let cluster = cluster.with_state(Some(state.clone()));
            let cluster = if on_disk(common, &config) { cluster.with_local_journal() } else { cluster };
            return Ok(Self { name, out, cluster, state: Some(state), versions, config, warnings });
        }
        let surroundings = Surroundings::from_env(common.host.clone(), common.context.clone());
        let endpoint = surroundings.endpoint().map_err(|fault| Failure {
            message: fault.to_string(),
            hint: fault.hint(),
            exit: Exit::Usage,
        })?;
        Self::at(endpoint, &surroundings, common, out)
    }

    /// As [`Session::open`], for what needs no engine: where none can be meant, that of the usual socket is asked, and may
    /// well be none. An engine that was named on the command line must make sense.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_anyway(stage: &Stage) -> Result<Self, Failure> {
        let common = &stage.common;
        Self::open(stage).or_else(|failure| {
            if common.host.is_some() || common.context.is_some() {
                return Err(failure);
            }
            let usual = Surroundings { docker_host: None, docker_context: None, ..Surroundings::from_env(None, None) };
            Self::at(Endpoint::usual(), &usual, common, stage.out.clone())
        })
    }

    fn at(endpoint: Endpoint, surroundings: &Surroundings, common: &Common, out: Out) -> Result<Self, Failure> {
        let (config, warnings) = settings(common);
        let name = endpoint.name.clone();
        let read_only = common.read_only || config.settings.read_only;
        let docker = Docker::new(endpoint, read_only)?;
        let credentials = surroundings.config_dir.as_deref().map(Credentials::read).unwrap_or_default();
        let state = state_folder();
        let keep = Keep { folder: state.clone(), read_only };
        let versions = versions(&config.settings.manifest, config_file(common).as_deref(), keep);
        let cluster = Cluster::new(docker, credentials).with_versions(versions.clone()).with_state(state.clone());
        let cluster = if on_disk(common, &config) { cluster.with_local_journal() } else { cluster };
        Ok(Self { name, out, cluster, state, versions, config, warnings })
    }

    /// What the console is opened with: this cluster first, then those of the configuration file.
    pub fn into_parts(self, read_only: bool) -> Parts {
        let guard = if read_only || self.config.settings.read_only { Guard::ReadOnly } else { Guard::None };
        let is_local = self.cluster.journal.is_local();
        let mut clusters = vec![ClusterParts { name: self.name, cluster: self.cluster, guard }];
        for settings in &self.config.settings.clusters {
            let (host, context) = match &settings.reach {
                Reach::Host(host) => (Some(host.clone()), None),
                Reach::Context(context) => (None, Some(context.clone())),
            };
            let surroundings = Surroundings::from_env(host, context);
            let credentials = surroundings.config_dir.as_deref().map(Credentials::read).unwrap_or_default();
            let Ok(endpoint) = surroundings.endpoint() else { continue };
            let read_only = read_only || settings.read_only;
            let guard = match (read_only, settings.protected) {
                (true, _) => Guard::ReadOnly,
                (false, true) => Guard::Protected,
                (false, false) => Guard::None,
            };
            // The settings chosen on the command line may be one of those, and then it is guarded as the file says.
            let known = clusters.iter_mut().find(|known| known.cluster.docker.address() == endpoint.host.address());
            if let Some(known) = known {
                known.name.clone_from(&settings.name);
                known.guard = guard;
            } else if let Ok(docker) = Docker::new(endpoint, read_only) {
                let cluster = Cluster::new(docker, credentials).with_versions(self.versions.clone());
                let cluster = cluster.with_state(self.state.clone());
                let cluster = if is_local { cluster.with_local_journal() } else { cluster };
                clusters.push(ClusterParts { name: settings.name.clone(), cluster, guard });
            }
        }
        Parts { clusters, state: self.state, config: self.config, warnings: self.warnings, offset: offset() }
    }

    /// What is known of images from the start: the contracts there are.
    pub fn facts(&self) -> Facts {
        Facts::default().with_contracts(&self.config.contracts).with_bases(&self.config.settings.bases)
    }

    /// Says that nobody else sees what is written down here.
    pub fn warn_of_the_journal(&self) {
        if self.cluster.journal.is_local() {
            self.out.note(&format!("warning: {LOCAL_JOURNAL}"));
        }
    }

    /// The group's pin document in force with an edit made to it.
    ///
    /// # Errors
    /// When the edit names nothing, or the record in force cannot be read.
    pub async fn edited(&self, world: &mut World, group: &GroupKey, edit: &Edit) -> Result<Edited, Failure> {
        if let Some(file) = &edit.pins {
            let text = std::fs::read_to_string(file).map_err(|error| {
                usage(format!("cannot read {}: {error}", file.display()), "name a readable TOML file")
            })?;
            if !pins::is_json(&text) {
                return Ok(Edited { text, remarks: Vec::new() });
            }
            let taken = pins::import(&text, group, world)
                .map_err(|error| usage(format!("{}: {error}", file.display()), error.hint()))?;
            return Ok(Edited { text: taken.text, remarks: taken.remarks });
        }
        let mut text = self.pins_in_force(world, group).await?;
        for pin in &edit.pin {
            let (member, image) = match pin.split_once('=') {
                Some((member, image)) => (Some(member), image),
                None => (None, pin.as_str()),
            };
            text = pins::set(&text, &key(world, group, member)?, image);
        }
        for member in &edit.unpin {
            let member = (member != ".").then_some(member.as_str());
            text = pins::clear(&text, &key(world, group, member)?);
        }
        Ok(Edited { text, remarks: Vec::new() })
    }

    /// The group's pin document in force; empty where there is none.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub async fn pins_in_force(&self, world: &mut World, group: &GroupKey) -> Result<String, Failure> {
        let want = world.history(group).pins().err().map(|change| Want::Record(change.to_owned()));
        if let Some(want) = want {
            self.cluster.learn(&[want].into(), world, &mut Facts::default()).await?;
        }
        Ok(world.history(group).pins().ok().flatten().unwrap_or_default().to_owned())
    }
}

/// Whether changes are written down on this machine and not in the swarm.
fn on_disk(common: &Common, config: &Config) -> bool {
    common.journal.map_or(config.settings.journal == Keeping::Disk, |kept| kept == Kept::Disk)
}

fn key(world: &World, group: &GroupKey, member: Option<&str>) -> Result<pins::PinKey, Failure> {
    let members = || pinnace_core::check::members(group, world).join(", ");
    match member {
        None if group.kind == GroupKind::Stack => Err(usage(
            format!("{group} has services with images of their own: name one, `--pin MEMBER=REF`"),
            format!("it has: {}", members()),
        )),
        None => Ok(pins::PinKey::Group),
        Some(member) => pins::key_for(world, group, member).ok_or_else(|| {
            usage(format!("{group} has no member or service `{member}`"), format!("it has: {}", members()))
        }),
    }
}

/// Where drafts and the journal on disk live: `$XDG_STATE_HOME/pinnace`.
pub fn state_folder() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "pinnace")?;
    Some(folders.state_dir().unwrap_or_else(|| folders.data_local_dir()).to_owned())
}

/// Where the version manifest comes from; a relative file is found from the folder of the configuration file.
fn versions(manifest: &Manifest, config: Option<&Path>, keep: Keep) -> Versions {
    let host = &manifest.image_repository_host;
    match &manifest.source {
        ManifestSource::BuiltIn => Versions::built_in(host),
        ManifestSource::File(file) => {
            let folder = config.and_then(Path::parent).unwrap_or(Path::new(""));
            Versions::file(folder.join(file), host)
        }
        ManifestSource::Url(url) => {
            let trust = Trust::new(Some(PathBuf::from(DOCKER_CERTS)));
            Versions::url(url, host, keep, Dial::Net(Arc::new(trust)))
        }
    }
}

/// The folder of the user's configuration.
fn config_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "pinnace").map(|folders| folders.config_dir().to_owned())
}

/// The configuration file, whether it is there or not.
fn config_file(common: &Common) -> Option<PathBuf> {
    common.config.clone().or_else(|| config_folder().map(|folder| folder.join("config.toml")))
}

/// The user's configuration, keymaps, themes and contracts; a file that is not there is none.
pub fn settings(common: &Common) -> (Config, Vec<pinnace_tui::config::Warning>) {
    let (folder, file) = (config_folder(), config_file(common));
    let text = |path: &PathBuf| Some((path.display().to_string(), std::fs::read_to_string(path).ok()?));
    let main = file.as_ref().and_then(text);
    let all = |kind: &str| -> Vec<(String, String)> {
        let Some(folder) = folder.as_ref().map(|folder| folder.join(kind)) else { return Vec::new() };
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
        files.sort();
        files.iter().filter_map(text).collect()
    };
    let (keymaps, themes, contracts) = (all("keymaps"), all("themes"), all("contracts"));
    let texts = Texts {
        settings: main.as_ref().map(|(file, text)| Text { file, text }),
        keymaps: keymaps.iter().map(|(file, text)| Text { file, text }).collect(),
        themes: themes.iter().map(|(file, text)| Text { file, text }).collect(),
        contracts: contracts.iter().map(|(file, text)| Text { file, text }).collect(),
    };
    pinnace_tui::config::load(&texts)
}

/// Seconds east of UTC here and now, for clocks.
pub fn offset() -> i32 {
    jiff::tz::TimeZone::system().to_offset(jiff::Timestamp::now()).seconds()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_relative_manifest_is_found_from_the_configuration_file() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("v")).unwrap();
        let text = r#"{"schema_version":1,"images":{"postgres":[{"postgres_version":"17.9","spock_version":"5","image":"pg:1"}]}}"#;
        std::fs::write(home.path().join("v/m.json"), text).unwrap();
        let config = home.path().join("config.toml");
        let manifest = |source| Manifest { source, image_repository_host: "reg.example/x".to_owned() };
        let image = async |source| {
            let found = versions(&manifest(source), Some(&config), Keep::default()).get().await;
            found.map(|found| found.postgres("17.9", "5").unwrap().image.clone())
        };
        let file = ManifestSource::File("v/m.json".to_owned());
        assert_eq!(image(file).await.as_deref(), Ok("reg.example/x/pg:1"));
        let built_in = image(ManifestSource::BuiltIn).await.unwrap();
        assert_eq!(built_in, "reg.example/x/pgedge-postgres:17.9-spock5.0.6-standard-2");
        let none = image(ManifestSource::File("/nowhere/m.json".to_owned())).await.unwrap_err();
        assert!(none.starts_with("/nowhere/m.json: cannot be read: "), "{none}");
    }
}
