//! A reader of Rust source for the layer rules: tokens, paths, and the parts that are test code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A token of a source file, with its line. Comments and literals are skipped; `::` is one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// A path as written, with groups expanded: `use a::{b, c::d}` becomes `a::b` and `a::c::d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathUse {
    pub segments: Vec<String>,
    pub line: usize,
    /// The inline modules that contain it, within its file.
    pub within: Vec<String>,
    /// True if it is part of a `use`.
    pub imported: bool,
    /// True if it is part of a `pub use`, with any visibility.
    pub exported: bool,
    /// The name that a `use` binds: its last segment, or the name after `as`.
    pub name: String,
}

/// A parsed source file of a crate, without code that is compiled for tests only.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file's path from the repository root.
    pub file: String,
    /// Its module within the crate.
    pub module: Vec<String>,
    /// All tokens outside of test code.
    pub tokens: Vec<Token>,
    /// Its paths, from the crate root (`crate::…`) or from another crate.
    pub paths: Vec<ResolvedPath>,
}

/// A resolved path of a source.
#[derive(Clone, Debug)]
pub struct ResolvedPath {
    /// The path from `crate`, or as written if it leads to another crate.
    pub path: Vec<String>,
    /// Line of the path in its file.
    pub line: usize,
    /// True if it is part of a `use`.
    pub imported: bool,
    /// True if it is part of a `pub use`.
    pub exported: bool,
    /// The name that a `use` binds.
    pub name: String,
}

impl Source {
    /// Parses the text of a file of a crate.
    pub fn of(folder: &str, file: &str, text: &str) -> Self {
        let (tokens, _) = without_tests(&tokens(text));
        let module = module_of(folder, file);
        let declared: BTreeSet<String> = tokens
            .windows(3)
            .filter(|window| window[0].text == "mod" && window[2].text == ";")
            .map(|window| window[1].text.clone())
            .collect();
        let resolve = |used: PathUse| ResolvedPath {
            path: absolute(&module, &declared, &used),
            line: used.line,
            imported: used.imported,
            exported: used.exported,
            name: used.name,
        };
        let paths = paths(&tokens).into_iter().map(resolve).collect();
        Self { file: file.to_owned(), module, tokens, paths }
    }
}

/// Parses all files below `src` of a crate, without files that are compiled for tests only.
pub fn member_sources(folder: &str) -> Vec<Source> {
    let files = rust_files(&format!("{folder}/src"));
    let tests = test_files(folder, &files);
    let product = files.iter().filter(|file| !tests.contains(*file));
    product.map(|file| Source::of(folder, file, &read(file).unwrap_or_default())).collect()
}

/// Returns the module of a file: `crates/core/src/wire/v1.rs` is `wire`, `v1`.
fn module_of(folder: &str, file: &str) -> Vec<String> {
    let inner = file.strip_prefix(folder).unwrap_or(file).trim_start_matches('/');
    let inner = inner.strip_prefix("src/").unwrap_or(inner).trim_end_matches(".rs");
    let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod" || (matches!(last.as_str(), "lib" | "main") && parts.len() == 1)) {
        parts.pop();
    }
    parts
}

/// Resolves a path to the crate root; a path to another crate stays as written.
fn absolute(module: &[String], children: &BTreeSet<String>, used: &PathUse) -> Vec<String> {
    let root = ["crate".to_owned()];
    let mut here: Vec<String> = module.iter().chain(&used.within).cloned().collect();
    let mut rest = used.segments.as_slice();
    match rest.first().map(String::as_str) {
        Some("crate") => return rest.to_vec(),
        Some("self") => rest = &rest[1..],
        Some("super") => {
            while let Some((word, more)) = rest.split_first()
                && word == "super"
            {
                here.pop();
                rest = more;
            }
        }
        // A module that is declared here is named without a prefix.
        Some(first) if used.within.is_empty() && children.contains(first) => {}
        _ => return rest.to_vec(),
    }
    root.iter().chain(&here).chain(rest).cloned().collect()
}

