//! The swarms under test: the simulated one and the lab's.

use std::process::Command;
use std::sync::Arc;

use swarm_sim::{Scenario, Sim, parse_time};

/// The simulated registry without a login.
pub const REGISTRY: &str = "10.0.0.1:5000";

/// The images of the scenarios, by tag.
const IMAGES: &[(&str, &str)] = &[
    ("v1", "sleep"),
    ("v2", "sleep"),
    ("v3", "sleep"),
    ("late", "exit-after:1:7"),
    ("crash", "exit-after:0.3:1"),
    ("unhealthy", "unhealthy"),
    ("healthy", "healthy-after:1"),
    ("oneshot", "oneshot"),
];

/// A registry that requires a login.
#[derive(Clone)]
pub struct Private {
    pub host: String,
    pub user: String,
    pub password: String,
}

/// The lab's swarm and registries.
pub struct LabTarget {
    pub socket: String,
    pub registry: String,
    pub private: Private,
}

/// Pushes an image to a lab registry.
pub fn push(options: &[&str]) {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/images.py");
    let done = Command::new("python3").arg(&script).arg("push").args(options).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

impl LabTarget {
    /// Returns the lab if it is up, after pushing the images.
    pub fn find() -> Option<Self> {
        let var = |name: &str| std::env::var(name).ok();
        let (Some(host), Some(registry), Some(private)) =
            (var("DOCKER_HOST"), var("PINNACE_LAB_REGISTRY"), var("PINNACE_LAB_AUTH_REGISTRY"))
        else {
            println!("left out: the lab is not up");
            return None;
        };
        for (tag, behaviour) in IMAGES {
            push(&[&format!("{registry}/conf/app:{tag}"), "--behaviour", behaviour, "--label", &format!("tag={tag}")]);
        }
        let (amd, arm) = (["--platform", "linux/amd64"], ["--platform", "linux/arm64/v8"]);
        let index = format!("{registry}/conf/app:index");
        push(&[&[index.as_str(), "--index", "oci", "--attestation"][..], &amd, &arm].concat());
        push(&[&[format!("{registry}/conf/app:arm").as_str(), "--index", "oci"][..], &arm].concat());
        push(&[&format!("{registry}/conf/app:oci"), "--format", "oci"]);
        let private = Private {
            host: private,
            user: var("PINNACE_LAB_AUTH_USER").unwrap_or_default(),
            password: var("PINNACE_LAB_AUTH_PASSWORD").unwrap_or_default(),
        };
        Some(Self { socket: host.trim_start_matches("unix://").to_owned(), registry, private })
    }
}

/// Returns a simulated swarm with the same images.
pub fn simulated() -> (Arc<Sim>, Private) {
    let private =
        Private { host: "10.0.0.1:5001".to_owned(), user: "pinnace".to_owned(), password: "s3cret?>~".to_owned() };
    let mut text = format!(
        "start = \"2026-11-20T08:00:00Z\"\n[[registry]]\nname = \"{REGISTRY}\"\ninsecure = true\n[[registry]]\n\
         name = \"{}\"\ninsecure = true\nuser = \"{}\"\npassword = \"{}\"\n",
        private.host, private.user, private.password
    );
    text.extend((1..=3).map(|node| format!("[[node]]\nname = \"node-{node}\"\nmanager = true\n")));
    let image = |tag: &str, rest: &str| format!("[[image]]\nref = \"{REGISTRY}/conf/app:{tag}\"\n{rest}\n");
    text.extend(IMAGES.iter().map(|(tag, behaviour)| image(tag, &format!("behaviour = \"{behaviour}\""))));
    text.push_str(&image(
        "index",
        "platforms = [\"linux/amd64\", \"linux/arm64/v8\"]\nindex = \"oci\"\nattestation = true",
    ));
    text.push_str(&image("arm", "platforms = [\"linux/arm64/v8\"]\nindex = \"oci\""));
    text.push_str(&image("oci", "oci = true"));
    let (world, _) = Scenario::read(&text).unwrap().world(parse_time("2026-11-20").unwrap()).unwrap();
    (Sim::start(world, 1.0), private)
}
