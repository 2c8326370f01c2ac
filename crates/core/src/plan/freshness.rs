//! The staleness of a plan: the first difference to the same plan made again.

use crate::finding::Severity;
use crate::image::{digest_of, short};
use crate::plan::{Plan, Unit, UnitAction};
use crate::sanitize::clean;
use crate::world::World;

/// Describes in one clause what differs between a plan and the same plan made again; `None` if they are
/// equal.
pub fn moved(old: &Plan, new: &Plan, world: &World) -> Option<String> {
    if old.id == new.id {
        return None;
    }
    if old.parent != new.parent {
        let newest = world.history(&new.group).newest();
        return Some(newest.map_or("the group's history changed".to_owned(), |entry| {
            format!("change {} by {} is newer than the plan", entry.slot.seq, clean(&entry.slot.labels.by))
        }));
    }
    for unit in &old.units {
        let Some(now) = new.units.iter().find(|other| other.service_id == unit.service_id) else {
            let there = world.services.contains_key(&unit.service_id);
            let what = if there { "needs no change any more" } else { "no longer exists" };
            return Some(format!("{} {what}", clean(&unit.service)));
        };
        if let Some(what) = of_unit(unit, now, new) {
            return Some(what);
        }
    }
    if new.units.len() > old.units.len() {
        return Some("the plan affects more services now".to_owned());
    }
    let same = old.pins_before == new.pins_before;
    Some(if same { "the plan changed".to_owned() } else { "the pins in force changed".to_owned() })
}

fn of_unit(unit: &Unit, now: &Unit, new: &Plan) -> Option<String> {
    let name = clean(&unit.service);
    if now.from != unit.from {
        return Some(format!("{name} runs {} now", clean(&short(&now.from.image))));
    }
    if now.action == UnitAction::Blocked && unit.action != UnitAction::Blocked {
        let mut errors = new.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let cause = errors.find(|finding| finding.services.is_empty() || finding.services.contains(&unit.service));
        let cause = cause.map(|finding| format!(": {}", clean(&finding.message))).unwrap_or_default();
        return Some(format!("{name} is blocked now{cause}"));
    }
    if now.to != unit.to {
        let to = digest_of(&now.to.image).map_or_else(|| now.to.image.clone(), |d| format!("@{}", d.short()));
        return Some(format!("the target of {name} is {} now", clean(&to)));
    }
    if now.rest != unit.rest || now.edits != unit.edits {
        return Some(format!("another client edited {name}"));
    }
    if now.credentials != unit.credentials {
        return Some(format!("the credentials for {name} changed"));
    }
    (now.action != unit.action).then(|| format!("the action for {name} is “{}” now", now.action.label()))
}
