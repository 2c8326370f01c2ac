//! Each finding once in the rendered console at 80 columns, with its complete hint, and once through the verbs as
//! JSON. Each case also has pins that must not cause the finding.

mod cases;

use std::path::PathBuf;

use pinnace_core::finding::Code;
use pinnace_engine::versions::{CacheFolder, VersionManifestLoader};
use swarm_sim::plan_fault;

use super::keys::Desk;
use super::*;

const BASE: &str = include_str!("world.toml");
const PG: &str = "r.example:5000/pgedge/pgedge-postgres";

/// The place in the console where a finding is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Below its line in the pins.
    Text,
    /// Beside the pins, for running images.
    Images,
    /// The plan made from the pins.
    Plan,
    /// The rollback plan.
    Back,
}

/// The source of the version manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// The built-in manifest, with its images in the registry of these tests.
    BuiltIn,
    /// A file with this text.
    Text(&'static str),
    /// A URL that answered once and is unreachable since.
    Lost,
}

/// A finding, with pins that cause it and pins that do not.
#[derive(Clone, Copy)]
struct Case {
    code: &'static str,
    weight: &'static str,
    group: &'static str,
    /// Scenario text added to the base world.
    world: &'static str,
    versions: From,
    /// Steps before the check, one verb each. `meddle SERVICE IMAGE` is a change by another client, `wait SECONDS`
    /// lets time pass, `down HOST` makes a registry unreachable.
    before: &'static [&'static str],
    /// The pins that cause the finding; `{REF}` is replaced by the digest of that image.
    pins: &'static str,
    at: At,
    /// Pins that do not cause it, in the same world.
    fine: &'static str,
}

const CASE: Case = Case {
    code: "",
    weight: "error",
    group: "storefront",
    world: "",
    versions: From::BuiltIn,
    before: &[],
    pins: "",
    at: At::Text,
    fine: "# nothing\n",
};

/// A swarm prepared for a case, with its operator.
struct Set {
    swarm: Swarm,
    operator: Operator,
    folder: PathBuf,
}

impl Set {
    async fn up(case: &Case) -> Self {
        let world =
            if case.world.starts_with("settled") { case.world.to_owned() } else { format!("{BASE}\n{}", case.world) };
        let swarm = Swarm::of(&world);
        let mut operator = swarm.at("node-1");
        let folder = operator.home().to_owned();
        let versions = versions(case.versions, &swarm, &folder).await;
        operator.given.cluster = operator.given.cluster.clone().with_versions(versions);
        let set = Self { swarm, operator, folder };
        for (nth, step) in case.before.iter().enumerate() {
            set.step(nth, step).await;
        }
        set
    }

    async fn step(&self, nth: usize, step: &str) {
        let words: Vec<&str> = step.split(' ').collect();
        match words.as_slice() {
            ["wait", seconds] => tokio::time::sleep(Duration::from_secs(seconds.parse().unwrap())).await,
            ["meddle", service, image] => {
                let fault = Fault::Meddle {
                    service: (*service).to_owned(),
                    image: Some(self.filled(image)),
                    label: None,
                    before_write: None,
                };
                let planned = PlannedFault { after: 0.0, fault };
                self.swarm.sim.with_faults(|world, faults| plan_fault(world, faults, planned)).unwrap();
            }
            ["down", host] => down(&self.swarm, host),
            _ => {
                let words: Vec<String> = words.iter().map(|word| self.filled(word)).collect();
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let said = self.operator.run(&words).await;
                assert!(said.code.is_some(), "step {nth}: {said:?}");
            }
        }
    }

    /// Replaces `{REF}` with the digests of images.
    fn filled(&self, text: &str) -> String {
        let mut text = text.to_owned();
        while let Some((before, rest)) = text.split_once("{r.") {
            let (named, after) = rest.split_once('}').unwrap();
            let named = format!("r.{named}");
            let reference = swarm_sim::reference(&named).unwrap();
            let digest = self.swarm.sim.with(|world| world.look(&reference, None).ok().map(|it| it.digest.to_string()));
            text = format!("{before}{}{after}", digest.unwrap_or_else(|| panic!("no {named}")));
        }
        text
    }

