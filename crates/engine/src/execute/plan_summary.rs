//! The one-line summary of a plan, for its slot.

use pinnace_core::image::ImageRef;
use pinnace_core::plan::Plan;
use pinnace_core::plan::plural;

/// Describes a plan in one line: `new pg:17.10 on 3 services of n1`.
pub(super) fn summary(plan: &Plan) -> String {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for (_, unit) in plan.active() {
        let image = ImageRef::parse(&unit.to.image).map_or_else(|_| unit.to.image.clone(), |image| image.short(true));
        let what = format!("{} {image}", unit.action.as_str());
        match lines.iter_mut().find(|(known, _)| *known == what) {
            Some((_, members)) => members.push(&unit.member),
            None => lines.push((what, vec![&unit.member])),
        }
    }
    if lines.is_empty() {
        return "pins only".into();
    }
    let text = |(what, mut members): (String, Vec<&str>)| {
        let count = members.len();
        members.dedup();
        format!("{what} on {count} {} of {}", plural(count, "service"), members.join(", "))
    };
    lines.into_iter().map(text).collect::<Vec<_>>().join("; ")
}
