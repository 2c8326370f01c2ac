//! The effects of the console: each one is performed on the async runtime and answered with a message.

use pinnace_tui::clusters::ClusterId;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::change_runner::{ChangeRunner, taken_over};
use super::event_loop::MsgSender;
use super::external_deploys::note;
use super::logs::follow;
use super::start::ConsoleCluster;
use pinnace_core::change::{ExecutionSettings, OperatorCommand};
use pinnace_core::finding::Severity;
use pinnace_core::image::ImageRef;
use pinnace_core::plan::Plan;
use pinnace_core::registry::{FactQuery, ImageFilesState, ImageInfo};
use pinnace_core::swarm::GroupKey;
use pinnace_core::world::Observation;
use pinnace_engine::cluster::Cluster;
use pinnace_engine::execute::{ExecuteOptions, ExecutionStart, new_change};
use pinnace_engine::observe::{self, OperatorAttention, observe};
use pinnace_engine::pin_drafts::PinDraftStore;
use pinnace_engine::{clock, identity};
use pinnace_tui::config::Settings;
use pinnace_tui::msg::{Effect, Msg};
use pinnace_tui::state::Notice;

/// How often a registry is asked whether it answers.
const PING: Duration = Duration::from_secs(60);

/// One cluster's handle, the attention that controls its observer, and the observer's liveness findings.
struct ClusterTask {
    name: String,
    cluster: Cluster,
    attention: watch::Sender<OperatorAttention>,
    /// The slots whose owners showed no sign of life, each with the version index at which that was observed.
    silent: Arc<InactiveSlots>,
}

type InactiveSlots = Mutex<BTreeMap<String, u64>>;

/// A change that this console applies: the channel for orders and the task.
struct RunningChange {
    orders: mpsc::UnboundedSender<OperatorCommand>,
    task: JoinHandle<()>,
}

/// The executor of effects, with everything that runs in the background.
pub struct EffectRunner {
    pub(super) handle: Handle,
    pub(super) inbox: MsgSender,
    clusters: BTreeMap<ClusterId, Arc<ClusterTask>>,
    pub(super) state: Option<PathBuf>,
    settle: Duration,
    stuck: Duration,
    changes: BTreeMap<String, RunningChange>,
    /// The tasks that ask registries whether they answer, by cluster.
    pings: BTreeMap<ClusterId, JoinHandle<()>>,
    logs: Option<JoinHandle<()>>,
    files: Option<JoinHandle<()>>,
    keeping: mpsc::UnboundedSender<DraftOrder>,
    keeper: JoinHandle<()>,
}

impl EffectRunner {
    /// Starts an observer for each cluster, and the task that saves drafts.
    pub fn start(
        handle: Handle,
        inbox: MsgSender,
        clusters: Vec<ConsoleCluster>,
        state: Option<PathBuf>,
        settings: &Settings,
    ) -> Self {
        let clusters = ClusterId::numbered(clusters).map(|(cluster, parts)| {
            let remote = parts.cluster.with_state(state.clone());
            let (attention, attended) =
                watch::channel(OperatorAttention { at_keys: true, ..OperatorAttention::default() });
            let out = inbox.clone();
            let silent = Arc::new(InactiveSlots::default());
            let still = Arc::clone(&silent);
            let tell = move |seen: Observation| {
                if let Observation::Silent(slot) = &seen {
                    let mut still = still.lock().unwrap_or_else(PoisonError::into_inner);
                    still.insert(slot.config.clone(), slot.index);
                }
                out.send(Msg::Observed { cluster, seen: vec![seen] });
            };
            handle.spawn(observe(remote.clone(), attended, tell));
            (cluster, Arc::new(ClusterTask { name: parts.name, cluster: remote, attention, silent }))
        });
        let clusters = clusters.collect();
        let (keeping, queue) = mpsc::unbounded_channel();
        let keeper = handle.spawn(keep_drafts(queue, inbox.clone()));
        Self {
            handle,
            inbox,
            clusters,
            state,
            settle: Duration::from_secs(settings.settle_seconds.into()),
            stuck: Duration::from_secs(settings.stuck_seconds.into()),
            changes: BTreeMap::new(),
            pings: BTreeMap::new(),
            logs: None,
            files: None,
            keeping,
            keeper,
        }
    }

