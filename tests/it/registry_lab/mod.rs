//! Image checks against the lab's real registries, through `pinnace check --json`.

mod inspect;

use serde_json::{Value, json};

use crate::lab::{Group, Image, Lab, Program, name};

/// Creates a stack with one service, `app`, that runs this image.
fn stack(lab: &Lab, image: &str) -> Group {
    Group::stack(lab, &[("app", image)])
}

/// Returns the findings about a group with these pins: severity, code, message, hint.
fn checked(program: &Program, group: &Group, pins: &str, exit: i32) -> Vec<[String; 4]> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pins.toml");
    std::fs::write(&file, pins).unwrap();
    let said = program.run(&["check", &group.text, "--pins", file.to_str().unwrap(), "--json"]);
    told(&said.exit(exit).json())
}

/// Returns the findings about the running images, without pins.
fn running(lab: &Lab, group: &Group) -> Vec<[String; 4]> {
    told(&lab.program(1).run(&["check", &group.text, "--json"]).exit(0).json())
}

fn told(json: &Value) -> Vec<[String; 4]> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let keys = ["severity", "code", "message", "hint"];
    json["findings"].as_array().unwrap().iter().map(|finding| keys.map(|key| text(finding, key))).collect()
}

/// Asserts that exactly one finding has the code and severity; returns its message.
fn one<'a>(found: &'a [[String; 4]], severity: &str, code: &str) -> &'a str {
    let of_it: Vec<_> = found.iter().filter(|finding| finding[1] == code).collect();
    assert_eq!((of_it.len(), of_it[0][0].as_str()), (1, severity), "{code}: {found:?}");
    assert_ne!(of_it[0][3], "", "it says what to do: {found:?}");
    &of_it[0][2]
}

/// Returns the codes of errors and warnings.
fn grave(found: &[[String; 4]]) -> Vec<&str> {
    found.iter().filter(|finding| finding[0] != "info").map(|finding| finding[1].as_str()).collect()
}

fn pin(image: &str) -> String {
    format!("[service.app]\nimage = \"{image}\"\n")
}

/// Returns user and password of the lab's second registry.
fn login() -> (String, String) {
    let var = |name: &str| std::env::var(name).unwrap();
    (var("PINNACE_LAB_AUTH_USER"), var("PINNACE_LAB_AUTH_PASSWORD"))
}

#[test]
fn a_private_image_with_all_kinds_of_credentials() {
    let Some(lab) = Lab::get() else { return };
    let open = lab.push("it/reg/open:1", "sleep", &[]);
    let private = Image::push(&format!("{}/it/reg/private:1.0.0", lab.auth_registry), "sleep", &[]);
    let group = stack(&lab, &open.text);
    let pins = pin(&private.text);
    let (user, password) = login();

    let none = lab.program(1);
    let found = checked(&none, &group, &pins, 1);
    let message = one(&found, "error", "no-credentials");
    assert!(message.contains(&lab.auth_registry) && message.contains("requires a login"), "{message}");

    let wrong = lab.program(1);
    wrong.login(&lab.auth_registry, &user, "wrong");
    let found = checked(&wrong, &group, &pins, 1);
    assert!(one(&found, "error", "image-denied").contains("refuses the credentials"), "{found:?}");

    let good = lab.program(1);
    good.login(&lab.auth_registry, &user, &password);
    let found = checked(&good, &group, &pins, 0);
    assert_eq!(grave(&found), Vec::<&str>::new(), "{found:?}");
    let missing = checked(&good, &group, &pin(&format!("{}/it/reg/private:2.0.0", lab.auth_registry)), 1);
    one(&missing, "error", "image-not-found");
    for secret in [password.as_str(), "wrong"] {
        assert!(!format!("{found:?}{missing:?}").contains(secret));
    }
}

#[test]
fn a_credential_helper_that_hangs_is_given_up_and_named() {
    let Some(lab) = Lab::get() else { return };
    let open = lab.push("it/reg/helped:1", "sleep", &[]);
    let private = Image::push(&format!("{}/it/reg/helped:1.0.0", lab.auth_registry), "sleep", &[]);
    let group = stack(&lab, &open.text);
    let program = lab.program(1);
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    program.helper("it-hangs", &format!("echo $$ >{}\nexec sleep 600", pid.display()));
    program.docker_config(&json!({ "credHelpers": { &lab.auth_registry: "it-hangs" } }));
    let file = folder.path().join("pins.toml");
    std::fs::write(&file, pin(&private.text)).unwrap();
    let said = program.run(&["check", &group.text, "--pins", file.to_str().unwrap(), "--json"]).exit(1);
    let found = told(&said.json());
    let text = format!("{found:?}");
    assert!(text.contains("docker-credential-it-hangs") && text.contains("5 s"), "{text}");
    assert!((5..30).contains(&said.took.as_secs()), "{:?}", said.took);
    let pid = std::fs::read_to_string(pid).unwrap();
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "it was killed");
    // Answers of another registry are not delayed.
    let other = lab.push("it/reg/helped:2.0.0", "sleep", &[]);
    assert_eq!(grave(&checked(&program, &group, &pin(&other.text), 0)), Vec::<&str>::new());

    let (user, password) = login();
    let answer = json!({ "ServerURL": lab.auth_registry, "Username": user, "Secret": password });
    program.helper("it-hangs", &format!("cat >/dev/null\ncat <<'END'\n{answer}\nEND"));
    assert_eq!(grave(&checked(&program, &group, &pin(&private.text), 0)), Vec::<&str>::new(), "one that answers");
}

