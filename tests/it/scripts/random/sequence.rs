//! Sequences: concurrent operations of several operators, with faults, generated from a seed.
//!
//! They do not use `proptest`: each seed targets one pair of fault and step, so that every run covers every pair, and
//! the sequences run on several threads. A failing sequence is reduced by removing parts.

use std::sync::Arc;

use super::context::Stage;
use super::faulty_connection::{Armed, Fault, Line};
use super::step::Step;

/// An operation; its position in the sequence determines the program that runs it.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// `pinnace apply`, with these arguments.
    Apply(Vec<String>),
    /// `pinnace rollback`, with these arguments.
    Rollback(Vec<String>),
    /// `pinnace resume` with this choice, once a change is open.
    Resume(&'static str),
    /// A takeover without waiting for a heartbeat.
    Take(OperatorCommand),
    /// A fault outside of all programs, with its random number and its duration in seconds.
    Happen(Fault, u64, u64),
}

/// The order of the operator who takes a change over.
#[derive(Clone, Copy, Debug)]
pub(super) enum OperatorCommand {
    Continue,
    RollBack,
    KeepAsIs,
    Detach,
}

/// An operation with its start time and faults.
#[derive(Clone, Debug)]
pub(super) struct Op {
    /// Start time, in milliseconds.
    pub(super) at: u64,
    pub(super) what: What,
    /// Faults armed on its connection.
    pub(super) armed: Vec<Armed>,
}

impl Op {
    /// Creates its connection. Operations that start between full seconds get slow connections, so that they overlap.
    pub(super) fn line(&self, stage: &Arc<Stage>, number: usize) -> Arc<Line> {
        let dice = (!self.at.is_multiple_of(1000)).then_some(Dice(self.at));
        Line::new(stage, number, self.armed.clone(), dice)
    }
}

/// A generated sequence of operations.
#[derive(Clone, Debug)]
pub(super) struct Sequence {
    pub(super) ops: Vec<Op>,
    /// The `resume` choice for a change that is still open at the end.
    pub(super) last: &'static str,
}

/// A deterministic random number generator (`SplitMix64`).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(limit).unwrap()).unwrap()
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn number(&mut self, limit: u64) -> u64 {
        u64::try_from(self.below(usize::try_from(limit).unwrap())).unwrap()
    }
}

/// Returns all possible pairs of fault and step.
pub(super) fn cells() -> Vec<(Fault, Step)> {
    let meets = |fault: Fault, step: Step| !(step.is_read() && fault == Fault::Late);
    let all = Fault::ALL.iter().flat_map(|fault| Step::ALL.map(|step| (*fault, step)));
    all.filter(|(fault, step)| meets(*fault, *step)).collect()
}

const CHOICES: [&str; 3] = ["--continue", "--roll-back", "--keep"];

impl Sequence {
    /// Returns the pair that a seed targets. Consecutive seeds target distant pairs, and
    /// all pairs are covered in turn.
    pub(super) fn aim(seed: u64) -> (Fault, Step) {
        let cells = cells();
        cells[usize::try_from(seed).unwrap() * 101 % cells.len()]
    }

    /// Generates the sequence of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let cells = cells();
        let (fault, step) = Self::aim(seed);
        let mut dice = Dice(seed.wrapping_mul(0x5851_F42D_4C95_7F2D) + 1);
        let mut ops = recipe(&mut dice, step);
        let aimed = ops.len() - 1;
        let nth = nth(&mut dice, step, true);
        let armed = armed(&mut dice, fault, step, nth);
        ops[aimed].armed.push(armed);
        if dice.below(4) == 0 {
            // Another operator starts a change at nearly the same time.
            ops[aimed].at += 2;
            let twin = Op { at: ops[aimed].at + dice.number(5), what: good(&mut dice), armed: Vec::new() };
            ops.push(twin);
        }
        for _ in 0..dice.below(3) {
            let op = another(&mut dice);
            ops.push(op);
        }
        for _ in 0..dice.below(4) {
            let (fault, step) = dice.one(&cells);
            let nth = self::nth(&mut dice, step, false);
            let (at, armed) = (dice.below(ops.len()), self::armed(&mut dice, fault, step, nth));
            ops[at].armed.push(armed);
        }
        haunted(&mut dice, &mut ops);
        Self { ops, last: dice.one(&CHOICES) }
    }

    /// Returns the sequences with one part removed, for each part.
    pub(super) fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for (at, op) in self.ops.iter().enumerate() {
            let mut less = self.clone();
            less.ops.remove(at);
            all.push(less);
            for fault in 0..op.armed.len() {
                let mut less = self.clone();
                less.ops[at].armed.remove(fault);
                all.push(less);
            }
        }
        all
    }
}

fn nth(dice: &mut Dice, step: Step, sure: bool) -> u32 {
    let most = match step {
        Step::Watch if !sure => 40,
        Step::Watch | Step::Plan => 8,
        Step::Announce | Step::Post | Step::Mark | Step::Beat if !sure => 4,
        Step::Announce | Step::Post | Step::Mark => 2,
        _ => 1,
    };
    u32::try_from(dice.below(most) + 1).unwrap()
}

fn armed(dice: &mut Dice, fault: Fault, step: Step, nth: u32) -> Armed {
    let seconds = match fault {
        Fault::Late => dice.one(&[0, 3, 15, 40, 90, 200]),
        Fault::Freeze => dice.one(&[2, 8, 20, 45, 70, 120, 200]),
        Fault::Closed => dice.one(&[5, 20, 60, 150]),
        _ => dice.one(&[5, 20, 60]),
    };
    Armed { step, nth, fault, after: dice.below(2) == 1, seconds, pick: dice.number(1000), and: None }
}

