//! The scripts: lists of commands.

use super::Cli;
use super::text::Show::{End, Nodes, Plain, Slots, Sorted, Stacks, Steps};

/// Creates a service with two tasks, updated one after the other; a bad task fails in the delay between them.
async fn create(cli: &mut Cli, more: &[&str]) {
    let (service, image, label) =
        (cli.service.clone(), cli.image("v1"), format!("com.docker.stack.namespace={}", cli.stack));
    let timing = ["--rollback-monitor", "2s", "--update-parallelism", "1"];
    let fixed = ["service", "create", "--detach=false", "--name", &service, "--replicas", "2", "--label", &label];
    let rest = ["--rollback-delay", "1s"];
    cli.run(End, &[&fixed[..], &timing, &rest, more, &[&image]].concat()).await;
}

pub(super) async fn good(cli: &mut Cli) {
    let (service, stack, two) = (cli.service.clone(), cli.stack.clone(), cli.image("v2"));
    cli.run(Nodes, &["node", "ls"]).await;
    create(cli, &["--update-delay", "1s", "--update-monitor", "2s"]).await;
    cli.run(Plain, &["service", "ls", "--filter", &format!("name={service}")]).await;
    cli.run(Slots, &["service", "ps", "--no-trunc", &service]).await;
    cli.run(Plain, &["service", "inspect", &service]).await;
    cli.run(Plain, &["service", "inspect", "--pretty", &service]).await;
    cli.run(Steps, &["service", "update", "--detach=false", "--image", &two, &service]).await;
    cli.settle(0).await;
    cli.run(Slots, &["service", "ps", "--no-trunc", &service]).await;
    cli.run(Plain, &["service", "inspect", "--pretty", &service]).await;
    cli.run(Steps, &["service", "rollback", "--detach=false", &service]).await;
    cli.settle(0).await;
    cli.run(Plain, &["service", "inspect", &service]).await;
    cli.run(Plain, &["service", "inspect", "--pretty", &service]).await;
    cli.run(Sorted, &["service", "logs", "--no-trunc", "--tail", "1", &service]).await;
    cli.run(Stacks(stack.clone()), &["stack", "ls"]).await;
    cli.run(Plain, &["stack", "services", &stack]).await;
    cli.run(Slots, &["stack", "ps", "--no-trunc", &stack]).await;
    cli.run(Plain, &["service", "inspect", "nosuch"]).await;
    cli.run(Plain, &["service", "update", "--image", &two, "nosuch"]).await;
    cli.run(Plain, &["service", "rm", &service]).await;
}

/// Creates a service whose next task fails within the delay after it. A failed task stays
/// down for the rest of the script.
async fn create_pausing(cli: &mut Cli) {
    let failing = ["--update-delay", "3s", "--update-monitor", "2s", "--update-failure-action", "pause"];
    create(cli, &[&failing[..], &["--restart-delay", "300s"]].concat()).await;
}

pub(super) async fn pauses(cli: &mut Cli) {
    let (service, crash) = (cli.service.clone(), cli.image("crash"));
    create_pausing(cli).await;
    cli.run(End, &["service", "update", "--detach=false", "--image", &crash, &service]).await;
    cli.settle(1).await;
    cli.run(Slots, &["service", "ps", "--no-trunc", &service]).await;
    cli.run(Plain, &["service", "inspect", "--pretty", &service]).await;
    cli.run(Plain, &["service", "ls", "--filter", &format!("name={service}")]).await;
    cli.run(End, &["service", "rollback", "--detach=false", &service]).await;
    cli.settle(0).await;
    cli.run(Slots, &["service", "ps", "--no-trunc", &service]).await;
    cli.run(Plain, &["service", "inspect", "--pretty", &service]).await;
    cli.run(Plain, &["service", "rm", &service]).await;
}

pub(super) async fn rolled_back(cli: &mut Cli) {
    let (service, crash) = (cli.service.clone(), cli.image("crash"));
    let failing = ["--update-delay", "3s", "--update-monitor", "2s", "--update-failure-action", "rollback"];
    create(cli, &[&failing[..], &["--restart-delay", "2s"]].concat()).await;
    cli.run(End, &["service", "update", "--detach=false", "--image", &crash, &service]).await;
    cli.settle(0).await;
    cli.run(Slots, &["service", "ps", "--no-trunc", &service]).await;
    cli.run(Plain, &["service", "inspect", &service]).await;
    cli.run(Plain, &["service", "inspect", "--pretty", &service]).await;
    cli.run(Plain, &["service", "rollback", "--detach=false", &service]).await;
    cli.run(Plain, &["service", "rm", &service]).await;
}

pub(super) async fn missing(cli: &mut Cli) {
    let (service, missing) = (cli.service.clone(), cli.image("missing"));
    create_pausing(cli).await;
    cli.run(End, &["service", "update", "--detach=false", "--image", &missing, &service]).await;
    cli.settle(1).await;
    cli.run(Slots, &["service", "ps", "--no-trunc", &service]).await;
    cli.run(Plain, &["service", "rm", &service]).await;
}
