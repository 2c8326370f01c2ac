//! Contracts: what an image must be, written down, and whether one is.
//!
//! A contract is a small TOML file, all of it optional:
//!
//! ```toml
//! description = "What it is for"
//! tag = ["[0-9]*.[0-9]*.[0-9]*"]            # a pattern, or several of which one must match
//! immutable = true                          # the tag must be of a kind that stays what it is, or a digest is given
//! platforms = ["linux/amd64"]               # each of these
//! size = "10 MB"                            # the most the layers of one platform may have, as served
//! command = "required"                      # or "none", or "any"
//! user = "not-root"                         # or a pattern
//! base = "docker.io/library/debian:*"       # a pattern, or several
//!
//! [labels]                                  # and likewise [annotations]
//! "org.opencontainers.image.source" = true                    # must be there; false: must not
//! "org.opencontainers.image.licenses" = "{MIT,Apache-2.0}"    # must match
//!
//! [files]                                   # everything but folders
//! required = ["/lib/*.so"]                  # each must match at least one
//! forbidden = ["/bin/**"]                   # none may match any
//! only = ["/lib/**"]                        # all must match one of these
//! ```
//!
//! Patterns are globs ([`Glob`]) of whole texts. Names of labels and annotations are those of the OCI image-spec.

mod glob;
mod judge;
mod read;
#[cfg(test)]
mod tests;

pub use glob::Glob;
pub use judge::{Breach, Side, judge};
pub use read::{Mistake, read};

use std::collections::BTreeMap;

use super::image::Platform;

/// The contracts that come with the program, by name.
const BUILT_IN: [(&str, &str); 2] =
    [("cnpg-extension", include_str!("cnpg-extension.toml")), ("service", include_str!("service.toml"))];

/// What an image must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contract {
    /// What it is called: its file's name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The tag matches one of these; none: any.
    pub tags: Vec<Glob>,
    /// The tag is of a kind that stays what it is, or a digest is given.
    pub immutable: bool,
    /// What is asked of labels.
    pub labels: BTreeMap<String, Demand>,
    /// What is asked of annotations.
    pub annotations: BTreeMap<String, Demand>,
    /// It is made for all of these.
    pub platforms: Vec<Platform>,
    /// The most the layers of one platform may have, in bytes as served.
    pub most: Option<u64>,
    /// Whether it can be started by itself.
    pub command: Command,
    /// Whom it runs as.
    pub user: Option<User>,
    /// Its base's name matches one of these; none: any.
    pub bases: Vec<Glob>,
    /// What is asked of its files.
    pub files: FileRules,
}

/// What is asked of a label or an annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// It is there, and not blank.
    Present,
    /// It is not there.
    Absent,
    /// It matches.
    Matches(Glob),
}

/// Whether an image has an entry point or a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Command {
    /// It may have one.
    #[default]
    Any,
    /// It has one.
    Required,
    /// It has none.
    None,
}

/// Whom an image runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// Anybody but root.
    NotRoot,
    /// Whoever matches.
    Matches(Glob),
}

/// What is asked of files: all that is no folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileRules {
    /// Each matches at least one.
    pub required: Vec<Glob>,
    /// None matches any.
    pub forbidden: Vec<Glob>,
    /// All match one of these; none: no matter.
    pub only: Vec<Glob>,
}

impl Contract {
    /// Whether the layers have to be read to judge by it.
    pub fn wants_files(&self) -> bool {
        let files = &self.files;
        !(files.required.is_empty() && files.forbidden.is_empty() && files.only.is_empty())
    }
}

/// All contracts there are: those built in, and a user's, which go before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contracts {
    own: BTreeMap<String, Result<Contract, Vec<Mistake>>>,
}

impl Contracts {
    /// Takes in a user's contract: the name of its file without `.toml`, and its text. The mistakes in it come back; with
    /// any, asking for it by its name fails.
    pub fn add(&mut self, name: &str, text: &str) -> Vec<Mistake> {
        let contract = read(name, text);
        let mistakes = contract.as_ref().err().cloned().unwrap_or_default();
        self.own.insert(name.to_owned(), contract);
        mistakes
    }

    /// The contract of a name.
    ///
    /// # Errors
    /// Why there is none, in a sentence, and what to do.
    pub fn get(&self, name: &str) -> Result<Contract, (String, String)> {
        match self.own.get(name) {
            Some(Ok(contract)) => return Ok(contract.clone()),
            Some(Err(mistakes)) => {
                let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
                let hint = mistakes.first().map(|mistake| mistake.hint.clone()).unwrap_or_default();
                return Err((format!("the contract `{name}` cannot be used: {first}"), hint));
            }
            None => {}
        }
        let text = BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
        let contract = text.and_then(|text| read(name, text).ok());
        contract
            .ok_or_else(|| (format!("there is no contract `{name}`"), format!("there is: {}", self.names().join(", "))))
    }

    /// The names of all, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.extend(self.own.keys().cloned());
        names.sort();
        names.dedup();
        names
    }
}
