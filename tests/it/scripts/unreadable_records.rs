//! Entries of the journal that cannot be read: each is told by its config, and everything else goes on.

use base64::Engine as _;
use serde_json::json;
use swarm_sim::Store;

use super::*;

/// Damages the record of the newest change of the shop; returns its config's name.
async fn damage(swarm: &Swarm, operator: &Operator, data: &str) -> String {
    let view = operator.run(&["history", "shop", "--json"]).await.exit(0).json();
    let change = view["changes"][0]["id"].as_str().unwrap().to_owned();
    let name = format!("pinnace.r.{change}");
    swarm.sim.with(|world| {
        let labels = json!({ "pinnace.record": "1" });
        world.remove_config(Store::Configs, &name).unwrap();
        let data = base64::engine::general_purpose::STANDARD.encode(data);
        world.create_config(Store::Configs, &json!({ "Name": name, "Labels": labels, "Data": data })).unwrap();
    });
    name
}

#[tokio::test(start_paused = true)]
async fn everything_else_goes_on_and_the_entry_is_named() {
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for data in ["not json", "{}", deep.as_str(), "{\"v\":1,\"change\":7}"] {
        let swarm = Swarm::start();
        let operator = swarm.at("node-1");
        let pin = format!("a={HUB}/app:2");
        operator.run(&["apply", "shop", "--pin", &pin, "--settle", "0", "--ack"]).await.exit(0);
        let config = damage(&swarm, &operator, data).await;
        for verb in
            [&["status"][..], &["history", "shop"], &["history", "shop_a"], &["pins", "shop"], &["check", "shop"]]
        {
            let said = operator.run(verb).await;
            assert!(said.code.is_some_and(|code| code != 4), "{verb:?} {data}: {said:?}");
        }
        let plan = operator.run(&["plan", "shop", "--pin", &format!("b={HUB}/app:2"), "--json"]).await.json();
        let findings = plan["findings"].as_array().unwrap();
        let found =
            findings.iter().find(|one| one["code"] == "record-unreadable").unwrap_or_else(|| panic!("{plan:#}"));
        assert!(found["message"].as_str().unwrap().contains(&config), "{found}");
        assert!(found["hint"].as_str().unwrap().contains(&format!("docker config rm {config}")), "{found}");
        // Edited pins are refused until the entry is gone; a way back needs only an acknowledgement.
        let pin = format!("b={HUB}/app:2");
        operator.run(&["apply", "shop", "--pin", &pin, "--settle", "0", "--ack"]).await.exit(1);
        operator.run(&["rollback", "shop_a", "--to", "1", "--settle", "0", "--ack"]).await.exit(0);
        swarm.sim.with(|world| world.remove_config(Store::Configs, &config)).unwrap();
        operator.run(&["apply", "shop", "--pin", &pin, "--settle", "0", "--ack"]).await.exit(0);
    }
}
