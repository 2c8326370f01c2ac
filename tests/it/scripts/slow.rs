//! A registry that takes five seconds per answer: typing is never delayed, and an answer is never shown
//! below the line of another reference.

use swarm_sim::{Fault, Misbehaviour, PlannedFault, plan_fault};

use super::keys::Desk;
use super::*;

const REPOSITORY: &str = "r.example:5000/pg";

/// The tags to type, with the finding about each once it is known.
const TAGS: [(&str, &str); 5] = [
    ("1", ""),
    ("2", ""),
    ("none", "error image-not-found"),
    ("gone", "error image-not-found"),
    ("arm", "error platform-missing"),
];

/// A console on the pins of `storefront`, with the expected text.
struct Typist {
    desk: Desk,
    lines: Vec<String>,
    /// Position of the cursor: line and column.
    at: (usize, usize),
}

/// The rows of one line of the text: the line itself, and the findings below it.
#[derive(Default)]
struct Shown {
    line: String,
    below: String,
}

impl Typist {
    /// Opens the pins with an empty text; the registry is slow from then on.
    async fn start(swarm: &Swarm, operator: &Operator) -> Self {
        let mut desk = Desk::open(operator, (80, 60));
        desk.wait("first screen", 10, |text| text.contains("storefront")).await;
        desk.press("/");
        desk.type_in("storefront member:n1");
        desk.press("enter g g j p");
        desk.wait("the pins", 10, |text| text.contains("[node.n1]")).await;
        desk.press("ctrl-home");
        desk.press(&"ctrl-k ".repeat(30));
        // The queries about the running images have been answered.
        desk.pass(2000, |_| {}).await;
        let fault = Fault::Registry { host: HUB.into(), how: Misbehaviour::Slow, seconds: 5.0 };
        let planned = PlannedFault { after: 0.0, fault };
        swarm.sim.with_faults(|world, faults| plan_fault(world, faults, planned)).unwrap();
        Self { desk, lines: vec![String::new()], at: (0, 0) }
    }

    /// Presses a key and applies it to the expected text; the screen must show it without any delay.
    fn key(&mut self, key: char) {
        let began = Instant::now();
        let (line, column) = self.at;
        match key {
            '\n' => {
                let rest = self.lines[line].split_off(column);
                self.lines.insert(line + 1, rest);
                self.at = (line + 1, 0);
            }
            '\u{8}' => {
                self.lines[line].remove(column - 1);
                self.at.1 -= 1;
            }
            key => {
                self.lines[line].insert(column, key);
                self.at.1 += 1;
            }
        }
        if key == '\u{8}' {
            self.desk.press("backspace");
        } else {
            self.desk.key_in(&key.to_string());
        }
        let shown: Vec<String> = shown(&self.desk).into_iter().map(|shown| shown.line).collect();
        let wanted: Vec<&str> = self.lines.iter().map(|line| line.trim_end()).collect();
        assert_eq!(shown, wanted, "after {key:?}");
        assert_eq!(Instant::now(), began, "no time went by");
        self.holds();
    }

    fn go(&mut self, line: usize, column: usize) {
        self.desk.press("ctrl-home");
        self.desk.press(&"down ".repeat(line));
        self.desk.press(&"right ".repeat(column));
        self.at = (line, column);
    }

    /// Types a text, with a pause in milliseconds after each key.
    async fn typed(&mut self, text: &str, pause: u64) {
        for key in text.chars() {
            self.key(key);
            self.pass(pause).await;
        }
    }

    async fn pass(&mut self, milliseconds: u64) {
        let lines = self.lines.clone();
        self.desk.pass(milliseconds, |desk| holds(desk, &lines)).await;
    }

    fn holds(&self) {
        holds(&self.desk, &self.lines);
    }

    /// Returns the line of a member's pin.
    fn pin_of(&self, member: &str) -> usize {
        let header = format!("[node.{member}]");
        self.lines.iter().position(|line| *line == header).unwrap() + 1
    }

    /// Replaces the tag of a member's pin.
    async fn retag(&mut self, member: &str, tag: &str, pause: u64) {
        let line = self.pin_of(member);
        let old = tag_of(&self.lines[line]).unwrap().to_owned();
        self.go(line, self.lines[line].len() - 1);
        self.typed(&"\u{8}".repeat(old.len()), pause).await;
        self.typed(tag, pause).await;
    }

    fn below(&self, member: &str) -> String {
        shown(&self.desk).swap_remove(self.pin_of(member)).below
    }
}

/// Returns the reference in a line, which may be incomplete.
fn reference_of(line: &str) -> Option<&str> {
    Some(line.strip_prefix("image = \"")?.trim_end_matches('"'))
}

/// Returns the tag of a line with a pin.
fn tag_of(line: &str) -> Option<&str> {
    reference_of(line)?.strip_prefix(REPOSITORY)?.strip_prefix(':')
}

