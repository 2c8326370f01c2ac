//! The plan of a verb: created from a goal and options or read from a file, then shown or saved.

use std::path::Path;

use super::Exit;
use super::args::PlanArgs;
use super::session::{Failure, Session, usage};
use pinnace_core::finding::Severity;
use pinnace_core::plan::{Consent, Goal, PlanDraft, PlanOptions, SavedPlan, moved};
use pinnace_core::plan::{CredentialPolicy, UpdateOrderOption};
use pinnace_core::swarm::GroupKey;
use pinnace_core::world::World;
use pinnace_engine::private_files::replace;

/// A plan with the goal and the options that it was made from.
pub struct PlanWithInput {
    /// The goal of the plan.
    pub goal: Goal,
    /// The options that are part of the plan.
    pub manner: PlanOptions,
    /// The plan, and the queries that are still open.
    pub draft: PlanDraft,
}

impl PlanWithInput {
    /// Creates the plan, after all queries of the planner were answered.
    ///
    /// # Errors
    /// If an option names an unknown service, or the cluster stops answering.
    pub async fn up(session: &Session, world: &mut World, goal: Goal, ways: &PlanArgs) -> Result<Self, Failure> {
        let manner = manner(world, goal.group(), ways)?;
        let draft = session.cluster.draft(&goal, &manner, world, &mut session.facts()).await?;
        Ok(Self { goal, manner, draft })
    }

    /// Reads a plan from a file and plans its goal again; both plans must be equal.
    ///
    /// # Errors
    /// If the file is not a plan, or the plan is stale; the exit code for the latter is 3.
    pub async fn from_file(session: &Session, world: &mut World, file: &Path) -> Result<Self, Failure> {
        let name = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| {
            usage(format!("cannot read {name}: {error}"), "name a file written by `pinnace plan --out`")
        })?;
        let saved = SavedPlan::read(&text).map_err(|damage| usage(format!("{name}: {damage}"), damage.hint()))?;
        let stale = |what: String| Failure {
            message: format!("{name} is stale: {what}"),
            hint: format!("plan again: `pinnace plan {} --out FILE`", saved.plan.group),
            exit: Exit::Choice,
        };
        if !saved.plan.swarm.is_empty() && saved.plan.swarm != world.engine.swarm {
            return Err(stale("it is for another swarm".into()));
        }
        let draft = session.cluster.draft(&saved.goal, &saved.manner, world, &mut session.facts()).await?;
        if let Some(what) = moved(&saved.plan, &draft.plan, world) {
            return Err(stale(what));
        }
        Ok(Self { goal: saved.goal, manner: saved.manner, draft })
    }

    /// Prints the plan, and saves it to a file if one is given; an error among its findings is exit code 1.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn show(self, session: &Session, out: Option<&Path>, json: bool) -> Result<Exit, Failure> {
        if json {
            session.out.json(&self.draft.plan);
        } else {
            session.out.plan(&self.draft.plan);
        }
        let errors = self.draft.plan.count(Severity::Error) > 0;
        if let Some(file) = out {
            let nothing = self.draft.plan.has_nothing_to_do();
            if nothing || !self.draft.wants.is_empty() || (errors && self.draft.plan.active().next().is_none()) {
                session.out.note(&format!(
                    "not saved: {}",
                    self.draft.obstacle(Consent { warnings: true, unchecked: true }).unwrap_or_default()
                ));
            } else {
                self.save(file)?;
                session.out.note(&format!("saved; apply it with `pinnace apply {}`", file.display()));
            }
        }
        Ok(if errors { Exit::Trouble } else { Exit::Done })
    }

    fn save(self, file: &Path) -> Result<(), Failure> {
        let text = SavedPlan::new(self.goal, self.manner, self.draft.plan).write();
        let unwritten = |error| usage(format!("cannot write {}: {error}", file.display()), "name a writable file");
        replace(file, &text).map_err(unwritten)
    }
}

/// Returns whether an argument names an existing plan file, and not a group.
pub fn is_file(argument: &str) -> bool {
    let path = Path::new(argument);
    let looks = argument.contains('/') || path.extension().is_some_and(|end| end == "json" || end == "plan");
    looks && path.is_file()
}

/// Converts the options of the command line, and resolves the names of services.
fn manner(world: &World, group: &GroupKey, ways: &PlanArgs) -> Result<PlanOptions, Failure> {
    let sending = match (ways.send_credentials, ways.keep_credentials) {
        (true, _) => CredentialPolicy::Operator,
        (_, true) => CredentialPolicy::Stored,
        _ => CredentialPolicy::Auto,
    };
    let replacing = if ways.start_first { UpdateOrderOption::StartFirst } else { UpdateOrderOption::AsItIs };
    let id = |name: &String| {
        let found = world.members(group).find(|service| service.name == *name);
        let names = || world.members(group).map(|service| service.name.clone()).collect::<Vec<_>>().join(", ");
        let none = || usage(format!("{group} has no service `{name}`"), format!("choose one of: {}", names()));
        found.map(|service| service.id.clone()).ok_or_else(none)
    };
    let order = ways.order.iter().map(id).collect::<Result<_, _>>()?;
    Ok(PlanOptions { sending, replacing, order })
}
