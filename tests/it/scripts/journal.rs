//! The journal: retention, external deployments, and behaviour while the swarm refuses writes.

use std::collections::BTreeSet;

use pinnace_core::journal::{RECORD_LIMIT, record_size};
use pinnace_core::plan::ChangeRecord;
use pinnace_core::swarm::GroupKey;
use serde_json::json;
use swarm_sim::{Fault, PlannedFault};

use super::keys::Desk;
use super::*;

impl Swarm {
    /// Returns the names of the configs with this prefix.
    pub(super) async fn configs(&self, prefix: &str) -> Vec<String> {
        let (_, body) = self.ask("node-2", Method::GET, "/configs", &[]).await;
        let configs: Vec<Value> = serde_json::from_str(&body).unwrap();
        let names = configs.iter().map(|config| config["Spec"]["Name"].as_str().unwrap().to_owned());
        let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
        names.sort();
        names
    }

    pub(super) fn fault(&self, fault: Fault) {
        let planned = PlannedFault { after: 0.0, fault };
        self.sim.with_faults(|world, faults| plan_fault(world, faults, planned)).unwrap();
    }

    /// Sets an image as a deployment by another client does.
    fn deploy(&self, service: &str, image: &str) {
        let (service, image) = (service.to_owned(), Some(format!("{HUB}/{image}")));
        self.fault(Fault::Meddle { service, image, label: None, before_write: None });
    }
}

