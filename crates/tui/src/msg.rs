//! Messages to the console and effects it requests; both are plain data.

use crate::clusters::ClusterId;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::Key;
use pinnace_core::change::{ChangeEvent, ExecutionSettings, OperatorCommand};
use pinnace_core::image::Digest;
use pinnace_core::plan::{ChangeRecord, Plan};
use pinnace_core::redacted::Redacted;
use pinnace_core::registry::FactQuery;
use pinnace_core::registry::{FactUpdate, ImageFilesState, ImageInfo};
use pinnace_core::swarm::GroupKey;
use pinnace_core::time::Time;
use pinnace_core::world::Observation;

use crate::layout::TerminalSize;
use crate::state::Notice;

/// A message with the time of its arrival.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrivedMsg {
    /// The time of arrival, by this machine's clock.
    pub at: Time,
    pub msg: Msg,
}

/// An event that the console reacts to.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// A key press.
    Key(Key),
    /// A pasted text.
    Paste(String),
    /// The current size of the terminal.
    Resize(TerminalSize),
    /// A timer tick.
    Tick,
    /// A request to stop the process until it is continued (SIGTSTP).
    Suspend,
    /// The process was continued after a stop (SIGCONT).
    Continued,
    /// A request to end the process (SIGTERM, SIGHUP, SIGINT, SIGQUIT), or the loss of the terminal.
    Terminate,
    /// Observations of a cluster.
    Observed {
        /// The cluster's place in [`crate::state::State::clusters`].
        cluster: ClusterId,
        /// The observations, in order.
        seen: Vec<Observation>,
    },
    /// The answer to a query, or the reason why it failed.
    QueryAnswered {
        /// The cluster that was queried.
        cluster: ClusterId,
        learned: FactUpdate,
    },
    /// The result of asking a registry whether it answers.
    RegistryPinged {
        cluster: ClusterId,
        /// The registry's host.
        host: String,
        /// The reason why it counts as down; none if it answers.
        down: Option<String>,
    },
    /// A query that the swarm did not answer; it is repeated after a while.
    QueryFailed {
        cluster: ClusterId,
        /// The unanswered query.
        want: FactQuery,
        /// The cause.
        why: String,
    },
    /// Lines of a service's log, oldest first.
    LogLines {
        cluster: ClusterId,
        /// The service's id.
        service: String,
        lines: Vec<LogLine>,
    },
    /// The end of a log: the service no longer exists, or the log could not be read.
    LogEnded {
        cluster: ClusterId,
        /// The service's id.
        service: String,
        /// The cause, if the log ended by a failure.
        why: Option<String>,
    },
    /// Files of an image, complete or after some more of its layers.
    Files {
        cluster: ClusterId,
        /// The image's reference.
        image: String,
        /// The digest of the manifest of one of the image's platforms.
        manifest: Digest,
        /// The files, the progress, or why they could not be read.
        files: ImageFilesState,
    },
    /// The stored draft of a group's pins.
    Draft {
        cluster: ClusterId,
        group: GroupKey,
        /// The text of the draft; none if no draft is stored.
        text: Option<String>,
        /// The time it was saved, if known.
        at: Option<Time>,
    },
    /// The start of a change, applied or taken over: its claim was written.
    ///
    /// Sent before the change's first [`Msg::ChangeEvent`].
    ChangeStarted {
        cluster: ClusterId,
        /// The plan's id.
        plan: String,
        /// The change's id.
        change: String,
    },
    /// The refusal to apply a plan or to take over a change; nothing was posted.
    ChangeRefused {
        cluster: ClusterId,
        /// The plan's id.
        plan: String,
        /// The cause.
        why: String,
        /// The recommended action.
        hint: String,
    },
    /// The end of this console's part in a change: the change ended, this console gave it up, or it has another
    /// owner now.
    ///
    /// Sent after the change's last [`Msg::ChangeEvent`].
    ChangeEnded {
        cluster: ClusterId,
        /// The change's id.
        change: String,
        /// The outcome, in one line.
        text: String,
    },
    /// An event of a running change.
    ChangeEvent {
        cluster: ClusterId,
        /// The change's id.
        change: String,
        event: ChangeEvent,
    },
    /// Confirmation that other credentials are used for a registry from now on; only the answers to later
    /// queries show whether the registry accepts them.
    LoggedIn {
        cluster: ClusterId,
        /// The registry's host.
        host: String,
        user: String,
    },
    /// A notice for the operator.
    Notice(Notice),
}

