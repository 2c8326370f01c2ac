//! The rollback candidates of a service, as `pinnace history SERVICE` lists them.

use super::out::{self, Out};
use super::session::{Failure, Session};
use pinnace_core::history::{Pullable, RollbackCandidate, earlier, queries, wants_of};
use pinnace_core::plan::SpecImage;
use pinnace_core::registry::Facts;
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::GroupKey;
use pinnace_core::time::{Time, age};
use pinnace_core::wire::v1::HistoryCandidate;
use pinnace_core::world::World;

/// The number of newest candidates that are looked up at their registry.
const LOOKED_UP: usize = 20;

/// Returns the rollback candidates of a service: the images that it had, those that ran first, then immutable tags. The first
/// `LOOKED_UP` of them are looked up at their registry. Empty for an unknown service.
///
/// # Errors
/// If the cluster stops answering.
pub async fn images(
    session: &Session,
    world: &mut World,
    group: &GroupKey,
    name: &str,
) -> Result<Vec<HistoryCandidate>, Failure> {
    let Some(service) = world.members(group).find(|service| service.name == name).cloned() else {
        return Ok(Vec::new());
    };
    let mut facts = session.facts();
    let unread = queries(world, group, &service, &facts);
    session.cluster.learn(&unread, world, &mut facts).await?;
    let now = session.cluster.docker.clock().now();
    let list = |world: &World, facts: &Facts| earlier(world, group, &service, facts, now);
    let asked = |facts: &Facts| {
        let rows = list(world, facts).into_iter().take(LOOKED_UP);
        rows.flat_map(|one| wants_of(&one, facts)).collect()
    };
    session.cluster.learn_all(&mut facts, asked).await;
    Ok(list(world, &facts).iter().map(|one| image(one, &facts)).collect())
}

fn image(one: &RollbackCandidate, facts: &Facts) -> HistoryCandidate {
    let pullable = Pullable::of(facts, &one.places.image);
    HistoryCandidate {
        image: SpecImage::new(&one.places.image),
        is_now: one.is_now,
        last: one.last,
        result: one.fared.label().to_owned(),
        ran_seconds: one.fared.span().map(|span| span.as_secs()),
        available: if pullable == Pullable::Pending { "unknown".to_owned() } else { pullable.label().to_owned() },
        nodes: one.nodes.clone(),
        source: one.source.label().to_owned(),
        change: one.source.change().map(str::to_owned),
    }
}

/// Prints the candidates as a table.
pub fn text(out: &Out, service: &str, images: &[HistoryCandidate], now: Time) {
    if images.is_empty() {
        return;
    }
    out.line(&format!(
        "rollback candidates of {}, those that ran first (`pinnace rollback {0} --to IMAGE`):",
        clean(service)
    ));
    let mut rows = vec![["  IMAGE", "LAST", "RESULT", "REGISTRY", "RAN ON", "ORIGIN"].map(str::to_owned).to_vec()];
    rows.extend(images.iter().map(|one| {
        let last = one.last.map(|at| age(now.since(at))).unwrap_or_default();
        let ran = one.ran_seconds.map(|seconds| format!(" {}", age(std::time::Duration::from_secs(seconds))));
        let tag_only = if one.image.digest.is_none() { " (tag only)" } else { "" };
        vec![
            format!("  {}{tag_only}", out::short(&one.image.image)),
            if one.is_now { "now".to_owned() } else { last },
            format!("{}{}", one.result.replace('-', " "), ran.unwrap_or_default()),
            one.available.clone(),
            one.nodes.join(","),
            one.change.clone().unwrap_or_else(|| one.source.clone()),
        ]
    }));
    out.table(&rows);
}
