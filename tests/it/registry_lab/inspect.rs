//! `pinnace inspect` on images in the lab's registries, with contracts.

use serde_json::{Value, json};

use super::{images, login};
use crate::lab::{Image, Lab, Program, Said, name};

fn inspect(program: &Program, image: &str, more: &[&str]) -> Said {
    program.run(&[&["inspect", image, "--json"], more].concat())
}

/// The options of an extension image, as `CloudNativePG` mounts it.
const EXTENSION: &[(&str, &str)] = &[
    ("platform", "linux/amd64"),
    ("platform", "linux/arm64"),
    ("label", "org.opencontainers.image.title=pg_trickle-ext"),
    ("label", "org.opencontainers.image.description=pg_trickle for PostgreSQL 18"),
    ("label", "org.opencontainers.image.licenses=Apache-2.0"),
    ("label", "org.opencontainers.image.source=https://git.example/pg_trickle"),
    ("label", "org.opencontainers.image.version=0.2.0"),
    ("file", "/lib/pg_trickle.so=code"),
    ("file", "/share/extension/pg_trickle.control=default_version = '0.2.0'"),
    ("file", "/share/extension/pg_trickle--0.2.0.sql=CREATE SCHEMA pgtrickle;"),
    ("no-cmd", ""),
];

/// Pushes the extension image without some of its options, and with others.
fn extension(lab: &Lab, tag: &str, without: &str, with: &[&str]) -> Image {
    let mut options: Vec<String> = vec!["--index".to_owned(), "oci".to_owned()];
    for (key, value) in
        EXTENSION.iter().filter(|(key, value)| without.is_empty() || !format!("{key} {value}").contains(without))
    {
        options.push(format!("--{key}"));
        options.extend((!value.is_empty()).then(|| (*value).to_owned()));
    }
    let options: Vec<&str> = options.iter().map(String::as_str).chain(with.iter().copied()).collect();
    lab.push(&format!("it/reg/pg_trickle-ext:{tag}"), "sleep", &options)
}

#[test]
fn an_extension_image_keeps_its_contract_however_it_is_packed() {
    let Some(lab) = Lab::get() else { return };
    for packed in ["gzip", "zstd", "none"] {
        let image = extension(&lab, &format!("0.2.0-{packed}"), "", &["--compress", packed, "--attestation"]);
        let told = inspect(&lab.program(1), &image.text, &["--contract", "cnpg-extension", "--files"]).exit(0).json();
        assert_eq!(told["contract"], json!({ "name": "cnpg-extension", "kept": true, "violations": [] }), "{packed}");
        let files: Vec<&str> = told["files"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|file| file["kind"] != "dir")
            .map(|file| file["path"].as_str().unwrap())
            .collect();
        let wanted =
            ["/lib/pg_trickle.so", "/share/extension/pg_trickle--0.2.0.sql", "/share/extension/pg_trickle.control"];
        assert_eq!(files, wanted, "{packed}: {told}");
        assert_eq!(told["digest"], image.digest.as_str());
    }
}

#[test]
fn an_extension_image_that_breaks_its_contract_says_where() {
    let Some(lab) = Lab::get() else { return };
    let broken: &[(&str, &str, &[&str], &str, &str)] = &[
        ("platform", "linux/arm64", &[], "platform", "linux/arm64"),
        ("label", "licenses", &[], "label", "org.opencontainers.image.licenses"),
        ("command", "no-cmd", &[], "command", "/behave"),
        ("shell", "", &["--file", "/bin/sh=sh"], "file-only", "/bin/sh"),
        ("control", "pg_trickle.control", &[], "file-required", "/share/extension/*.control"),
        ("large", "", &["--size", "10500000", "--filler", "lib/large.so"], "size", "10 MB"),
    ];
    for (tag, without, with, rule, words) in broken {
        let image = extension(&lab, tag, without, with);
        let told = inspect(&lab.program(1), &image.text, &["--contract", "cnpg-extension"]).exit(1).json();
        let breaches = told["contract"]["violations"].as_array().unwrap();
        assert_eq!((breaches.len(), &told["contract"]["kept"]), (1, &json!(false)), "{tag}: {told}");
        assert_eq!(breaches[0]["rule"], *rule, "{tag}: {told}");
        assert!(breaches[0]["message"].as_str().unwrap().contains(words), "{tag}: {told}");
        assert_ne!(breaches[0]["hint"], "", "{tag}: {told}");
    }
}

