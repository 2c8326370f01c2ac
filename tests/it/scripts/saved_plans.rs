//! Saved plans: they are applied once, and only if nothing they depend on has changed.

use serde_json::json;
use swarm_sim::{Fault, PlannedFault, reference};

use super::*;

const SHOP: [&str; 2] = ["shop_a", "shop_b"];

impl Swarm {
    fn goes_wrong(&self, fault: Fault) {
        self.sim.with_faults(|world, faults| plan_fault(world, faults, PlannedFault { after: 0.0, fault })).unwrap();
    }

    /// Points a tag to the image of another tag.
    fn retag(&self, tag: &str, of: &str) {
        let of = reference(&format!("{HUB}/{of}")).unwrap();
        self.sim.with(|world| world.registries.get_mut(HUB).unwrap().tag(tag, &of, None)).unwrap();
    }

    fn meddle(&self, image: Option<&str>, label: Option<&str>) {
        let (image, label) = (image.map(str::to_owned), label.map(str::to_owned));
        self.goes_wrong(Fault::Meddle { service: "shop_b".into(), image, label, before_write: None });
    }
}

/// Saves a plan for both services of the stack; returns its file.
async fn saved(operator: &Operator) -> String {
    let file = operator.home().join("shop.plan").display().to_string();
    let pins = SHOP.map(|service| format!("{}={HUB}/app:2", &service[5..]));
    let said = operator.run(&["plan", "shop", "--pin", &pins[0], "--pin", &pins[1], "--out", &file]).await.exit(0);
    assert!(said.err.contains(&format!("pinnace apply {file}")), "{}", said.err);
    file
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_is_carried_out_by_another_operator_once() {
    let swarm = Swarm::start();
    let first = swarm.at("node-1");
    let file = saved(&first).await;
    let second = swarm.at("node-2");
    let copy = second.home().join("copy.json").display().to_string();
    std::fs::copy(&file, &copy).unwrap();
    let done = second.run(&["apply", &copy, "--settle", "0", "--json"]).await.exit(0).json();
    assert_eq!((&done["outcome"], &done["units"]), (&json!("done"), &json!(["done", "done"])));
    let (_, new) = swarm.image("app:2");
    assert!(swarm.tasks(&SHOP).await.iter().all(|(_, _, image)| *image == new));
    let specs = swarm.specs(&SHOP).await;
    let again = second.run(&["apply", &copy]).await.exit(3);
    assert!(again.err.contains("is stale: change 1 by"), "{}", again.err);
    assert_eq!(swarm.specs(&SHOP).await, specs);
}

/// Checks the refusal of stale plans for each kind of change, with its message.
#[tokio::test(start_paused = true)]
async fn a_plan_of_a_moved_swarm_is_refused_and_says_what_moved() {
    type Move = fn(&Swarm);
    let moves: [(&str, Move, &str); 5] = [
        ("its image", |swarm| swarm.meddle(Some("r.example:5000/app:slow"), None), "shop_b runs slow now"),
        ("the rest of its spec", |swarm| swarm.meddle(None, Some("who=me")), "another client edited shop_b"),
        ("a digest", |swarm| swarm.retag("2", "app:slow"), "the target of shop_a is @"),
        ("its nodes", drained, "shop_a is blocked now: node-1 (ready, drain), node-2 (ready, drain)"),
        ("another swarm", another, "it is for another swarm"),
    ];
    for (what, moves, told) in moves {
        let swarm = Swarm::start();
        let operator = swarm.at("node-1");
        let file = saved(&operator).await;
        moves(&swarm);
        let specs = swarm.specs(&SHOP).await;
        let said = if what == "another swarm" {
            let other = Swarm::start();
            other.sim.with(|world| world.swarm = "anotherswarm".into());
            other.at("node-1").run(&["apply", &file]).await.exit(3)
        } else {
            operator.run(&["apply", &file]).await.exit(3)
        };
        assert!(said.err.contains(told), "{what}: {}", said.err);
        assert!(said.err.contains("hint: plan again: `pinnace plan stack/shop"), "{what}: {}", said.err);
        assert_eq!(swarm.specs(&SHOP).await, specs, "{what}");
        assert!(operator.calls().iter().all(|call| !call.is_write()), "{what}");
    }
}

fn drained(swarm: &Swarm) {
    for name in ["node-1", "node-2", "node-3"] {
        swarm.goes_wrong(Fault::Node { name: name.into(), to: "drain".into() });
    }
}

fn another(_: &Swarm) {}

/// Checks that a moved version index alone does not make a plan stale.
#[tokio::test(start_paused = true)]
async fn an_index_alone_is_no_change() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let file = saved(&operator).await;
    swarm.goes_wrong(Fault::Elect { node: "node-3".into() });
    operator.run(&["apply", &file, "--settle", "0"]).await.exit(0);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_is_refused() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let file = saved(&operator).await;
    let text = std::fs::read_to_string(&file).unwrap();
    for (damaged, told) in [
        (text.replace("app:2", "app:bad"), "the checksum does not match"),
        (text[..text.len() / 2].to_owned(), "it is not a saved plan"),
        (text.replace("\"v\": 1", "\"v\": 7"), "a newer pinnace made it (format 7)"),
        ("[service.a]\nimage = \"x\"\n".to_owned(), "it is not a saved plan"),
    ] {
        std::fs::write(&file, damaged).unwrap();
        let said = operator.run(&["apply", &file]).await.exit(2);
        assert!(said.err.contains(told), "{}", said.err);
    }
    std::fs::write(&file, text).unwrap();
    let said = operator.run(&["apply", &file, "--pin", "a=x"]).await.exit(2);
    assert!(said.err.contains("a saved plan accepts no edits"), "{}", said.err);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_and_a_redeploy_can_be_saved_too() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let specs = swarm.specs(&SHOP).await;
    let file = saved(&operator).await;
    operator.run(&["apply", &file, "--settle", "0"]).await.exit(0);
    let back = operator.home().join("back.plan").display().to_string();
    operator.run(&["rollback", "shop", "--out", &back]).await.exit(0);
    let again = operator.home().join("again.plan").display().to_string();
    operator.run(&["redeploy", "shop_a", "--out", &again]).await.exit(0);
    operator.run(&["apply", &back, "--settle", "0"]).await.exit(0);
    assert_eq!(swarm.specs(&SHOP).await, specs, "to the letter");
    let stale = operator.run(&["apply", &again]).await.exit(3);
    assert!(stale.err.contains("is newer than the plan"), "{}", stale.err);
}
