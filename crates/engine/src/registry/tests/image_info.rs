use super::*;
use pinnace_core::registry::RateLimit;
use pinnace_core::time::Time;

/// A registry that stores blobs and manifests by digest, and one tag.
#[derive(Clone, Default)]
struct Store {
    things: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
}

impl Store {
    fn put(&mut self, thing: &serde_json::Value) -> String {
        let body = thing.to_string();
        let digest = sha(body.as_bytes());
        self.things.insert(digest.clone(), body);
        digest
    }

    fn fake(self) -> Fake {
        Fake::new(move |came| {
            let wanted = came.path.rsplit('/').next().unwrap();
            let digest = self.tags.get(wanted).map_or(wanted, String::as_str);
            match self.things.get(digest) {
                Some(body) => {
                    manifest(body).with("ratelimit-limit", "100;w=21600").with("ratelimit-remaining", "76;w=21600")
                }
                None => status(404),
            }
        })
    }
}

fn config(architecture: &str) -> serde_json::Value {
    serde_json::json!({"os": "linux", "architecture": architecture, "created": "2026-11-20T09:11:02Z",
        "config": {"Cmd": ["postgres"], "Env": ["PGPASSWORD=x"], "Labels": {"a": "label"}},
        "rootfs": {"diff_ids": [sha(b"one"), sha(b"two")]}})
}

fn single(config: &str) -> serde_json::Value {
    let layer = |name: &str, size: i64| serde_json::json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": sha(name.as_bytes()), "size": size});
    serde_json::json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 1},
        "layers": [layer("l1", 400), layer("l2", 12)], "annotations": {"a": "manifest", "b": "\u{1b}]0;x\u{7}two"}})
}

fn listed(digest: &str, os: &str, architecture: &str) -> serde_json::Value {
    serde_json::json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 2,
        "platform": {"os": os, "architecture": architecture}})
}

fn index_of(entries: &[serde_json::Value]) -> serde_json::Value {
    serde_json::json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": entries, "annotations": {"a": "index", "c": "three"}})
}

/// Returns a store with an index of two images after an attestation, and all their digests.
fn whole() -> (Store, [String; 4]) {
    let mut store = Store::default();
    let arm = {
        let it = store.put(&config("arm64"));
        store.put(&single(&it))
    };
    let amd = {
        let it = store.put(&config("amd64"));
        store.put(&single(&it))
    };
    let attested = sha(b"attestation");
    let mut attestation = listed(&attested, "unknown", "unknown");
    attestation["annotations"] = serde_json::json!({"vnd.docker.reference.type": "attestation-manifest"});
    let top = store.put(&index_of(&[attestation, listed(&arm, "linux", "arm64"), listed(&amd, "linux", "amd64")]));
    store.tags.insert("17".to_owned(), top.clone());
    (store, [top, arm, amd, attested])
}

#[tokio::test]
async fn an_index_and_its_image_for_amd64() {
    let (store, [top, arm, amd, _]) = whole();
    let fake = store.fake();
    let registry = fake.registry(CredentialStore::default());
    let fact = registry.look(&image("ghcr.io/a/pg:17")).await.unwrap();
    assert_eq!(fact.children.iter().map(Digest::as_str).collect::<Vec<_>>(), [&arm, &amd]);
    assert_eq!(fact.allowance, Some(RateLimit { limit: 100, remaining: 76, window: Some(21_600) }));
    assert_eq!(fake.lines().len(), 2);

    let pinned = image(&format!("ghcr.io/a/pg@{top}"));
    let (first, second) = tokio::join!(registry.image_info(&pinned), registry.image_info(&pinned));
    let about = first.unwrap();
    assert_eq!(second.unwrap(), about);
    let asked = fake.lines();
    assert_eq!(asked.len(), 4, "the index was read by the look, and both ask once: {asked:?}");
    assert!(asked[2].ends_with(&amd) && asked[3].contains("/blobs/"), "{asked:?}");

    assert_eq!((about.digest.as_str(), about.manifest.as_str()), (top.as_str(), amd.as_str()));
    assert_eq!(about.media_type, "application/vnd.oci.image.index.v1+json");
    let kinds: Vec<&str> = about.entries.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["attestation-manifest", "", ""]);
    assert_eq!(
        (about.entries[0].platform.clone(), about.platform.clone()),
        (None, Some(Platform::new("linux", "amd64")))
    );
    let notes: Vec<_> = about.annotations.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(notes, ["a=manifest", "b=two", "c=three"], "the manifest's win");
    assert_eq!((about.note("a"), about.size()), (Some("manifest"), 412));
    assert_eq!(about.layers[1].diff_id.as_ref().map(Digest::as_str), Some(sha(b"two").as_str()));
    assert_eq!((about.config.env.clone(), about.has_command()), (vec!["PGPASSWORD".to_owned()], true));
    assert_eq!(about.created(), Time::parse("2026-11-20T09:11:02Z"));

    registry.image_info(&pinned).await.unwrap();
    registry.look(&pinned).await.unwrap();
    let again = fake.lines();
    assert_eq!(again.len(), 5, "only the look by digest asks again: {again:?}");
    // For the other platform only its manifest and its configuration are read; nothing is read twice.
    let other = registry.image_info(&image(&format!("ghcr.io/a/pg@{arm}"))).await.unwrap();
    assert_eq!((other.entries.len(), other.platform), (0, Some(Platform::new("linux", "arm64"))));
    assert_eq!(fake.lines().len(), 7);
}