    /// Returns the findings of the verbs about these pins, or about the rollback.
    async fn told(&self, case: &Case, pins: &str, nth: usize) -> Vec<Value> {
        let file = self.folder.join(format!("pins-{nth}.toml"));
        std::fs::write(&file, self.filled(pins)).unwrap();
        let (group, file) = (case.group, file.to_str().unwrap());
        let mut lists = Vec::new();
        if case.at == At::Back {
            lists.push(self.operator.run(&["rollback", group, "--dry-run", "--json"]).await);
        } else if pins.is_empty() {
            lists.push(self.operator.run(&["check", group, "--json"]).await);
        } else {
            lists.push(self.operator.run(&["check", group, "--pins", file, "--json"]).await);
            lists.push(self.operator.run(&["plan", group, "--pins", file, "--json"]).await);
        }
        let lists = lists.into_iter().map(|said| said.json()["findings"].as_array().unwrap().clone());
        lists.flatten().collect()
    }

    /// Waits until the console shows the texts at the case's place; compares without spaces and borders.
    async fn shown(&self, case: &Case, wanted: &[String]) {
        let mut desk = Desk::open(&self.operator, (80, 100));
        desk.wait("the first screen", 10, |text| text.contains(case.group)).await;
        desk.press("/");
        desk.type_in(case.group);
        desk.press("enter g g p");
        desk.wait("the pins, read", 10, |text| text.contains("pins · ") && text.contains("in force")).await;
        if !case.pins.is_empty() {
            let pins = self.filled(case.pins);
            desk.press("ctrl-home");
            desk.press(&"ctrl-k ".repeat(40));
            desk.type_in(&pins);
        }
        match case.at {
            At::Text => {}
            At::Images => desk.press("esc tab"),
            At::Plan => desk.press("esc P"),
            At::Back => desk.press("esc R"),
        }
        let whole = |text: &str| wanted.iter().all(|part| squeezed(text).contains(&squeezed(part)));
        desk.wait(&format!("{wanted:?}, whole"), 60, whole).await;
    }
}

/// Removes spaces and borders from a text, because lines may wrap anywhere.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '│').collect()
}

async fn versions(from: From, swarm: &Swarm, folder: &Path) -> VersionManifestLoader {
    const HOST: &str = "r.example:5000/pgedge";
    match from {
        From::BuiltIn => VersionManifestLoader::built_in(HOST),
        From::Text(text) => {
            let file = folder.join("versions.json");
            std::fs::write(&file, text).unwrap();
            VersionManifestLoader::file(file, HOST)
        }
        From::Lost => {
            let versions = VersionManifestLoader::url(
                "http://odd.example/versions.json",
                HOST,
                CacheFolder::default(),
                dial(&swarm.sim),
            );
            versions.get().await.unwrap();
            let fault = Fault::Registry { host: "odd.example".into(), how: Misbehaviour::Down, seconds: 0.0 };
            let planned = PlannedFault { after: 0.0, fault };
            swarm.sim.with_faults(|world, faults| plan_fault(world, faults, planned)).unwrap();
            versions.forget();
            versions
        }
    }
}

async fn holds(case: &'static Case) {
    let set = Set::up(case).await;
    let told = set.told(case, case.pins, 1).await;
    let codes: Vec<_> = told.iter().map(|finding| format!("{} {}", finding["severity"], finding["code"])).collect();
    let found = told.iter().find(|finding| finding["code"] == case.code && finding["severity"] == case.weight);
    let found = found.unwrap_or_else(|| panic!("{} {}: {codes:?}", case.weight, case.code));
    let text = |key: &str| found[key].as_str().unwrap().to_owned();
    assert!(!text("message").is_empty() && !text("subject").is_empty(), "{found}");
    let head = format!("{} {}:", case.weight, case.code);
    set.shown(case, &[head, text("message"), text("hint")]).await;
    if !case.fine.is_empty() {
        let told = set.told(case, case.fine, 2).await;
        let again = told.iter().find(|finding| finding["code"] == case.code);
        assert!(again.is_none(), "{} although all is fine: {again:?}", case.code);
    }
}