/// The options of an image with everything that `inspect` shows.
const TOLD: [&str; 25] = [
    "--platform",
    "linux/amd64",
    "--platform",
    "linux/arm64/v8",
    "--attestation",
    "--annotate",
    "index",
    "--annotation",
    "team=db",
    "--label",
    "org.opencontainers.image.version=1.0.0",
    "--user",
    "26",
    "--expose",
    "5432",
    "--volume",
    "/data",
    "--env",
    "SECRET=s3cret",
    "--health",
    "true",
    "--entrypoint",
    "[\"/behave\"]",
    "--cmd",
    "[\"postgres\"]",
];

#[test]
fn an_index_is_told_by_its_images_and_what_else_it_lists() {
    let Some(lab) = Lab::get() else { return };
    let path = format!("it/reg/{}", name("told"));
    let base = lab.push(
        &format!("{path}-os:12"),
        "sleep",
        &["--index", "oci", "--platform", "linux/amd64", "--platform", "linux/arm64/v8"],
    );
    let options = [&TOLD[..], &["--base", &base.text]].concat();
    let image = lab.push(&format!("{path}:1.0.0"), "sleep", &options);
    let told = inspect(&lab.program(1), &image.text, &[]).exit(0).json();
    assert_eq!(told["digest"], image.digest.as_str());
    let platforms: Vec<String> = told["platforms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{}/{}", it["platform"]["architecture"].as_str().unwrap(), it["variant"].as_str().unwrap()))
        .collect();
    assert_eq!(platforms, ["amd64/", "arm64/v8"]);
    assert_eq!(told["others"], json!(["attestation-manifest", "attestation-manifest"]));
    assert_eq!(told["annotations"]["team"], "db", "of the index alone");
    assert_eq!(told["layers"].as_array().unwrap().len(), 3, "busybox, the base's own, and its own");
    for (key, wanted) in [
        ("entrypoint", json!(["/behave"])),
        ("cmd", json!(["postgres"])),
        ("user", json!("26")),
        ("ports", json!(["5432/tcp"])),
        ("volumes", json!(["/data"])),
        ("health", json!(["CMD-SHELL", "true"])),
    ] {
        assert_eq!(told["config"][key], wanted, "{key}");
    }
    assert!(told["config"]["env"].as_array().unwrap().contains(&json!("SECRET")));
    assert!(!told.to_string().contains("s3cret"), "what is in the environment is nobody's business");
    let state = |told: &Value| told["base"]["state"].as_str().unwrap().to_owned();
    assert_eq!((state(&told), &told["base"]["name"]), ("up-to-date".to_owned(), &json!(base.text)));

    let newer = lab.push(&format!("{path}-os:12"), "stubborn", &["--index", "oci", "--platform", "linux/amd64"]);
    let told = inspect(&lab.program(1), &image.text, &[]).exit(0).json();
    assert_eq!((state(&told), &told["base"]["digest"]), ("outdated".to_owned(), &json!(newer.digest)));
    let arm = inspect(&lab.program(1), &image.text, &["--platform", "linux/arm64"]).exit(0).json();
    assert_eq!(arm["platform"]["architecture"], "arm64");
}

#[test]
fn what_cannot_be_inspected_says_why() {
    let Some(lab) = Lab::get() else { return };
    let private = Image::push(&format!("{}/it/reg/inspected:1.0.0", lab.auth_registry), "sleep", &[]);
    let (user, password) = login();
    let none = lab.program(1);
    let (wrong, good) = (lab.program(1), lab.program(1));
    wrong.login(&lab.auth_registry, &user, "wrong");
    good.login(&lab.auth_registry, &user, &password);
    let failed = |program: &Program, image: &str| {
        let said = inspect(program, image, &[]);
        assert_ne!(said.code, Some(0), "{}", said.out);
        format!("{}{}", said.out, said.err)
    };
    let told = failed(&none, &private.text);
    assert!(told.contains("login"), "{told}");
    let told = failed(&wrong, &private.text);
    assert!(told.contains("refuses the credentials"), "{told}");
    inspect(&good, &private.text, &[]).exit(0);
    let gone = lab.push(&format!("it/reg/{}:1.0.0", name("gone")), "sleep", &[]);
    images(&["delete", &gone.text]);
    for image in [gone.text.clone(), gone.pinned()] {
        let told = failed(&good, &image);
        assert!(told.contains(&lab.registry) && !told.contains(&password), "{told}");
    }
    // Plain HTTP was requested, so no engine is needed.
    let alone = Program::new(std::path::Path::new("/nowhere/docker.sock"));
    let open = lab.push("it/reg/alone:1.0.0", "sleep", &[]);
    inspect(&alone, &open.text, &["--plain-http", &lab.registry]).exit(0);
}
