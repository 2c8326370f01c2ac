//! Descriptions of what each order would do to a change that waits or was left unfinished. They name
//! images, not directions.

use crate::image::{digest_of, short};
use crate::journal::{ChangeLog, ChangeState, UnitState};
use crate::plan::{Plan, Unit};
use crate::sanitize::clean;
use crate::time::{Time, age};

use super::event::OperatorCommand;
use super::progress::Progress;

/// The context in which an order is described.
#[derive(Clone, Copy, Debug)]
pub struct OfferInput<'a> {
    /// The plan of the change.
    pub plan: &'a Plan,
    /// The change's current progress.
    pub progress: &'a Progress,
    /// The group's changes, from which the past of each image is described.
    pub history: &'a ChangeLog,
    /// The index of a stuck unit that the change would stop waiting for if it continues.
    pub past: Option<usize>,
    /// The UTC offset of displayed times, in seconds east.
    pub offset: i32,
}

/// Returns a unit's member name, with the host if its tasks run on one host only.
pub fn unit_name(unit: &Unit) -> String {
    let member = clean(&unit.member);
    let is_one = !unit.node.is_empty() && !unit.node.contains(',');
    if is_one { format!("{member} on {}", clean(&unit.node)) } else { member }
}

/// Returns an image in short form: its tag and the first four digits of its digest.
pub fn image_at(image: &str) -> String {
    let digest = digest_of(image).map(|digest| format!("@{}", &digest.short()[..4])).unwrap_or_default();
    format!("{}{digest}", clean(&short(image)))
}

/// Describes what an order would do.
pub fn offer(order: OperatorCommand, offered: OfferInput<'_>) -> String {
    let OfferInput { plan, progress, past, .. } = offered;
    let state = |at: usize| progress.units.get(at).map_or(UnitState::Untouched, |unit| unit.state);
    match order {
        OperatorCommand::Continue => {
            let is_left =
                |at: usize| matches!(state(at), UnitState::Untouched | UnitState::Updating | UnitState::RollingBack);
            let left = plan.active().filter(|(at, _)| is_left(*at) && past != Some(*at));
            let left: Vec<_> = left.map(|(_, unit)| (unit, unit.to.image.as_str())).collect();
            let rest = if left.is_empty() {
                "end the change: no unit is left".to_owned()
            } else {
                listed("bring", &left, offered)
            };
            match past.and_then(|at| plan.units.get(at)) {
                Some(unit) => format!("keep {} as is, and {rest}", unit_name(unit)),
                None => rest,
            }
        }
        OperatorCommand::RollBack => {
            let carrying = plan.active().filter(|(at, _)| progress.carries(*at));
            let back: Vec<_> = carrying.map(|(_, unit)| (unit, unit.from.image.as_str())).collect();
            if back.is_empty() {
                "end the change: no unit has the new image".to_owned()
            } else {
                listed("return", &back, offered)
            }
        }
        _ => "keep every service as is, and end the change".to_owned(),
    }
}

/// Describes units that move, grouped by image: `bring n2, n3 to 1.6@ab12 (ran 9d)`.
fn listed(verb: &str, units: &[(&Unit, &str)], offered: OfferInput<'_>) -> String {
    let mut parts: Vec<(String, Vec<String>)> = Vec::new();
    for (unit, image) in units {
        let fared = fared(offered.history, offered.progress.seq, unit, image, offered.offset);
        let image = format!("{}{}", image_at(image), fared.map(|fared| format!(" ({fared})")).unwrap_or_default());
        let name = unit_name(unit);
        match parts.iter_mut().find(|(known, _)| *known == image) {
            Some((_, names)) => names.push(name),
            None => parts.push((image, vec![name])),
        }
    }
    let told = parts.into_iter().map(|(image, names)| format!("{} to {image}", names.join(", ")));
    format!("{verb} {}", told.collect::<Vec<_>>().join("; "))
}

