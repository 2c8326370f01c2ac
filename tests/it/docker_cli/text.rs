//! Command output without the parts that vary between runs.

use std::path::Path;

/// The kind of an output, which determines what is removed.
pub enum Show {
    /// The complete output.
    Plain,
    /// Tasks by slot; the engine chooses which slot is updated first.
    Slots,
    /// Progress: each step once.
    Steps,
    /// Progress whose steps may fall between two polls: the final message only.
    End,
    /// Nodes; the leader varies.
    Nodes,
    /// Lines in any order, with varying text after a bar.
    Sorted,
    /// The stack of this name, among those of other tests.
    Stacks(String),
}

/// The transcript of a script.
pub struct Notes {
    text: String,
    names: Vec<(String, String)>,
    ids: usize,
    digests: usize,
}

impl Notes {
    pub(super) fn new(names: &[(&str, &str)]) -> Self {
        let names = names.iter().map(|(own, name)| ((*own).to_owned(), (*name).to_owned())).collect();
        Self { text: String::new(), names, ids: 0, digests: 0 }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Adds a command and its output.
    pub(super) fn command(&mut self, show: Show, command: &str, out: &str, err: &str, code: Option<i32>) {
        let out: Vec<String> = out.split(['\n', '\r']).map(|line| converged(squeezed(line))).collect();
        let is_sorted = matches!(show, Show::Sorted);
        let out = match show {
            Show::Plain => out,
            Show::Slots => slots(&out),
            Show::Steps => steps(out),
            Show::End => end(out),
            Show::Nodes => nodes(&out),
            Show::Sorted => sorted(&out),
            Show::Stacks(stack) => stacks(out, &stack),
        };
        let mut out: Vec<String> = out.iter().map(|line| self.named(&without_times(line))).collect();
        if is_sorted {
            out.sort();
        }
        let mut lines = vec![self.named(&format!("$ docker {command}"))];
        lines.extend(out);
        lines.extend(err.lines().filter(|line| !line.is_empty()).map(|line| format!("! {}", self.named(line))));
        lines.extend(code.filter(|code| *code != 0).map(|code| format!("exit {code}")));
        lines.dedup_by(|one, other| one.is_empty() && other.is_empty());
        for line in lines {
            self.text.extend([line.trim_end(), "\n"]);
        }
    }

    /// Replaces ids and digests with stable names.
    fn named(&mut self, line: &str) -> String {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        for token in line.split(|c: char| !word(c)).filter(|token| [25, 64].contains(&token.len())) {
            if self.names.iter().any(|(own, _)| own == token) {
                continue;
            }
            if token.len() == 64 {
                self.digests += 1;
                self.names.push((token.to_owned(), format!("DIGEST{}", self.digests)));
            } else {
                self.ids += 1;
                self.names.push((token.to_owned(), format!("ID{}", self.ids)));
                // Service lists show the first 12 characters of an id.
                self.names.push((token[..12].to_owned(), format!("ID{}", self.ids)));
            }
        }
        let mut line = line.to_owned();
        for (own, name) in &self.names {
            line = line.replace(own.as_str(), name);
        }
        nodeless(&line)
    }
}

/// Returns a line with its columns two spaces apart; the indentation is kept.
fn squeezed(line: &str) -> String {
    let inner = line.trim_start_matches(' ');
    let mut out = " ".repeat(line.len() - inner.len());
    let mut spaces = 0;
    for c in inner.trim_end().replace('\t', "  ").chars() {
        if c == ' ' {
            spaces += 1;
            continue;
        }
        out.push_str(&" ".repeat(spaces.min(2)));
        spaces = 0;
        out.push(c);
    }
    out.trim_end().to_owned()
}

/// Removes times such as `5 seconds ago` and `About a minute ago`, timestamps and version indexes.
fn without_times(line: &str) -> String {
    if let Some((key, _)) = line.split_once("\": ")
        && (key.ends_with("At") || key.ends_with("\"Index"))
    {
        let end = if line.ends_with(',') { "," } else { "" };
        return format!("{key}\": …{end}");
    }
    let mut words: Vec<&str> = line.split(' ').collect();
    while let Some(at) = words.iter().position(|word| *word == "ago").filter(|at| *at >= 2) {
        let starts =
            |word: &&str| word.chars().all(|c| c.is_ascii_digit()) || ["About", "about", "Less", "less"].contains(word);
        let from = words[..at].iter().rposition(|word| !word.is_empty() && starts(word)).unwrap_or(at);
        words.splice(from..=at, ["AGO"]);
    }
    words.join(" ")
}

/// Removes the service name, which newer command lines print.
fn converged(line: String) -> String {
    let named = line.starts_with("verify: Service ") && line.ends_with(" converged");
    if named { "verify: Service converged".to_owned() } else { line }
}

/// Returns the histories of the slots, the shorter ones first.
///
/// The replacement of a failed task uses the spec of that moment: the one with the bad image, or already the previous
/// one. A task of the first kind never runs, and is left out.
fn slots(lines: &[String]) -> Vec<String> {
    let mut all: Vec<Vec<String>> = Vec::new();
    let was_never = |line: &str| line.contains("/app:crash") && line.contains("  Shutdown  Shutdown ");
    for line in lines.iter().filter(|line| !line.is_empty() && !was_never(line)) {
        match all.last_mut() {
            Some(slot) if line.contains("\\_ ") => slot.push(line.clone()),
            _ => all.push(vec![line.clone()]),
        }
    }
    let bare =
        |line: &String| without_times(line).split_once(' ').map(|(_, rest)| numberless(rest)).unwrap_or_default();
    let heading = usize::from(!all.is_empty());
    all[heading..].sort_by_cached_key(|slot| (slot.len(), slot.iter().map(bare).collect::<Vec<_>>()));
    let id = |line: String| match line.split_once(' ') {
        Some((id, rest)) => format!("{id} {}", numberless(rest)),
        None => line,
    };
    all.into_iter().flatten().map(id).collect()
}

fn nodeless(text: &str) -> String {
    ["node-1", "node-2", "node-3"].iter().fold(text.to_owned(), |text, node| text.replace(node, "NODE"))
}

/// Removes the slot number and the node.
fn numberless(text: &str) -> String {
    nodeless(text).replace("_web.1 ", "_web.N ").replace("_web.2 ", "_web.N ")
}

/// Returns the progress lines, each once. Rollback lines come first, because their position varies.
fn steps(lines: Vec<String>) -> Vec<String> {
    let (mut told, rest): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.starts_with("rollback: "));
    let mut seen: Vec<String> = rest
        .into_iter()
        .map(|line| match line.strip_prefix("verify: Waiting ") {
            Some(_) => "verify: Waiting…".to_owned(),
            None => line.replace("rolling back update: ", ""),
        })
        .filter(|line| !line.is_empty() && !line.starts_with(['1', '2']))
        .collect();
    seen.dedup();
    told.extend(seen);
    told
}

