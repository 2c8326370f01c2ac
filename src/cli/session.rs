//! The session of a verb: endpoint, journal, registries, folders and the user's configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Exit;
use super::args::{CommonArgs, JournalStoreArg, PinEditArgs};
use super::out::Out;
use crate::console::{ConsoleCluster, ConsoleSetup};
use pinnace_core::finding::{Finding, gathered};
use pinnace_core::pins;
use pinnace_core::plan::Plan;
use pinnace_core::registry::FactQuery;
use pinnace_core::registry::Facts;
use pinnace_core::selector::NameError;
use pinnace_core::swarm::{GroupKey, GroupKind};
use pinnace_core::world::World;
use pinnace_engine::cluster::Cluster;
use pinnace_engine::credentials::CredentialStore;
use pinnace_engine::docker::{Docker, DockerError};
use pinnace_engine::docker::{Endpoint, EndpointInputs};
use pinnace_engine::execute::StartRefusal;
use pinnace_engine::journal::LOCAL_JOURNAL;
use pinnace_engine::registry::{DOCKER_CERTS, RegistryTls, RegistryTransport};
use pinnace_engine::versions::{CacheFolder, VersionManifestLoader};
use pinnace_tui::config::{
    Config, ConfigTexts, EndpointSetting, JournalStore, SourceText, VersionManifestSettings, VersionManifestSource,
};
use pinnace_tui::state::WriteProtection;

/// The failure of a verb.
#[derive(Debug)]
pub struct Failure {
    /// The statement of what failed.
    pub message: String,
    /// The hint for the operator; may be empty.
    pub hint: String,
    /// The exit code of the process.
    pub exit: Exit,
}

impl From<DockerError> for Failure {
    fn from(fault: DockerError) -> Self {
        Self { message: fault.to_string(), hint: fault.hint(), exit: Exit::Unusable }
    }
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        let exit = if matches!(error, NameError::Ambiguous { .. }) { Exit::Choice } else { Exit::Usage };
        Self { message: error.to_string(), hint: error.hint(), exit }
    }
}

impl From<StartRefusal> for Failure {
    fn from(refusal: StartRefusal) -> Self {
        let exit = match &refusal {
            StartRefusal::Nothing => Exit::Done,
            StartRefusal::Fault(_) | StartRefusal::JournalRefused(_) => Exit::Unusable,
            _ => Exit::Choice,
        };
        Self { message: refusal.to_string(), hint: refusal.hint(), exit }
    }
}

/// Creates a failure with the exit code of a usage error.
pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure { message: message.into(), hint: hint.into(), exit: Exit::Usage }
}

/// An edited pin document, with findings about its import.
pub struct EditedPinDoc {
    /// The TOML text of the document.
    pub text: String,
    /// Findings about parts of another format that could not be imported.
    pub remarks: Vec<Finding>,
}

impl EditedPinDoc {
    /// Moves the findings into a plan.
    pub fn remarked(&mut self, plan: &mut Plan) {
        if !self.remarks.is_empty() {
            plan.findings.append(&mut self.remarks);
            plan.findings = gathered(std::mem::take(&mut plan.findings));
        }
    }
}

/// The context of a verb.
#[derive(Clone)]
pub struct CliContext {
    /// The flags of every verb.
    pub common: CommonArgs,
    /// The destination of the output.
    pub out: Out,
    /// A given swarm; `None` to find one from flags and environment.
    pub given: Option<TestContext>,
}

/// A swarm that the caller provides, with a state folder.
#[derive(Clone)]
pub struct TestContext {
    /// The handle of the cluster.
    pub cluster: Cluster,
    /// The folder that is used instead of `$XDG_STATE_HOME/pinnace`.
    pub state: PathBuf,
}

/// Everything that a verb needs.
pub struct Session {
    /// The name of the cluster: its Docker context, or its address without one.
    pub name: String,
    /// The destination of the output.
    pub out: Out,
    /// The handle of the cluster.
    pub cluster: Cluster,
    /// The state folder; `None` if there is none.
    pub state: Option<PathBuf>,
    /// The source of the version manifest.
    pub versions: VersionManifestLoader,
    /// The user's configuration.
    pub config: Config,
    /// Warnings about mistakes in the user's configuration files.
    pub warnings: Vec<pinnace_tui::config::ConfigWarning>,
}

impl Session {
    /// Finds the endpoint and reads the user's files. Nothing is sent to the engine yet.
    ///
    /// # Errors
    /// If no endpoint can be determined, or its certificates cannot be used.
    pub fn open(stage: &CliContext) -> Result<Self, Failure> {
        let (common, out) = (&stage.common, stage.out.clone());
        if let Some(TestContext { cluster, state }) = stage.given.clone() {
            // The user's own files are ignored here, but not a file that the command line names.
            let named = common.config.is_some();
            let (config, warnings) =
                if named { settings(common) } else { pinnace_tui::config::load(&ConfigTexts::default()) };
            let (name, versions) = ("given".to_owned(), VersionManifestLoader::default());
            let cluster = cluster.with_state(Some(state.clone()));
            let cluster = if on_disk(common, &config) { cluster.with_local_journal() } else { cluster };
            return Ok(Self { name, out, cluster, state: Some(state), versions, config, warnings });
        }
        let surroundings = EndpointInputs::from_env(common.host.clone(), common.context.clone());
        let endpoint = surroundings.endpoint().map_err(|fault| Failure {
            message: fault.to_string(),
            hint: fault.hint(),
            exit: Exit::Usage,
        })?;
        Self::at(endpoint, &surroundings, common, out)
    }