fn outcomes(history: &Value) -> Vec<&str> {
    history["changes"].as_array().unwrap().iter().map(|change| change["outcome"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn old_changes_are_pruned_and_what_is_needed_stays() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let pin = |tag: &str| format!("{HUB}/app:{tag}");
    let apply = async |pin: &str| {
        operator.run(&["apply", "whole", "--pin", pin, "--ack", "--settle", "0"]).await.exit(0);
    };
    // The last successful run of another service, and an image of the first change: both soon leave the retention.
    operator.run(&["apply", "shop", "--pin", &format!("a={}", pin("2")), "--settle", "0"]).await.exit(0);
    apply(&pin("2")).await;
    let first = operator.run(&["history", "whole", "--json"]).await.exit(0).json();
    let first = first["changes"][0]["id"].as_str().unwrap().to_owned();
    for at in 0..52 {
        // These pins change no running image: the change has no units.
        let file = operator.home().join("pins.toml");
        std::fs::write(&file, if at % 2 == 0 { String::new() } else { format!("image = \"{}\"\n", pin("2")) }).unwrap();
        operator.run(&["apply", "whole", "--pins", file.to_str().unwrap(), "--ack"]).await.exit(0);
    }
    let group = GroupKey::parse("service/whole").unwrap().hash();
    let slots = swarm.configs(&format!("pinnace.s.{group}.")).await;
    let numbers: BTreeSet<u64> = slots.iter().map(|name| name.rsplit_once('.').unwrap().1.parse().unwrap()).collect();
    let wanted: BTreeSet<u64> = [1].into_iter().chain(5..=53).collect();
    assert_eq!(numbers, wanted, "fifty, and the first among them: it is the last good run of its service");
    let records = swarm.configs("pinnace.r.").await;
    assert_eq!((records.len(), records.contains(&format!("pinnace.r.{first}"))), (51, true));
    assert_eq!(swarm.configs("pinnace.l.").await.len(), 51);
    let history = operator.run(&["history", "whole", "--json"]).await.exit(0).json();
    assert_eq!(history["changes"].as_array().unwrap().len(), 50);
    let here: Vec<u64> =
        history["local_only"].as_array().unwrap().iter().map(|it| it["seq"].as_u64().unwrap()).collect();
    assert_eq!(here, [4, 3, 2], "this machine still knows what was pruned");
    // Each slot was deleted before its record and log.
    let deleted: Vec<String> =
        operator.calls().into_iter().filter(|it| it.method == "DELETE").map(|it| it.path).collect();
    assert_eq!(deleted.len(), 9);
}

#[tokio::test(start_paused = true)]
async fn pruning_that_fails_fails_nothing() {
    let swarm = Swarm::start();
    let apply = async |operator: &Operator, at: u32| {
        let file = operator.home().join("pins.toml");
        std::fs::write(&file, if at % 2 == 1 { String::new() } else { format!("image = \"{HUB}/app:1\"\n") }).unwrap();
        operator.run(&["apply", "whole", "--pins", file.to_str().unwrap(), "--ack"]).await.exit(0)
    };
    let first = swarm.at("node-1");
    for at in 0..50 {
        apply(&first, at).await;
    }
    let cut =
        swarm.behind(
            "node-1",
            |call, when| {
                if call.method == "DELETE" && when == When::Before { Act::Cut } else { Act::Pass }
            },
        );
    apply(&cut, 50).await;
    assert_eq!(swarm.configs("pinnace.s.").await.len(), 51);
    // A missing slot counts as removed; its record is removed the next time.
    let lost =
        swarm.behind(
            "node-1",
            |call, when| {
                if call.method == "DELETE" && when == When::After { Act::Cut } else { Act::Pass }
            },
        );
    apply(&lost, 51).await;
    assert_eq!((swarm.configs("pinnace.s.").await.len(), swarm.configs("pinnace.r.").await.len()), (50, 52));
    apply(&first, 52).await;
    assert_eq!((swarm.configs("pinnace.s.").await.len(), swarm.configs("pinnace.r.").await.len()), (50, 50));
    assert_eq!(swarm.configs("pinnace.l.").await.len(), 50);
}

#[tokio::test(start_paused = true)]
async fn what_others_deploy_is_noted() {
    let swarm = Swarm::start();
    let first = swarm.at("node-1");
    let noted = |said: &Said| {
        let noted = said.json()["recorded"].as_array().unwrap().clone();
        noted
            .iter()
            .map(|one| format!("{} {}", one["service"].as_str().unwrap(), one["image"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    let all = first.run(&["record", "--json"]).await.exit(0);
    assert!(noted(&all).len() > 7, "{}", all.out);
    assert!(all.json()["unstable"].as_array().unwrap().contains(&json!("loops")), "{}", all.out);
    assert!(swarm.configs("pinnace.s.").await.is_empty(), "no claim is made");
    let second = swarm.at("node-2");
    assert!(noted(&second.run(&["record", "--json"]).await.exit(0)).is_empty(), "it is known");

    swarm.deploy("shop_a", "app:2");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let early = second.run(&["record", "shop", "--json"]).await.exit(0);
    assert_eq!((noted(&early).len(), &early.json()["unstable"]), (0, &json!(["shop_a"])));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let later = second.run(&["record", "shop", "--json"]).await.exit(0);
    assert_eq!(noted(&later), [format!("shop_a {HUB}/app:2")]);
    let history = swarm.at("node-3").run(&["history", "shop_a", "--json"]).await.exit(0).json();
    let images: Vec<&str> =
        history["external"].as_array().unwrap().iter().map(|one| one["image"].as_str().unwrap()).collect();
    assert_eq!(images, [format!("{HUB}/app:2"), format!("{HUB}/app:1")], "newest first, from any manager");

    // The images of our own changes are known without being recorded.
    let pin = format!("b={HUB}/app:2");
    second.run(&["apply", "shop", "--pin", &pin, "--settle", "0"]).await.exit(0);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(noted(&second.run(&["record", "shop", "--json"]).await.exit(0)).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_console_notes_what_it_sees_on_disk() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let mut desk = Desk::open(&operator, (100, 30));
    desk.wait("first screen", 10, |text| text.contains("storefront")).await;
    desk.pass(70_000, |_| ()).await;
    swarm.deploy("shop_a", "app:2");
    desk.pass(190_000, |_| ()).await;
    assert!(operator.calls().iter().all(|call| !call.is_write()), "nothing is written to the swarm");
    let seen = async |operator: &Operator| {
        let history = operator.run(&["history", "shop_a", "--json"]).await.exit(0).json();
        let images = history["external"].as_array().cloned().unwrap_or_default();
        images.iter().map(|one| one["image"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(seen(&operator).await, [format!("{HUB}/app:2"), format!("{HUB}/app:1")]);
    assert!(seen(&swarm.at("node-1")).await.is_empty(), "another machine does not know it");
}

#[tokio::test(start_paused = true)]
async fn a_claim_left_before_its_first_unit_is_closed_by_the_next() {
    let swarm = Swarm::start();
    let pin = format!("a={HUB}/app:2");
    let args = ["apply", "shop", "--pin", &pin, "--settle", "0", "--json"];
    let first = swarm.behind(
        "node-1",
        |call, when| {
            if call.nth == Some(2) && when == When::After { Act::Kill } else { Act::Pass }
        },
    );
    assert_eq!(first.run(&args).await.code, None);
    let second = swarm.at("node-2");
    let done = second.run(&args).await.exit(0);
    assert!(done.took >= Duration::from_secs(30), "it waits for a sign of life: {:?}", done.took);
    let history = second.run(&["history", "shop", "--json"]).await.exit(0).json();
    assert_eq!(outcomes(&history), ["done", "abandoned"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_majority_nothing_is_begun() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let mut desk = Desk::open(&operator, (120, 40));
    desk.plan("2").await;
    swarm.fault(Fault::QuorumLost);
    desk.press("s a");
    desk.wait("the refusal", 60, |text| text.contains("the swarm has no leader: too few managers are running")).await;
    assert!(operator.calls().iter().all(|call| !call.is_write()));
    assert!(!operator.home().join("state").join("sim.jsonl").exists());
    let said = operator.run(&["apply", "shop", "--pin", &format!("a={HUB}/app:2")]).await.exit(4);
    assert!(said.err.contains("does not have a leader") && said.err.contains("start managers until"), "{}", said.err);
}

#[tokio::test(start_paused = true)]
async fn writes_that_hang_are_told_and_waited_for() {
    let swarm = Swarm::start();
    let (sim, hung) = (swarm.clone(), std::sync::atomic::AtomicBool::new(false));
    let operator = swarm.behind("node-1", move |call, when| {
        if call.what().starts_with("slot running p") && when == When::Before && !hung.swap(true, Ordering::SeqCst) {
            sim.fault(Fault::WritesHang { seconds: 20.0, applied_after: None, count: Some(2) });
        }
        Act::Pass
    });
    let said = operator.run(&["apply", "shop", "--pin", &format!("a={HUB}/app:2"), "--settle", "0"]).await.exit(0);
    assert!(said.out.contains("problem: the swarm answers reads but accepts no writes"), "{}", said.out);
    assert!(said.took > Duration::from_secs(40), "{:?}", said.took);
}

/// Returns a second operator on the same machine.
fn beside(swarm: &Swarm, node: &str, first: &Operator) -> Operator {
    let mut second = swarm.at(node);
    second.given.state.clone_from(&first.given.state);
    second
}

const ON_DISK: [&str; 2] = ["--journal", "disk"];

#[tokio::test(start_paused = true)]
async fn a_journal_on_disk_needs_no_configs_and_says_what_that_means() {
    let swarm = Swarm::start();
    let first = swarm.at("node-1");
    let before = swarm.spec("shop_a").await;
    let pin = format!("a={HUB}/app:2");
    let apply = ["apply", "shop", "--pin", &pin, "--settle", "0"];
    let done = first.run(&[&apply[..], &ON_DISK].concat()).await.exit(0);
    assert!(done.err.contains("another manager sees neither them"), "{}", done.err);
    assert!(swarm.configs("pinnace.").await.is_empty());
    let history = async |operator: &Operator, on: &[&str]| {
        let history = operator.run(&[&["history", "shop", "--json"], on].concat()).await.exit(0).json();
        outcomes(&history).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(history(&first, &ON_DISK).await, ["done"]);
    assert!(history(&first, &[]).await.is_empty(), "the swarm knows nothing of it");
    assert!(history(&swarm.at("node-2"), &ON_DISK).await.is_empty(), "nor does another machine");
    let again = beside(&swarm, "node-2", &first);
    again.run(&[&["rollback", "shop", "--settle", "0"][..], &ON_DISK].concat()).await.exit(0);
    assert_eq!(swarm.spec("shop_a").await, before, "to the letter");
    assert_eq!(history(&first, &ON_DISK).await, ["done", "done"]);

    // External deployments are recorded as well.
    swarm.deploy("shop_b", "app:2");
    tokio::time::sleep(Duration::from_secs(60)).await;
    first.run(&[&["record", "shop"][..], &ON_DISK].concat()).await.exit(0);
    let seen = again.run(&[&["history", "shop_b", "--json"][..], &ON_DISK].concat()).await.exit(0).json();
    assert_eq!(seen["external"].as_array().unwrap().len(), 1);
    assert!(swarm.configs("pinnace.").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_journal_on_disk_is_taken_up_again() {
    for (choice, outcome) in [("--continue", "done"), ("--roll-back", "rolled-back")] {
        let swarm = Swarm::start();
        let services = ["shop_a", "shop_b"];
        let before = swarm.specs(&services).await;
        let first = swarm.at("node-1");
        let pins = ["a", "b"].map(|member| format!("{member}={HUB}/app:2"));
        let apply = ["apply", "shop", "--pin", &pins[0], "--pin", &pins[1], "--settle", "0", "--json"];
        let stepped = first.run(&[&apply[..], &["--step"], &ON_DISK].concat()).await.exit(5);
        assert_eq!(stepped.json()["outcome"], "detached");
        let second = beside(&swarm, "node-2", &first);
        let busy = second.run(&[&apply[..], &ON_DISK].concat()).await;
        assert!(busy.out.contains("change-unfinished"), "{}", busy.out);
        let history = second.run(&[&["history", "shop", "--json"][..], &ON_DISK].concat()).await.exit(0).json();
        let id = history["changes"][0]["id"].as_str().unwrap();
        let resume = ["resume", id, choice, "--settle", "0", "--json"];
        let resumed = second.run(&[&resume[..], &ON_DISK].concat()).await.exit(0);
        assert_eq!(resumed.json()["outcome"], outcome);
        assert_eq!(swarm.specs(&services).await == before, outcome == "rolled-back");
        assert!(swarm.configs("pinnace.").await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn two_on_one_machine_claim_once() {
    for _ in 0..10 {
        let swarm = Swarm::start();
        let first = swarm.at("node-1");
        let second = beside(&swarm, "node-2", &first);
        let pins = ["a", "b"].map(|member| format!("{member}={HUB}/app:2"));
        let args = |at: usize| ["apply", "shop", "--pin", &pins[at], "--settle", "0", "--journal", "disk"];
        let (one, other) = (args(0), args(1));
        let (one, other) = tokio::join!(first.run(&one), second.run(&other));
        let mut codes = [one.code, other.code];
        codes.sort();
        assert_eq!(codes, [Some(0), Some(3)], "{one:?} {other:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_on_disk_minds_the_swarms_own() {
    let swarm = Swarm::start();
    let pin = format!("a={HUB}/app:2");
    let first =
        swarm.behind(
            "node-1",
            |call, when| {
                if call.service().is_some() && when == When::Before { Act::Kill } else { Act::Pass }
            },
        );
    assert_eq!(first.run(&["apply", "shop", "--pin", &pin, "--settle", "0"]).await.code, None);
    let second = swarm.at("node-2");
    let refused = second.run(&["apply", "shop", "--pin", &pin, "--journal", "disk"]).await.exit(3);
    assert!(refused.err.contains("is not finished"), "{}", refused.err);
    assert!(second.calls().iter().all(|call| !call.is_write()));
}

/// Checks the size limit: the simulator stores a record at the engine's limit and refuses one that is a byte larger.
#[tokio::test(start_paused = true)]
async fn a_record_at_the_limit_is_stored_and_one_beyond_is_refused() {
    let swarm = Swarm::start();
    let journal = &swarm.at("node-1").given.cluster.journal;
    let record = |change: &str, padding: usize| -> ChangeRecord {
        serde_json::from_value(json!({"v": 1, "change": change, "plan": {
            "v": 1, "id": "1", "created": "2026-11-20T09:00:00Z", "swarm": "s", "group": "service/whole", "parent": 0,
            "kind": "pin", "api": "1.41", "pins_before": null, "pins_after": "x".repeat(padding), "units": [],
            "findings": [],
        }}))
        .unwrap()
    };
    let room = RECORD_LIMIT - record_size(&record("fits", 0));
    let (fits, over) = (record("fits", room), record("over", room + 1));
    assert_eq!((record_size(&fits), record_size(&over)), (1_023_999, 1_024_000));
    journal.put_record(&fits).await.unwrap();
    assert_eq!(journal.record("fits").await.unwrap(), Some(fits));
    let refused = journal.put_record(&over).await.unwrap_err();
    assert!(refused.status() == Some(400) && refused.to_string().contains("less than 1024000 bytes"), "{refused}");
    assert_eq!(journal.record("over").await.unwrap(), None);
}
