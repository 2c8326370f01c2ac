//! The node agent: how a node accepts, prepares, starts, watches and stops its tasks.

use super::images::Behaviour;
use super::model::{Container, Id, MILLI, Nanos, NodeState, SECOND, State, Task};
use super::pull::Pulled;
use super::{Timer, World};

/// The time from the stop order until a container that obeys at once is reported as stopped.
const STOP: Nanos = 3 * SECOND;
/// The time from the stop order until a task that never started is reported as stopped.
const DROP: Nanos = 2 * SECOND;
/// The time from starting to running.
const START: Nanos = 150 * MILLI;

impl World {
    /// Schedules the next step of a task on its node.
    pub(super) fn plan_step(&mut self, id: &Id) {
        let Some(task) = self.tasks.get(id) else { return };
        let Some(node) = task.node.as_ref().and_then(|node| self.nodes.get(node)) else { return };
        if !node.link || !(State::Assigned..=State::Running).contains(&task.state) {
            return;
        }
        let stops = !task.is_wanted();
        let key = (task.state, if stops { State::Shutdown } else { task.desired.min(State::Running) });
        if task.planned == Some(key) {
            return;
        }
        let after = if stops { Some(self.stops_after(task)) } else { self.goes_on_after(task) };
        let step = task.step + 1;
        if let Some(task) = self.tasks.get_mut(id) {
            task.planned = Some(key);
            task.step = step;
        }
        if let Some(after) = after {
            self.plant(after, Timer::Step(Id::clone(id), step));
        }
    }

    fn stops_after(&self, task: &Task) -> Nanos {
        if task.state < State::Starting {
            return DROP;
        }
        let killed = task.spec.stop_signal() == "SIGKILL";
        match self.behaviour(task) {
            Behaviour::Stubborn if !killed => STOP + task.spec.grace(),
            _ => STOP,
        }
    }

    /// Returns the time until a task leaves its state; `None` if it stays there.
    fn goes_on_after(&self, task: &Task) -> Option<Nanos> {
        match task.state {
            State::Assigned | State::Accepted => Some(60 * MILLI),
            State::Preparing => Some(self.pull_time(task)),
            State::Ready => {
                (task.desired >= State::Running).then_some(if task.planned.is_none() { 0 } else { 200 * MILLI })
            }
            State::Starting => Some(match self.behaviour(task) {
                Behaviour::HealthyAfter(after) if Self::has_health_check(task) => after,
                Behaviour::Unhealthy if Self::has_health_check(task) => Self::unhealthy_after(task),
                _ => START,
            }),
            State::Running => match self.behaviour(task) {
                Behaviour::Exit { after, .. } => Some(after),
                _ => None,
            },
            _ => None,
        }
    }

    /// Carries out a scheduled step, unless it was superseded.
    pub(super) fn node_steps(&mut self, id: &Id, step: u32) {
        let Some(task) = self.tasks.get(id).filter(|task| task.step == step) else { return };
        let Some(node) = task.node.as_ref().and_then(|node| self.nodes.get(node)) else { return };
        if !node.link || node.state == NodeState::Down {
            return;
        }
        if !task.is_wanted() {
            self.stopped(id);
            return;
        }
        match task.state {
            State::Assigned => self.set_state(id, State::Accepted, "accepted", ""),
            State::Accepted => self.set_state(id, State::Preparing, "preparing", ""),
            State::Preparing => self.prepared(id),
            State::Ready => self.start(id),
            State::Starting => self.started(id),
            State::Running => self.ended(id),
            _ => {}
        }
    }

    fn prepared(&mut self, id: &Id) {
        let Some(task) = self.tasks.get(id) else { return };
        let image = task.spec.image.clone();
        let missing = task
            .spec
            .container("Mounts")
            .and_then(serde_json::Value::as_array)
            .into_iter()
            .flatten()
            .filter(|mount| mount.get("Type").and_then(serde_json::Value::as_str) == Some("bind"))
            .filter_map(|mount| mount.get("Source").and_then(serde_json::Value::as_str))
            .find(|source| source.starts_with("/nosuch"))
            .map(str::to_owned);
        let rejected = match (self.pull(id), missing) {
            (Pulled::Not, _) => Some(format!("No such image: {image}")),
            (Pulled::Has(_), Some(source)) => {
                Some(format!("invalid mount config for type \"bind\": bind source path does not exist: {source}"))
            }
            (Pulled::Has(digest), None)
                if self.tasks.get(id).is_some_and(|task| self.has_no_command(task, &digest)) =>
            {
                Some(if self.engine.minor < 44 { "No command specified" } else { "no command specified" }.to_owned())
            }
            (Pulled::Has(digest), None) => {
                let container = Container { id: self.dice.container(), pid: 0, exit: 0 };
                if let Some(task) = self.tasks.get_mut(id) {
                    task.runs = Some(digest);
                    task.container = Some(container);
                }
                None
            }
        };
        match rejected {
            None => self.set_state(id, State::Ready, "prepared", ""),
            Some(err) => {
                if let Some(task) = self.tasks.get_mut(id) {
                    task.container = Some(Container::default());
                }
                self.set_state(id, State::Rejected, "preparing", &err);
            }
        }
    }