    /// Opens a session like [`Session::open`], for verbs that need no engine. If that fails, the endpoint is
    /// the default socket, which may not exist; but an endpoint on the command line must be usable.
    ///
    /// # Errors
    /// The same as those of [`Session::open`], if the command line names an endpoint.
    pub fn open_anyway(stage: &CliContext) -> Result<Self, Failure> {
        let common = &stage.common;
        Self::open(stage).or_else(|failure| {
            if common.host.is_some() || common.context.is_some() {
                return Err(failure);
            }
            let usual =
                EndpointInputs { docker_host: None, docker_context: None, ..EndpointInputs::from_env(None, None) };
            Self::at(Endpoint::usual(), &usual, common, stage.out.clone())
        })
    }

    fn at(endpoint: Endpoint, surroundings: &EndpointInputs, common: &CommonArgs, out: Out) -> Result<Self, Failure> {
        let (config, warnings) = settings(common);
        let name = endpoint.name.clone();
        let read_only = common.read_only || config.settings.read_only;
        let docker = Docker::new(endpoint, read_only)?;
        let credentials = surroundings.config_dir.as_deref().map(CredentialStore::read).unwrap_or_default();
        let state = state_folder();
        let keep = CacheFolder { folder: state.clone(), read_only };
        let versions = versions(&config.settings.manifest, config_file(common).as_deref(), keep);
        let cluster = Cluster::new(docker, credentials).with_versions(versions.clone()).with_state(state.clone());
        let cluster = if on_disk(common, &config) { cluster.with_local_journal() } else { cluster };
        Ok(Self { name, out, cluster, state, versions, config, warnings })
    }

    /// Converts the session into the arguments of the console: this cluster first, then
    /// those of the configuration file.
    pub fn into_parts(self, read_only: bool) -> ConsoleSetup {
        let guard =
            if read_only || self.config.settings.read_only { WriteProtection::ReadOnly } else { WriteProtection::None };
        let is_local = self.cluster.journal.is_local();
        let mut clusters = vec![ConsoleCluster { name: self.name, cluster: self.cluster, guard }];
        for settings in &self.config.settings.clusters {
            let (host, context) = match &settings.reach {
                EndpointSetting::Host(host) => (Some(host.clone()), None),
                EndpointSetting::Context(context) => (None, Some(context.clone())),
            };
            let surroundings = EndpointInputs::from_env(host, context);
            let credentials = surroundings.config_dir.as_deref().map(CredentialStore::read).unwrap_or_default();
            let Ok(endpoint) = surroundings.endpoint() else { continue };
            let read_only = read_only || settings.read_only;
            let guard = match (read_only, settings.protected) {
                (true, _) => WriteProtection::ReadOnly,
                (false, true) => WriteProtection::Protected,
                (false, false) => WriteProtection::None,
            };
            // The cluster of the command line may be one of these: then the file's name and guard apply to it.
            let known = clusters.iter_mut().find(|known| known.cluster.docker.address() == endpoint.host.address());
            if let Some(known) = known {
                known.name.clone_from(&settings.name);
                known.guard = guard;
            } else if let Ok(docker) = Docker::new(endpoint, read_only) {
                let cluster = Cluster::new(docker, credentials).with_versions(self.versions.clone());
                let cluster = cluster.with_state(self.state.clone());
                let cluster = if is_local { cluster.with_local_journal() } else { cluster };
                clusters.push(ConsoleCluster { name: settings.name.clone(), cluster, guard });
            }
        }
        ConsoleSetup { clusters, state: self.state, config: self.config, warnings: self.warnings, offset: offset() }
    }

    /// Returns the initial facts about images: the contracts and base images of the configuration.
    pub fn facts(&self) -> Facts {
        Facts::default().with_contracts(&self.config.contracts).with_bases(&self.config.settings.bases)
    }

    /// Prints a warning if the journal is on this machine only.
    pub fn warn_of_the_journal(&self) {
        if self.cluster.journal.is_local() {
            self.out.note(&format!("warning: {LOCAL_JOURNAL}"));
        }
    }

