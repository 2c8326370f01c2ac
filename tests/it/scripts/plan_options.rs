//! The options of a plan, applied: the source of the credentials, start-first, the order of services, and redeploys.

use pinnace_engine::credentials::Redacted;
use serde_json::json;

use super::*;

/// A public registry and a private one; the service has no credentials.
const PRIVATE: &str = r#"
settled = 60.0
[[node]]
name = "node-1"
manager = true
[[node]]
name = "node-2"
manager = true
[[registry]]
name = "r.example:5000"
insecure = true
[[registry]]
name = "p.example:5000"
insecure = true
user = "u"
password = "p?>~secret"
[[image]]
ref = "r.example:5000/app:1"
[[image]]
ref = "p.example:5000/app:1"
[[image]]
ref = "p.example:5000/app:2"
[[image]]
ref = "r.example:5000/app:slow"
behaviour = "healthy-after:4"
[[service]]
name = "web"
image = "r.example:5000/app:1"
replicas = 2
"#;

async fn logged_in(swarm: &Swarm) -> Operator {
    let operator = swarm.at("node-1");
    operator.given.cluster.login("p.example:5000", "u".into(), Redacted::new("p?>~secret")).await;
    operator
}

/// Returns the source of each update's credentials, and whether some were sent.
fn sent(operator: &Operator) -> Vec<String> {
    let posts = operator.calls().into_iter().filter(Call::landed);
    posts.map(|call| call.auth.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_registry_gets_the_operators_credentials_and_the_way_back_the_stored() {
    let swarm = Swarm::of(PRIVATE);
    let operator = logged_in(&swarm).await;
    let before = swarm.spec("web").await;
    let plan = operator.run(&["plan", "web", "--pin", "p.example:5000/app:1", "--json"]).await.exit(0);
    assert!(!plan.out.contains("secret") && plan.json()["units"][0]["credentials"] == "operator", "{}", plan.out);
    operator.run(&["apply", "web", "--pin", "p.example:5000/app:1", "--settle", "0"]).await.exit(0);
    // An operator without credentials can roll back: the engine uses those of the previous spec.
    let other = swarm.at("node-2");
    let back = other.run(&["rollback", "web", "--settle", "0", "--json"]).await.exit(0).json();
    assert_eq!(back["plan"]["units"][0]["credentials"], "previous");
    assert_eq!(swarm.spec("web").await, before);
    assert_eq!((sent(&operator), sent(&other)), (vec!["spec, sent".to_owned()], vec!["previous-spec".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn kept_credentials_fail_where_there_are_none_and_sending_mends_it() {
    let swarm = Swarm::of(PRIVATE);
    let operator = logged_in(&swarm).await;
    let pin = ["apply", "web", "--pin", "p.example:5000/app:1", "--settle", "0", "--json"];
    let failed = operator.run(&[&pin[..], &["--keep-credentials"]].concat()).await.exit(1).json();
    assert_eq!(failed["outcome"], "failed");
    assert!(failed["failures"][0]["why"].as_str().unwrap().contains("No such image"), "{failed}");
    operator.run(&[&pin[..], &["--ack", "--send-credentials"]].concat()).await.exit(0);
    // Within one registry stored credentials are kept, and are enough for an operator without any.
    let other = swarm.at("node-2");
    other.given.cluster.login("p.example:5000", "u".into(), Redacted::new("p?>~secret")).await;
    let done = other.run(&["apply", "web", "--pin", "p.example:5000/app:2", "--settle", "0", "--json"]).await.exit(0);
    assert_eq!(
        (sent(&other), done.json()["plan"]["units"][0]["credentials"].clone()),
        (vec!["spec".to_owned()], json!("stored"))
    );
}

#[tokio::test(start_paused = true)]
async fn start_first_costs_no_old_task_and_goes_back_with_its_change() {
    let swarm = Swarm::of(PRIVATE);
    let operator = swarm.at("node-1");
    let before = swarm.spec("web").await;
    let least = Arc::new(std::sync::atomic::AtomicUsize::new(usize::MAX));
    let sampler = tokio::spawn({
        let (swarm, least) = (swarm.clone(), Arc::clone(&least));
        async move {
            loop {
                let up = swarm.tasks(&["web"]).await.len();
                least.fetch_min(up, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    });
    let pin = format!("{HUB}/app:slow");
    let pin = ["apply", "web", "--pin", &pin, "--settle", "0", "--json"];
    operator.run(&[&pin[..], &["--start-first"]].concat()).await.exit(0);
    sampler.abort();
    assert_eq!(least.load(Ordering::SeqCst), 2, "never fewer than both");
    let spec: Value = serde_json::from_str(&swarm.spec("web").await).unwrap();
    assert_eq!(
        (&spec["UpdateConfig"]["Order"], &spec["UpdateConfig"]["Parallelism"]),
        (&json!("start-first"), &json!(1))
    );
    operator.run(&["rollback", "web", "--settle", "0"]).await.exit(0);
    assert_eq!(swarm.spec("web").await, before, "the policy went with it, absence included");
}

#[tokio::test(start_paused = true)]
async fn tasks_start_anew() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let (_, pinned) = swarm.image("app:1");
    let before = swarm.tasks(&["cron-box"]).await;
    assert_eq!(before[0].2, pinned);
    let done = operator.run(&["redeploy", "cron-box", "--settle", "0", "--json"]).await.exit(0).json();
    assert_eq!((&done["plan"]["kind"], &done["outcome"]), (&json!("redeploy"), &json!("done")));
    let after = swarm.tasks(&["cron-box"]).await;
    assert_eq!(after[0].2, pinned, "the same digest");
    assert_ne!(after[0].1, before[0].1, "another task");
    let history = operator.run(&["history", "cron-box", "--json"]).await.exit(0).json();
    assert_eq!(history["changes"][0]["kind"], "redeploy");
}

#[tokio::test(start_paused = true)]
async fn the_order_is_the_operators() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let pin = format!("{HUB}/pg:2");
    let order = "postgres-n2-a,postgres-n1-c";
    let plan = operator.run(&["plan", "storefront", "--pin", &pin, "--order", order, "--json"]).await.exit(0).json();
    let names: Vec<&str> =
        plan["units"].as_array().unwrap().iter().map(|unit| unit["service"].as_str().unwrap()).collect();
    assert_eq!(names, ["postgres-n2-a", "postgres-n1-c", "postgres-n1-a", "postgres-n1-b"]);
    let unknown = operator.run(&["plan", "storefront", "--pin", &pin, "--order", "nobody"]).await.exit(2);
    assert!(unknown.err.contains("has no service `nobody`"), "{}", unknown.err);
}
