//! Tests that read images back from what a registry serves.

use std::io::Read as _;

use super::*;

const HOST: &str = "r.example:5000";

fn files(paths: &[(&str, &str)]) -> LayerFiles {
    paths.iter().map(|(path, text)| ((*path).to_owned(), Content::Text((*text).to_owned()))).collect()
}

/// Returns a manifest or blob as JSON and checks its digest.
fn read(registry: &Registry, repository: &str, wanted: &str) -> Value {
    let repository = &registry.repositories[repository];
    let bytes = match repository.manifests.get(wanted) {
        Some(manifest) => Bytes::from(manifest.body.clone()),
        None => repository.blobs[wanted].clone(),
    };
    assert_eq!(digest(&bytes), wanted);
    serde_json::from_slice(&bytes).unwrap()
}

/// Returns an image's manifest and its configuration.
fn parts_of(registry: &Registry, repository: &str, wanted: &str) -> (Value, Value) {
    let manifest = read(registry, repository, wanted);
    let config = read(registry, repository, manifest["config"]["digest"].as_str().unwrap());
    (manifest, config)
}

/// Returns the paths in a layer with their contents, and checks the digests of blob and tar.
fn unpacked(registry: &Registry, repository: &str, line: &Value, diff_id: &Value) -> Vec<(String, String)> {
    let blob = &registry.repositories[repository].blobs[line["digest"].as_str().unwrap()];
    assert_eq!(
        (digest(blob), blob.len() as u64),
        (line["digest"].as_str().unwrap().into(), line["size"].as_u64().unwrap())
    );
    let mut tar = Vec::new();
    let kind = line["mediaType"].as_str().unwrap();
    match kind.rsplit(['.', '+']).next().unwrap() {
        "gzip" => drop(flate2::read::GzDecoder::new(&blob[..]).read_to_end(&mut tar).unwrap()),
        "zstd" => drop(ruzstd::decoding::StreamingDecoder::new(&blob[..]).unwrap().read_to_end(&mut tar).unwrap()),
        _ => tar = blob.to_vec(),
    }
    assert_eq!(digest(&tar), diff_id.as_str().unwrap());
    let mut archive = tar::Archive::new(tar.as_slice());
    let entries = archive.entries().unwrap().map(Result::unwrap);
    let told = entries.map(|mut entry| {
        let path = entry.path().unwrap().display().to_string();
        let mut text = entry.link_name().unwrap().map_or(String::new(), |to| format!("-> {}", to.display()));
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        text.push_str(&String::from_utf8_lossy(&bytes));
        (path, text)
    });
    told.collect()
}

#[test]
fn the_same_recipe_makes_the_same_image_and_another_one_another() {
    let digest_of = |recipe: &Recipe| Registry::default().push("app", "1", recipe);
    let plain = Recipe::default();
    assert_eq!(digest_of(&plain), digest_of(&plain));
    let other = |change: fn(&mut Recipe)| {
        let mut recipe = Recipe::default();
        change(&mut recipe);
        digest_of(&recipe)
    };
    let all = [
        digest_of(&plain),
        other(|recipe| recipe.salt.push('x')),
        other(|recipe| recipe.oci = true),
        other(|recipe| recipe.compression = Compression::None),
        other(|recipe| recipe.config.cmd.clear()),
        other(|recipe| recipe.config.user.push('x')),
        other(|recipe| recipe.size = 5000),
        other(|recipe| recipe.claimed = 5000),
        other(|recipe| recipe.layers = vec![files(&[("a", "b")])]),
        other(|recipe| recipe.attestation = true),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn files_are_in_the_layers_however_they_are_packed() {
    for (oci, compression, kind) in [
        (true, Compression::None, "application/vnd.oci.image.layer.v1.tar"),
        (true, Compression::Gzip, "application/vnd.oci.image.layer.v1.tar+gzip"),
        (true, Compression::Zstd, "application/vnd.oci.image.layer.v1.tar+zstd"),
        (false, Compression::Gzip, "application/vnd.docker.image.rootfs.diff.tar.gzip"),
    ] {
        let mut first = files(&[("/lib/x.so", "code"), ("/share/extension/x.control", "control"), ("/empty/", "")]);
        first.insert("/lib/y.so".to_owned(), Content::Link("x.so".to_owned()));
        let long = format!("/opt/{}/end", "long/".repeat(30));
        let layers = vec![first, files(&[("/lib/.wh.x.so", ""), (&long, "far")])];
        let mut registry = Registry::default();
        let made = registry.push("ext", "1", &Recipe { oci, layers, compression, ..Recipe::default() });
        let (manifest, config) = parts_of(&registry, "ext", &made);
        let lines = manifest["layers"].as_array().unwrap();
        assert_eq!((lines.len(), lines[0]["mediaType"].as_str()), (2, Some(kind)));
        let first = unpacked(&registry, "ext", &lines[0], &config["rootfs"]["diff_ids"][0]);
        let of = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        let wanted = [
            of("empty/", ""),
            of("lib/", ""),
            of("lib/x.so", "code"),
            of("lib/y.so", "-> x.so"),
            of("share/", ""),
            of("share/extension/", ""),
            of("share/extension/x.control", "control"),
        ];
        assert_eq!(first, wanted);
        let second = unpacked(&registry, "ext", &lines[1], &config["rootfs"]["diff_ids"][1]);
        assert_eq!(second[1], of("lib/.wh.x.so", ""));
        assert_eq!(second.last().unwrap(), &of(long.trim_start_matches('/'), "far"));
    }
}

#[test]
fn an_image_is_as_large_as_was_asked_for() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let layers = vec![files(&[("/lib/x.so", "code")])];
        let recipe = Recipe { layers, compression, size: 300_000, claimed: 100_000, ..Recipe::default() };
        let mut registry = Registry::default();
        let made = registry.push("app", "1", &recipe);
        let (manifest, config) = parts_of(&registry, "app", &made);
        let lines = manifest["layers"].as_array().unwrap();
        let size: u64 = lines.iter().map(|line| line["size"].as_u64().unwrap()).sum();
        assert!((300_000..=303_000).contains(&size), "{compression:?}: {size}");
        let there = unpacked(&registry, "app", &lines[0], &config["rootfs"]["diff_ids"][0]);
        assert!(there.last().unwrap().1.starts_with("code"), "what was in the file is still there");
        assert_eq!((lines.len(), config["rootfs"]["diff_ids"].as_array().unwrap().len()), (2, 2));
        let claimed = lines[1]["digest"].as_str().unwrap();
        assert!(!registry.repositories["app"].blobs.contains_key(claimed), "it is only claimed");
    }
}