#[test]
fn an_index_with_attestations_is_judged_by_its_images() {
    let Some(lab) = Lab::get() else { return };
    let open = lab.push("it/reg/attested:1", "sleep", &[]);
    let group = stack(&lab, &open.text);
    let both = ["--platform", "linux/amd64", "--platform", "linux/arm64/v8", "--attestation"];
    let image = lab.push("it/reg/attested:1.0.0", "sleep", &both);
    assert_eq!(grave(&checked(&lab.program(1), &group, &pin(&image.text), 0)), Vec::<&str>::new());
    assert_eq!(grave(&checked(&lab.program(1), &group, &pin(&image.pinned()), 0)), Vec::<&str>::new());

    let arm = lab.push("it/reg/attested:1.0.1", "sleep", &["--platform", "linux/arm64/v8", "--attestation"]);
    let single = lab.push("it/reg/attested:1.0.2", "sleep", &["--platform", "linux/arm64/v8", "--format", "oci"]);
    for image in [arm, single] {
        let found = checked(&lab.program(1), &group, &pin(&image.text), 1);
        let message = one(&found, "error", "platform-missing");
        assert!(message.contains("linux/arm64") && message.contains("linux/amd64"), "{message}");
        assert!(["node-1", "node-2", "node-3"].iter().all(|node| message.contains(node)), "{message}");
        assert_eq!(grave(&found), ["platform-missing"], "{found:?}");
    }
}

/// Runs the lab's image script.
fn images(args: &[&str]) {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/images.py");
    let done = std::process::Command::new("python3").arg(script).args(args).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn what_runs_may_move_and_go() {
    let Some(lab) = Lab::get() else { return };
    let path = format!("it/reg/{}", name("moving"));
    let first = lab.push(&format!("{path}:1.0.0"), "sleep", &[]);
    let group = stack(&lab, &first.pinned());
    assert_eq!(running(&lab, &group), Vec::<[String; 4]>::new(), "nothing to remark");

    let other = lab.push(&format!("{path}:1.0.1"), "sleep", &["--label", "again=yes"]);
    images(&["tag", &other.text, "1.0.0"]);
    let found = running(&lab, &group);
    let message = one(&found, "info", "tag-moved");
    let short = |image: &Image| format!("@{}", &image.digest[7..15]);
    assert!(message.contains(&short(&first)) && message.contains(&short(&other)), "{message}");

    images(&["delete", &first.pinned()]);
    let found = running(&lab, &group);
    let message = one(&found, "warning", "digest-gone");
    assert!(message.contains(&short(&first)) && message.contains(&lab.registry), "{message}");
    assert_eq!(lab.engine(1).running(&group.services[0]).len(), 1, "it runs all the while");
}

#[test]
fn a_base_that_moved_on_is_told_by_annotation_and_by_layers() {
    let Some(lab) = Lab::get() else { return };
    let path = format!("it/reg/{}", name("based"));
    let base = lab.push(&format!("{path}-os:12"), "sleep", &["--label", "build=1"]);
    let oci = ["--format", "oci"];
    let noted = lab.push(&format!("{path}:1.0.0"), "sleep", &[&oci[..], &["--base", &base.text]].concat());
    let bare = lab.push(&format!("{path}:1.0.1"), "sleep", &[&oci[..], &["--layer-from", &base.text]].concat());
    let group = stack(&lab, &noted.pinned());
    let by_layers = format!("[service.app]\nimage = \"{}\"\nbase = \"{}\"\n", bare.text, base.text);

    let outdated = |found: &[[String; 4]]| found.iter().any(|finding| finding[1] == "base-outdated");
    let found = running(&lab, &group);
    assert!(!outdated(&found), "{found:?}");
    let found = checked(&lab.program(1), &group, &by_layers, 0);
    assert!(!outdated(&found) && grave(&found).is_empty(), "{found:?}");

    let newer = lab.push(&format!("{path}-os:12"), "stubborn", &["--label", "build=2"]);
    let now = format!("@{}", &newer.digest[7..15]);
    let found = running(&lab, &group);
    let message = one(&found, "info", "base-outdated");
    assert!(message.contains(&now) && message.contains(&format!("{path}-os:12")), "{message}");
    let found = checked(&lab.program(1), &group, &by_layers, 0);
    let said: Vec<_> = found.iter().filter(|finding| finding[1] == "base-outdated").collect();
    assert!(said.iter().any(|finding| finding[2].starts_with("1.0.1 is built on")), "{found:?}");

    // After a rebuild the images are up to date.
    let again = lab.push(&format!("{path}:1.1.0"), "sleep", &[&oci[..], &["--base", &base.text]].concat());
    let plain = lab.push(&format!("{path}:1.1.1"), "sleep", &[&oci[..], &["--layer-from", &base.text]].concat());
    for image in [&again, &plain] {
        let pins = format!("[service.app]\nimage = \"{}\"\nbase = \"{}\"\n", image.text, base.text);
        let found = checked(&lab.program(1), &group, &pins, 0);
        let said: Vec<_> = found.iter().filter(|finding| finding[1] == "base-outdated").collect();
        assert!(said.iter().all(|finding| finding[2].starts_with("1.0.0 is built on")), "only what runs: {found:?}");
    }
}
