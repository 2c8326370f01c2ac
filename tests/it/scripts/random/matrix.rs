//! Every write of a change of three services: cut before it, cut after it, or delayed; the program is killed, or
//! frozen and continued later; another manager continues the change or rolls it back.

use super::faulty_connection::Armed;
use super::*;

/// A case: the write, its fault, the end of the program, and the choice of the other manager.
#[derive(Clone, Copy, Debug)]
struct Case {
    nth: u32,
    fault: Fault,
    end: Fault,
    choice: &'static str,
}

/// Seconds that the program is frozen: longer than the takeover and the rest of the change.
const STOPPED: u64 = 200;
/// Seconds until a delayed write arrives: while the other manager waits for a heartbeat, or after the end.
const LATE: [u64; 2] = [5, 300];

async fn change(stage: &Arc<Stage>, armed: Vec<Armed>) -> String {
    let args = sequence::pinned(&["a=2", "b=2", "c=2"], &[]);
    Someone::new(Line::new(stage, 0, armed, None)).run("apply", &[vec!["shop".to_owned()], args].concat()).await
}

/// Returns the number of writes of an undisturbed change.
async fn writes() -> u32 {
    for nth in 1.. {
        let stage = Stage::new(Swarm::of(SHOP));
        let armed = Armed { step: Step::Any, nth, fault: Fault::Moved, after: true, seconds: 0, pick: 0, and: None };
        change(&stage, vec![armed]).await;
        if stage.met.lock().unwrap().is_empty() {
            return nth - 1;
        }
    }
    0
}

async fn tried(case: Case) -> Result<&'static str, String> {
    let stage = Stage::new(Swarm::of(SHOP));
    let before = stage.swarm.specs(&["shop_a", "shop_b", "shop_c"]).await;
    let seconds = LATE[usize::try_from(case.nth % 2).unwrap()];
    let and = Some((case.end, STOPPED));
    let armed = Armed { step: Step::Any, nth: case.nth, fault: case.fault, after: false, seconds, pick: 0, and };
    let first = tokio::spawn({
        let stage = Arc::clone(&stage);
        async move { change(&stage, vec![armed]).await }
    });
    tokio::time::sleep(Duration::from_secs(60)).await;
    let begun = stage.judge(|judge| judge.outcomes());
    if let Some(change) = stage.judge(|judge| judge.unfinished()) {
        let other = Someone::new(Line::new(&stage, 1, Vec::new(), None));
        let told = other.run("resume", &[change, case.choice.to_owned()]).await;
        stage.tell(&format!("other: {told}"));
        if !told.starts_with("Done") {
            stage.judge(|judge| judge.wrong.push(told));
        }
    }
    let finished = (stage.judge(|judge| judge.outcomes()), stage.swarm.specs(&["shop_a", "shop_b", "shop_c"]).await);
    let told = first.await.unwrap();
    stage.tell(&format!("first: {told}"));
    tokio::time::sleep(Duration::from_secs(600)).await;
    stage.observe(monitor::Cause::Itself);
    stage.judge(monitor::Judge::ended);
    let (outcomes, landed) = stage.judge(|judge| (judge.outcomes(), judge.counts()));
    let specs = stage.swarm.specs(&["shop_a", "shop_b", "shop_c"]).await;
    let mut wrong = stage.judge(|judge| judge.wrong.clone());
    let kind = match (begun.first(), outcomes.first()) {
        (None, None) if specs == before => "never began",
        // A delayed or held write created the claim later; no other manager had taken it over.
        (None, Some((state, _))) if case.end == Fault::Freeze && state == "done" => "began when it was continued",
        (None, Some((state, letters))) if state == "running" && letters == "---" && specs == before => {
            "the claim came late, and nobody holds it"
        }
        (Some((state, _)), Some(outcome)) if state == "done" && outcome.0 == "done" => "was done",
        (Some(_), Some((state, _))) if case.choice == "--continue" && state == "done" && landed == (3, 0) => {
            "continued"
        }
        (Some(_), Some((state, _))) if case.choice == "--roll-back" && state == "undone" && specs == before => {
            "put back"
        }
        _ => {
            wrong.push(format!("{begun:?} → {outcomes:?}, landed {landed:?}"));
            ""
        }
    };
    if !begun.is_empty() && finished != (outcomes, specs) {
        wrong.push("something changed after the other one was done".into());
    }
    if kind == "the claim came late, and nobody holds it" {
        wrong.retain(|wrong| !wrong.contains("stays running"));
    }
    if wrong.is_empty() {
        return Ok(kind);
    }
    Err(format!("{case:?}: {wrong:#?}\n{}", stage.judge(|judge| judge.story.join("\n"))))
}

#[test]
fn every_write_of_three_units() {
    let paused = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let writes = paused().block_on(writes());
    assert!(writes >= 12, "{writes}");
    let mut cases = Vec::new();
    for nth in 1..=writes {
        for fault in [Fault::Cut, Fault::Lost, Fault::Late] {
            for end in [Fault::Kill, Fault::Freeze] {
                for choice in ["--continue", "--roll-back"] {
                    cases.push(Case { nth, fault, end, choice });
                }
            }
        }
    }
    let (next, told, wrong) = (AtomicU64::new(0), Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = cases.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap()) {
                    let runtime = paused();
                    match runtime.block_on(tried(*case)) {
                        Ok(kind) => *told.lock().unwrap().entry(kind).or_insert(0) += 1,
                        Err(text) => wrong.lock().unwrap().push(text),
                    }
                    runtime.shutdown_background();
                }
            });
        }
    });
    println!("{writes} writes, {} cases: {:#?}", cases.len(), told.into_inner().unwrap());
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}