#[test]
fn the_configuration_says_what_was_given_and_nothing_else() {
    let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let config = RecipeConfig {
        labels: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        entrypoint: text(&["/start"]),
        cmd: Vec::new(),
        user: "26".to_owned(),
        ports: text(&["5432/tcp"]),
        health: text(&["CMD-SHELL", "pg_isready"]),
        workdir: "/data".to_owned(),
        volumes: text(&["/data"]),
        env: text(&["A=1"]),
        stop_signal: "SIGINT".to_owned(),
        history: text(&["COPY x", "USER 26"]),
    };
    let mut registry = Registry::default();
    let made = registry.push("app", "1", &Recipe { config, ..Recipe::default() });
    assert!(registry.repositories["app"].manifests[&made].has_command);
    let (_, told) = parts_of(&registry, "app", &made);
    let wanted = serde_json::json!({ "Labels": { "a": "b" }, "Entrypoint": ["/start"], "User": "26", "Env": ["A=1"],
        "ExposedPorts": { "5432/tcp": {} }, "Healthcheck": { "Test": ["CMD-SHELL", "pg_isready"] },
        "WorkingDir": "/data", "Volumes": { "/data": {} }, "StopSignal": "SIGINT" });
    assert_eq!(told["config"], wanted);
    let steps = told["history"].as_array().unwrap();
    let step = |at: usize| (steps[at]["created_by"].as_str().unwrap(), steps[at]["empty_layer"] == true);
    assert_eq!((steps.len(), step(0), step(1)), (2, ("COPY x", false), ("USER 26", true)));
    let none = RecipeConfig { cmd: Vec::new(), ..RecipeConfig::default() };
    let made = registry.push("app", "2", &Recipe { config: none, ..Recipe::default() });
    assert!(!registry.repositories["app"].manifests[&made].has_command);
    assert_eq!(parts_of(&registry, "app", &made).1["config"], serde_json::json!({ "Labels": {} }));
}

