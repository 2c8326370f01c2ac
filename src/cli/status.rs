//! `pinnace status`: shows what runs and what is wrong.

use super::Exit;
use super::out::{self, Out};
use super::session::{CliContext, Failure, Session};
use pinnace_core::image::digest_of;
use pinnace_core::selector;
use pinnace_core::swarm::Service;
use pinnace_core::swarm::{GroupKey, member_of};
use pinnace_core::swarm::{Health, HealthState};
use pinnace_core::wire::v1::{StatusNode, StatusService, StatusView};
use pinnace_core::world::World;

/// Prints the cluster's nodes and services; exit code 1 if a service needs attention.
pub async fn run(stage: &CliContext, group: Option<&str>, json: bool) -> Result<Exit, Failure> {
    let session = Session::open(stage)?;
    let world = session.cluster.world().await?;
    let only = group.map(|name| selector::group(&world, name)).transpose()?;
    let status = status(&session.name, &world, only.as_ref());
    if json {
        session.out.json(&status);
    } else {
        text(&session.out, &status);
    }
    let trouble =
        world.services.values().filter(|service| only.as_ref().is_none_or(|only| GroupKey::of(service) == *only));
    let trouble = trouble.filter_map(|service| world.health(&service.id)).any(|health| health.state.is_trouble());
    Ok(if trouble { Exit::Trouble } else { Exit::Done })
}

/// Creates the status document of a cluster; `only` limits the services to one group.
pub fn status(cluster: &str, world: &World, only: Option<&GroupKey>) -> StatusView {
    let mut nodes: Vec<_> = world
        .nodes
        .values()
        .map(|node| StatusNode {
            hostname: node.hostname.clone(),
            role: node.role.to_string(),
            state: node.state.to_string(),
            availability: node.availability.to_string(),
        })
        .collect();
    nodes.sort_by(|a, b| a.hostname.cmp(&b.hostname));
    let shown = world.services.values().filter(|service| only.is_none_or(|only| GroupKey::of(service) == *only));
    let mut services: Vec<(HealthState, StatusService)> = shown
        .filter_map(|service| Some((service, world.health(&service.id)?)))
        .map(|(service, health)| (health.state, row(service, health)))
        .collect();
    services.sort_by(|(a_state, a), (b_state, b)| {
        (a_state, &a.group, &a.member, &a.name).cmp(&(b_state, &b.group, &b.member, &b.name))
    });
    StatusView { cluster: cluster.to_owned(), nodes, services: services.into_iter().map(|(_, row)| row).collect() }
}

fn row(service: &Service, health: &Health) -> StatusService {
    let error = health.error.as_ref().map(|error| error.text.clone()).or_else(|| health.waits.clone());
    StatusService {
        name: service.name.clone(),
        group: GroupKey::of(service).to_string(),
        member: member_of(service),
        image: service.image().to_owned(),
        digest: digest_of(service.image()),
        running: health.running,
        desired: health.desired,
        state: health.state.label().to_owned(),
        error: error.filter(|_| health.state.is_trouble()),
    }
}

fn text(out: &Out, status: &StatusView) {
    let mut rows = vec![["NODE", "ROLE", "STATE", "AVAILABILITY"].map(str::to_owned).to_vec()];
    for node in &status.nodes {
        rows.push(vec![node.hostname.clone(), node.role.clone(), node.state.clone(), node.availability.clone()]);
    }
    out.table(&rows);
    out.line("");
    let mut rows = vec![["STATE", "SERVICE", "TASKS", "IMAGE"].map(str::to_owned).to_vec()];
    for service in &status.services {
        rows.push(vec![
            service.state.clone(),
            service.name.clone(),
            format!("{}/{}", service.running, service.desired),
            out::short(&service.image),
        ]);
        if let Some(error) = &service.error {
            rows.push(vec![String::new(), format!("  ↳ {error}")]);
        }
    }
    out.table(&rows);
}
