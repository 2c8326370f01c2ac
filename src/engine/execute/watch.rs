//! Watching a unit until it has arrived and stayed, failed, or an order comes in.

use std::collections::BTreeSet;
use std::time::Duration;

use super::keeper::Gone;
use super::run::Run;
use crate::adapters::docker::{Fault, Stand, Tasks};
use crate::core::change::{Kind, Look, Order, Phase, Question, TaskLine, Verdict, judge};
use crate::core::journal::{Direction, UnitState};
use crate::core::swarm::{Node, Service, Task, TaskState};
use crate::core::time::{Time, age};
use crate::core::wire::v1::Unit;

/// Between two looks at a service's tasks.
const LOOK: Duration = Duration::from_millis(250);
/// Tasks that ended before the newest of their slot are not shown.
const SHOWN: usize = 12;

/// One look.
struct Seen {
    service: Service,
    tasks: Vec<Task>,
    nodes: std::collections::BTreeMap<String, Node>,
}

/// How a watch ended.
enum End {
    Arrived,
    Failed {
        why: String,
        hint: String,
    },
    Overtaken(String),
    /// An order came in that concerns this unit.
    Interrupted,
}

impl Run {
    /// Watches a unit whose spec stands at its goal.
    pub(super) async fn watch(
        &mut self,
        at: usize,
        unit: &Unit,
        direction: Direction,
        known: Option<BTreeSet<String>>,
    ) -> Result<(), Gone> {
        self.emit(Kind::Phase { unit: at, phase: Phase::Converge, direction });
        let end = self.until_it_arrives(at, unit, direction, known).await?;
        let (state, failure) = match (end, direction) {
            (End::Interrupted, _) => return Ok(()),
            (End::Arrived, Direction::To) => (UnitState::Done, None),
            (End::Arrived, Direction::Back) => (UnitState::PutBack, None),
            (End::Failed { why, hint }, _) => (UnitState::Failed, Some((why, hint))),
            (End::Overtaken(by), _) => {
                let why = format!("somebody else changed it meanwhile: it runs {by} now");
                (UnitState::Overtaken, Some((why, "look at who deployed it, then plan again".to_owned())))
            }
        };
        if let Some((why, hint)) = failure {
            self.emit(Kind::Failed { unit: at, why, hint });
        }
        self.mark(at, state, None).await
    }

    async fn until_it_arrives(
        &mut self,
        at: usize,
        unit: &Unit,
        direction: Direction,
        known: Option<BTreeSet<String>>,
    ) -> Result<End, Gone> {
        let target = if direction == Direction::To { unit.to.image.as_str() } else { unit.from.image.as_str() };
        let began = self.tools.docker.clock().boottime();
        let mut arrived: Option<(Duration, Vec<String>)> = None;
        let posted_here = known.is_some();
        let known = known.unwrap_or_default();
        loop {
            if self.interrupted() {
                return Ok(End::Interrupted);
            }
            let seen = match self.look(unit).await {
                Ok(Some(seen)) => seen,
                Ok(None) => return Ok(End::Overtaken("nothing: the service is gone".into())),
                Err(fault) => {
                    self.trouble(fault.to_string());
                    self.pause().await?;
                    continue;
                }
            };
            let since = if posted_here {
                None
            } else {
                seen.service.update.as_ref().and_then(|update| update.started).map(a_little_before)
            };
            let look =
                Look { service: &seen.service, tasks: &seen.tasks, nodes: &seen.nodes, target, known: &known, since };
            let verdict = judge(&look);
            self.tell(at, &seen, target, &verdict);
            match verdict {
                Verdict::Converged => {
                    if self.has_settled(at, direction, &seen, target, &mut arrived)
                        && self.stands(unit, direction).await
                    {
                        return Ok(End::Arrived);
                    }
                }
                Verdict::Failed { why, .. } => {
                    let settling = if arrived.is_some() { " after it had come up" } else { "" };
                    return Ok(End::Failed { why: format!("{why}{settling}"), hint: hint(&why) });
                }
                Verdict::Overtaken { by } => return Ok(End::Overtaken(by)),
                Verdict::Waiting { waits, stuck } => {
                    arrived = None;
                    self.is_it_stuck(at, self.tools.docker.clock().boottime().saturating_sub(began), &waits, stuck);
                }
            }
            self.pause().await?;
        }
    }

    /// Whether an order is there that the loop must see before this unit goes on.
    fn interrupted(&mut self) -> bool {
        self.take_orders();
        matches!(self.progress.order, Some(Order::Detach | Order::Leave)) || self.backs_off()
    }

    /// Whether everything is to go back while this unit still goes forward.
    fn backs_off(&self) -> bool {
        self.progress.going_back && self.progress.units.iter().any(|unit| unit.state == UnitState::Posting)
    }