    /// Returns the group's pin document in force with an edit applied.
    ///
    /// # Errors
    /// If the edit names something unknown, or the record in force cannot be read.
    pub async fn edited(
        &self,
        world: &mut World,
        group: &GroupKey,
        edit: &PinEditArgs,
    ) -> Result<EditedPinDoc, Failure> {
        if let Some(file) = &edit.pins {
            let text = std::fs::read_to_string(file).map_err(|error| {
                usage(format!("cannot read {}: {error}", file.display()), "name a readable TOML file")
            })?;
            if !pins::is_json(&text) {
                return Ok(EditedPinDoc { text, remarks: Vec::new() });
            }
            let taken = pins::import(&text, group, world)
                .map_err(|error| usage(format!("{}: {error}", file.display()), error.hint()))?;
            return Ok(EditedPinDoc { text: taken.text, remarks: taken.remarks });
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
        Ok(EditedPinDoc { text, remarks: Vec::new() })
    }

    /// Returns the group's pin document in force; empty if there is none.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub async fn pins_in_force(&self, world: &mut World, group: &GroupKey) -> Result<String, Failure> {
        let want = world.history(group).pins().err().map(|change| FactQuery::Record(change.to_owned()));
        if let Some(want) = want {
            self.cluster.learn(&[want].into(), world, &mut Facts::default()).await?;
        }
        Ok(world.history(group).pins().ok().flatten().unwrap_or_default().to_owned())
    }
}

/// Returns whether the journal is on this machine and not in the swarm.
fn on_disk(common: &CommonArgs, config: &Config) -> bool {
    common.journal.map_or(config.settings.journal == JournalStore::Disk, |kept| kept == JournalStoreArg::Disk)
}

fn key(world: &World, group: &GroupKey, member: Option<&str>) -> Result<pins::PinScope, Failure> {
    let members = || pinnace_core::check::members(group, world).join(", ");
    match member {
        None if group.kind == GroupKind::Stack => Err(usage(
            format!("{group} has one image for each service: name a member, `--pin MEMBER=REF`"),
            format!("choose one of: {}", members()),
        )),
        None => Ok(pins::PinScope::Group),
        Some(member) => pins::key_for(world, group, member).ok_or_else(|| {
            usage(format!("{group} has no member or service `{member}`"), format!("choose one of: {}", members()))
        }),
    }
}

/// Returns the state folder for drafts and the local journal: `$XDG_STATE_HOME/pinnace`.
pub fn state_folder() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "pinnace")?;
    Some(folders.state_dir().unwrap_or_else(|| folders.data_local_dir()).to_owned())
}

/// Returns the source of the version manifest; a relative path is resolved from the folder of the configuration file.
fn versions(manifest: &VersionManifestSettings, config: Option<&Path>, keep: CacheFolder) -> VersionManifestLoader {
    let host = &manifest.image_repository_host;
    match &manifest.source {
        VersionManifestSource::BuiltIn => VersionManifestLoader::built_in(host),
        VersionManifestSource::File(file) => {
            let folder = config.and_then(Path::parent).unwrap_or(Path::new(""));
            VersionManifestLoader::file(folder.join(file), host)
        }
        VersionManifestSource::Url(url) => {
            let trust = RegistryTls::new(Some(PathBuf::from(DOCKER_CERTS)));
            VersionManifestLoader::url(url, host, keep, RegistryTransport::Net(Arc::new(trust)))
        }
    }
}

/// Returns the folder of the user's configuration.
fn config_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "pinnace").map(|folders| folders.config_dir().to_owned())
}

/// Returns the path of the configuration file, which may not exist.
fn config_file(common: &CommonArgs) -> Option<PathBuf> {
    common.config.clone().or_else(|| config_folder().map(|folder| folder.join("config.toml")))
}

/// Reads the user's configuration, keymaps, themes and contracts; a file that does not exist is skipped.
pub fn settings(common: &CommonArgs) -> (Config, Vec<pinnace_tui::config::ConfigWarning>) {
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
    let texts = ConfigTexts {
        settings: main.as_ref().map(|(file, text)| SourceText { file, text }),
        keymaps: keymaps.iter().map(|(file, text)| SourceText { file, text }).collect(),
        themes: themes.iter().map(|(file, text)| SourceText { file, text }).collect(),
        contracts: contracts.iter().map(|(file, text)| SourceText { file, text }).collect(),
    };
    pinnace_tui::config::load(&texts)
}

/// Returns the current offset of the local time zone, in seconds east of UTC.
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
        let manifest = |source| VersionManifestSettings { source, image_repository_host: "reg.example/x".to_owned() };
        let image = async |source| {
            let found = versions(&manifest(source), Some(&config), CacheFolder::default()).get().await;
            found.map(|found| found.postgres("17.9", "5").unwrap().image.clone())
        };
        let file = VersionManifestSource::File("v/m.json".to_owned());
        assert_eq!(image(file).await.as_deref(), Ok("reg.example/x/pg:1"));
        let built_in = image(VersionManifestSource::BuiltIn).await.unwrap();
        assert_eq!(built_in, "reg.example/x/pgedge-postgres:17.9-spock5.0.6-standard-2");
        let none = image(VersionManifestSource::File("/nowhere/m.json".to_owned())).await.unwrap_err();
        assert!(none.starts_with("/nowhere/m.json: cannot be read: "), "{none}");
    }
}