/// Returns the final message. An automatic rollback may fall between two polls; `inspect` shows it.
fn end(lines: Vec<String>) -> Vec<String> {
    let passing = [
        "overall progress: ",
        "verify: Waiting ",
        "verify: Detected ",
        "rollback: update ",
        "rollback: rollback ",
        "1/2:",
        "2/2:",
    ];
    lines.into_iter().filter(|line| !passing.iter().any(|part| line.starts_with(part)) && !line.is_empty()).collect()
}

fn nodes(lines: &[String]) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for line in lines.iter().filter(|line| !line.is_empty()) {
        let cells: Vec<&str> = line.split("  ").filter(|cell| !cell.is_empty()).collect();
        let inner = cells.get(1..cells.len() - 1).unwrap_or_default();
        let id = if cells[0] == "ID" { "ID" } else { "…" };
        rows.push(format!("{id}  {}", inner.join("  ").replace(['1', '2', '3'], "N")));
    }
    rows.sort_by_key(|row| !row.starts_with("ID"));
    rows[1..].sort();
    rows
}

fn sorted(lines: &[String]) -> Vec<String> {
    let told = |line: &String| line.split_once('|').map_or_else(|| line.clone(), |(who, _)| format!("{who}| …"));
    let mut rows: Vec<String> = lines.iter().filter(|line| !line.is_empty()).map(told).collect();
    rows.sort();
    rows
}

fn stacks(lines: Vec<String>, stack: &str) -> Vec<String> {
    // Older command lines also print an orchestrator.
    let plain = |line: String| line.replace("  ORCHESTRATOR", "").replace("  Swarm", "");
    lines.into_iter().filter(|line| line.starts_with("NAME") || line.starts_with(stack)).map(plain).collect()
}

/// Compares a transcript with its expectation.
pub(super) fn assert_same(who: &str, expected: &Path, seen: &str) {
    let wanted = std::fs::read_to_string(expected).unwrap_or_default();
    if wanted != seen {
        let diff = similar(&wanted, seen);
        panic!("{who} differs (+) from {} (-):\n{diff}", expected.display());
    }
}

/// Returns the differing commands of both texts.
fn similar(wanted: &str, seen: &str) -> String {
    let parts = |text: &str| -> Vec<String> { text.split("$ docker ").skip(1).map(str::to_owned).collect() };
    let (wanted, seen) = (parts(wanted), parts(seen));
    let mut text = String::new();
    for at in 0..wanted.len().max(seen.len()) {
        let (one, other) = (wanted.get(at), seen.get(at));
        if one == other {
            continue;
        }
        let lines = |part: Option<&String>| part.map(|part| part.lines().map(str::to_owned).collect::<Vec<_>>());
        let (one, other) = (lines(one).unwrap_or_default(), lines(other).unwrap_or_default());
        text.extend(one.iter().map(|line| format!("{} {line}\n", if other.contains(line) { ' ' } else { '-' })));
        text.extend(other.iter().filter(|line| !one.contains(line)).map(|line| format!("+ {line}\n")));
    }
    text
}