    fn start(&mut self, id: &Id) {
        self.set_state(id, State::Starting, "starting", "");
    }

    fn started(&mut self, id: &Id) {
        let Some(task) = self.tasks.get(id) else { return };
        let behaviour = self.behaviour(task);
        let program = task.spec.container("Command").and_then(|command| command.get(0)?.as_str());
        let user = task.spec.container("User").and_then(serde_json::Value::as_str).unwrap_or_default();
        let why = if user.starts_with("nosuch") {
            Some((format!("unable to find user {user}: no matching entries in passwd file"), 128))
        } else if let Some(program) = program.filter(|program| program.starts_with("/nonexistent")) {
            Some((no_program(program, self.engine.minor), 127))
        } else if behaviour == Behaviour::NoProgram {
            Some((no_program("/behave", self.engine.minor), 127))
        } else {
            None
        };
        if let Some((why, code)) = why {
            self.exits(id, code);
            self.set_state(id, State::Failed, "starting", &format!("starting container failed: {why}"));
            return;
        }
        if behaviour == Behaviour::Unhealthy && Self::has_health_check(task) {
            self.exits(id, 137);
            let err = "task: non-zero exit (137): dockerexec: unhealthy container";
            self.set_state(id, State::Failed, "starting", err);
            return;
        }
        let pid = u32::try_from(self.dice.roll() % 30_000).unwrap_or(0) + 1000;
        if let Some(task) = self.tasks.get_mut(id)
            && let Some(container) = &mut task.container
        {
            container.pid = pid;
        }
        self.set_state(id, State::Running, "started", "");
    }

    /// Makes a service's longest running task exit with code 0; the swarm replaces it. Returns false if no task runs.
    pub fn end_a_task(&mut self, service: &str) -> bool {
        let Ok(found) = self.find_service(service) else { return false };
        let running = self.tasks_of(&found.id).filter(|task| task.state == State::Running);
        let Some(id) = running.min_by_key(|task| (task.since, task.index)).map(|task| Id::clone(&task.id)) else {
            return false;
        };
        self.exits(&id, 0);
        self.set_state(&id, State::Complete, "finished", "");
        self.settle();
        true
    }

    fn ended(&mut self, id: &Id) {
        let Some(task) = self.tasks.get(id) else { return };
        let Behaviour::Exit { code, .. } = self.behaviour(task) else { return };
        self.exits(id, code);
        if code == 0 {
            self.set_state(id, State::Complete, "finished", "");
        } else {
            self.set_state(id, State::Failed, "started", &format!("task: non-zero exit ({code})"));
        }
    }

    fn stopped(&mut self, id: &Id) {
        let Some(task) = self.tasks.get(id) else { return };
        let code = match self.behaviour(task) {
            _ if task.state < State::Starting => None,
            _ if task.spec.stop_signal() == "SIGKILL" => Some(137),
            Behaviour::Run { code } => Some(code),
            Behaviour::Stubborn => Some(137),
            _ => Some(0),
        };
        if let Some(task) = self.tasks.get_mut(id) {
            task.container.get_or_insert_default();
        }
        if let Some(code) = code {
            self.exits(id, code);
        }
        self.set_state(id, State::Shutdown, "shutdown", "");
    }

    fn exits(&mut self, id: &Id, code: i64) {
        if let Some(task) = self.tasks.get_mut(id)
            && let Some(container) = &mut task.container
        {
            container.pid = 0;
            container.exit = code;
        }
    }

    /// Returns true if the task runs only once its health check passes: images have a check
    /// unless the spec disables it.
    fn has_health_check(task: &Task) -> bool {
        let test = task.spec.container("Healthcheck").and_then(|check| check.get("Test")?.get(0)?.as_str());
        test != Some("NONE")
    }

    fn unhealthy_after(task: &Task) -> Nanos {
        let check = task.spec.container("Healthcheck");
        let number = |key: &str| check.and_then(|check| check.get(key)?.as_u64());
        let (interval, retries) = (number("Interval").unwrap_or(SECOND), number("Retries").unwrap_or(3));
        number("StartPeriod").unwrap_or(0) + interval * retries + SECOND
    }
}

fn no_program(program: &str, minor: u32) -> String {
    let task = if minor >= 43 { "failed to create task for container: " } else { "" };
    format!(
        "{task}failed to create shim task: OCI runtime create failed: runc create failed: unable to start container \
         process: exec: \"{program}\": stat {program}: no such file or directory: unknown"
    )
}
