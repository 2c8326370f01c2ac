//! Races between two programs at two managers of a real swarm that claim the same group's next number at the same
//! time: one wins, the other reports the owner.
//!
//! Each program is held at its claim until the other is ready too, so that each round is a race in the swarm's store.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::lab::{Group, Image, Lab, Program, Said, part};
use crate::proxy::{Act, Call, Proxy, When};

/// Number of groups that race in parallel. Only rounds within [`GAP`] count, so busy machines need
/// more than [`ROUNDS`], up to [`MOST`].
const GROUPS: usize = 5;
const ROUNDS: usize = 10;
const MOST: usize = 40;
/// The largest time between the two claims of a counted round.
const GAP: Duration = Duration::from_millis(5);

/// A barrier for the two claims, with the times at which they passed.
#[derive(Default)]
struct Gate {
    there: Mutex<usize>,
    come: Condvar,
    sent: Mutex<Vec<Instant>>,
}

impl Gate {
    /// Waits for the other program, at most 30 s: it may have ended already.
    fn pass(&self) {
        let mut there = self.there.lock().unwrap();
        *there += 1;
        self.come.notify_all();
        let _both = self.come.wait_timeout_while(there, Duration::from_secs(30), |there| *there < 2).unwrap();
        self.sent.lock().unwrap().push(Instant::now());
    }

    /// Returns the time between the two claims.
    fn gap(&self) -> Option<Duration> {
        match self.sent.lock().unwrap()[..] {
            [one, two] => Some(two.max(one) - one.min(two)),
            _ => None,
        }
    }
}

fn behind(lab: &Lab, node: usize, gate: &Arc<Gate>) -> Proxy {
    let gate = Arc::clone(gate);
    Proxy::new(&lab.socket(node), move |call: &Call, when| {
        if when == When::Before && call.what() == "claim" {
            gate.pass();
        }
        Act::Pass
    })
}

/// Returns the edit that both apply: mostly pins alone, which change no service; sometimes another image.
fn edit(round: usize, images: &[Image; 2]) -> [String; 2] {
    match round % 5 {
        1 | 3 => ["--unpin".into(), "a".into()],
        _ => ["--pin".into(), format!("a={}", images[round / 5 % 2].text)],
    }
}

/// Runs one round; returns the gap between the claims and the winner.
fn round(lab: &Lab, group: &Group, at: usize, images: &[Image; 2]) -> (Option<Duration>, usize) {
    let gate = Arc::default();
    let proxies = [1, 2].map(|node| behind(lab, node, &gate));
    let users = ["anna", "bert"];
    let programs = [0, 1].map(|who| Program::new(&proxies[who].socket()).by(users[who]));
    let edit = edit(at, images);
    let args = ["apply", &group.name, &edit[0], &edit[1], "--ack", "--settle", "0"];
    let running = programs.each_ref().map(|program| program.start(&args));
    let said: [Said; 2] = running.map(crate::lab::Running::end);
    let winner = usize::from(said[0].code != Some(0));
    let (won, lost) = (&said[winner], &said[1 - winner]);
    assert!(won.code == Some(0) && lost.code == Some(3), "round {at} of {}: {won:?}\n{lost:?}", group.name);
    assert!(lost.err.contains(&format!("sudo by {}", users[winner])), "round {at}: {}", lost.err);
    let slots = group.slots();
    assert_eq!(slots.len(), at + 1, "{slots:?}");
    assert!(slots.iter().all(|(state, _, post)| state == "done" && post.is_empty()), "{slots:?}");
    let posts = |proxy: &Proxy| proxy.writes().iter().filter(|call| call.what().starts_with("update")).count();
    assert_eq!(posts(&proxies[1 - winner]), 0, "who has not got it posts nothing");
    (gate.gap(), winner)
}

#[test]
fn two_programs_claim_at_once() {
    let Some(lab) = Lab::get() else { return };
    let images = ["1", "2"].map(|tag| lab.push(&format!("it/races/app:{tag}"), "sleep", &[]));
    let told = Mutex::new(BTreeMap::<(bool, usize), usize>::new());
    std::thread::scope(|scope| {
        for _ in 0..GROUPS {
            scope.spawn(|| {
                // The service has no tasks, so that an update completes at once.
                let group = Group::new(&lab, "stack", |name| vec![part(name, "a", &images[1].text, 0)]);
                let mut left = ROUNDS;
                for at in 0..MOST {
                    if left == 0 {
                        break;
                    }
                    let (gap, winner) = round(&lab, &group, at, &images);
                    let close = gap.is_some_and(|gap| gap <= GAP);
                    left -= usize::from(close);
                    *told.lock().unwrap().entry((close, winner)).or_default() += 1;
                }
                assert_eq!(left, 0, "of {MOST} rounds so few were within 5 ms");
            });
        }
    });
    let told = told.into_inner().unwrap();
    println!("(within 5 ms, who won) and how often: {told:?}");
}