/// Returns the files that are compiled for tests only, by their name or by the attribute at their `mod`.
fn test_files(folder: &str, files: &[String]) -> BTreeSet<String> {
    let mut places: Vec<String> = Vec::new();
    for file in files {
        let (_, modules) = without_tests(&tokens(&read(file).unwrap_or_default()));
        let place = format!("{folder}/src/{}", module_of(folder, file).join("/"));
        let place = place.trim_start_matches("./");
        places.extend(modules.iter().map(|module| format!("{}/{module}", place.trim_end_matches('/'))));
    }
    let is_test = |file: &String| {
        let stem = file.trim_end_matches(".rs");
        stem.ends_with("/tests")
            || stem.ends_with("_tests")
            || stem.contains("/tests/")
            || places.iter().any(|place| stem == place || stem.starts_with(&format!("{place}/")))
    };
    files.iter().filter(|file| is_test(file)).cloned().collect()
}

/// Returns the repository root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every `.rs` file below a folder, as sorted paths from the repository root.
pub fn rust_files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.retain(|path| Path::new(path).extension().is_some_and(|end| end == "rs"));
    found.sort();
    found
}

/// Returns all files of the project: those tracked by git or, without git, all outside of build folders.
pub fn project_files() -> Vec<String> {
    let listed = std::process::Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    match listed {
        Ok(done) if done.status.success() => {
            let text = String::from_utf8_lossy(&done.stdout).into_owned();
            text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()
        }
        _ => {
            let mut found = Vec::new();
            walk(&root(), &mut found);
            found
        }
    }
}

/// Reads a file of the repository; `None` if it is not text or does not exist.
pub fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(root().join(path)).ok()
}

fn walk(folder: &Path, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != ".git" && name != "target" {
                walk(&path, found);
            }
        } else if let Ok(relative) = path.strip_prefix(root()) {
            found.push(relative.to_string_lossy().into_owned());
        }
    }
}

/// Splits a source into tokens.
pub fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let (mut out, mut at, mut line) = (Vec::new(), 0, 1);
    while at < chars.len() {
        let end = skipped(&chars, at).unwrap_or_else(|| {
            let end = word_end(&chars, at);
            let text: String = chars[at..end].iter().collect();
            if !text.trim().is_empty() {
                out.push(Token { text, line });
            }
            end
        });
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    out
}

/// Returns the end of the comment or literal that starts here, if any.
fn skipped(chars: &[char], at: usize) -> Option<usize> {
    let char_at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    match (chars[at], char_at(at + 1)) {
        ('/', '/') => Some(find(chars, at, |index| chars[index] == '\n')),
        ('/', '*') => {
            let (mut depth, mut index) = (0_usize, at);
            while index < chars.len() {
                match (chars[index], char_at(index + 1)) {
                    ('/', '*') => (depth, index) = (depth + 1, index + 2),
                    ('*', '/') => (depth, index) = (depth - 1, index + 2),
                    _ => index += 1,
                }
                if depth == 0 {
                    break;
                }
            }
            Some(index.min(chars.len()))
        }
        ('"', _) => Some(quoted(chars, at, '"')),
        ('\'', '\\') => Some(quoted(chars, at, '\'')),
        ('\'', _) if char_at(at + 2) == '\'' => Some(at + 3),
        ('b' | 'c', '"') => Some(quoted(chars, at + 1, '"')),
        ('b', '\'') => Some(quoted(chars, at + 1, '\'')),
        ('r', '"' | '#') => raw(chars, at + 1),
        ('b' | 'c', 'r') => raw(chars, at + 2),
        _ => None,
    }
}

fn find(chars: &[char], from: usize, is: impl Fn(usize) -> bool) -> usize {
    (from..chars.len()).find(|index| is(*index)).unwrap_or(chars.len())
}

fn quoted(chars: &[char], open: usize, quote: char) -> usize {
    let mut index = open + 1;
    while index < chars.len() && chars[index] != quote {
        index += if chars[index] == '\\' { 2 } else { 1 };
    }
    (index + 1).min(chars.len())
}

/// Returns the end of a raw string literal `#…#"…"#…#`, if one starts here.
fn raw(chars: &[char], from: usize) -> Option<usize> {
    let open = find(chars, from, |index| chars[index] != '#');
    let hashes = open - from;
    (chars.get(open) == Some(&'"')).then(|| {
        let closes = |index: usize| {
            chars[index] == '"' && chars[index + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
        };
        (find(chars, open + 1, closes) + 1 + hashes).min(chars.len())
    })
}

fn word_end(chars: &[char], at: usize) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    match chars[at] {
        c if is_word(c) => find(chars, at, |index| !is_word(chars[index])),
        ':' if chars.get(at + 1) == Some(&':') => at + 2,
        _ => at + 1,
    }
}