    async fn pause(&mut self) -> Result<(), Gone> {
        tokio::time::sleep(LOOK).await;
        // A unit in work is watched to its end although the slot takes no more writes.
        match self.told_of_the_slot().await {
            Err(Gone::Stuck(_)) => Ok(()),
            told => told,
        }
    }

    fn trouble(&mut self, text: String) {
        if self.progress.trouble != text {
            self.emit(Kind::Trouble { text });
        }
    }

    async fn look(&self, unit: &Unit) -> Result<Option<Seen>, Fault> {
        let docker = &self.tools.docker;
        let (service, tasks, nodes) = tokio::join!(
            docker.service(&unit.service_id),
            docker.tasks(Tasks::History(std::slice::from_ref(&unit.service_id))),
            docker.nodes()
        );
        let service = match service {
            Ok(service) => service,
            Err(fault) if fault.is_not_found() => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let nodes = nodes?.into_iter().map(|node| (node.id.clone(), node)).collect();
        Ok(Some(Seen { service, tasks: tasks?, nodes }))
    }

    /// The same tasks have to run for the settle time.
    fn has_settled(
        &mut self,
        at: usize,
        direction: Direction,
        seen: &Seen,
        target: &str,
        arrived: &mut Option<(Duration, Vec<String>)>,
    ) -> bool {
        let running = |task: &&Task| task.image == target && task.desired == TaskState::Running;
        let mut ids: Vec<String> = seen.tasks.iter().filter(running).map(|task| task.id.clone()).collect();
        ids.sort();
        let now = self.tools.docker.clock().boottime();
        let since = match arrived {
            Some((since, known)) if *known == ids => *since,
            _ => {
                if !self.options.settle.is_zero() {
                    self.emit(Kind::Phase { unit: at, phase: Phase::Settle, direction });
                }
                *arrived = Some((now, ids));
                now
            }
        };
        now.saturating_sub(since) >= self.options.settle
    }

    /// The spec is looked at once more before the unit is called done.
    async fn stands(&mut self, unit: &Unit, direction: Direction) -> bool {
        let goal = if direction == Direction::To { Stand::Target } else { Stand::Before };
        matches!(self.tools.docker.hold(&unit.service_id).await, Ok(held) if held.stands(&unit.edits) == goal)
    }

    fn is_it_stuck(&mut self, at: usize, waited: Duration, waits: &str, stuck: bool) {
        let limit = if stuck { self.options.stuck } else { self.options.stuck * 5 };
        if waited < limit {
            return;
        }
        self.trouble(format!("stuck for {}: {waits}", age(limit)));
        if !self.options.mode.asks {
            self.emit(Kind::Asked { question: Question::Stuck { unit: at } });
            self.emit(Kind::Ordered { order: Order::Leave });
        }
    }

    /// Tells how the tasks are, when that changed.
    fn tell(&mut self, at: usize, seen: &Seen, target: &str, verdict: &Verdict) {
        let mut tasks: Vec<&Task> = seen.tasks.iter().collect();
        tasks.sort_by_key(|task| (task.desired != TaskState::Running, std::cmp::Reverse(task.created)));
        let lines: Vec<TaskLine> = tasks
            .into_iter()
            .take(SHOWN)
            .map(|task| TaskLine {
                id: task.id.clone(),
                slot: task.slot,
                node: task
                    .node
                    .as_ref()
                    .and_then(|id| seen.nodes.get(id))
                    .map(|node| node.hostname.clone())
                    .unwrap_or_default(),
                state: task.state.to_string(),
                error: task.error.clone(),
                since: task.since,
                fresh: task.image == target,
            })
            .collect();
        let update = seen
            .service
            .update
            .as_ref()
            .map(|update| format!("{}: {}", update.state, update.message))
            .unwrap_or_default();
        let waits = match verdict {
            Verdict::Waiting { waits, .. } => waits.clone(),
            _ => String::new(),
        };
        let known = self.progress.units.get(at);
        if known.is_some_and(|known| known.tasks == lines && known.update == update && known.waits == waits) {
            return;
        }
        self.emit(Kind::Tasks { unit: at, tasks: lines, update, waits });
    }
}

/// The engine notes an update's start a moment before or after it makes the first task.
fn a_little_before(at: Time) -> Time {
    Time(at.0 - 2000)
}

/// What helps with a task's error.
fn hint(why: &str) -> String {
    if why.contains("No such image") {
        "the node could not get the image: the registry, its credentials, or the platform; `pinnace check` tells which"
            .into()
    } else if why.contains("unhealthy") {
        "its health check fails: look at the service's logs".into()
    } else if why.contains("non-zero exit") {
        "the program ended by itself: look at the service's logs".into()
    } else {
        "look at the service's tasks and logs".into()
    }
}