#[test]
fn annotations_stand_where_they_were_put() {
    for (annotate, index, manifest) in [
        (AnnotationTarget::Outermost, true, false),
        (AnnotationTarget::Index, true, false),
        (AnnotationTarget::Manifest, false, true),
        (AnnotationTarget::Both, true, true),
    ] {
        let annotations = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let platforms = vec!["linux/amd64".to_owned(), "linux/arm64/v8".to_owned()];
        let recipe = Recipe { annotations, annotate, platforms, oci: true, attestation: true, ..Recipe::default() };
        let mut registry = Registry::default();
        let made = registry.push("app", "1", &recipe);
        let outer = read(&registry, "app", &made);
        assert_eq!(outer["annotations"]["a"] == "b", index, "{annotate:?}");
        let entries = outer["manifests"].as_array().unwrap();
        assert_eq!(entries.len(), 4);
        for entry in entries {
            let inner = read(&registry, "app", entry["digest"].as_str().unwrap());
            let is_image = entry["platform"]["os"] == "linux";
            assert_eq!(inner["annotations"]["a"] == "b", manifest && is_image, "{annotate:?}");
            assert_eq!(inner.to_string().len() as u64, entry["size"].as_u64().unwrap());
            read(&registry, "app", inner["config"]["digest"].as_str().unwrap());
        }
    }
    let annotations = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    let single = Recipe { annotations, oci: true, ..Recipe::default() };
    let mut registry = Registry::default();
    let made = registry.push("app", "1", &single);
    assert_eq!(read(&registry, "app", &made)["annotations"]["a"], "b", "the outermost, where there is no index");
}

#[test]
fn what_an_image_is_built_on_comes_first() {
    let mut registries = Registries::new();
    let registry = registries.entry(HOST.to_owned()).or_default();
    let platforms = vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()];
    let layers = vec![files(&[("etc/os", "12")]), files(&[("bin/sh", "sh")])];
    let recipe = Recipe { platforms: platforms.clone(), layers, oci: true, ..Recipe::default() };
    let below = registry.push("base", "12", &recipe);
    let name = format!("{HOST}/base:12");
    let base = Some(Arc::new(base(&registries, &name).unwrap()));
    for (annotate_base, platforms) in [(false, platforms), (true, vec!["linux/arm64".to_owned()])] {
        let single = platforms.len() == 1;
        let recipe = Recipe { platforms, base: base.clone(), annotate_base, oci: true, ..Recipe::default() };
        let registry = registries.get_mut(HOST).unwrap();
        let made = registry.push("app", "1", &recipe);
        let outer = read(registry, "app", &made);
        let notes = outer["annotations"].clone();
        let wanted = annotate_base.then_some((name.as_str(), &*below));
        let told = notes["org.opencontainers.image.base.name"].as_str();
        assert_eq!(told.zip(notes["org.opencontainers.image.base.digest"].as_str()), wanted);
        let inner =
            if single { made.to_string() } else { outer["manifests"][1]["digest"].as_str().unwrap().to_owned() };
        let (manifest, config) = parts_of(registry, "app", &inner);
        let lower = child(&registry.repositories["base"].manifests[&below], "linux/arm64").unwrap();
        let (base_manifest, base_config) = parts_of(registry, "base", &lower);
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 3);
        for at in 0..2 {
            assert_eq!(manifest["layers"][at], base_manifest["layers"][at]);
            assert_eq!(config["rootfs"]["diff_ids"][at], base_config["rootfs"]["diff_ids"][at]);
            unpacked(registry, "app", &manifest["layers"][at], &config["rootfs"]["diff_ids"][at]);
        }
        assert_eq!(config["history"].as_array().unwrap().len(), 3);
    }
    assert!(super::base(&registries, &format!("{HOST}/base:13")).is_none());
}

#[test]
fn tags_move_and_things_go() {
    let mut registry = Registry::default();
    let platforms = vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()];
    let first = registry.push("app", "1", &Recipe { platforms, ..Recipe::default() });
    let of = |text: &str| reference(&format!("{HOST}/{text}")).unwrap();
    assert_eq!(registry.tag("1.0", &of("app:1"), None).as_ref(), Some(&first));
    let child = registry.tag("1-arm", &of("app:1"), Some("linux/arm64")).unwrap();
    assert_ne!(child, first);
    assert_eq!(registry.find(&of("app:1-arm")).unwrap().runs_on, ["linux/arm64"]);
    assert_eq!(registry.tag("x", &of("app:1"), Some("linux/s390x")), None);
    let second = registry.push("app", "1", &Recipe { salt: "2".to_owned(), ..Recipe::default() });
    assert_eq!(registry.find(&of("app:1")).unwrap().digest, second);
    assert!(registry.find(&of(&format!("app@{first}"))).is_some(), "what a tag left is still there by its digest");
    assert!(registry.remove(&of("app:1"), true) && registry.find(&of("app:1")).is_none());
    assert!(registry.find(&of(&format!("app@{second}"))).is_some());
    assert!(registry.remove(&of("app:1.0"), false));
    assert!(registry.find(&of(&format!("app@{first}"))).is_none());
    assert!(registry.find(&of("app:1-arm")).is_some(), "what an index listed stays");
    assert!(!registry.remove(&of("app:1.0"), false));
}
