//! Sequences: what several people do at once and what goes wrong meanwhile, drawn from a number.
//!
//! Not by `proptest`: each number aims at one pair of a fault and a step, so that every pair is met in every run, and
//! sequences run on several threads. What fails is made smaller by leaving parts out.

use std::sync::Arc;

use super::line::{Armed, Fault, Line};
use super::stage::Stage;
use super::step::Step;

/// What is done, by whom is told by its place in the sequence.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// `pinnace apply`, with these arguments.
    Apply(Vec<String>),
    /// `pinnace rollback`.
    Rollback(Vec<String>),
    /// `pinnace resume` of what is unfinished, once something is.
    Resume(&'static str),
    /// The same without waiting for a sign of life.
    Take(Order),
    /// Something beside all programs.
    Happen(Fault, u64, u64),
}

/// The order of one who takes a change over.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    Continue,
    PutBack,
    Leave,
    Detach,
}

/// One thing that is done.
#[derive(Clone, Debug)]
pub(super) struct Op {
    /// After so many milliseconds.
    pub(super) at: u64,
    pub(super) what: What,
    /// What goes wrong on its line.
    pub(super) armed: Vec<Armed>,
}

impl Op {
    /// Its line. What begins between two seconds is slow, so that two of them come in each other's way.
    pub(super) fn line(&self, stage: &Arc<Stage>, number: usize) -> Arc<Line> {
        let dice = (!self.at.is_multiple_of(1000)).then_some(Dice(self.at));
        Line::new(stage, number, self.armed.clone(), dice)
    }
}

/// A sequence.
#[derive(Clone, Debug)]
pub(super) struct Sequence {
    pub(super) ops: Vec<Op>,
    /// How what is left open in the end is finished.
    pub(super) last: &'static str,
}

/// Numbers that come from one, the same each time (`SplitMix64`).
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

/// Every pair of a fault and a step that can meet.
pub(super) fn cells() -> Vec<(Fault, Step)> {
    let meets = |fault: Fault, step: Step| !(step.is_read() && fault == Fault::Late);
    let all = Fault::ALL.iter().flat_map(|fault| Step::ALL.map(|step| (*fault, step)));
    all.filter(|(fault, step)| meets(*fault, *step)).collect()
}

const CHOICES: [&str; 3] = ["--continue", "--put-back", "--leave"];

impl Sequence {
    /// The pair that a number aims at: neighbours at pairs far from each other, and all in turn.
    pub(super) fn aim(seed: u64) -> (Fault, Step) {
        let cells = cells();
        cells[usize::try_from(seed).unwrap() * 101 % cells.len()]
    }

    /// The sequence of a number.
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
            // Somebody has the same idea.
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

    /// The same with one part left out, for every part.
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

/// What is done so that a step comes; the last of it is whose step it is.
fn recipe(dice: &mut Dice, step: Step) -> Vec<Op> {
    let kill = |step, nth, after| Armed { step, nth, fault: Fault::Kill, after, seconds: 0, pick: 0, and: None };
    let op = |at, what, armed| Op { at, what, armed };
    let first = |what| vec![op(0, what, Vec::new())];
    match step {
        Step::BackAnnounce | Step::BackPost | Step::BackMark => {
            let bad = dice.one(&["b", "c"]);
            first(apply(&["a=2", &format!("{bad}=bad")], &["--on-failure", "all"]))
        }
        Step::Takeover => {
            let at = dice.one(&[Step::Announce, Step::Post, Step::Watch, Step::Mark]);
            let armed = vec![kill(at, 1, dice.below(2) == 1)];
            vec![op(0, good(dice), armed), op(1000, What::Resume(dice.one(&CHOICES)), Vec::new())]
        }
        Step::Fence => {
            let order = dice.one(&["--put-back", "--leave"]);
            vec![
                op(0, apply(&["a=2", "b=3"], &[]), vec![kill(Step::Post, 1, false)]),
                op(1000, What::Resume(order), vec![]),
            ]
        }
        Step::Detach => first(apply(&["a=2", "b=2", "c=3"], &["--step"])),
        Step::Void => vec![
            op(0, good(dice), vec![kill(Step::Claim, 1, true)]),
            op(1000, What::Take(Order::Detach), Vec::new()),
            op(9000, good(dice), Vec::new()),
        ],
        _ => first(good(dice)),
    }
}

/// Later, when that is over: an owner that is held or dies at some step, one who takes over, and what the first one sent
/// comes after all.
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
        // It is reported as failed, and then nobody asks any more.
        vec![armed(step, Fault::Late), Armed { nth: 2, ..armed(Step::Beat, Fault::Kill) }]
    };
    ops.push(Op { at: LATER - 30_000, what: What::Resume(dice.one(&CHOICES)), armed: Vec::new() });
    let tags = [dice.one(&["2", "3", "4"]), dice.one(&["2", "3", "4", "bad"])];
    let pins = [format!("a={}", tags[0]), format!("b={}", tags[1])];
    let what = apply(&pins.each_ref().map(String::as_str), &[]);
    ops.push(Op { at: LATER, what, armed: held });
    let choice = dice.one(&["--put-back", "--leave", "--put-back", "--leave", "--continue"]);
    let taken = match dice.below(4) {
        0 => What::Take(dice.one(&[Order::PutBack, Order::Leave, Order::Detach])),
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

/// Arguments of `apply`: `a=2` is member `a` to the tag `2`.
pub(super) fn pinned(pins: &[&str], more: &[&str]) -> Vec<String> {
    let mut args = Vec::new();
    for pin in pins {
        let (member, tag) = pin.split_once('=').unwrap();
        args.extend(["--pin".to_owned(), format!("{member}={}/app:{tag}", super::super::HUB)]);
    }
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    args
}

/// An apply that goes well when nothing goes wrong.
fn good(dice: &mut Dice) -> What {
    let pins: &[&str] = match dice.below(4) {
        0 => &["a=2", "b=2", "c=2"],
        1 => &["a=3", "c=2"],
        2 => &["b=2", "c=3"],
        _ => &["a=2", "b=3"],
    };
    let more: &[&str] = match dice.below(5) {
        0 => &["--on-failure", "unit"],
        1 => &["--on-failure", "stop"],
        2 => &["--on-failure", "go-on"],
        _ => &[],
    };
    apply(pins, more)
}

/// Something that somebody else does at any time.
fn another(dice: &mut Dice) -> Op {
    let at = dice.number(40_000);
    let pick = dice.number(1000);
    let what = match dice.below(10) {
        0 | 1 => good(dice),
        2 => apply(&["a=bad"], &[]),
        3 => What::Rollback(vec![]),
        4 | 5 => What::Resume(dice.one(&CHOICES)),
        6 => What::Take(dice.one(&[Order::Continue, Order::PutBack, Order::Leave, Order::Detach])),
        7 => What::Happen(dice.one(&[Fault::Image, Fault::Label, Fault::Scale]), pick, 0),
        8 => What::Happen(dice.one(&[Fault::Drain, Fault::Down]), pick, 30),
        _ => What::Happen(Fault::Moved, pick, 0),
    };
    Op { at, what, armed: Vec::new() }
}
