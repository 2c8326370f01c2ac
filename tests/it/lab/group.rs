//! Groups of services that belong to one test and are removed with it.

use base64::Engine as _;
use serde_json::{Value, json};

use super::{Engine, Lab, name, wait_for};

/// One second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// A database, stack or service of one test. Dropping it removes its services and its journal entries.
#[derive(Debug)]
pub struct Group {
    /// The selector, `kind/name`.
    pub text: String,
    /// The name without the kind.
    pub name: String,
    /// The names of its services, in creation order.
    pub services: Vec<String>,
    engine: Engine,
}

impl Group {
    /// Creates a group with a unique name; `specs` returns its service specs.
    pub fn new(lab: &Lab, kind: &str, specs: impl FnOnce(&str) -> Vec<Value>) -> Self {
        Self::named(lab, kind, name(kind), specs)
    }

    /// Creates a group with the given name.
    pub fn named(lab: &Lab, kind: &str, name: String, specs: impl FnOnce(&str) -> Vec<Value>) -> Self {
        let engine = lab.engine(1);
        let mut group = Self { text: format!("{kind}/{name}"), name, services: Vec::new(), engine };
        for spec in specs(&group.name) {
            group.services.push(spec["Name"].as_str().unwrap().to_owned());
            group.engine.post("/services/create", &spec.to_string());
        }
        group
    }

    /// Returns a group whose services exist already.
    pub fn known(lab: &Lab, kind: &str, name: &str, services: Vec<String>) -> Self {
        Self { text: format!("{kind}/{name}"), name: name.to_owned(), services, engine: lab.engine(1) }
    }

    /// Creates a database as the control plane does: db node `n1` on three hosts, `n2` on one, and a support service.
    pub fn database(lab: &Lab, image: &str) -> Self {
        let group = Self::new(lab, "database", |name| {
            let support = support(lab, name, &format!("{}/mcp:1.0.0", lab.registry));
            let instances = [("n1", 1), ("n1", 2), ("n1", 3), ("n2", 3)];
            let instances = instances.iter().map(|(member, host)| instance(lab, name, member, *host, image));
            instances.chain([support]).collect()
        });
        group.wait_until_up();
        group
    }

    /// Creates a stack of services with one task each.
    pub fn stack(lab: &Lab, parts: &[(&str, &str)]) -> Self {
        let group = Self::new(lab, "stack", |name| {
            parts.iter().map(|(service, image)| part(name, service, image, 1)).collect()
        });
        group.wait_until_up();
        group
    }

    /// Waits until all desired tasks run.
    pub fn wait_until_up(&self) {
        for service in &self.services {
            let spec: Value = serde_json::from_str(&self.engine.spec(service)).unwrap();
            let replicas = spec["Mode"]["Replicated"]["Replicas"].as_u64().unwrap_or(1);
            wait_for(&format!("the tasks of {service}"), 60, || {
                (self.engine.running(service).len() as u64 == replicas).then_some(())
            });
        }
    }

    /// Records what runs, as an operator does after a deploy: from then on it is known to have run.
    pub fn record(&self, lab: &Lab) {
        let program = lab.program(1);
        wait_for("what runs, recorded", 60, || {
            let said = program.run(&["record", &self.text, "--json"]);
            let is_stable = said.code == Some(0) && said.json()["unstable"].as_array().is_some_and(Vec::is_empty);
            is_stable.then_some(())
        });
    }

    /// Returns the specs of its services, byte for byte.
    pub fn specs(&self) -> Vec<String> {
        self.services.iter().map(|service| self.engine.spec(service)).collect()
    }

    /// Returns ids and images of its running tasks, by service.
    pub fn tasks(&self) -> Vec<Vec<(String, String)>> {
        self.services.iter().map(|service| self.engine.running(service)).collect()
    }

    /// Returns its journal slots, ordered by number: state, unit letters, announced update.
    pub fn slots(&self) -> Vec<(String, String, String)> {
        let mut slots: Vec<_> = self.engine.list("configs", &[("label", "pinnace.v")]);
        slots.retain(|slot| slot["Spec"]["Labels"]["pinnace.text"] == self.text.as_str());
        slots.sort_by_key(|slot| slot["CreatedAt"].as_str().map(str::to_owned));
        let label = |slot: &Value, key: &str| slot["Spec"]["Labels"][key].as_str().unwrap_or("?").to_owned();
        let line =
            |slot: &Value| (label(slot, "pinnace.state"), label(slot, "pinnace.units"), label(slot, "pinnace.post"));
        slots.iter().map(line).collect()
    }

