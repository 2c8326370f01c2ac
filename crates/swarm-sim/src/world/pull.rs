//! Image pulls: from the node's own images, else from a registry.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::World;
use super::images::{Behaviour, Manifest, Reference, reference};
use super::model::{Id, MILLI, Nanos, SECOND, Task};
use super::spec::architecture;

/// The result of a pull.
pub(super) enum Pulled {
    /// The node has the image with this digest.
    Has(Arc<str>),
    /// The pull failed; the reason is only in the node's daemon log.
    Not,
}

/// The reason why a registry lookup failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullError {
    /// The registry is unreachable; the engine's error text.
    Unreachable(String),
    /// Credentials are required and were not sent.
    NoLogin,
    /// The credentials were rejected.
    WrongLogin,
    /// The image does not exist.
    NotFound,
}

/// The engine's and the nodes' view of an image, where it differs from the registry's: behind a caching
/// mirror, another route or another login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeView {
    /// Another image, by its reference.
    Replaced(String),
    /// A failed lookup.
    Failed(PullError),
}

/// Decodes user and password from `X-Registry-Auth`; `None` if it is unreadable, which the engine silently ignores.
pub fn login(header: &str, minor: u32) -> Option<(String, String)> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let safe = GeneralPurpose::new(&alphabet::URL_SAFE, config);
    let standard = GeneralPurpose::new(&alphabet::STANDARD, config);
    let bytes = match safe.decode(header) {
        Ok(bytes) => bytes,
        // Newer engines accept only the URL-safe alphabet.
        Err(_) if minor < 43 => standard.decode(header).ok()?,
        Err(_) => return None,
    };
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (user, password) = (text("username"), text("password"));
    (!user.is_empty()).then_some((user, password))
}

impl World {
    /// Looks up a reference as the engine does, with the given credentials.
    pub fn look(&self, wanted: &Reference, auth: Option<&str>) -> Result<&Manifest, PullError> {
        if let Some(why) = self.unreachable.get(&wanted.host) {
            return Err(PullError::Unreachable(why.clone()));
        }
        match self.engine_sees.get(&wanted.to_string()) {
            Some(NodeView::Failed(silence)) => return Err(silence.clone()),
            Some(NodeView::Replaced(other)) => {
                let other = reference(other).and_then(|other| self.registries.get(&other.host)?.find(&other));
                return other.ok_or(PullError::NotFound);
            }
            None => {}
        }
        let Some(registry) = self.registries.get(&wanted.host) else {
            let host = match wanted.host.as_str() {
                "docker.io" => "registry-1.docker.io",
                host => host,
            };
            let name = host.split(':').next().unwrap_or(host);
            let is_address = name.chars().all(|c| c.is_ascii_digit() || c == '.');
            return Err(PullError::Unreachable(if is_address {
                format!("dial tcp {host}: connect: connection refused")
            } else {
                format!("dial tcp: lookup {name} on 127.0.0.53:53: no such host")
            }));
        };
        if let Some(known) = &registry.login {
            match auth.and_then(|auth| login(auth, self.engine.minor)) {
                None => return Err(PullError::NoLogin),
                Some(given) if given != *known => return Err(PullError::WrongLogin),
                Some(_) => {}
            }
        }
        registry.find(wanted).ok_or(PullError::NotFound)
    }

    /// Pulls a task's image to its node, or finds that the node has it.
    pub(super) fn pull(&mut self, id: &Id) -> Pulled {
        let Some(task) = self.tasks.get(id) else { return Pulled::Not };
        let Some(named) = task.spec.named.clone() else { return Pulled::Not };
        let Some(node) = task.node.clone() else { return Pulled::Not };
        let key = named.to_string();
        let held = self.nodes.get(&node).and_then(|node| node.images.get(&key)).cloned();
        if let (Some(held), true) = (&held, named.digest.is_some()) {
            return Pulled::Has(Arc::clone(held));
        }
        let own = self.nodes.get(&node).map(|node| architecture(&node.architecture).to_owned()).unwrap_or_default();
        let found = self.look(&named, task.spec.auth.as_deref()).ok().filter(|manifest| {
            // The platform of a single manifest is not checked; an index must list the node's platform.
            manifest.platforms.as_ref().is_some_and(|platforms| platforms.len() == 1 && manifest.runs_on.len() == 1)
                && !manifest.media_type.contains("index")
                && !manifest.media_type.contains("list")
                || manifest.platforms.is_none()
                || manifest.runs_on.iter().any(|platform| platform.split('/').nth(1) == Some(own.as_str()))
        });
        match (found.map(|manifest| Arc::clone(&manifest.digest)), held) {
            (Some(digest), _) => {
                if let Some(node) = self.nodes.get_mut(&node) {
                    node.images.insert(key, Arc::clone(&digest));
                }
                Pulled::Has(digest)
            }
            // If the registry fails, the node silently runs the image that it still has under that tag.
            (None, Some(held)) => Pulled::Has(held),
            (None, None) => Pulled::Not,
        }
    }

    /// Removes an image from all nodes, as a prune on a full disk does. Running tasks are not affected.
    pub fn prune(&mut self, repository: &Reference, digest: &str) {
        let of_it = format!("{}/{}", repository.host, repository.repository);
        for node in self.nodes.values_mut() {
            let rest = |name: &str| name.strip_prefix(&of_it).is_some_and(|rest| rest.starts_with([':', '@']));
            node.images.retain(|name, held| !(rest(name) && **held == *digest));
        }
    }

    /// Returns the time that a pull takes.
    pub(super) fn pull_time(&self, task: &Task) -> Nanos {
        let Some(named) = &task.spec.named else { return 50 * MILLI };
        let known = self.registries.contains_key(&named.host);
        let slow = self.unreachable.get(&named.host).is_some_and(|why| why.contains("i/o timeout"));
        match (known, slow) {
            (_, true) => 40 * SECOND,
            (true, false) => 110 * MILLI,
            (false, false) => 150 * MILLI,
        }
    }

    /// Finds the manifest with this digest in the repository of a task's image.
    fn image_of(&self, task: &Task, digest: &str) -> Option<&Manifest> {
        let named = task.spec.named.as_ref()?;
        self.registries.get(&named.host)?.repositories.get(&named.repository)?.manifests.get(digest)
    }

    /// Returns true if neither the task's spec nor the image has a command.
    pub(super) fn has_no_command(&self, task: &Task, digest: &str) -> bool {
        let says =
            |key: &str| task.spec.container(key).and_then(Value::as_array).is_some_and(|words| !words.is_empty());
        self.image_of(task, digest).is_some_and(|image| !image.has_command) && !says("Command") && !says("Args")
    }

    /// Returns the behaviour of a task's container, given by its image.
    pub(super) fn behaviour(&self, task: &Task) -> Behaviour {
        if task.spec.named.is_none() {
            return Behaviour::NoProgram;
        }
        let manifest = task.runs.as_ref().and_then(|digest| self.image_of(task, digest));
        let Some(manifest) = manifest else { return Behaviour::Run { code: 0 } };
        let node = task.node.as_ref().and_then(|node| self.nodes.get(node));
        let own = node.map_or("amd64", |node| architecture(&node.architecture));
        if manifest.runs_on.iter().any(|platform| platform.split('/').nth(1) == Some(own)) {
            manifest.behaviour.clone()
        } else {
            // The kernel's `exec format error`: the image is for another architecture.
            Behaviour::Exit { after: 100 * MILLI, code: 1 }
        }
    }
}