/// A line that a task of a service wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The time, by the node's clock.
    pub at: Option<Time>,
    /// The task: its slot, or its node's name for a global service.
    pub task: String,
    /// True for the error stream, false for standard output.
    pub error: bool,
    /// The text as received; control characters are removed when the line is stored.
    pub text: String,
}

/// A request to the runtime; its answer, if any, is a [`Msg`].
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Polls these services closely from now on, and frequently only while the operator is active.
    Poll {
        cluster: ClusterId,
        /// Ids of the services in view.
        in_view: Vec<String>,
        /// True while the operator is active.
        at_keys: bool,
    },
    /// Asks these registries from now on whether they answer, once a minute each; answered by
    /// [`Msg::RegistryPinged`].
    WatchRegistries {
        cluster: ClusterId,
        /// The hosts of the registries that services run from.
        hosts: BTreeSet<String>,
    },
    /// Sends queries: images, task histories, records.
    SendQueries {
        cluster: ClusterId,
        /// The queries to send.
        wants: BTreeSet<FactQuery>,
    },
    /// Reads the swarm again, at once.
    Refresh { cluster: ClusterId },
    /// Follows a service's log, beginning with its last lines; one log at a time.
    FollowLogs {
        cluster: ClusterId,
        /// The service's id.
        service: String,
    },
    /// Gives the terminal back to the shell, and stops the process until it is continued.
    Suspend,
    /// Stops following the log.
    StopLogs,
    /// Reads the files of an image from its layers, one image at a time; answered by [`Msg::Files`].
    ReadFiles {
        cluster: ClusterId,
        /// The image's reference.
        image: String,
        /// The details of the image on each of its platforms, with the layers.
        abouts: Vec<Arc<ImageInfo>>,
    },
    /// Stops reading files.
    StopFiles,
    /// Loads the draft of a group's pins; answered by [`Msg::Draft`].
    LoadDraft { cluster: ClusterId, group: GroupKey },
    /// Saves the draft of a group's pins.
    SaveDraft {
        cluster: ClusterId,
        group: GroupKey,
        /// The text of the draft.
        text: String,
    },
    /// Deletes the draft of a group's pins.
    DropDraft { cluster: ClusterId, group: GroupKey },
    /// Saves a plan to a file; answered by a notice.
    SavePlan {
        /// The name of the file, without its extension.
        name: String,
        /// The file's text.
        text: String,
    },
    /// Applies a plan; answered by [`Msg::ChangeStarted`] or [`Msg::ChangeRefused`].
    Apply {
        cluster: ClusterId,
        plan: Box<Plan>,
        /// The execution mode.
        mode: ExecutionSettings,
        /// The operator's reason, for the journal.
        why: String,
    },
    /// Takes over a change that was left unfinished, with this order; answered like [`Effect::Apply`].
    Resume {
        cluster: ClusterId,
        /// The change's id.
        change: String,
        order: OperatorCommand,
        /// The id of the change's plan, for the answer.
        plan: String,
        /// The execution mode from now on.
        mode: ExecutionSettings,
    },
    /// Sends an order to a running change.
    OperatorCommand {
        cluster: ClusterId,
        /// The change's id.
        change: String,
        order: OperatorCommand,
    },
    /// Uses these credentials for a registry from now on, in this process only; answered by [`Msg::LoggedIn`].
    Login {
        /// The cluster that they are for.
        cluster: ClusterId,
        /// The registry's host.
        host: String,
        user: String,
        /// The password or an access token.
        password: Redacted,
    },
    /// Records external deploys on this machine.
    RecordExternal {
        cluster: ClusterId,
        /// The records, one for each group; each still without an id and a name.
        records: Vec<ChangeRecord>,
    },
    /// Copies a text to the operator's clipboard.
    Copy(String),
    /// Redraws the whole screen.
    Redraw,
    /// Ends the console.
    Quit,
}