    /// Performs one effect; returns at once.
    pub fn run(&mut self, effect: Effect) {
        match effect {
            Effect::Poll { cluster, in_view, at_keys } => self.attend(cluster, |attention| {
                attention.in_view = in_view.into_iter().collect();
                attention.at_keys = at_keys;
            }),
            Effect::Refresh { cluster } => {
                if let Some(task) = self.clusters.get(&cluster) {
                    task.cluster.forget_versions();
                }
                self.attend(cluster, |attention| attention.ask += 1);
            }
            Effect::WatchRegistries { cluster, hosts } => self.watch_registries(cluster, hosts),
            Effect::SendQueries { cluster, wants } => self.ask(cluster, wants),
            Effect::FollowLogs { cluster, service } => self.follow_logs(cluster, service),
            Effect::StopLogs => self.stop_logs(),
            Effect::ReadFiles { cluster, image, abouts } => self.read_files(cluster, image, abouts),
            Effect::StopFiles => self.stop_files(),
            Effect::LoadDraft { cluster, group } => self.load_draft(cluster, group),
            Effect::SaveDraft { cluster, group, text } => self.keep_draft(cluster, group, Some(text)),
            Effect::DropDraft { cluster, group } => self.keep_draft(cluster, group, None),
            Effect::SavePlan { name, text } => self.save_plan(&name, text),
            Effect::Apply { cluster, plan, mode, why } => self.apply(cluster, *plan, mode, why),
            Effect::Resume { cluster, change, order, plan, mode } => self.resume(cluster, change, order, plan, mode),
            Effect::OperatorCommand { change, order, .. } => {
                if let Some(at_work) = self.changes.get(&change) {
                    let _ = at_work.orders.send(order);
                }
            }
            Effect::Login { cluster, host, user, password } => {
                let (Some(task), inbox) = (self.clusters.get(&cluster), self.inbox.clone()) else { return };
                let remote = task.cluster.clone();
                self.handle.spawn(async move {
                    remote.login(&host, user.clone(), password).await;
                    inbox.send(Msg::LoggedIn { cluster, host, user });
                });
            }
            Effect::RecordExternal { cluster, records } => {
                let Some(task) = self.clusters.get(&cluster).cloned() else { return };
                self.handle.spawn(async move {
                    if let Err(error) = note(&task.cluster, records).await {
                        tracing::warn!(%error, "cannot record external deploys");
                    }
                });
            }
            // The event loop performs these itself.
            Effect::Copy(text) => self.keep_copy(text),
            Effect::Redraw | Effect::Suspend | Effect::Quit => {}
        }
    }

    /// Counts the changes that are still running.
    pub fn at_work(&self) -> usize {
        self.changes.values().filter(|change| !change.task.is_finished()).count()
    }

    /// Orders all changes to stop, and blocks until their current units have finished and the drafts are saved.
    pub fn finish(self) {
        let handle = self.handle.clone();
        handle.block_on(self.finished());
    }

    /// Finishes like [`EffectRunner::finish`], without blocking the thread.
    pub async fn finished(self) {
        let Self { changes, keeping, keeper, .. } = self;
        drop(keeping);
        for change in changes.values() {
            let _ = change.orders.send(OperatorCommand::Stop);
        }
        let tasks: Vec<_> = changes.into_values().map(|change| change.task).collect();
        for task in tasks {
            let _ = task.await;
        }
        let _ = keeper.await;
    }

    fn attend(&self, cluster: ClusterId, change: impl FnOnce(&mut OperatorAttention)) {
        if let Some(task) = self.clusters.get(&cluster) {
            task.attention.send_modify(change);
        }
    }