/// Returns operations that lead to a step; the last one reaches it.
fn recipe(dice: &mut Dice, step: Step) -> Vec<Op> {
    let kill = |step, nth, after| Armed { step, nth, fault: Fault::Kill, after, seconds: 0, pick: 0, and: None };
    let op = |at, what, armed| Op { at, what, armed };
    let first = |what| vec![op(0, what, Vec::new())];
    match step {
        Step::BackAnnounce | Step::BackPost | Step::BackMark => {
            let bad = dice.one(&["b", "c"]);
            first(apply(&["a=2", &format!("{bad}=bad")], &["--on-failure", "roll-back-all"]))
        }
        Step::Takeover => {
            let at = dice.one(&[Step::Announce, Step::Post, Step::Watch, Step::Mark]);
            let armed = vec![kill(at, 1, dice.below(2) == 1)];
            vec![op(0, good(dice), armed), op(1000, What::Resume(dice.one(&CHOICES)), Vec::new())]
        }
        Step::Fence => {
            let order = dice.one(&["--roll-back", "--keep"]);
            vec![
                op(0, apply(&["a=2", "b=3"], &[]), vec![kill(Step::Post, 1, false)]),
                op(1000, What::Resume(order), vec![]),
            ]
        }
        Step::Detach => first(apply(&["a=2", "b=2", "c=3"], &["--step"])),
        Step::Void => vec![
            op(0, good(dice), vec![kill(Step::Claim, 1, true)]),
            op(1000, What::Take(OperatorCommand::Detach), Vec::new()),
            op(9000, good(dice), Vec::new()),
        ],
        _ => first(good(dice)),
    }
}

/// Adds a later change: its owner is frozen or killed at some step, another operator takes it over, and the
/// first owner's writes arrive afterwards.
fn haunted(dice: &mut Dice, ops: &mut Vec<Op>) {
    const LATER: u64 = 240_000;
    let steps = [Step::Claim, Step::Claim, Step::Announce, Step::Post, Step::Post, Step::Post, Step::Mark, Step::End];
    let step = dice.one(&steps);
    let seconds = dice.one(&[60, 90, 150, 200]);
    let after = step != Step::Post && dice.below(2) == 1;
    let armed = |step, fault| Armed { step, nth: 1, fault, after, seconds, pick: 0, and: None };
    let held = if dice.below(3) > 0 {
        vec![armed(step, Fault::Freeze)]
    } else {
        // The write is reported as failed, and then the program is killed.
        vec![armed(step, Fault::Late), Armed { nth: 2, ..armed(Step::Beat, Fault::Kill) }]
    };
    ops.push(Op { at: LATER - 30_000, what: What::Resume(dice.one(&CHOICES)), armed: Vec::new() });
    let tags = [dice.one(&["2", "3", "4"]), dice.one(&["2", "3", "4", "bad"])];
    let pins = [format!("a={}", tags[0]), format!("b={}", tags[1])];
    let what = apply(&pins.each_ref().map(String::as_str), &[]);
    ops.push(Op { at: LATER, what, armed: held });
    let choice = dice.one(&["--roll-back", "--keep", "--roll-back", "--keep", "--continue"]);
    let taken = match dice.below(4) {
        0 => What::Take(dice.one(&[OperatorCommand::RollBack, OperatorCommand::KeepAsIs, OperatorCommand::Detach])),
        _ => What::Resume(choice),
    };
    ops.push(Op { at: LATER + 4000 + dice.number(3000), what: taken, armed: Vec::new() });
    if dice.below(3) == 0 {
        ops.push(Op { at: LATER + 30_000 + dice.number(60_000), what: good(dice), armed: Vec::new() });
    }
}

fn apply(pins: &[&str], more: &[&str]) -> What {
    What::Apply(pinned(pins, more))
}

/// Returns arguments of `apply`; `a=2` pins member `a` to the tag `2`.
pub(super) fn pinned(pins: &[&str], more: &[&str]) -> Vec<String> {
    let mut args = Vec::new();
    for pin in pins {
        let (member, tag) = pin.split_once('=').unwrap();
        args.extend(["--pin".to_owned(), format!("{member}={}/app:{tag}", super::super::HUB)]);
    }
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    args
}

/// Returns an `apply` that succeeds without faults.
fn good(dice: &mut Dice) -> What {
    let pins: &[&str] = match dice.below(4) {
        0 => &["a=2", "b=2", "c=2"],
        1 => &["a=3", "c=2"],
        2 => &["b=2", "c=3"],
        _ => &["a=2", "b=3"],
    };
    let more: &[&str] = match dice.below(5) {
        0 => &["--on-failure", "roll-back-unit"],
        1 => &["--on-failure", "stop"],
        2 => &["--on-failure", "continue"],
        _ => &[],
    };
    apply(pins, more)
}

/// Returns a random operation by another operator or client.
fn another(dice: &mut Dice) -> Op {
    let at = dice.number(40_000);
    let pick = dice.number(1000);
    let what = match dice.below(10) {
        0 | 1 => good(dice),
        2 => apply(&["a=bad"], &[]),
        3 => What::Rollback(vec![]),
        4 | 5 => What::Resume(dice.one(&CHOICES)),
        6 => What::Take(dice.one(&[
            OperatorCommand::Continue,
            OperatorCommand::RollBack,
            OperatorCommand::KeepAsIs,
            OperatorCommand::Detach,
        ])),
        7 => What::Happen(dice.one(&[Fault::Image, Fault::Label, Fault::Scale]), pick, 0),
        8 => What::Happen(dice.one(&[Fault::Drain, Fault::Down]), pick, 30),
        _ => What::Happen(Fault::Moved, pick, 0),
    };
    Op { at, what, armed: Vec::new() }
}
