//! Random sequences of operations, faults and changes by other clients, under tokio's paused clock. In every sequence
//! the journal must keep its guarantees.
//!
//! `PINNACE_SEQUENCES=5000` runs more sequences, `PINNACE_SEED=17` prints the log of a single one, and
//! `PINNACE_SHRINK=0` disables the reduction of failing ones. Sequences that failed once are kept in `found.rs` in
//! reduced form, so that they do not depend on the generator.

mod context;
mod faulty_connection;
mod matrix;
mod monitor;
mod races;
mod regressions;
mod sequence;
mod step;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use pinnace_core::change::{ExecutionSettings, OnFailure, OperatorCommand as Ordered};
use pinnace_engine::execute::{ChangeChannels, ExecuteOptions, ExecutionStart, execute};
use tokio::sync::mpsc;

use super::*;
use context::Stage;
use faulty_connection::{Fault, Line};
use sequence::{Op, OperatorCommand, Sequence, What, cells};
use step::Step;

const SHOP: &str = include_str!("world.toml");

/// Number of sequences in a normal run.
const SEQUENCES: u64 = 500;

/// Runs more sequences for pairs of fault and step that did not occur: a sequence can miss its pair, because its
/// program may be at another step by then.
fn aimed_again(from: u64, met: &mut Met) -> Vec<(u64, Vec<String>)> {
    let mut failed = Vec::new();
    for seed in from..from + 40 * cells().len() as u64 {
        if met.contains_key(&Sequence::aim(seed)) || !failed.is_empty() {
            continue;
        }
        let came = played(&Sequence::of(seed));
        for (cell, times) in came.met {
            *met.entry(cell).or_default() += times;
        }
        if !came.wrong.is_empty() {
            failed.push((seed, came.wrong));
        }
    }
    failed
}

/// Counts of faults by step.
type Met = BTreeMap<(Fault, Step), u32>;

/// The result of a sequence.
struct Came {
    wrong: Vec<String>,
    story: Vec<String>,
    met: Met,
}

/// A program on a line, with its own home folder.
struct Someone {
    line: Arc<Line>,
    given: TestContext,
    _home: TempDir,
}

impl Someone {
    fn new(line: Arc<Line>) -> Self {
        // The local log is synced to disk, so a memory file system is used if there is one.
        let memory = Path::new("/dev/shm");
        let home = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let wire = Arc::clone(&line);
        let host = EngineAddress::Memory(Arc::new(move |_: &http::Uri| wire.connect()));
        let docker = Docker::new(Endpoint { name: "sim".to_owned(), host }, false).unwrap();
        let policy = ConnectionPolicy {
            insecure: vec![HUB.to_owned()],
            limits: RegistryLimits::default(),
            user_agent: String::new(),
        };
        let dial = dial(&line.stage.swarm.sim);
        let cluster = Cluster::over(docker, RegistryClient::over(dial, policy, CredentialStore::default()));
        let given = TestContext { cluster, state: home.path().join("state") };
        Self { line, given, _home: home }
    }

    async fn run(&self, verb: &str, args: &[String]) -> String {
        let mut words = vec!["pinnace", verb];
        words.extend(args.iter().map(String::as_str));
        if verb != "history" {
            words.extend(["--settle", "0", "--stuck", "10", "--json"]);
        }
        let kept = Arc::default();
        let running = run_on(&words, Out::Kept(Arc::clone(&kept)), self.given.clone());
        let told = tokio::select! {
            biased;
            () = self.line.killed.notified() => "killed".to_owned(),
            exit = running => format!("{exit:?}"),
            () = tokio::time::sleep(Duration::from_secs(7200)) => {
                self.line.stage.judge(|judge| judge.wrong.push(format!("{} does not end", words.join(" "))));
                "does not end".to_owned()
            }
        };
        let (_, err) = kept.lock().unwrap().clone();
        format!("{told}: {} {}: {}", verb, args.join(" "), err.replace('\n', " · "))
    }

