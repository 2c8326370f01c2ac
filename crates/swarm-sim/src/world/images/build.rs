//! Construction of an image from a recipe: layers, configuration, manifests and the index.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::layer::{Content, Layer, LayerFiles};
use super::recipe::{BaseLayers, Recipe, RecipeConfig};
use super::{Behaviour, DOCKER_LIST, DOCKER_MANIFEST, Manifest, OCI_INDEX, OCI_MANIFEST, Repository, digest};
use crate::world::time::rfc3339;

const BASE_NAME: &str = "org.opencontainers.image.base.name";
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
const CREATED: &str = "created";

/// A manifest that is not stored yet.
struct ManifestDraft {
    media_type: &'static str,
    body: Value,
    platforms: Option<Vec<(String, String, String)>>,
    runs_on: Vec<String>,
}

/// Splits a platform into OS, architecture and variant.
pub(super) fn parts(platform: &str) -> (String, String, String) {
    let mut words = platform.split('/').map(str::to_owned);
    (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next().unwrap_or_default())
}

fn platform_json(platform: &str) -> Value {
    let (os, architecture, variant) = parts(platform);
    let mut about = json!({ "architecture": architecture, "os": os });
    if !variant.is_empty() {
        about["variant"] = Value::String(variant);
    }
    about
}

impl Recipe {
    fn annotations(&self) -> BTreeMap<String, String> {
        let mut all = self.annotations.clone();
        if let Some(base) = self.base.as_ref().filter(|_| self.annotate_base) {
            all.insert(BASE_NAME.to_owned(), base.name.clone());
            all.insert(BASE_DIGEST.to_owned(), base.digest.clone());
        }
        all
    }

    fn is_indexed(&self) -> bool {
        self.index.is_some() || self.platforms.len() != 1 || self.attestation
    }

    /// Makes the image's own layers for a platform, on top of `below` bytes of base layers.
    fn own_layers(&self, platform: &str, below: u64) -> Vec<Layer> {
        let program = || {
            let text = format!("{}\n{}\n{platform}\n", self.behaviour, self.salt);
            vec![LayerFiles::from([("behave".to_owned(), Content::Text(text))])]
        };
        let files = if self.layers.is_empty() { program() } else { self.layers.clone() };
        let by = |nth: usize| self.config.history.get(nth).map_or("behave", String::as_str);
        let pack = |nth: usize, longer: usize| Layer::pack(&files[nth], longer, self.compression, self.oci, by(nth));
        let mut layers: Vec<Layer> = (0..files.len()).map(|nth| pack(nth, 0)).collect();
        let there = below + self.claimed + layers.iter().map(|layer| layer.size).sum::<u64>();
        // A tar consists of blocks and absorbs some bytes without growing.
        let longer = self.size.checked_sub(there).filter(|short| *short > 0).map_or(0, |short| short + 1024);
        let longer = usize::try_from(longer).unwrap_or(0);
        if let Some(last) = layers.last_mut().filter(|_| longer > 0) {
            *last = pack(files.len() - 1, longer);
        }
        if self.claimed > 0 {
            let seed = format!("{}\n{}\n{platform}", self.behaviour, self.salt);
            layers.push(Layer::claimed(self.claimed, &seed, self.compression, self.oci, by(files.len())));
        }
        layers
    }
}

/// Returns the member `config` of an image configuration.
fn config_json(config: &RecipeConfig) -> Value {
    let mut told = Map::new();
    let set = |keys: &[String]| keys.iter().map(|key| (key.clone(), json!({}))).collect::<Map<_, _>>();
    told.insert("Labels".to_owned(), json!(config.labels));
    for (key, list) in [("Entrypoint", &config.entrypoint), ("Cmd", &config.cmd), ("Env", &config.env)] {
        if !list.is_empty() {
            told.insert(key.to_owned(), json!(list));
        }
    }
    for (key, text) in [("User", &config.user), ("WorkingDir", &config.workdir), ("StopSignal", &config.stop_signal)] {
        if !text.is_empty() {
            told.insert(key.to_owned(), json!(text));
        }
    }
    for (key, list) in [("ExposedPorts", &config.ports), ("Volumes", &config.volumes)] {
        if !list.is_empty() {
            told.insert(key.to_owned(), Value::Object(set(list)));
        }
    }
    if !config.health.is_empty() {
        told.insert("Healthcheck".to_owned(), json!({ "Test": config.health }));
    }
    Value::Object(told)
}

impl Repository {
    pub(super) fn make(&mut self, recipe: &Recipe) -> Arc<str> {
        let children: Vec<(&String, Arc<str>)> =
            recipe.platforms.iter().map(|platform| (platform, self.single(recipe, platform))).collect();
        if let (false, Some((_, only))) = (recipe.is_indexed(), children.first()) {
            return Arc::clone(only);
        }
        let mut entries = Vec::new();
        let mut platforms = Vec::new();
        for (platform, digest) in &children {
            let child = self.manifests.get(digest);
            entries.push(json!({ "mediaType": child.map_or("", |child| child.media_type), "digest": digest.as_ref(),
                "size": child.map_or(0, |child| child.body.len()), "platform": platform_json(platform) }));
            platforms.push(parts(platform));
        }
        for (_, about) in children.iter().filter(|_| recipe.attestation) {
            let digest = self.attestation(about);
            entries.push(json!({ "mediaType": OCI_MANIFEST, "digest": digest.as_ref(),
                "size": self.manifests.get(&digest).map_or(0, |manifest| manifest.body.len()),
                "annotations": { "vnd.docker.reference.type": "attestation-manifest",
                    "vnd.docker.reference.digest": about.as_ref() },
                "platform": platform_json("unknown/unknown") }));
            platforms.push(parts("unknown/unknown"));
        }
        let media_type = if recipe.index.as_deref() == Some("docker") { DOCKER_LIST } else { OCI_INDEX };
        let mut body = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": entries });
        let annotations = recipe.annotations();
        if !annotations.is_empty() && recipe.annotate.at_index() {
            body["annotations"] = json!(annotations);
        }
        let runs_on = recipe.platforms.clone();
        self.keep(ManifestDraft { media_type, body, platforms: Some(platforms), runs_on }, recipe)
    }

