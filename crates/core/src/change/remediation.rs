//! Remediations for a task that stays pending, and for one that failed.
//!
//! The matched texts are those of swarmkit's scheduler (`manager/scheduler/filter.go`), of its container
//! executor, and of this crate's own judgements.

/// Returns the remediation for a unit that neither fails nor converges, by the reason it waits for.
pub fn stuck(waits: &str) -> &'static str {
    const KNOWN: [(&str, &str); 13] = [
        (
            "scheduling constraints not satisfied",
            "let a node that its constraints name take tasks (`docker node update --availability active NODE`), or give \
             one the label they ask for",
        ),
        ("not available for new tasks", "let the node take tasks: `docker node update --availability active NODE`"),
        ("insufficient resources", "free CPU or memory on its nodes, or lower what it reserves"),
        ("unsupported platform", "pin an image that is built for its nodes' platform"),
        ("host-mode port already in use", "free the port on its nodes: something else, or its old task, holds it"),
        ("max replicas per node", "add a node, or raise how many of its tasks may be on one"),
        ("missing plugin", "install the volume or network driver it names on its nodes"),
        ("takes no new tasks", "let the node take tasks: `docker node update --availability active NODE`"),
        ("not heard from", "bring the node back, or its network: `docker node ls`"),
        ("fetches the image", "look at that node's way to the registry: a slow line, or a name that does not resolve"),
        ("health check", "its health check does not pass: look at its logs and at what the check asks for"),
        ("to stop", "its old process does not end: the engine kills it after the service's stop grace period"),
        ("watches them", "nothing to do: the engine waits for the service's monitor time and delay"),
    ];
    let known = KNOWN.iter().find(|(words, _)| waits.contains(words));
    known.map_or("look at the service's tasks, and at the logs of the node's engine", |(_, helps)| helps)
}

/// Returns the remediation for a failure, by the task's own error.
pub fn after(why: &str) -> &'static str {
    const KNOWN: [(&str, &str); 8] = [
        ("No such image", "the node could not get the image: `pinnace check` tells why, as far as it shows from here"),
        ("unhealthy", "its health check fails: look at the service's logs"),
        ("(137)", "it was killed, as for want of memory: look at its logs, and at its limits on the node"),
        ("non-zero exit", "the program ended by itself: look at the service's logs"),
        ("ended by itself", "the program ended by itself: look at the service's logs"),
        ("bind source path does not exist", "make that folder on the node, or let it run where it is"),
        ("unable to find user", "the image does not know the service's user"),
        ("no longer meets constraints", "the node lost a label, or its place: `docker node inspect NODE`"),
    ];
    let starts = |why: &str| why.contains("starting container failed");
    let known = KNOWN.iter().find(|(words, _)| why.contains(words));
    match known {
        Some((_, helps)) => helps,
        None if starts(why) => "the image has not what the service's command asks for: look at its entry point",
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