    /// Takes over the open change without waiting for a heartbeat.
    async fn take(&self, order: OperatorCommand) -> String {
        let stage = &self.line.stage;
        stage.judge(|judge| judge.impatient = true);
        let Some(change) = unfinished(stage).await else { return "nothing to take".into() };
        let cluster = &self.given.cluster;
        let Ok(slots) = cluster.journal.slots().await else { return "cannot read".into() };
        let (Some(slot), Ok(Some(record))) =
            (slots.into_iter().find(|slot| slot.change == change), cluster.journal.record(&change).await)
        else {
            return "cannot read".into();
        };
        let order = match order {
            OperatorCommand::Continue => Ordered::Continue,
            OperatorCommand::RollBack => Ordered::RollBack,
            OperatorCommand::KeepAsIs => Ordered::KeepAsIs,
            OperatorCommand::Detach => Ordered::Detach,
        };
        let start = ExecutionStart::Resume { slot: Box::new(slot), record: Box::new(record), order: Some(order) };
        let options = ExecuteOptions {
            mode: ExecutionSettings { on_failure: OnFailure::Stop, step: false, asks: false },
            settle: Duration::ZERO,
            stuck: Duration::from_secs(10),
            by: "impatient".into(),
            why: String::new(),
        };
        let (_orders, inbox) = mpsc::unbounded_channel();
        let (events, _told) = mpsc::unbounded_channel();
        let cluster = cluster.clone();
        let done = execute(cluster, start, options, ChangeChannels { orders: inbox, events });
        tokio::select! {
            biased;
            () = self.line.killed.notified() => "killed".to_owned(),
            done = done => format!("{order:?}: {done:?}"),
        }
    }
}

