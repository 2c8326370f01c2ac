//! The running of a change by this console, with its events sent to the event loop.

use pinnace_tui::clusters::ClusterId;
use tokio::sync::mpsc;

use super::event_loop::MsgSender;
use pinnace_core::change::OperatorCommand;
use pinnace_engine::cluster::Cluster;
use pinnace_engine::docker::DockerError;
use pinnace_engine::execute::{ChangeChannels, ExecuteOptions, ExecutionStart, RunOutcome, execute};
use pinnace_engine::journal::Liveness;
use pinnace_tui::msg::Msg;

/// Prepares the takeover of an unfinished change. The error is the reason why it is not possible, and a hint.
///
/// `silent` returns the version index at which a slot's owner was last seen without a sign of life. If the slot still
/// has that index, the check for a sign of life is not repeated.
pub(super) async fn taken_over(
    cluster: &Cluster,
    change: &str,
    order: OperatorCommand,
    silent: impl Fn(&str) -> Option<u64>,
) -> Result<ExecutionStart, (String, String)> {
    let fault = |fault: DockerError| (fault.to_string(), fault.hint());
    let slots = cluster.journal.slots().await.map_err(fault)?;
    let gone = || ("the change is no longer in the journal".to_owned(), "see the history".to_owned());
    let slot = slots.into_iter().find(|slot| slot.change == change).ok_or_else(gone)?;
    let record = cluster.journal.record(change).await.map_err(fault)?;
    let unknown =
        || ("the change has no record: its plan is not known".to_owned(), "fix the services by hand".to_owned());
    let record = record.ok_or_else(unknown)?;
    if silent(&slot.config) != Some(slot.index)
        && cluster.journal.liveness(&slot).await.map_err(fault)? == Liveness::Alive
    {
        let why = format!("{} is still applying the change", slot.labels.by);
        return Err((why, "watch it here, or stop it there".into()));
    }
    Ok(ExecutionStart::Resume { slot: Box::new(slot), record: Box::new(record), order: Some(order) })
}

/// A running change, with the ids under which its events are sent.
pub(super) struct ChangeRunner {
    pub cluster: ClusterId,
    pub plan: String,
    pub change: String,
    pub inbox: MsgSender,
}

impl ChangeRunner {
    /// Applies the change, and sends its start, its events and its end.
    pub(super) async fn carry_out(
        self,
        remote: Cluster,
        start: ExecutionStart,
        options: ExecuteOptions,
        orders: mpsc::UnboundedReceiver<OperatorCommand>,
    ) {
        let (send, mut events) = mpsc::unbounded_channel();
        let running = tokio::spawn(execute(remote, start, options, ChangeChannels { orders, events: send }));
        let (cluster, change) = (self.cluster, self.change.clone());
        let mut begun = false;
        while let Some(event) = events.recv().await {
            if !begun {
                begun = true;
                self.inbox.send(Msg::ChangeStarted { cluster, plan: self.plan.clone(), change: change.clone() });
            }
            self.inbox.send(Msg::ChangeEvent { cluster, change: change.clone(), event });
        }
        let text = match running.await {
            Ok(Err(refusal)) => return self.refused(refusal.to_string(), refusal.hint()),
            Ok(Ok(RunOutcome::Ended(state))) => state.label().to_owned(),
            Ok(Ok(RunOutcome::Detached)) => "detached: any manager can resume it".to_owned(),
            Ok(Ok(RunOutcome::Lost(why))) => format!("another owner has it now: {why}"),
            Ok(Ok(RunOutcome::Unfinished(why))) => format!("unfinished: {why}"),
            Err(error) => format!("stopped by an internal error of pinnace: {error}"),
        };
        self.inbox.send(Msg::ChangeEnded { cluster, change, text });
    }

    /// Sends the message that the change did not start.
    pub(super) fn refused(self, why: String, hint: String) {
        self.inbox.send(Msg::ChangeRefused { cluster: self.cluster, plan: self.plan, why, hint });
    }
}
