//! Placement: the nodes that satisfy the constraints of a service.
//!
//! The operators and keys are those of swarmkit's `constraint` package: `==` and `!=`, compared without case.

use crate::swarm::{Node, Service};

/// Returns whether a node satisfies all constraints. A constraint that is not understood counts as satisfied.
pub(crate) fn satisfies(node: &Node, constraints: &[String]) -> bool {
    constraints.iter().all(|constraint| holds(node, constraint).unwrap_or(true))
}

/// Returns the nodes that satisfy a service's constraints, ready or not.
pub fn candidates<'a>(service: &Service, nodes: impl Iterator<Item = &'a Node>) -> Vec<&'a Node> {
    nodes.filter(|node| satisfies(node, &service.constraints)).collect()
}

fn holds(node: &Node, constraint: &str) -> Option<bool> {
    let (key, equal, wanted) = match (constraint.split_once("=="), constraint.split_once("!=")) {
        (Some((key, wanted)), _) => (key.trim(), true, wanted.trim()),
        (None, Some((key, wanted))) => (key.trim(), false, wanted.trim()),
        (None, None) => return None,
    };
    let label =
        |labels: &std::collections::BTreeMap<String, String>, name: &str| labels.get(name).cloned().unwrap_or_default();
    let actual = match key.to_lowercase().as_str() {
        "node.id" => node.id.clone(),
        "node.hostname" => node.hostname.clone(),
        "node.role" => node.role.as_str().to_owned(),
        "node.platform.os" => node.platform.os.clone(),
        "node.platform.arch" => {
            let wanted = crate::image::Platform::new("", wanted).architecture;
            return Some((wanted == node.platform.architecture) == equal);
        }
        "node.ip" => {
            if wanted.contains('/') {
                return None;
            }
            node.address.clone()
        }
        lower if lower.starts_with("node.labels.") => label(&node.labels, &key["node.labels.".len()..]),
        lower if lower.starts_with("engine.labels.") => label(&node.engine_labels, &key["engine.labels.".len()..]),
        _ => return None,
    };
    Some((actual.to_lowercase() == wanted.to_lowercase()) == equal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn constraints() {
        let mut node = sample::node("mgr-1");
        node.labels.insert("disk".into(), "ssd".into());
        for (constraint, fits) in [
            ("node.hostname==MGR-1", true),
            ("node.hostname!=mgr-1", false),
            ("node.id == mgr-1-id", true),
            ("node.labels.disk==ssd", true),
            ("node.labels.none!=x", true),
            ("node.labels.none==x", false),
            ("node.role==worker", false),
            ("node.platform.arch==x86_64", true),
            ("something.new==1", true),
        ] {
            assert_eq!(satisfies(&node, &[constraint.to_owned()]), fits, "{constraint}");
        }
    }
}