/// Waits for an open change; `None` after two minutes.
async fn unfinished(stage: &Stage) -> Option<String> {
    for _ in 0..120 {
        if let Some(change) = stage.judge(|judge| judge.unfinished()) {
            return Some(change);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    None
}

/// Runs one operation of a sequence.
async fn work(stage: Arc<Stage>, number: usize, op: Op) {
    tokio::time::sleep(Duration::from_millis(op.at)).await;
    let line = || op.line(&stage, number);
    let told = match op.what.clone() {
        What::Happen(Fault::Moved, pick, _) => {
            stage.elect(pick);
            return;
        }
        What::Happen(fault @ (Fault::Drain | Fault::Down), pick, seconds) => return stage.node(fault, pick, seconds),
        What::Happen(fault, pick, _) => return stage.meddle(fault, pick),
        What::Apply(args) => {
            let someone = Someone::new(line());
            someone.run("apply", &[vec!["shop".to_owned(), "--ack".to_owned()], args].concat()).await
        }
        What::Rollback(args) => {
            let someone = Someone::new(line());
            someone.run("rollback", &[vec!["shop".to_owned(), "--ack".to_owned()], args].concat()).await
        }
        What::Resume(choice) => {
            let someone = Someone::new(line());
            match unfinished(&stage).await {
                Some(change) => someone.run("resume", &[change, choice.to_owned()]).await,
                None => return,
            }
        }
        What::Take(order) => Someone::new(line()).take(order).await,
    };
    stage.tell(&format!("line {number}: {told}"));
}

/// Runs a sequence and checks it.
async fn play(sequence: &Sequence) -> Came {
    let stage = Stage::new(Swarm::of(SHOP));
    let works = sequence.ops.iter().cloned().enumerate();
    let works: Vec<_> = works.map(|(number, op)| tokio::spawn(work(Arc::clone(&stage), number, op))).collect();
    for work in works {
        if let Err(error) = work.await {
            stage.judge(|judge| judge.wrong.push(format!("it panicked: {error}")));
        }
    }
    // At the end held requests are delivered and nodes return; then any operator can finish the change.
    for _ in 0..600 {
        if stage.is_quiet() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    tokio::time::sleep(Duration::from_secs(120)).await;
    for number in 0..3 {
        let Some(change) = stage.judge(|judge| judge.unfinished()) else { break };
        let someone = Someone::new(Line::new(&stage, 100 + number, Vec::new(), None));
        // A paused rollout may only be updated by continuing the change, so that is the last attempt.
        let choice = if number < 2 { sequence.last } else { "--continue" };
        let told = someone.run("resume", &[change, choice.to_owned()]).await;
        stage.tell(&format!("in the end: {told}"));
    }
    tokio::time::sleep(Duration::from_secs(300)).await;
    stage.observe(monitor::Cause::Itself);
    stage.judge(monitor::Judge::ended);
    let met = stage.met.lock().unwrap().clone();
    stage.judge(|judge| Came { wrong: judge.wrong.clone(), story: judge.story.clone(), met })
}

fn played(sequence: &Sequence) -> Came {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let came = runtime.block_on(play(sequence));
    runtime.shutdown_background();
    came
}

/// Removes parts of a sequence as long as it still fails.
fn shrunk(mut sequence: Sequence) -> (Sequence, Came) {
    let mut came = played(&sequence);
    while let Some((smaller, failed)) = sequence
        .smaller()
        .into_iter()
        .map(|it| (played(&it), it))
        .find_map(|(came, it)| (!came.wrong.is_empty()).then_some((it, came)))
    {
        (sequence, came) = (smaller, failed);
    }
    (sequence, came)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn told(seed: u64, sequence: &Sequence, came: &Came) -> String {
    format!("seed {seed}: {:#?}\n{sequence:#?}\n{}", came.wrong, came.story.join("\n"))
}

#[test]
fn random_sequences_keep_the_journals_promises() {
    if let Some(seed) = number("PINNACE_SEED") {
        let sequence = Sequence::of(seed);
        let came = played(&sequence);
        println!("{}", told(seed, &sequence, &came));
        assert!(came.wrong.is_empty(), "seed {seed}");
        return;
    }
    let count = number("PINNACE_SEQUENCES").unwrap_or(SEQUENCES);
    let (next, met, failed) = (AtomicU64::new(0), Mutex::new(Met::new()), Mutex::new(Vec::new()));
    let began = std::time::Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= count || failed.lock().unwrap().len() >= 5 {
                        return;
                    }
                    let came = played(&Sequence::of(seed));
                    let mut met = met.lock().unwrap();
                    for (cell, times) in came.met {
                        *met.entry(cell).or_default() += times;
                    }
                    if !came.wrong.is_empty() {
                        failed.lock().unwrap().push((seed, came.wrong));
                    }
                }
            });
        }
    });
    let (mut met, mut failed) = (met.into_inner().unwrap(), failed.into_inner().unwrap());
    if count >= SEQUENCES && failed.is_empty() {
        failed.extend(aimed_again(count, &mut met));
    }
    println!("{count} sequences in {:.1} s\n{}", began.elapsed().as_secs_f64(), table(&met));
    failed.sort();
    let shrinks = number("PINNACE_SHRINK") != Some(0);
    if let Some((seed, _)) = failed.first() {
        let numbers: Vec<_> = failed.iter().map(|(seed, _)| seed.to_string()).collect();
        println!("seeds {}", numbers.join(", "));
        let seeds: Vec<_> = failed.iter().map(|(seed, wrong)| format!("{seed}: {}", wrong.join("; "))).collect();
        let told = shrinks.then(|| shrunk(Sequence::of(*seed))).map(|(smallest, came)| told(*seed, &smallest, &came));
        panic!("{}\n\n{}", seeds.join("\n"), told.unwrap_or_default());
    }
    let missing: Vec<_> = cells().into_iter().filter(|cell| !met.contains_key(cell)).collect();
    assert!(missing.is_empty() || count < SEQUENCES, "never met: {missing:?}");
}

/// Formats the counts of faults by step as a table.
fn table(met: &Met) -> String {
    let mut lines = vec![format!("{:<14}", "")];
    lines[0].extend(Fault::ALL.iter().map(|fault| format!("{:>8}", format!("{fault:?}"))));
    for step in Step::ALL {
        let count = |fault: &Fault| {
            let count = met.get(&(*fault, step)).copied().unwrap_or(0);
            let possible = cells().contains(&(*fault, step));
            format!("{:>8}", if possible { count.to_string() } else { "-".into() })
        };
        lines.push(format!("{:<14}{}", format!("{step:?}"), Fault::ALL.iter().map(count).collect::<String>()));
    }
    lines.join("\n")
}
