//! `pinnace record`: records what other clients deployed, so that the history is not limited to pinnace's own changes.

use std::time::Duration;

use super::Exit;
use super::out;
use super::session::{CliContext, Failure, Session};
use pinnace_core::history::external_detection::{fresh, queries, record};
use pinnace_core::journal::ExternalDeploy;
use pinnace_core::registry::Facts;
use pinnace_core::selector;
use pinnace_core::swarm::GroupKey;
use pinnace_core::wire::v1::{ExternalDeployEntry, ExternalDeployReport};
use pinnace_core::world::World;
use pinnace_engine::execute::{StartRefusal, new_change};
use pinnace_engine::identity;

/// The maximum number of query rounds per group; images not found until then count as unrecorded.
const ROUNDS: usize = 20;

/// Records the stable services, of one group or of all, whose image is not on record.
pub async fn run(stage: &CliContext, group: Option<&str>, json: bool) -> Result<Exit, Failure> {
    let session = Session::open(stage)?;
    session.warn_of_the_journal();
    let mut world = session.cluster.world().await?;
    let groups: Vec<GroupKey> = match group {
        Some(name) => vec![selector::group(&world, name)?],
        None => world.groups().map(|(group, _)| group.clone()).collect(),
    };
    let settled = Duration::from_secs(session.config.settings.settle_seconds.into());
    let by = identity::operator();
    let mut report = ExternalDeployReport { recorded: Vec::new(), unstable: Vec::new() };
    for group in groups {
        learn(&session, &mut world, &group).await?;
        let (found, unstable) = fresh(&world, &group, session.cluster.docker.clock().now(), settled, &by);
        report.unstable.extend(unstable);
        if found.is_empty() {
            continue;
        }
        let record = record(&new_change(), &group, &world, &found);
        session.cluster.journal.put_record(&record).await.map_err(StartRefusal::JournalRefused)?;
        report.recorded.extend(found.iter().map(|sighting| to_wire(&group, sighting)));
    }
    if !report.recorded.is_empty() {
        // The observations are recorded; a failure to prune the journal afterwards is not an error.
        let _ = session.cluster.journal.prune().await;
    }
    if json {
        session.out.json(&report);
    } else {
        text(&session, &report);
    }
    Ok(Exit::Done)
}

async fn learn(session: &Session, world: &mut World, group: &GroupKey) -> Result<(), Failure> {
    for _ in 0..ROUNDS {
        let wants = queries(world, group);
        if wants.is_empty() {
            break;
        }
        session.cluster.learn(&wants, world, &mut Facts::default()).await?;
    }
    Ok(())
}

/// Converts an observation for JSON.
pub fn to_wire(group: &GroupKey, sighting: &ExternalDeploy) -> ExternalDeployEntry {
    ExternalDeployEntry {
        group: group.to_string(),
        service: sighting.service.clone(),
        member: sighting.member.clone(),
        node: sighting.node.clone(),
        image: sighting.places.image.clone(),
        digest: sighting.digest.clone(),
        at: sighting.at,
        by: sighting.by.clone(),
    }
}

fn text(session: &Session, report: &ExternalDeployReport) {
    let rows = report.recorded.iter().map(|one| {
        vec!["recorded".to_owned(), one.group.clone(), one.service.clone(), out::short(&one.image), one.node.clone()]
    });
    session.out.table(&rows.collect::<Vec<_>>());
    if report.recorded.is_empty() {
        session.out.line("nothing to record: the history already has every stable image");
    }
    if !report.unstable.is_empty() {
        let names = report.unstable.join(", ");
        session.out.note(&format!("not recorded, because not healthy for long enough: {names}"));
    }
}