#[tokio::test]
async fn a_single_image_by_tag() {
    let mut store = Store::default();
    let read = {
        let it = store.put(&config("arm64"));
        store.put(&single(&it))
    };
    store.tags.insert("1".to_owned(), read.clone());
    let fake = store.fake();
    let about = fake.registry(CredentialStore::default()).image_info(&image("reg.example/pg:1")).await.unwrap();
    assert_eq!((about.digest.as_str(), about.manifest.as_str()), (read.as_str(), read.as_str()));
    assert_eq!((about.platform, about.entries.len()), (Some(Platform::new("linux", "arm64")), 0));
    assert_eq!(fake.lines().len(), 3);
}

#[tokio::test]
async fn what_cannot_be_told_says_why() {
    let (mut store, [top, _, amd, _]) = whole();
    let empty = store.put(&index_of(&[listed(&amd, "unknown", "unknown")]));
    let lost = store.put(&index_of(&[listed(&sha(b"lost"), "linux", "amd64")]));
    let bare = store.put(&single(&sha(b"no config")));
    let odd = store.put(&single("sha512:abc"));
    let old = store.put(&serde_json::json!({"schemaVersion": 1, "architecture": "amd64"}));
    let mut round = top;
    for _ in 0..3 {
        let mut entry = listed(&round, "linux", "amd64");
        entry["mediaType"] = "application/vnd.oci.image.index.v1+json".into();
        round = store.put(&index_of(&[entry]));
    }
    let registry = store.fake().registry(CredentialStore::default());
    for (digest, cause) in [
        (empty, "the index lists no image".to_owned()),
        (lost, format!("the registry does not have its manifest {}", sha(b"lost"))),
        (bare, format!("the registry does not have its configuration {}", sha(b"no config"))),
        (odd, "it has digests other than sha256, which cannot be verified".to_owned()),
        (old, "its manifest has an unsupported type (neither OCI nor Docker schema 2)".to_owned()),
        (round, "more than 3 indexes are nested".to_owned()),
    ] {
        let why = registry.image_info(&image(&format!("reg.example/pg@{digest}"))).await.unwrap_err();
        assert_eq!(why, LookupError::Other(cause));
    }
    let why = registry.image_info(&image(&format!("reg.example/pg@{}", sha(b"nothing")))).await;
    assert_eq!(why, Err(LookupError::NotFound));
}

#[tokio::test]
async fn a_manifest_that_names_another_as_its_configuration_spoils_nothing() {
    let (mut store, [top, ..]) = whole();
    let bad = store.put(&single(&top));
    let registry = store.fake().registry(CredentialStore::default());
    let about = registry.image_info(&image(&format!("reg.example/pg@{bad}"))).await.unwrap();
    assert!(about.platform.is_none() && !about.has_command());
    let good = registry.look(&image("reg.example/pg:17")).await.unwrap();
    assert_eq!(good.platforms, Some(linux(&["arm64", "amd64"])));
}
