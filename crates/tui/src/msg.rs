//! What comes in, and what is wished for: plain data both.

use crate::clusters::ClusterId;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::Key;
use pinnace_core::change::{Event, Mode, Order};
use pinnace_core::image::Digest;
use pinnace_core::plan::{Plan, Record};
use pinnace_core::redacted::Redacted;
use pinnace_core::registry::Want;
use pinnace_core::registry::{About, Files, Learned};
use pinnace_core::swarm::GroupKey;
use pinnace_core::time::Time;
use pinnace_core::world::Seen;

use crate::layout::Size;
use crate::state::Notice;

/// A message with the moment it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamped {
    /// When, by this machine's clock.
    pub at: Time,
    /// What.
    pub msg: Msg,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// A key was pressed.
    Key(Key),
    /// A text was pasted.
    Paste(String),
    /// The terminal has this size.
    Resize(Size),
    /// Time passed.
    Tick,
    /// The process was asked to end (SIGTERM, SIGHUP), or the terminal is gone.
    Terminate,
    /// Something was seen of a cluster.
    Seen {
        /// The cluster's place in [`crate::state::State::clusters`].
        cluster: ClusterId,
        /// What, in order.
        seen: Vec<Seen>,
    },
    /// Something was learned of an image, or could not be.
    Learned {
        /// The cluster from where it was asked.
        cluster: ClusterId,
        /// The answer.
        learned: Learned,
    },
    /// The swarm did not answer what was asked; it is asked again after a while.
    Unanswered {
        /// The cluster.
        cluster: ClusterId,
        /// What.
        want: Want,
        /// The cause.
        why: String,
    },
    /// Lines of a log, oldest first.
    LogLines {
        /// The cluster.
        cluster: ClusterId,
        /// The service's id.
        service: String,
        /// The lines.
        lines: Vec<LogLine>,
    },
    /// A log has no more lines: the service is gone, or it could not be read.
    LogEnded {
        /// The cluster.
        cluster: ClusterId,
        /// The service's id.
        service: String,
        /// Why, where it is a failure.
        why: Option<String>,
    },
    /// Files of an image were read, or some more of its layers were.
    Files {
        /// The cluster.
        cluster: ClusterId,
        /// The image's reference.
        image: String,
        /// The digest of the manifest of one of its platforms.
        manifest: Digest,
        /// Its files, how far it is, or why they could not be read.
        files: Files,
    },
    /// The draft of a group's pins was read, if there is one.
    Draft {
        /// The cluster.
        cluster: ClusterId,
        /// The group.
        group: GroupKey,
        /// Its text.
        text: Option<String>,
        /// When it was kept, where that is known.
        at: Option<Time>,
    },
    /// A plan that was applied, or a change that was taken over, has begun: the claim landed.
    ///
    /// Comes before the change's first [`Msg::Change`].
    Started {
        /// The cluster.
        cluster: ClusterId,
        /// The plan's id.
        plan: String,
        /// The change's id.
        change: String,
    },
    /// A plan that was applied, or a change that was to be taken over, did not begin; nothing was posted.
    Refused {
        /// The cluster.
        cluster: ClusterId,
        /// The plan's id.
        plan: String,
        /// Why.
        why: String,
        /// What to do.
        hint: String,
    },
    /// This console has nothing to do with a change any more: it ended, was given up, or is somebody else's now.
    ///
    /// Comes after the change's last [`Msg::Change`].
    Finished {
        /// The cluster.
        cluster: ClusterId,
        /// The change's id.
        change: String,
        /// What came of it, in one line.
        text: String,
    },
    /// An event of a change at work.
    Change {
        /// The cluster.
        cluster: ClusterId,
        /// The change's id.
        change: String,
        /// The event.
        event: Event,
    },
    /// A registry is shown another log-in from now on; whether it takes it is told by what is asked of it.
    LoggedIn {
        /// The cluster.
        cluster: ClusterId,
        /// The registry's host.
        host: String,
        /// The user.
        user: String,
    },
    /// Something to tell the operator.
    Notice(Notice),
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When, by the node's clock.
    pub at: Option<Time>,
    /// The task: its slot, or its node's name where the service is global.
    pub task: String,
    /// Whether it came from the error stream.
    pub error: bool,
    /// The text; cleaned when it is taken in.
    pub text: String,
}

/// Something to be done outside; carried out by the runtime, answered as a [`Msg`] if at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Look closely at these services from now on, and often only while somebody is at the keys.
    Attend {
        /// The cluster.
        cluster: ClusterId,
        /// Ids of the services in view.
        in_view: Vec<String>,
        /// Whether somebody is at the keys.
        at_keys: bool,
    },
    /// Find out: images, task histories, records.
    Ask {
        /// The cluster.
        cluster: ClusterId,
        /// What.
        wants: BTreeSet<Want>,
    },
    /// Ask the swarm anew, at once.
    Refresh {
        /// The cluster.
        cluster: ClusterId,
    },
    /// Follow a service's log from its last lines on; one at a time.
    FollowLogs {
        /// The cluster.
        cluster: ClusterId,
        /// The service's id.
        service: String,
    },
    /// Stop following.
    StopLogs,
    /// Read the files of an image from its layers; one image at a time. Answered by [`Msg::Files`].
    ReadFiles {
        /// The cluster.
        cluster: ClusterId,
        /// The image's reference.
        image: String,
        /// What its platforms are, with their layers.
        abouts: Vec<Arc<About>>,
    },
    /// Stop reading.
    StopFiles,
    /// Read the draft of a group's pins.
    LoadDraft {
        /// The cluster.
        cluster: ClusterId,
        /// The group.
        group: GroupKey,
    },
    /// Keep the draft of a group's pins.
    SaveDraft {
        /// The cluster.
        cluster: ClusterId,
        /// The group.
        group: GroupKey,
        /// Its text.
        text: String,
    },
    /// Throw the draft of a group's pins away.
    DropDraft {
        /// The cluster.
        cluster: ClusterId,
        /// The group.
        group: GroupKey,
    },
    /// Save a plan to a file; answered by a notice.
    SavePlan {
        /// What to call it.
        name: String,
        /// The file's text.
        text: String,
    },
    /// Carry out a plan; answered by [`Msg::Started`] or [`Msg::Refused`].
    Apply {
        /// The cluster.
        cluster: ClusterId,
        /// The plan.
        plan: Box<Plan>,
        /// How.
        mode: Mode,
        /// Why, for the journal.
        why: String,
    },
    /// Take over a change that was left unfinished, with this order; answered as [`Effect::Apply`] is.
    Resume {
        /// The cluster.
        cluster: ClusterId,
        /// The change's id.
        change: String,
        /// The order.
        order: Order,
        /// Its plan's id, for the answer.
        plan: String,
        /// How it goes on.
        mode: Mode,
    },
    /// Give a change at work an order.
    Order {
        /// The cluster.
        cluster: ClusterId,
        /// The change's id.
        change: String,
        /// The order.
        order: Order,
    },
    /// Show a registry this log-in from now on, for this process only; answered by [`Msg::LoggedIn`].
    Login {
        /// The cluster it is for.
        cluster: ClusterId,
        /// The registry's host.
        host: String,
        /// The user.
        user: String,
        /// The password, or an access token in its place.
        password: Redacted,
    },
    /// Note on this machine what others deployed; each record still without an id and a name.
    Note {
        /// The cluster.
        cluster: ClusterId,
        /// What was seen, a record for each group.
        records: Vec<Record>,
    },
    /// Put a text on the operator's clipboard.
    Copy(String),
    /// Draw the whole screen anew.
    Redraw,
    /// End the console.
    Quit,
}