    /// Asks each host once a minute whether it answers, until the next call for the cluster.
    fn watch_registries(&mut self, cluster: ClusterId, hosts: BTreeSet<String>) {
        if let Some(task) = self.pings.remove(&cluster) {
            task.abort();
        }
        let Some(task) = self.clusters.get(&cluster) else { return };
        let (remote, inbox) = (task.cluster.clone(), self.inbox.clone());
        let task = self.handle.spawn(async move {
            let mut turns = tokio::time::interval(PING);
            turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first turn comes at once. Nobody asks a registry before something was looked at.
            turns.tick().await;
            loop {
                turns.tick().await;
                // One after another: nobody waits for the answers, and they must not all come at once.
                for host in &hosts {
                    let down = remote.ping(host).await.err().map(|why| why.text().to_owned());
                    inbox.send(Msg::RegistryPinged { cluster, host: host.clone(), down });
                }
            }
        });
        self.pings.insert(cluster, task);
    }

    fn ask(&self, cluster: ClusterId, wants: BTreeSet<FactQuery>) {
        let Some(task) = self.clusters.get(&cluster) else { return };
        for want in wants {
            let (remote, inbox) = (task.cluster.clone(), self.inbox.clone());
            self.handle.spawn(async move {
                let asked = want.clone();
                let answer = match want {
                    FactQuery::Tasks(service) => {
                        let histories = observe::histories_of(&remote.docker, std::slice::from_ref(&service)).await;
                        histories.map(|all| {
                            all.into_iter().map(|(service, tasks)| Observation::Tasks { service, tasks }).collect()
                        })
                    }
                    FactQuery::Record(change) => remote.journal.observe_record(&change).await.map(|seen| vec![seen]),
                    FactQuery::Journal => remote.journal.slots().await.map(|slots| vec![Observation::Slots(slots)]),
                    FactQuery::ExternalDeploys(group) => {
                        let swarm = remote.docker.info().await.map(|info| info.engine.swarm).unwrap_or_default();
                        remote.sightings(&group, &swarm).await.map(|seen| vec![seen])
                    }
                    FactQuery::Image(_)
                    | FactQuery::ImageInfo(_)
                    | FactQuery::Tags(_)
                    | FactQuery::Engine(_)
                    | FactQuery::Versions
                    | FactQuery::Login(_) => {
                        if let Some(learned) = remote.fact(&want).await {
                            inbox.send(Msg::QueryAnswered { cluster, learned });
                        }
                        return;
                    }
                };
                match answer {
                    Ok(seen) => inbox.send(Msg::Observed { cluster, seen }),
                    Err(fault) => {
                        inbox.send(Msg::QueryFailed { cluster, want: asked, why: fault.to_string() });
                        inbox.send(notice(Severity::Warning, fault.to_string(), fault.hint()))
                    }
                };
            });
        }
    }

    fn follow_logs(&mut self, cluster: ClusterId, service: String) {
        self.stop_logs();
        let Some(task) = self.clusters.get(&cluster) else { return };
        let (remote, inbox) = (task.cluster.clone(), self.inbox.clone());
        self.logs = Some(self.handle.spawn(async move {
            let why = follow(&remote, &inbox, cluster, &service).await.err().map(|fault| fault.to_string());
            inbox.send(Msg::LogEnded { cluster, service, why });
        }));
    }

    fn stop_logs(&mut self) {
        if let Some(logs) = self.logs.take() {
            logs.abort();
        }
    }

    fn read_files(&mut self, cluster: ClusterId, image: String, abouts: Vec<Arc<ImageInfo>>) {
        self.stop_files();
        let Some(task) = self.clusters.get(&cluster) else { return };
        let (remote, inbox) = (task.cluster.clone(), self.inbox.clone());
        self.files = Some(self.handle.spawn(async move {
            let Ok(reference) = ImageRef::parse(&image) else { return };
            for about in abouts {
                let tell = |files: ImageFilesState| {
                    let (image, manifest) = (image.clone(), about.manifest.clone());
                    inbox.send(Msg::Files { cluster, image, manifest, files });
                };
                let files = remote.files(&reference, &about, |reading| tell(ImageFilesState::Reading(reading))).await;
                tell(files);
            }
        }));
    }

