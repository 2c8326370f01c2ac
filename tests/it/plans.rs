//! Plans and their findings, and the result of verbs when there is nothing to update.

use serde_json::Value;

use crate::lab::{Group, Image, Lab, Program, instance, part};
use crate::proxy::Proxy;

/// Returns the findings of a severity: code, subject, message.
fn findings(plan: &Value, severity: &str) -> Vec<[String; 3]> {
    let all = plan["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == severity);
    all.map(|finding| ["code", "subject", "message"].map(|key| finding[key].as_str().unwrap().to_owned())).collect()
}

/// Creates services without tasks, for plans that are not applied.
fn parked(lab: &Lab, image: &str) -> Group {
    Group::new(lab, "database", |name| {
        let mut specs: Vec<Value> = [3, 1, 2].map(|host| instance(lab, name, "n1", host, image)).into();
        for spec in &mut specs {
            spec["Mode"] = serde_json::json!({"Replicated": {"Replicas": 0}});
        }
        specs
    })
}

#[test]
fn a_tag_that_is_not_there() {
    let Some(lab) = Lab::get() else { return };
    let old = lab.push("it/missing/pg:1", "sleep", &[]);
    let group = parked(&lab, &old.text);
    let missing = format!("{}/it/missing/pg:none", lab.registry);
    let plan = lab.program(1).run(&["plan", &group.name, "--pin", &missing, "--json"]).exit(1).json();
    let errors = findings(&plan, "error");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!((errors[0][0].as_str(), errors[0][1].as_str()), ("image-not-found", "n1 on node-1, node-2, node-3"));
    assert!(errors[0][2].contains(&missing));
    let units = plan["units"].as_array().unwrap();
    assert!(units.len() == 3 && units.iter().all(|unit| unit["action"] == "blocked"), "{plan:#}");

    let proxy = Proxy::watching(&lab.socket(1));
    let applied = Program::new(&proxy.socket()).run(&["apply", &group.name, "--pin", &missing, "--json"]).exit(1);
    assert_eq!(applied.json()["outcome"], "not-started");
    assert!(proxy.calls().iter().all(|call| !call.is_write()) && group.slots().is_empty());
}

#[test]
fn no_edit_is_nothing_to_do() {
    let Some(lab) = Lab::get() else { return };
    let proxy = Proxy::watching(&lab.socket(1));
    let seeds = [
        "storefront",
        "storefront-no-image",
        "shop",
        "cron-box",
        "parked",
        "failing",
        "oneshot-migrate",
        "kitchen-sink",
    ];
    std::thread::scope(|scope| {
        for group in seeds {
            let program = Program::new(&proxy.socket());
            scope.spawn(move || {
                let plan = program.run(&["plan", group, "--json"]).exit(0).json();
                assert_eq!(plan["units"], serde_json::json!([]), "{group}");
                let applied = program.run(&["apply", group, "--json"]).exit(0).json();
                assert_eq!(applied["outcome"], "nothing-to-do", "{group}");
            });
        }
    });
    assert!(proxy.calls().iter().all(|call| !call.is_write()));
}

#[test]
fn a_pin_of_what_runs_changes_only_the_pins() {
    let Some(lab) = Lab::get() else { return };
    let old = lab.push("it/pin/pg:1", "sleep", &[]);
    let group = parked(&lab, &old.text);
    let before = group.specs();
    let proxy = Proxy::watching(&lab.socket(1));
    let pins = |node: usize| {
        let shown = lab.program(node).run(&["pins", &group.name, "--json"]).exit(0).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        shown["pins"].as_array().unwrap().iter().map(|pin| text(&pin["image"])).collect::<Vec<_>>()
    };
    let pin = ["apply", &group.name, "--pin", &old.text, "--json"];
    let applied = Program::new(&proxy.socket()).run(&pin).exit(0).json();
    assert_eq!(applied["outcome"], "done");
    assert_eq!([pins(1), pins(2), pins(3)], [[old.text.clone()], [old.text.clone()], [old.text.clone()]]);
    assert_eq!(Program::new(&proxy.socket()).run(&pin).exit(0).json()["outcome"], "nothing-to-do");
    assert_eq!(group.slots().len(), 1);

    Program::new(&proxy.socket()).run(&["apply", &group.name, "--unpin", ".", "--json"]).exit(0);
    assert!([1, 2, 3].into_iter().all(|node| pins(node).is_empty()));
    let history = lab.program(2).run(&["history", &group.name, "--json"]).exit(0).json();
    let outcomes: Vec<&Value> =
        history["changes"].as_array().unwrap().iter().map(|change| &change["outcome"]).collect();
    assert_eq!(outcomes, ["done", "done"]);
    assert!(proxy.calls().iter().all(|call| call.service().is_none()));
    assert_eq!(group.specs(), before);
}

#[test]
fn a_registry_with_a_password() {
    let Some(lab) = Lab::get() else { return };
    let (user, password) = (std::env::var("PINNACE_LAB_AUTH_USER"), std::env::var("PINNACE_LAB_AUTH_PASSWORD"));
    let (user, password) = (user.unwrap(), password.unwrap());
    let image = Image::push(&format!("{}/it/private/pg:1", lab.auth_registry), "sleep", &[]);
    let group = parked(&lab, &format!("{}/mcp:1.0.0", lab.registry));
    let program = lab.program(2);
    let args = ["plan", &group.name, "--pin", &image.text, "--json"];
    let plan = program.run(&args).exit(1).json();
    assert_eq!(findings(&plan, "error").iter().map(|it| it[0].as_str()).collect::<Vec<_>>(), ["no-credentials"]);
    program.login(&lab.auth_registry, &user, "wrong");
    let plan = program.run(&args).exit(1).json();
    assert_eq!(findings(&plan, "error").iter().map(|it| it[0].as_str()).collect::<Vec<_>>(), ["image-denied"]);
    program.login(&lab.auth_registry, &user, &password);
    let said = program.run(&args).exit(0);
    assert_eq!(said.json()["units"][0]["to"]["image"], image.pinned());
    assert!(!said.out.contains(&password));
}

#[test]
fn an_image_for_other_machines() {
    let Some(lab) = Lab::get() else { return };
    let arm = lab.push("it/arm/pg:1", "sleep", &["--platform", "linux/arm64/v8", "--index", "oci"]);
    let group = parked(&lab, &format!("{}/mcp:1.0.0", lab.registry));
    let plan = lab.program(1).run(&["plan", &group.name, "--pin", &arm.text, "--json"]).exit(1).json();
    let errors = findings(&plan, "error");
    assert_eq!((errors.len(), errors[0][0].as_str()), (1, "platform-missing"));
    assert!(
        errors[0][2].contains("node-1") && errors[0][2].contains("node-2") && errors[0][2].contains("node-3"),
        "{errors:?}"
    );
}

#[test]
fn errors_block_their_own_units() {
    let Some(lab) = Lab::get() else { return };
    let (old, new) = (lab.push("it/partial/app:1", "sleep", &[]), lab.push("it/partial/app:2", "sleep", &[]));
    let group = Group::stack(&lab, &[("a", &old.text), ("b", &old.text)]);
    let missing = format!("b={}/it/partial/app:none", lab.registry);
    let good = format!("a={}", new.text);
    let proxy = Proxy::watching(&lab.socket(1));
    let args = ["apply", &group.name, "--pin", &good, "--pin", &missing, "--settle", "0"];
    let stopped = Program::new(&proxy.socket()).run(&args).exit(3);
    assert!(stopped.err.contains("--partial"), "{}", stopped.err);
    assert!(proxy.calls().iter().all(|call| !call.is_write()));
    Program::new(&proxy.socket()).run(&[&args[..], &["--partial"]].concat()).exit(0);
    assert_eq!(lab.engine(2).image(&group.services[0]), new.pinned());
    assert_eq!(lab.engine(2).image(&group.services[1]), old.text);
}

#[test]
fn what_cannot_be_meant_or_reached() {
    let Some(lab) = Lab::get() else { return };
    let image = format!("{}/mcp:1.0.0", lab.registry);
    let group = Group::new(&lab, "stack", |name| {
        let mut alone = part(name, "x", &image, 0);
        alone["Name"] = name.into();
        alone["Labels"] = serde_json::json!({});
        vec![part(name, "web", &image, 0), alone]
    });
    let said = lab.program(1).run(&["plan", &group.name]).exit(3);
    assert!(said.err.contains(&format!("stack/{}", group.name)), "{}", said.err);
    assert!(said.err.contains(&format!("service/{}", group.name)), "{}", said.err);
    lab.program(1).run(&["plan", &group.text]).exit(0);
    lab.program(1).run(&["plan", "it-nothing-has-this-name"]).exit(2);
    lab.program(1).run(&["plan"]).exit(2);
    lab.program(1).run(&["plan", &group.text, "--pin", &image]).exit(2);
    lab.program(1).run(&["resume", "it-no-such-change", "--continue"]).exit(2);
    Program::new(&lab.folder.join("nobody-listens")).run(&["status"]).exit(4);
}
