//! Contracts: rules that an image must satisfy, and the check of an image against them.
//!
//! A contract is a small TOML file; every key is optional:
//!
//! ```toml
//! description = "What the contract is for"
//! tag = ["[0-9]*.[0-9]*.[0-9]*"]            # a pattern, or a list of which one must match
//! immutable = true                          # a tag that does not move, or a digest, is required
//! platforms = ["linux/amd64"]               # all of these are required
//! size = "10 MB"                            # upper limit for the layers of one platform, compressed
//! command = "required"                      # or "none", or "any"
//! user = "not-root"                         # or a pattern
//! base = "docker.io/library/debian:*"       # a pattern, or a list of which one must match
//!
//! [labels]                                  # [annotations] has the same form
//! "org.opencontainers.image.source" = true                    # required; false: forbidden
//! "org.opencontainers.image.licenses" = "{MIT,Apache-2.0}"    # required, and must match
//!
//! [files]                                   # all paths except folders
//! required = ["/lib/*.so"]                  # each pattern must match at least one file
//! forbidden = ["/bin/**"]                   # no pattern may match a file
//! only = ["/lib/**"]                        # every file must match one of these
//! ```
//!
//! Patterns are globs ([`Glob`]) that must match the whole text. Keys of labels and annotations are those of the OCI
//! image-spec.

mod glob;
mod judge;
mod read;
#[cfg(test)]
mod tests;

pub use glob::Glob;
pub(crate) use judge::violations;
pub use judge::{PlatformImage, Violation};
pub use read::{ContractError, read};

use std::collections::BTreeMap;

use super::image::Platform;

/// The built-in contracts, as name and TOML text.
const BUILT_IN: [(&str, &str); 2] =
    [("cnpg-extension", include_str!("cnpg-extension.toml")), ("service", include_str!("service.toml"))];

/// A contract: the rules that an image must satisfy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contract {
    /// The contract's name: its file name without `.toml`.
    pub name: String,
    /// A description for people; may be empty.
    pub description: String,
    /// Patterns of which the tag must match one; empty: any tag.
    pub tags: Vec<Glob>,
    /// True if a tag that does not move, or a digest, is required.
    pub immutable: bool,
    /// Rules for labels, by label key.
    pub labels: BTreeMap<String, MetadataRule>,
    /// Rules for annotations, by annotation key.
    pub annotations: BTreeMap<String, MetadataRule>,
    /// Platforms that the image must support; all of them are required.
    pub platforms: Vec<Platform>,
    /// The upper limit for the layers of one platform, in bytes, compressed as the registry serves them;
    /// `None`: no limit.
    pub most: Option<u64>,
    /// The rule about the entry point and command.
    pub command: CommandRule,
    /// The rule about the user that the image runs as; `None`: any user.
    pub user: Option<UserRule>,
    /// Patterns of which the name of the base image must match one; empty: any base.
    pub bases: Vec<Glob>,
    /// The rules about files, for which the layers must be read.
    pub files: FileRules,
}

/// The rule for one label or annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataRule {
    /// A required key; its value must not be blank.
    Present,
    /// A forbidden key; a blank value counts as absent.
    Absent,
    /// A required key whose value must match the pattern.
    Matches(Glob),
}

/// The rule about an image's entry point and command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommandRule {
    /// No rule.
    #[default]
    Any,
    /// A required entry point or command.
    Required,
    /// No entry point and no command.
    None,
}

/// The rule about the user that an image runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserRule {
    /// Any user except root.
    NotRoot,
    /// A user that matches the pattern; an empty user counts as `root`.
    Matches(Glob),
}

/// The rules about an image's files; folders do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileRules {
    /// Patterns that must each match at least one file.
    pub required: Vec<Glob>,
    /// Patterns that must not match any file.
    pub forbidden: Vec<Glob>,
    /// Patterns of which every file must match one; empty: any file.
    pub only: Vec<Glob>,
}

impl Contract {
    /// Returns whether the contract has rules about files, for which the layers must be read.
    pub fn wants_files(&self) -> bool {
        let files = &self.files;
        !(files.required.is_empty() && files.forbidden.is_empty() && files.only.is_empty())
    }
}

/// All available contracts: the built-in ones, and the user's, which take precedence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contracts {
    own: BTreeMap<String, Result<Contract, Vec<ContractError>>>,
}

impl Contracts {
    /// Adds a user's contract; `name` is its file name without `.toml`. Returns the mistakes in `text`. A
    /// contract with mistakes cannot be used: getting it by name fails.
    pub fn add(&mut self, name: &str, text: &str) -> Vec<ContractError> {
        let contract = read(name, text);
        let mistakes = contract.as_ref().err().cloned().unwrap_or_default();
        self.own.insert(name.to_owned(), contract);
        mistakes
    }

    /// Returns the contract with this name.
    ///
    /// # Errors
    /// A message and a hint, if the contract does not exist or has mistakes.
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
        contract.ok_or_else(|| {
            (format!("unknown contract `{name}`"), format!("choose one of: {}", self.names().join(", ")))
        })
    }

    /// Returns the names of all contracts, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.extend(self.own.keys().cloned());
        names.sort();
        names.dedup();
        names
    }
}