#[tokio::test(start_paused = true)]
async fn every_finding_is_told_in_full_and_only_where_it_is_so() {
    // All cases run, one after another, even if one fails.
    let local = tokio::task::LocalSet::new();
    let mut failed = Vec::new();
    for case in cases::all() {
        if local.run_until(local.spawn_local(holds(case))).await.is_err() {
            failed.push(case.code);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn no_finding_is_left_out() {
    let told = |code: &&Code| cases::all().any(|case| case.code == code.name());
    // The first needs a stack of hundreds of services and has its own test below; the others are in `run_evidence` and
    // `unreadable_records`.
    let elsewhere = [Code::PlanTooLarge, Code::NotKnownToRun, Code::RecordUnreadable];
    let left: Vec<_> = Code::ALL.iter().filter(|code| !told(code) && !elsewhere.contains(code)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_change_too_large_for_the_journal_is_told_before() {
    use std::fmt::Write as _;
    // With long names a few services make a large record.
    let long = format!("r.example:5000/{}/web", "long-name".repeat(24));
    let (mut world, mut pins, mut few) = (BASE.to_owned(), String::new(), String::new());
    let _ = write!(world, "[[image]]\nref = '{long}:1.31.0'\n[[image]]\nref = '{long}:1.32.0'\n");
    for nth in 0..520 {
        let _ = write!(
            world,
            "[[service]]\nname = 'big_{nth:03}'\nimage = '{long}:1.31.0'\nreplicas = 0\nlabels = {{ \"com.docker.stack.namespace\" = \"big\" }}\n"
        );
        let pin = format!("[service.'{nth:03}']\nimage = '{long}:1.32.0'\n");
        if nth < 10 {
            few.push_str(&pin);
        }
        pins.push_str(&pin);
    }
    // The strings are leaked for the life of the process, because a case holds static strings.
    let (world, pins, few) = (world.leak(), pins.leak(), few.leak());
    let case = Case { code: "plan-too-large", group: "big", at: At::Plan, world, pins, fine: few, ..CASE };
    holds(Box::leak(Box::new(case))).await;
}

#[tokio::test(start_paused = true)]
async fn in_a_world_without_fault_nothing_of_it_comes_up() {
    // A finding that needs additional scenario text must be absent without it.
    let set = Set::up(&CASE).await;
    for (group, pins) in [("storefront", "image = 'manifest'\n"), ("shop", ""), ("lone", ""), ("vault", "")] {
        let case = Case { group, ..CASE };
        let told = set.told(&case, pins, 3).await;
        let codes: Vec<&str> = told.iter().map(|finding| finding["code"].as_str().unwrap()).collect();
        let usual = ["newer-version", "runs-by-tag", "no-credentials", "will-be-overwritten", "nothing-to-do"];
        assert!(codes.iter().all(|code| usual.contains(code)), "{group}: {codes:?}");
    }
}

/// Checks that correct pins that differ from the manifest cause no warning.
#[tokio::test(start_paused = true)]
async fn correct_pins_of_ones_own_give_no_warning() {
    let set = Set::up(&CASE).await;
    for pins in [
        format!("image = \"{PG}:17.9-spock5.0.6-custom-1\"\n"),
        format!("image = \"{PG}:17.9-spock5.0.6-custom-1@{{{PG}:17.9-spock5.0.6-custom-1}}\"\n"),
        format!(
            "postgres_version = '17.10'\nspock_version = '5'\n[node.n1]\nimage = \"{PG}:17.10-spock5.0.10-standard-1\"\n"
        ),
    ] {
        let told = set.told(&CASE, &pins, 4).await;
        let heavy: Vec<_> = told.iter().filter(|finding| finding["severity"] != "info").collect();
        assert!(heavy.is_empty(), "{pins}: {heavy:?}");
    }
}
