//! The demo clusters through the verbs: they show each kind of finding that a new user should see.

use pinnace_engine::versions::VersionManifestLoader;
use swarm_sim::{HUB as REGISTRY, demo_world};

use super::*;

/// Returns the demo's first cluster with an operator.
fn demo() -> (Swarm, Operator) {
    let mut clusters = demo_world(outside()).unwrap();
    let swarm = Swarm { sim: Sim::start(clusters.remove(0).world, 1.0) };
    let mut operator = swarm.at("mgr-1");
    operator.given.cluster =
        operator.given.cluster.clone().with_versions(VersionManifestLoader::built_in(&format!("{REGISTRY}/pgedge")));
    (swarm, operator)
}

/// Returns the sorted codes of the findings about a group with these pins.
async fn codes(operator: &Operator, args: &[&str]) -> Vec<String> {
    let said = operator.run(&[&["check"], args, &["--json"]].concat()).await;
    let found = said.json();
    let mut codes: Vec<String> =
        found["findings"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap().to_owned()).collect();
    codes.sort();
    codes.dedup();
    codes
}

#[tokio::test(start_paused = true)]
async fn there_is_something_to_remark_in_the_demo_and_not_too_much() {
    let (_swarm, operator) = demo();
    let pin = |image: &str| format!("n1={REGISTRY}/pgedge/{image}");
    let (good, extension) = (pin("pgedge-postgres:17.10-spock5.0.10-standard-1"), pin("pg_trickle-ext:0.2.0"));
    let all: &[(&[&str], &[&str])] = &[
        (&["ledger", "--pin", &good], &["equals-manifest", "newer-version", "will-be-overwritten"]),
        (
            &["ledger", "--pin", &extension],
            &["differs-from-manifest", "newer-version", "no-command", "will-be-overwritten"],
        ),
        (&["ledger"], &["newer-version"]),
        (&["tickets"], &["newer-build", "newer-version"]),
        (&["storefront"], &["newer-version"]),
        (&["shop"], &["base-outdated", "runs-by-tag", "tag-moved"]),
        (&["backup"], &["digest-gone"]),
        (&["cron-box"], &[]),
    ];
    for (args, wanted) in all {
        assert_eq!(codes(&operator, args).await, *wanted, "{args:?}");
    }
}