/// Describes how an image fared in a service, by the newest change before number `before` that deployed it:
/// `ran 9d`, `failed 03:12`. Returns `None` if that is not known.
fn fared(history: &ChangeLog, before: u64, unit: &Unit, image: &str, offset: i32) -> Option<String> {
    let mut until: Option<Time> = None;
    for entry in history.newest_first() {
        let Some(plan) = entry.record.as_ref().map(|record| &record.plan) else { continue };
        let found = plan.active().find(|(_, other)| other.service_id == unit.service_id);
        let Some((at, other)) = found else { continue };
        if entry.slot.seq < before && other.to.image == image {
            let came = entry.slot.created?;
            return match (entry.unit_state(at), entry.slot.labels.state) {
                (UnitState::Done, _) => Some(format!("ran {}", age(until?.since(came)))),
                (UnitState::Failed, _) | (UnitState::RolledBack, ChangeState::Failed) => {
                    Some(format!("failed {}", &came.clock(offset)[..5]))
                }
                _ => None,
            };
        }
        // A change that rolled its unit back did not end the run of the earlier image.
        if entry.slot.seq <= before && !matches!(entry.unit_state(at), UnitState::RolledBack) {
            until = entry.slot.created.or(until);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::journal::ChangeSlot;
    use crate::plan::ChangeRecord;

    const HOUR: i64 = 3_600_000;

    /// A change of two services: number, hour of the claim, state, unit letters, tag before, tag after.
    type Told = (u64, i64, &'static str, &'static str, &'static str, &'static str);

    fn plan((seq, _, _, _, from, to): &Told) -> Plan {
        let unit = |name: &str| {
            json!({"service": name, "service_id": name, "member": name, "node": "", "action": "new",
                "from": {"image": format!("r/pg:{from}"), "digest": null}, "to": {"image": format!("r/pg:{to}"),
                "digest": null}, "reasons": [], "rest": ""})
        };
        let plan = json!({"v": 1, "id": "", "created": "", "group": "stack/s", "parent": seq - 1, "kind": "pin",
            "units": [unit("n1"), unit("n2")], "findings": []});
        serde_json::from_value(plan).unwrap()
    }

    fn offers(changes: &[Told]) -> [String; 2] {
        let mut history = ChangeLog::default();
        for change in changes {
            let (seq, hour, state, letters, ..) = change;
            let labels = [("pinnace.v", "1".to_owned()), ("pinnace.change", format!("c{seq}"))];
            let labels = labels.into_iter().chain([("pinnace.state", (*state).to_owned())]);
            let labels = labels.chain([("pinnace.units", (*letters).to_owned())]);
            let labels: BTreeMap<String, String> = labels.map(|(key, value)| (key.to_owned(), value)).collect();
            let at = Some(Time(hour * HOUR));
            history.learn_slot(ChangeSlot::read("id", 1, at, &format!("pinnace.s.hash.{seq}"), &labels).unwrap());
            let (v, change, plan) = (1, format!("c{seq}"), plan(change));
            history
                .learn_record(&change.clone(), Some(ChangeRecord { v, change, plan, extra: serde_json::Map::new() }));
        }
        let newest = history.newest().unwrap().clone();
        let plan = &newest.record.as_ref().unwrap().plan;
        let progress = Progress::of_slot(&newest.slot, 2);
        let offered = OfferInput { plan, progress: &progress, history: &history, past: None, offset: 0 };
        [OperatorCommand::Continue, OperatorCommand::RollBack].map(|order| offer(order, offered))
    }

    #[test]
    fn choices_tell_how_the_images_fared() {
        let there = (1, 0, "done", "dd", "5", "6");
        for (changes, wanted) in [
            (vec![(1, 0, "running", "d-", "5", "6")], ["bring n2 to 6", "return n1 to 5"]),
            (
                vec![there, (2, 48, "failed", "fU", "6", "7"), (3, 51, "running", "p-", "7", "6")],
                ["bring n1, n2 to 6 (ran 2d)", "return n1 to 7 (failed 00:00)"],
            ),
            (
                vec![there, (2, 5, "failed", "UU", "6", "7"), (3, 51, "detached", "d-", "6", "8")],
                ["bring n2 to 8", "return n1 to 6 (ran 2d)"],
            ),
            (
                vec![there, (2, 48, "running", "dd", "6", "7")],
                ["end the change: no unit is left", "return n1, n2 to 6 (ran 2d)"],
            ),
            (
                vec![(1, 0, "running", "--", "5", "6")],
                ["bring n1, n2 to 6", "end the change: no unit has the new image"],
            ),
        ] {
            assert_eq!(offers(&changes), wanted, "{changes:?}");
        }
    }
}
