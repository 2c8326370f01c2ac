//! Rollbacks to any earlier image: without a registry, and to a chosen image of a service's history.

use serde_json::json;

use super::keys::Desk;
use super::*;

/// Applies these tags of `app` to a service of the shop, one after another.
async fn history(operator: &Operator, member: &str, tags: &[&str]) {
    for tag in tags {
        let pin = format!("{member}={HUB}/app:{tag}");
        operator.run(&["apply", "shop", "--pin", &pin, "--settle", "0", "--ack"]).await.exit(0);
    }
}

async fn image_of(swarm: &Swarm, service: &str) -> String {
    let spec: Value = serde_json::from_str(&swarm.spec(service).await).unwrap();
    spec["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap().to_owned()
}

/// Returns the rollback candidates of the shop's first service: tag, earlier result, pullable, source.
async fn images(operator: &Operator) -> Vec<[String; 4]> {
    let view = operator.run(&["history", "shop_a", "--json"]).await.exit(0).json();
    let row = |one: &Value| {
        let text = |key: &str| one[key].as_str().unwrap().to_owned();
        let image = text("image");
        let tag = image.split('@').next().unwrap().rsplit(':').next().unwrap();
        [tag.to_owned(), text("result"), text("available"), text("source")]
    };
    view["candidates"].as_array().unwrap().iter().map(row).collect()
}

fn row(tag: &str, fared: &str, pullable: &str, source: &str) -> [String; 4] {
    [tag, fared, pullable, source].map(str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn a_chosen_image_of_any_depth_by_tag_digest_or_change() {
    let swarm = Swarm::of(&format!("{WORLD}\n{TAGS}"));
    let operator = swarm.at("node-1");
    let letter = swarm.spec("shop_a").await;
    history(&operator, "a", &["2", "slow"]).await;
    let pin = format!("a={HUB}/app:bad");
    operator.run(&["apply", "shop", "--pin", &pin, "--settle", "0", "--ack"]).await.exit(1);
    history(&operator, "a", &["1.2.0"]).await;
    assert_eq!(
        images(&operator).await,
        [
            row("1.2.0", "running", "yes", "change"),
            // The service was rolled back to this image, and it ran longer than the one that failed in between.
            row("slow", "ran", "yes", "change"),
            row("2", "ran", "yes", "change"),
            // Its tasks before the first change are no longer in the history; the change says that it ran.
            row("1", "ran", "yes", "change"),
            row("bad", "failed", "yes", "change"),
            row("1.3.0", "never-ran", "yes", "registry"),
        ]
    );
    let said = operator.run(&["history", "shop_a"]).await.exit(0);
    assert!(said.out.contains("rollback candidates of shop_a"), "{}", said.out);
    let ids: Vec<String> = {
        let view = operator.run(&["history", "shop_a", "--json"]).await.exit(0).json();
        let changes = view["changes"].as_array().unwrap().iter();
        changes.map(|change| change["id"].as_str().unwrap().to_owned()).collect()
    };
    let two = swarm.image("app:2").1;
    let digest = two.split_once('@').unwrap().1.to_owned();
    let begins = format!("@{}", &digest[7..15]);
    // Targets are a digest, a digest prefix, a tag, or the change that replaced the image;
    // a failed image adds a finding.
    for (to, image) in [
        (digest.as_str(), &two),
        ("slow", &swarm.image("app:slow").1),
        (&begins, &two),
        ("1.3.0", &swarm.image("app:1.3.0").1),
        (&format!("{HUB}/app:2"), &two),
        (ids.last().unwrap(), &format!("{HUB}/app:1")),
    ] {
        operator.run(&["rollback", "shop_a", "--to", to, "--settle", "0", "--ack", "--json"]).await.exit(0);
        assert_eq!(image_of(&swarm, "shop_a").await, *image, "{to}");
        let pins = operator.run(&["pins", "shop", "--json"]).await.exit(0).json();
        let pinned = pins["services"][0]["image"].as_str().unwrap();
        assert!(image.starts_with(pinned), "its pin makes it effective: {to}: {pins}");
    }
    assert_eq!(swarm.spec("shop_a").await, letter, "to the letter, five changes later");
    let bad = operator.run(&["rollback", "shop_a", "--to", "bad"]).await.exit(3);
    assert!(bad.out.contains("warning failed-here"), "{bad:?}");
    let none = operator.run(&["rollback", "shop_a", "--to", "0.0.0"]).await.exit(1);
    assert!(none.out.contains("error no-way-back"), "{none:?}");
}

const TAGS: &str = "[[image]]\nref = 'r.example:5000/app:1.2.0'\n[[image]]\nref = 'r.example:5000/app:1.3.0'\n";

#[tokio::test(start_paused = true)]
async fn an_earlier_image_is_chosen_from_a_list_by_keys() {
    for size in [(80, 24), (120, 40)] {
        let swarm = Swarm::of(&format!("{WORLD}\n{TAGS}"));
        let operator = swarm.at("node-1");
        history(&operator, "a", &["2", "slow", "1.2.0"]).await;
        let two = swarm.image("app:2").1;
        let mut desk = Desk::open(&operator, size);
        shop_a(&mut desk).await;
        let asked = operator.calls().len();
        desk.press("B");
        let whole = |text: &str| text.contains("1.3.0  ") && text.matches("available").count() == 5;
        desk.wait("the whole list", 30, whole).await;
        assert!(operator.calls()[asked..].iter().all(|call| !call.is_write()));
        // The cursor starts at the target of `R`; the running image cannot be selected.
        desk.press("g g enter");
        desk.wait("why not", 5, |text| text.contains("the service already has this image")).await;
        desk.press("j j enter");
        desk.wait("the plan", 30, |text| text.contains("plan up to date")).await;
        assert!(desk.text().contains("rollback  "), "{}", desk.text());
        // The change is a rollback, and can be rolled back as well.
        desk.press("a");
        desk.wait("the outcome", 120, |text| text.contains("Done.")).await;
        assert_eq!(image_of(&swarm, "shop_a").await, two);
        let change = operator.run(&["history", "shop", "--json"]).await.exit(0).json();
        assert_eq!(change["changes"][0]["kind"], "rollback");
    }
}

#[tokio::test(start_paused = true)]
async fn the_list_asks_registries_only_for_what_is_on_the_screen() {
    use std::fmt::Write as _;
    let mut world = format!("{WORLD}\n{TAGS}");
    for nth in 10..45 {
        let _ = write!(world, "[[image]]\nref = 'r.example:5000/app:1.4.{nth}'\n");
    }
    let swarm = Swarm::of(&world);
    let operator = swarm.at("node-1");
    let mut desk = Desk::open(&operator, (80, 24));
    shop_a(&mut desk).await;
    desk.press("B");
    desk.wait("what is on the screen", 30, |text| text.matches("available").count() == 15).await;
    desk.pass(2000, |_| {}).await;
    let asked = (10..45).filter(|nth| desk.knows(&format!("{HUB}/app:1.4.{nth}"))).count();
    assert!((10..=16).contains(&asked), "{asked} of 35 tags were asked for");
    desk.press("G");
    desk.wait("the last ones", 30, |text| text.contains("1.4.10  ") && text.matches("available").count() == 15).await;
}

/// Moves from the first screen to the row of the shop's first service.
async fn shop_a(desk: &mut Desk) {
    desk.wait("first screen", 10, |text| text.contains("shop")).await;
    desk.press("/");
    desk.type_in("shop_a");
    desk.press("enter");
    desk.wait("the service", 10, |text| text.contains("1 shown")).await;
    desk.press("g g j");
}

/// Returns the data that a config was created with.
fn data(call: &Call) -> Option<Value> {
    use base64::Engine as _;
    let body: Value = serde_json::from_str(&call.body).ok()?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(body["Data"].as_str()?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[tokio::test(start_paused = true)]
async fn a_digest_that_ran_comes_back_without_its_registry_on_a_flag_of_its_own() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    history(&operator, "a", &["2"]).await;
    // The lifetime of the task proves that its image ran on its node.
    tokio::time::sleep(Duration::from_secs(400)).await;
    history(&operator, "a", &["1"]).await;
    let (_, two) = swarm.image("app:2");
    down(&swarm, HUB);
    let posted = operator.writes().len();
    for flags in [&["--json"][..], &["--json", "--ack"]] {
        let said = operator.run(&[&["rollback", "shop"], flags].concat()).await.exit(3);
        assert_eq!(said.json()["outcome"], "not-started");
        assert!(said.err.contains("`--unverified`"), "{said:?}");
    }
    assert_eq!(operator.writes().len(), posted, "nothing was posted");
    let done = operator.run(&["rollback", "shop", "--unverified", "--settle", "0", "--json"]).await.exit(0).json();
    assert_eq!(image_of(&swarm, "shop_a").await, two);
    let unit = &done["plan"]["units"][0];
    assert!(unit["unchecked"].as_str().unwrap().contains("connection refused"), "{unit}");
    let ran = unit["lands"].as_array().unwrap().iter().filter(|land| land["ran"] == json!(true)).count();
    assert_eq!((ran, unit["lands"].as_array().unwrap().len()), (1, 3), "{unit}");
    let running = swarm.tasks(&["shop_a"]).await;
    assert!(running.iter().all(|(.., image)| *image == two) && !running.is_empty(), "{running:?}");
    // The record keeps the reason for the skipped verification.
    let records: Vec<_> = operator.writes().into_iter().filter(|call| call.path.ends_with("/configs/create")).collect();
    let mut kept = records.iter().filter_map(data);
    assert!(kept.any(|record| record["plan"]["units"][0]["unchecked"].is_string()), "in the record");
}

#[tokio::test(start_paused = true)]
async fn what_never_ran_stays_an_error_without_its_registry() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    // The image failed and was rolled back: its digest is known, but it never ran well.
    let pin = format!("a={HUB}/app:bad");
    operator.run(&["apply", "shop", "--pin", &pin, "--settle", "0", "--ack"]).await.exit(1);
    let (_, bad) = swarm.image("app:bad");
    down(&swarm, HUB);
    let digest = bad.split_once('@').unwrap().1;
    let said = operator.run(&["rollback", "shop_a", "--to", digest, "--unverified", "--ack"]).await.exit(1);
    assert!(said.out.contains("error registry-unreachable"), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_digest_that_ran_comes_back_without_its_registry_on_a_second_key() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    history(&operator, "a", &["2", "1"]).await;
    let (_, two) = swarm.image("app:2");
    down(&swarm, HUB);
    let mut desk = Desk::open(&operator, (80, 24));
    desk.wait("first screen", 10, |text| text.contains("shop")).await;
    desk.press("/");
    desk.type_in("shop_a");
    desk.press("enter");
    desk.wait("the service", 10, |text| text.contains("1 shown")).await;
    desk.press("g g j R");
    desk.wait("the plan back", 60, |text| text.contains("plan up to date")).await;
    assert!(desk.text().contains("warning not-verified"), "{}", desk.text());
    desk.press("a");
    desk.wait("that it waits", 5, |text| text.contains("accept the unverified image")).await;
    desk.press("w");
    desk.wait("that there is nothing to acknowledge", 5, |text| text.contains("the plan has no warnings")).await;
    desk.press("! a");
    desk.wait("the outcome", 120, |text| text.contains("Done.")).await;
    assert_eq!(image_of(&swarm, "shop_a").await, two);
}