/// Returns the tokens without test code, and the names of modules whose files are test code.
pub fn without_tests(tokens: &[Token]) -> (Vec<Token>, BTreeSet<String>) {
    let (mut kept, mut modules, mut at) = (Vec::new(), BTreeSet::new(), 0);
    let is = |from: usize, text: &[&str]| {
        text.iter().enumerate().all(|(step, word)| tokens.get(from + step).is_some_and(|token| token.text == *word))
    };
    while at < tokens.len() {
        if !is(at, &["#", "[", "cfg", "(", "test", ")", "]"]) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let start = at + 7;
        let end = item_end(tokens, start);
        let item = &tokens[start..end];
        if item.last().is_some_and(|token| token.text == ";")
            && let Some(place) = item.iter().position(|token| token.text == "mod")
        {
            modules.extend(item.get(place + 1).map(|name| name.text.clone()));
        }
        at = end;
    }
    (kept, modules)
}

/// Returns the end of the item that starts here: its `;` or closing brace.
fn item_end(tokens: &[Token], from: usize) -> usize {
    let mut depth = 0_i32;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Returns all paths in these tokens.
pub fn paths(tokens: &[Token]) -> Vec<PathUse> {
    let mut found = Vec::new();
    let mut open: Vec<Option<String>> = Vec::new();
    let mut at = 0;
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    while at < tokens.len() {
        let within = || open.iter().flatten().cloned().collect::<Vec<_>>();
        match text(at) {
            "mod" if text(at + 2) == "{" => {
                open.push(Some(text(at + 1).to_owned()));
                at += 3;
            }
            "{" => {
                open.push(None);
                at += 1;
            }
            "}" => {
                open.pop();
                at += 1;
            }
            "use" => {
                let (mut leaves, at_use, end) = (Vec::new(), at, at + 1);
                at = tree(tokens, end, &[], &mut leaves);
                let exported = is_public(tokens, at_use);
                let made = leaves.into_iter().map(|leaf| PathUse {
                    name: leaf.name.unwrap_or_else(|| leaf.segments.last().cloned().unwrap_or_default()),
                    segments: leaf.segments,
                    line: leaf.line,
                    within: within(),
                    imported: true,
                    exported,
                });
                found.extend(made);
            }
            word if is_name(word) && starts_path(tokens, at) => {
                let (mut segments, line) = (vec![word.to_owned()], tokens[at].line);
                while text(at + 1) == "::" && is_name(text(at + 2)) {
                    segments.push(text(at + 2).to_owned());
                    at += 2;
                }
                if segments.len() > 1 {
                    let name = segments.last().cloned().unwrap_or_default();
                    found.push(PathUse { segments, line, within: within(), imported: false, exported: false, name });
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    found
}

fn is_name(text: &str) -> bool {
    text.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
}

/// Returns true if a path starts at this token; it must not continue a field, a type or a longer path.
fn starts_path(tokens: &[Token], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map_or("", |index| tokens[index].text.as_str());
    match before(1) {
        "." => false,
        "::" => !is_name(before(2)) && before(2) != ">",
        _ => true,
    }
}

/// Returns true if the `use` here is a `pub use`, with any visibility.
fn is_public(tokens: &[Token], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map_or("", |index| tokens[index].text.as_str());
    before(1) == "pub" || (before(1) == ")" && (2..6).any(|back| before(back) == "pub"))
}

/// One path of a `use` tree.
struct Leaf {
    segments: Vec<String>,
    line: usize,
    /// The name after `as`, if any.
    name: Option<String>,
}

/// Parses one branch of a `use` tree; returns its end.
fn tree(tokens: &[Token], mut at: usize, prefix: &[String], leaves: &mut Vec<Leaf>) -> usize {
    let (mut segments, mut name) = (prefix.to_vec(), None);
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    at = tree(tokens, at, &segments, leaves);
                    at += usize::from(tokens.get(at).is_some_and(|token| token.text == ","));
                }
                return at + 1;
            }
            "as" => {
                name = tokens.get(at + 1).map(|token| token.text.clone());
                at += 2;
            }
            word if is_name(word) || word == "*" => {
                if word != "self" || segments.is_empty() {
                    segments.push(word.to_owned());
                }
                at += 1;
            }
            _ => break,
        }
    }
    let line = tokens.get(at.saturating_sub(1)).map_or(0, |token| token.line);
    leaves.push(Leaf { segments, line, name });
    at
}