    fn remove_journal(&self) {
        let (status, body) = self.engine.ask("GET", "/configs", "");
        let all: Vec<Value> = if status == 200 { serde_json::from_str(&body).unwrap_or_default() } else { Vec::new() };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let ours = |config: &&Value| {
            let spec = &config["Spec"];
            let data = base64::engine::general_purpose::STANDARD.decode(text(&spec["Data"])).unwrap_or_default();
            let data: Value = serde_json::from_slice(&data).unwrap_or_default();
            spec["Labels"]["pinnace.text"] == self.text.as_str() || data["plan"]["group"] == self.text.as_str()
        };
        let mut changes = Vec::new();
        for config in all.iter().filter(ours) {
            let name = text(&config["Spec"]["Name"]);
            changes.extend(name.strip_prefix("pinnace.r.").map(|change| format!("pinnace.l.{change}.")));
            self.engine.ask("DELETE", &format!("/configs/{}", text(&config["ID"])), "");
        }
        for config in &all {
            if changes.iter().any(|log| text(&config["Spec"]["Name"]).starts_with(log)) {
                self.engine.ask("DELETE", &format!("/configs/{}", text(&config["ID"])), "");
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for service in &self.services {
            self.engine.ask("DELETE", &format!("/services/{service}"), "");
        }
        self.remove_journal();
    }
}

fn node_id(lab: &Lab, host: usize) -> String {
    let nodes = lab.engine(1).get("/nodes");
    let hostname = format!("node-{host}");
    let here =
        |node: &&Value| node["Description"]["Hostname"] == hostname.as_str() && node["Status"]["State"] == "ready";
    nodes.as_array().unwrap().iter().find(here).unwrap()["ID"].as_str().unwrap().to_owned()
}

/// Returns a health check that passes, with generous limits for busy machines.
fn health() -> Value {
    json!({"Test": ["CMD-SHELL", "curl -f http://localhost:8080/"], "Interval": SECOND / 2, "Timeout": 60 * SECOND,
        "StartPeriod": 10 * SECOND, "Retries": 120})
}

/// Returns the spec of a db node instance, as the control plane writes it.
pub fn instance(lab: &Lab, database: &str, member: &str, host: usize, image: &str) -> Value {
    let id = format!("{database}-{member}-h{host}");
    let labels = json!({"pgedge.component": "postgres", "pgedge.database.id": database, "pgedge.node.name": member,
        "pgedge.host.id": format!("host-{host}"), "pgedge.instance.id": id});
    let folder = lab.folder.join(format!("host-{host}/instances/{id}"));
    let mount = |name: &str, read_only: bool| {
        let source = folder.join(name);
        std::fs::create_dir_all(&source).unwrap();
        json!({"Type": "bind", "Source": source, "Target": format!("/opt/pgedge/{name}"), "ReadOnly": read_only})
    };
    json!({
        "Name": format!("postgres-{id}"),
        "Labels": labels,
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": image, "Labels": labels, "Hostname": format!("postgres-{id}"),
                "Command": ["/usr/local/bin/patroni"], "Args": ["/opt/pgedge/configs/patroni.yaml"],
                "Env": ["PATRONICTL_CONFIG_FILE=/opt/pgedge/configs/patroni.yaml", "ODD=<&>\u{2028}"],
                "StopSignal": "SIGTERM",
                "Mounts": [mount("data", false), mount("configs", true), mount("certificates", true)],
                "Healthcheck": health(),
            },
            "Resources": {"Limits": {}},
            "Placement": {"Constraints": [format!("node.id=={}", node_id(lab, host))]},
            "Networks": [{"Target": "bridge"}],
        },
        "EndpointSpec": {"Mode": "vip"},
    })
}

fn support(lab: &Lab, database: &str, image: &str) -> Value {
    let id = format!("{database}-mcp-h1");
    let labels = json!({"pgedge.component": "service", "pgedge.database.id": database, "pgedge.host.id": "host-1",
        "pgedge.service.id": "mcp", "pgedge.service.instance.id": id});
    json!({
        "Name": id,
        "Labels": labels,
        "TaskTemplate": {
            "ContainerSpec": {"Image": image, "Labels": labels, "Hostname": id, "Healthcheck": health()},
            "Placement": {"Constraints": [format!("node.id=={}", node_id(lab, 1))]},
            "Networks": [{"Target": "bridge"}],
        },
        "EndpointSpec": {"Mode": "vip"},
    })
}

/// Returns the spec of a stack's service.
pub fn part(stack: &str, service: &str, image: &str, replicas: u64) -> Value {
    let namespace = json!({"com.docker.stack.namespace": stack});
    json!({
        "Name": format!("{stack}_{service}"),
        "Labels": {"com.docker.stack.namespace": stack, "com.docker.stack.image": image},
        "TaskTemplate": {
            "ContainerSpec": {"Image": image, "Labels": namespace, "Env": ["PART=<&>"], "Healthcheck": health()},
            "Resources": {},
        },
        "Mode": {"Replicated": {"Replicas": replicas}},
        "EndpointSpec": {"Mode": "vip"},
    })
}
