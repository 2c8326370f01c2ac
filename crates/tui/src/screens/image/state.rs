//! The state of the image screen: the image, its details in sections, and the rows they take.

use crate::clusters::ClusterId;
use std::collections::BTreeMap;

use pinnace_core::contract::Contract;
use pinnace_core::image::{Digest, ImageRef};
use pinnace_core::inspect::{InspectionInput, Line, Section, Tone};
use pinnace_core::registry::{FileEntry, ImageFilesState};
use pinnace_core::time::Time;

use crate::availability::Unavailable;
use crate::selection::{PinDocRevision, SelectedImage, Selection};
use crate::state::ClusterState;
use crate::wrap::{width, wrapped};

/// The state of the image screen.
#[derive(Clone, Debug)]
pub struct ImageState {
    /// The cluster whose cached facts describe the image.
    pub cluster: ClusterId,
    pub image: ImageRef,
    /// The base image that the pins name, for an image that does not name its base.
    pub base: Option<String>,
    /// The contract that the pins set for the image.
    pub contract: Option<ContractLookup>,
    /// The file lists read so far, by the digest of the image's manifest.
    pub files: BTreeMap<Digest, ImageFilesState>,
    /// The details of the image; rebuilt whenever something was learned.
    pub sections: Vec<Section>,
    /// The first line shown.
    pub top: usize,
}

/// The contract against which an image is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractLookup {
    /// A usable contract.
    Loaded(Box<Contract>),
    /// A contract that cannot be used.
    Missing {
        /// The name by which the pins refer to the contract.
        name: String,
        /// The reason why it cannot be used.
        why: String,
        /// The remedy, as a hint to the operator.
        hint: String,
    },
}

/// A row of the image screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageDetailRow<'a> {
    /// An empty row between sections.
    Blank,
    /// The title of a section.
    Title(&'a str),
    /// A line of a section, or one part of a wrapped line.
    Line {
        /// The name of the line; empty on continuation rows.
        key: &'a str,
        /// The width of the names in this section, in cells.
        keys: usize,
        /// The text of the row.
        text: String,
        /// The tone of the text, which decides its style.
        tone: Tone,
    },
}

impl ImageState {
    /// Creates the screen of an image, as seen from a cluster.
    pub fn new(cluster: ClusterId, image: ImageRef, base: Option<String>, contract: Option<ContractLookup>) -> Self {
        Self { cluster, image, base, contract, files: BTreeMap::new(), sections: Vec::new(), top: 0 }
    }

    /// Returns the image as the selection.
    pub(crate) fn selection(&self) -> Selection<'static> {
        let image = SelectedImage { text: self.image.text.clone(), service: None, pins: PinDocRevision::None };
        Selection { image: Some(image), ..Selection::new(self.cluster, Unavailable::NotHere) }
    }

    /// Combines the image with the cluster's facts and the files read so far.
    pub fn view<'a>(&'a self, one: &'a ClusterState) -> InspectionInput<'a> {
        let contract = match &self.contract {
            Some(ContractLookup::Loaded(contract)) => Some(&**contract),
            Some(ContractLookup::Missing { .. }) | None => None,
        };
        InspectionInput {
            image: &self.image,
            facts: &one.facts,
            platform: None,
            base: self.base.as_deref(),
            contract,
            files: &self.files,
        }
    }

    /// Rebuilds the sections.
    pub fn tell(&mut self, one: &ClusterState, now: Time, offset: i32) {
        let mut sections = self.view(one).sections(now, offset);
        if let Some(ContractLookup::Missing { name, why, hint }) = &self.contract {
            let line = |tone, key: &str, text: &str| Line { key: key.to_owned(), text: text.to_owned(), tone };
            let lines = vec![line(Tone::Bad, "error", why), line(Tone::Quiet, "hint", hint)];
            sections.insert(1.min(sections.len()), Section { title: format!("contract {name}"), lines });
        }
        self.sections = sections;
    }

    /// Returns whether layers of the image are being read.
    pub(crate) fn is_reading(&self) -> bool {
        self.files.values().any(|files| matches!(files, ImageFilesState::Reading(_)))
    }

    /// Returns the files listed below the sections: those of the platform's image that the sections describe.
    pub fn listed<'a>(&'a self, one: &'a ClusterState) -> &'a [FileEntry] {
        let shown = self.view(one).shown().ok();
        shown.and_then(|about| self.files.get(&about.manifest)).and_then(ImageFilesState::known).unwrap_or_default()
    }

    /// Builds all rows except the list of files, with long lines wrapped to `cells`.
    pub fn rows(&self, cells: usize) -> Vec<ImageDetailRow<'_>> {
        let mut rows = Vec::new();
        for section in &self.sections {
            if !rows.is_empty() {
                rows.push(ImageDetailRow::Blank);
            }
            rows.push(ImageDetailRow::Title(&section.title));
            let keys = section.lines.iter().map(|line| width(&line.key)).max().unwrap_or(0).min(cells * 9 / 20);
            let room = cells.saturating_sub(keys + if keys == 0 { 0 } else { 2 }).max(10);
            for line in &section.lines {
                for (nth, text) in wrapped(&line.text, room).into_iter().enumerate() {
                    let key = if nth == 0 { line.key.as_str() } else { "" };
                    rows.push(ImageDetailRow::Line { key, keys, text, tone: line.tone });
                }
            }
        }
        rows
    }
}
