//! Remediations for a task that stays pending, and for one that failed.
//!
//! The matched texts are those of swarmkit's scheduler (`manager/scheduler/filter.go`), of its container
//! executor, and of this crate's own judgements.

/// Returns the remediation for a unit that neither fails nor converges, by the reason it waits for.
pub fn stuck(waits: &str) -> &'static str {
    const KNOWN: [(&str, &str); 13] = [
        (
            "scheduling constraints not satisfied",
            "activate a node that its constraints match (`docker node update --availability active NODE`), or add the \
             required label to a node",
        ),
        ("not available for new tasks", "activate the node: `docker node update --availability active NODE`"),
        ("insufficient resources", "free CPU or memory on its nodes, or lower its reservations"),
        ("unsupported platform", "pin an image that is built for its nodes' platform"),
        ("host-mode port already in use", "free the port on its nodes: another program, or its old task, uses it"),
        ("max replicas per node", "add a node, or raise the service's maximum of tasks per node"),
        ("missing plugin", "install the volume or network driver that it uses on its nodes"),
        ("accepts no new tasks", "activate the node: `docker node update --availability active NODE`"),
        ("does not respond", "check the node and its network: `docker node ls`"),
        ("pulling the image", "check that node's connection to the registry: speed and name resolution"),
        ("health check", "its health check does not pass: look at its logs and at the check's command"),
        ("to stop", "its old process does not end: the engine kills it after the service's stop grace period"),
        ("monitor period", "nothing to do: the engine waits for the service's monitor period and delay"),
    ];
    let known = KNOWN.iter().find(|(words, _)| waits.contains(words));
    known.map_or("look at the service's tasks, and at the logs of the node's engine", |(_, helps)| helps)
}

/// Returns the remediation for a failure, by the task's own error.
pub fn after(why: &str) -> &'static str {
    const KNOWN: [(&str, &str); 8] = [
        ("No such image", "the node could not get the image: run `pinnace check` for the likely reason"),
        ("unhealthy", "its health check fails: look at the service's logs"),
        ("(137)", "it was killed, possibly out of memory: look at its logs and its memory limit"),
        ("non-zero exit", "the program exited: look at the service's logs"),
        ("exited with code 0", "the program exited: look at the service's logs"),
        ("bind source path does not exist", "create that folder on the node, or run the service where it exists"),
        ("unable to find user", "set a user that exists in the image"),
        ("no longer meets constraints", "check the node's labels and availability: `docker node inspect NODE`"),
    ];
    let starts = |why: &str| why.contains("starting container failed");
    let known = KNOWN.iter().find(|(words, _)| why.contains(words));
    match known {
        Some((_, helps)) => helps,
        None if starts(why) => "the image lacks what the service's command needs: look at its entry point",
        None => "look at the service's tasks and logs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_the_scheduler_has_its_help() {
        let other = stuck("something new");
        for reason in [
            "no suitable node (scheduling constraints not satisfied on 3 nodes)",
            "no suitable node (1 node not available for new tasks)",
            "no suitable node (insufficient resources on 3 nodes)",
            "no suitable node (unsupported platform on 3 nodes)",
            "no suitable node (host-mode port already in use on 3 nodes)",
            "no suitable node (max replicas per node limit exceed)",
            "no suitable node (missing plugin on 3 nodes)",
        ] {
            assert_ne!(stuck(reason), other, "{reason}");
        }
    }

    #[test]
    fn every_known_failure_has_its_help() {
        let other = after("something new");
        for why in [
            "rejected: No such image: r/a:1",
            "failed: task: non-zero exit (1)",
            "failed: task: non-zero exit (137): dockerexec: unhealthy container",
            "failed: starting container failed: failed to create shim task: OCI runtime create failed",
            "rejected: invalid mount config for type \"bind\": bind source path does not exist: /nosuch/dir",
            "failed: starting container failed: unable to find user nosuchuser",
            "rejected: assigned node no longer meets constraints",
        ] {
            assert_ne!(after(why), other, "{why}");
        }
        assert!(after("task: non-zero exit (137): dockerexec: unhealthy container").contains("health check"));
    }
}