    fn stop_files(&mut self) {
        if let Some(files) = self.files.take() {
            files.abort();
        }
    }

    fn drafts(&self, cluster: ClusterId) -> Option<PinDraftStore> {
        let task = self.clusters.get(&cluster)?;
        // Drafts are stored under the cluster's name: the swarm's id is not known before the cluster answers.
        Some(PinDraftStore::new(self.state.as_ref()?, &task.name, task.cluster.docker.is_read_only()))
    }

    fn load_draft(&self, cluster: ClusterId, group: GroupKey) {
        let (drafts, inbox) = (self.drafts(cluster), self.inbox.clone());
        self.handle.spawn(async move {
            let kept = match drafts {
                Some(drafts) => drafts.load(&group).await.unwrap_or_default(),
                None => None,
            };
            let (text, at) = kept.map_or((None, None), |(text, at)| (Some(text), at));
            inbox.send(Msg::Draft { cluster, group, text, at });
        });
    }

    fn keep_draft(&self, cluster: ClusterId, group: GroupKey, text: Option<String>) {
        if let Some(drafts) = self.drafts(cluster) {
            let _ = self.keeping.send(DraftOrder { drafts, group, text });
        }
    }

    fn apply(&mut self, cluster: ClusterId, plan: Plan, mode: ExecutionSettings, why: String) {
        let Some(task) = self.clusters.get(&cluster) else { return };
        let (change, name, remote) = (new_change(), plan.id.clone(), task.cluster.clone());
        let start = ExecutionStart::New { plan: Box::new(plan), change: change.clone() };
        let (orders, given) = mpsc::unbounded_channel();
        let at_work = ChangeRunner { cluster, plan: name, change: change.clone(), inbox: self.inbox.clone() };
        let task = self.handle.spawn(at_work.carry_out(remote, start, self.options(mode, why), given));
        self.changes.insert(change, RunningChange { orders, task });
    }

    fn resume(
        &mut self,
        cluster: ClusterId,
        change: String,
        order: OperatorCommand,
        plan: String,
        mode: ExecutionSettings,
    ) {
        let Some(task) = self.clusters.get(&cluster).cloned() else { return };
        let (orders, given) = mpsc::unbounded_channel();
        let at_work = ChangeRunner { cluster, plan, change: change.clone(), inbox: self.inbox.clone() };
        let options = self.options(mode, String::new());
        let task = self.handle.spawn(async move {
            let silent = |config: &str| task.silent.lock().unwrap_or_else(PoisonError::into_inner).get(config).copied();
            match taken_over(&task.cluster, &at_work.change, order, silent).await {
                Ok(start) => at_work.carry_out(task.cluster.clone(), start, options, given).await,
                Err((why, hint)) => at_work.refused(why, hint),
            }
        });
        self.changes.insert(change, RunningChange { orders, task });
    }

    fn options(&self, mode: ExecutionSettings, why: String) -> ExecuteOptions {
        ExecuteOptions { mode, settle: self.settle, stuck: self.stuck, by: identity::operator(), why }
    }
}

/// An order to save a draft; without a text, to delete it.
struct DraftOrder {
    drafts: PinDraftStore,
    group: GroupKey,
    text: Option<String>,
}

/// Saves drafts one after another, so that the newest one is saved last.
async fn keep_drafts(mut queue: mpsc::UnboundedReceiver<DraftOrder>, inbox: MsgSender) {
    while let Some(DraftOrder { drafts, group, text }) = queue.recv().await {
        let kept = match text {
            Some(text) => drafts.save(&group, text).await,
            None => drafts.remove(&group).await,
        };
        if let Err(error) = kept {
            let text = format!("cannot save the draft of {group}: {error}");
            inbox.send(notice(Severity::Warning, text, "apply it before you quit: it is only in memory".into()));
        }
    }
}

pub(super) fn notice(severity: Severity, text: String, hint: String) -> Msg {
    Msg::Notice(Notice { at: clock::now(), severity, text, hint })
}