    /// Makes and stores the manifest of one platform, with its configuration and layers.
    fn single(&mut self, recipe: &Recipe, platform: &str) -> Arc<str> {
        let nothing = BaseLayers::default();
        let under = recipe.base.as_ref().and_then(|base| base.under.get(platform)).unwrap_or(&nothing);
        let below = under.layers.iter().map(|layer| layer.size).sum();
        let own = recipe.own_layers(platform, below);
        let config = config_of(recipe, platform, under, &own);
        let (media_type, of_config) = if recipe.oci {
            (OCI_MANIFEST, "application/vnd.oci.image.config.v1+json")
        } else {
            (DOCKER_MANIFEST, "application/vnd.docker.container.image.v1+json")
        };
        let all = || under.layers.iter().chain(&own);
        let layers: Vec<Value> = all()
            .map(|layer| json!({ "mediaType": layer.media_type, "digest": layer.digest, "size": layer.size }))
            .collect();
        let mut body = json!({ "schemaVersion": 2, "mediaType": media_type,
            "config": { "mediaType": of_config, "digest": digest(&config), "size": config.len() }, "layers": layers });
        let annotations = recipe.annotations();
        if recipe.oci && !annotations.is_empty() && recipe.annotate.at_manifest(recipe.is_indexed()) {
            body["annotations"] = json!(annotations);
        }
        self.blobs.insert(digest(&config), config.into());
        for layer in all() {
            if let Some(blob) = &layer.blob {
                self.blobs.insert(layer.digest.clone(), blob.clone());
            }
        }
        let platforms = (!recipe.oci).then(|| vec![parts(platform)]);
        self.keep(ManifestDraft { media_type, body, platforms, runs_on: vec![platform.to_owned()] }, recipe)
    }

    /// Makes and stores a provenance attestation for the index (`BuildKit`'s attestation storage).
    fn attestation(&mut self, about: &str) -> Arc<str> {
        let hex = about.trim_start_matches("sha256:");
        let statement = json!({ "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": "https://slsa.dev/provenance/v0.2",
            "subject": [{ "name": "_", "digest": { "sha256": hex } }], "predicate": {} })
        .to_string()
        .into_bytes();
        let config = json!({ "architecture": "unknown", "os": "unknown", "config": {},
            "rootfs": { "type": "layers", "diff_ids": [digest(&statement)] } })
        .to_string()
        .into_bytes();
        let body = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config),
                "size": config.len() },
            "layers": [{ "mediaType": "application/vnd.in-toto+json", "digest": digest(&statement),
                "size": statement.len(),
                "annotations": { "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2" } }] });
        for blob in [statement, config] {
            self.blobs.insert(digest(&blob), blob.into());
        }
        let draft = ManifestDraft { media_type: OCI_MANIFEST, body, platforms: None, runs_on: Vec::new() };
        self.keep(draft, &Recipe::default())
    }

    fn keep(&mut self, draft: ManifestDraft, recipe: &Recipe) -> Arc<str> {
        let body = draft.body.to_string().into_bytes();
        let digest: Arc<str> = digest(&body).into();
        let manifest = Manifest {
            digest: Arc::clone(&digest),
            media_type: draft.media_type,
            body,
            platforms: draft.platforms,
            runs_on: draft.runs_on,
            behaviour: Behaviour::of(&recipe.behaviour).unwrap_or_default(),
            has_command: !recipe.config.cmd.is_empty() || !recipe.config.entrypoint.is_empty(),
            subject: None,
        };
        self.manifests.insert(Arc::clone(&digest), manifest);
        digest
    }
}

/// Returns an image configuration, as it is served.
fn config_of(recipe: &Recipe, platform: &str, under: &BaseLayers, own: &[Layer]) -> Vec<u8> {
    let created = rfc3339(recipe.created);
    let diff_ids: Vec<&String> = under.layers.iter().chain(own).map(|layer| &layer.diff_id).collect();
    let made = own.iter().map(|layer| json!({ CREATED: created, "created_by": layer.by }));
    let empty = recipe.config.history.iter().skip(own.len());
    let empty = empty.map(|by| json!({ CREATED: created, "created_by": by, "empty_layer": true }));
    let history: Vec<Value> = under.history.iter().cloned().chain(made).chain(empty).collect();
    let mut config = json!({ CREATED: created, "config": config_json(&recipe.config),
        "rootfs": { "type": "layers", "diff_ids": diff_ids }, "history": history });
    if let (Some(config), Value::Object(about)) = (config.as_object_mut(), platform_json(platform)) {
        config.extend(about);
    }
    config.to_string().into_bytes()
}
