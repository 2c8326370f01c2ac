//! `pinnace history`: all changes, newest first; every manager shows the same journal.

use super::out::{self, Out};
use super::session::{CliContext, Failure, Session};
use super::{Exit, local_history, record, rollback_candidates};
use pinnace_core::journal::{ChangeEntry, ExternalDeploy, UnitState};
use pinnace_core::plan::{Scope, Unit};
use pinnace_core::registry::FactQuery;
use pinnace_core::registry::Facts;
use pinnace_core::selector;
use pinnace_core::swarm::{GroupKey, GroupKind};
use pinnace_core::wire::v1::{ExternalDeployEntry, HistoryChange, HistoryUnit, HistoryView};
use pinnace_core::world::World;

/// Prints the history of a group, of a service, or of the whole cluster.
pub async fn run(stage: &CliContext, what: Option<&str>, json: bool) -> Result<Exit, Failure> {
    let session = Session::open(stage)?;
    let mut world = session.cluster.world().await?;
    let only = what.map(|name| selector::target(&world, name)).transpose()?;
    let wanted = |world: &World| -> Vec<ChangeEntry> {
        let all = world.histories().flat_map(pinnace_core::journal::ChangeLog::newest_first);
        let of = |entry: &&ChangeEntry| only.as_ref().is_none_or(|(group, _)| entry.slot.group_hash == group.hash());
        all.filter(of).cloned().collect()
    };
    let missing = wanted(&world)
        .into_iter()
        .filter(|entry| entry.record.is_none())
        .map(|entry| FactQuery::Record(entry.slot.change))
        .collect();
    session.cluster.learn(&missing, &mut world, &mut Facts::default()).await?;
    let mut entries = wanted(&world);
    if let Some((_, scope @ (Scope::Service(_) | Scope::Member(_)))) = &only {
        entries.retain(|entry| concerns(entry, scope));
    }
    entries.sort_by_key(|entry| std::cmp::Reverse((entry.slot.created, entry.slot.seq)));
    let seen = seen(&session, &mut world, only.as_ref()).await?;
    let service = match &only {
        Some((group, Scope::Service(name))) => Some((group, name)),
        // A single service is a group on its own.
        Some((group, Scope::Group)) if group.kind == GroupKind::Service => Some((group, &group.name)),
        _ => None,
    };
    let images = match service {
        Some((group, name)) => rollback_candidates::images(&session, &mut world, group, name).await?,
        None => Vec::new(),
    };
    let here = local_history::changes(&session, &world, only.as_ref()).await?;
    let view = HistoryView {
        changes: entries.iter().map(change).collect(),
        local_only: here,
        external: seen,
        candidates: images,
    };
    if json {
        session.out.json(&view);
    } else {
        text(&session.out, &view);
        let now = session.cluster.docker.clock().now();
        rollback_candidates::text(&session.out, service.map_or("", |(_, name)| name), &view.candidates, now);
    }
    Ok(Exit::Done)
}

/// Returns the recorded external deploys; empty unless a group is named.
async fn seen(
    session: &Session,
    world: &mut World,
    only: Option<&(GroupKey, Scope)>,
) -> Result<Vec<ExternalDeployEntry>, Failure> {
    let Some((group, scope)) = only else { return Ok(Vec::new()) };
    session.cluster.learn(&[FactQuery::ExternalDeploys(group.clone())].into(), world, &mut Facts::default()).await?;
    let of = |seen: &&ExternalDeploy| match scope {
        Scope::Group => true,
        Scope::Member(member) => seen.member == *member,
        Scope::Service(name) => seen.service == *name,
    };
    Ok(world.history(group).sightings().filter(of).map(|sighting| record::to_wire(group, sighting)).collect())
}

fn concerns(entry: &ChangeEntry, scope: &Scope) -> bool {
    entry.record.iter().flat_map(|record| &record.plan.units).any(|unit| match scope {
        Scope::Group => true,
        Scope::Member(member) => unit.member == *member,
        Scope::Service(name) => unit.service == *name,
    })
}

/// Converts an entry of the journal for output.
pub fn change(entry: &ChangeEntry) -> HistoryChange {
    let labels = &entry.slot.labels;
    let units = entry.record.iter().flat_map(|record| record.plan.units.iter().enumerate());
    let units = units.map(|(at, one)| unit(one, entry.unit_state(at)));
    HistoryChange {
        id: entry.slot.change.clone(),
        group: labels.group.clone(),
        seq: entry.slot.seq,
        at: entry.slot.created.or(labels.at),
        operator: labels.by.clone(),
        reason: Some(labels.why.clone()).filter(|why| !why.is_empty()),
        kind: entry.record.as_ref().map(|record| record.plan.kind.as_str().to_owned()),
        outcome: if entry.slot.is_foreign() { "newer".to_owned() } else { labels.state.label().to_owned() },
        units: units.collect(),
    }
}

/// Converts a unit of a change for output.
pub fn unit(unit: &Unit, state: UnitState) -> HistoryUnit {
    HistoryUnit {
        service: unit.service.clone(),
        member: unit.member.clone(),
        action: unit.action.as_str().to_owned(),
        from: unit.from.clone(),
        to: unit.to.clone(),
        outcome: state.label().to_owned(),
    }
}

fn text(out: &Out, view: &HistoryView) {
    if view.changes.is_empty() {
        out.line("no changes yet");
    }
    view.changes.iter().for_each(|change| one(out, change));
    if !view.local_only.is_empty() {
        out.line("only in the local log of this machine:");
        view.local_only.iter().for_each(|change| one(out, change));
    }
    let rows = view.external.iter().map(|one| {
        let at = one.at.map(|at| at.to_string()).unwrap_or_default();
        vec![at, "external".to_owned(), one.service.clone(), out::short(&one.image), format!("recorded by {}", one.by)]
    });
    out.table(&rows.collect::<Vec<_>>());
}

fn one(out: &Out, change: &HistoryChange) {
    let at = change.at.map(|at| at.to_string()).unwrap_or_default();
    let by = if change.operator.is_empty() { String::new() } else { format!("  by {}", change.operator) };
    out.line(&format!("{at}  {}  {}  {}{by}", change.outcome, change.group, change.id));
    if let Some(reason) = &change.reason {
        out.line(&format!("    reason: {reason}"));
    }
    let rows = change.units.iter().map(|unit| {
        vec![
            format!("    {}", unit.outcome),
            unit.service.clone(),
            format!("{} → {}", out::short(&unit.from.image), out::short(&unit.to.image)),
        ]
    });
    out.table(&rows.collect::<Vec<_>>());
}