/// Returns the text as displayed, line by line.
fn shown(desk: &Desk) -> Vec<Shown> {
    let mut lines: Vec<Shown> = Vec::new();
    for row in desk.lines().into_iter().take_while(|row| !row.contains("EFFECTIVE IMAGES")) {
        let cells: Vec<char> = row.chars().collect();
        let part = |from: usize, to: usize| -> String {
            cells.get(from..to.min(cells.len())).unwrap_or_default().iter().collect()
        };
        let (number, rest) = (part(2, 5), part(7, cells.len()));
        if number.trim().parse() == Ok(lines.len() + 1) {
            lines.push(Shown { line: rest.trim_end().to_owned(), below: String::new() });
        } else if let (Some(remark), Some(last)) = (rest.strip_prefix("│ "), lines.last_mut()) {
            last.below.push_str(remark.trim());
            last.below.push(' ');
        }
    }
    lines
}

/// Checks that findings below a line name only the line's reference, and that lines without a pin have none.
fn holds(desk: &Desk, lines: &[String]) {
    for (shown, line) in shown(desk).iter().zip(lines) {
        let below: String = shown.below.split_whitespace().collect();
        let told = below.match_indices(REPOSITORY);
        let told = told.map(|(at, _)| below[at..].split(['"', '`', '@', ',']).next().unwrap_or_default());
        let foreign: Vec<&str> = told.filter(|told| Some(*told) != reference_of(line)).collect();
        assert!(foreign.is_empty(), "below `{line}`: {foreign:?}\n{}", desk.text());
        if reference_of(line).is_none() {
            assert!(!below.contains("asking") && !below.contains("image-not-found"), "{line}: {below}");
        }
    }
}

const NODES: &str = "[node.n1]\nimage = \"r.example:5000/pg:2\"\n\n[node.n2]\nimage = \"r.example:5000/pg:1\"\n";

#[tokio::test(start_paused = true)]
async fn keys_are_painted_at_once_and_late_answers_stand_nowhere_else() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let mut typist = Typist::start(&swarm, &operator).await;
    typist.typed(NODES, 40).await;
    // The query starts when the user stops typing, and is shown below the line.
    typist.retag("n1", "none", 40).await;
    assert!(!typist.below("n1").contains("asking"), "not while somebody types");
    typist.pass(400).await;
    assert_eq!(typist.below("n1"), format!("asking {HUB} … "));
    typist.pass(2000).await;
    // The line changes before the answer arrives; the answer is then shown nowhere.
    typist.retag("n1", "arm", 40).await;
    typist.pass(400).await;
    assert_eq!(typist.below("n1"), format!("asking {HUB} … "));
    let mut late = false;
    for _ in 0..60 {
        typist.pass(50).await;
        let text = typist.desk.text();
        assert!(!text.contains("pg:none") && !text.contains("image-not-found"), "{text}");
        late |= !typist.below("n1").contains("asking");
    }
    assert!(!late, "the answer for the text of now takes its own time");
    // Lines are inserted above in the meantime; the answer still appears below its own line.
    typist.go(0, 0);
    typist.typed("# one\n# two\n\n", 40).await;
    assert_eq!(typist.pin_of("n1"), 4);
    for _ in 0..30 {
        typist.pass(1000).await;
    }
    let below = typist.below("n1");
    assert!(below.starts_with("error platform-missing: image \"r.example:5000/pg:arm\""), "{below}");
    assert!(!typist.below("n2").contains("error"), "{}", typist.below("n2"));
    assert!(!typist.desk.text().contains("pg:none"), "{}", typist.desk.text());
    // An answer for a text that was no longer in the document is used at once when that text is typed again.
    typist.retag("n2", "none", 0).await;
    let below = typist.below("n2");
    assert!(below.starts_with("error image-not-found: image \"r.example:5000/pg:none\""), "{below}");
}

/// A random number generator (xorshift); deterministic for a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_is_edited_when_every_answer_is_under_its_own_line() {
    for seed in 1..=6 {
        let mut dice = Dice(seed << 32 | 0x9e37_79b9);
        let swarm = Swarm::start();
        let operator = swarm.at("node-1");
        let mut typist = Typist::start(&swarm, &operator).await;
        typist.typed(NODES, 0).await;
        for _ in 0..10 {
            let pause = [0, 50, 350][usize::try_from(dice.roll(3)).unwrap()];
            let member = ["n1", "n2"][usize::try_from(dice.roll(2)).unwrap()];
            if dice.roll(4) == 0 {
                // The insertion is above, between or below the pins.
                let (n1, n2) = (typist.pin_of("n1") - 1, typist.pin_of("n2") - 1);
                let line = [0, n1, n2, typist.lines.len() - 1][usize::try_from(dice.roll(4)).unwrap()];
                typist.go(line, 0);
                typist.typed("# x\n", pause).await;
            } else {
                let (tag, _) = TAGS[usize::try_from(dice.roll(5)).unwrap()];
                typist.retag(member, tag, pause).await;
            }
            // The waits end before, during or after an answer.
            let wait = [100, 400, 2700, 5200, 8000][usize::try_from(dice.roll(5)).unwrap()];
            typist.pass(wait).await;
        }
        typist.pass(40_000).await;
        for member in ["n1", "n2"] {
            let line = typist.lines[typist.pin_of(member)].clone();
            let tag = tag_of(&line).unwrap();
            let told = TAGS.iter().find(|(known, _)| *known == tag).unwrap().1;
            let below = typist.below(member);
            assert!(below.contains(told) && !below.contains("asking"), "seed {seed}, {member} {tag}: {below}");
            assert_eq!(below.contains("error"), !told.is_empty(), "seed {seed}, {member} {tag}: {below}");
        }
    }
}
