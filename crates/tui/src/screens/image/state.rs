//! What an image is, on a screen: which one is meant, what is told of it, and in which lines.

use crate::clusters::ClusterId;
use std::collections::BTreeMap;

use pinnace_core::contract::Contract;
use pinnace_core::image::{Digest, ImageRef};
use pinnace_core::inspect::{Line, Section, Tone, View};
use pinnace_core::registry::{Files, ImageFile};
use pinnace_core::time::Time;

use crate::availability::Reason;
use crate::selection::{PinSource, SelectedImage, Selection};
use crate::state::Cluster;
use crate::wrap::{width, wrapped};

/// What an image is.
#[derive(Clone, Debug)]
pub struct ImageState {
    /// The cluster from where it is looked at.
    pub cluster: ClusterId,
    /// The image.
    pub image: ImageRef,
    /// The base that the pins name, for an image that names none.
    pub base: Option<String>,
    /// The contract that the pins set.
    pub contract: Option<Judge>,
    /// The files that were read, by the digest of their image's manifest.
    pub files: BTreeMap<Digest, Files>,
    /// What is told, made anew when something was learned.
    pub sections: Vec<Section>,
    /// The first line shown.
    pub top: usize,
}

/// What an image is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judge {
    /// This contract.
    By(Box<Contract>),
    /// One that cannot be used.
    Missing {
        /// Its name.
        name: String,
        /// Why not.
        why: String,
        /// What to do.
        hint: String,
    },
}

/// A row of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// Nothing.
    Blank,
    /// A section's title.
    Title(&'a str),
    /// A line, or a part of one that is too long.
    Line {
        /// Its name; empty where it goes on.
        key: &'a str,
        /// The cells names take in this section.
        keys: usize,
        /// Its text.
        text: String,
        /// How it is meant.
        tone: Tone,
    },
}

impl ImageState {
    /// Looks at an image from a cluster.
    pub fn new(cluster: ClusterId, image: ImageRef, base: Option<String>, contract: Option<Judge>) -> Self {
        Self { cluster, image, base, contract, files: BTreeMap::new(), sections: Vec::new(), top: 0 }
    }

    /// The image.
    pub(crate) fn selection(&self) -> Selection<'static> {
        let image = SelectedImage { text: self.image.text.clone(), service: None, pins: PinSource::None };
        Selection { image: Some(image), ..Selection::new(self.cluster, Reason::NotHere) }
    }

    /// It with what is known of it.
    pub fn view<'a>(&'a self, one: &'a Cluster) -> View<'a> {
        let contract = match &self.contract {
            Some(Judge::By(contract)) => Some(&**contract),
            Some(Judge::Missing { .. }) | None => None,
        };
        View {
            image: &self.image,
            facts: &one.facts,
            platform: None,
            base: self.base.as_deref(),
            contract,
            files: &self.files,
        }
    }

    /// Makes what is told anew.
    pub fn tell(&mut self, one: &Cluster, now: Time, offset: i32) {
        let mut sections = self.view(one).sections(now, offset);
        if let Some(Judge::Missing { name, why, hint }) = &self.contract {
            let line = |tone, key: &str, text: &str| Line { key: key.to_owned(), text: text.to_owned(), tone };
            let lines = vec![line(Tone::Bad, "error", why), line(Tone::Quiet, "hint", hint)];
            sections.insert(1.min(sections.len()), Section { title: format!("contract {name}"), lines });
        }
        self.sections = sections;
    }

    /// Whether layers are being read for it.
    pub(crate) fn is_reading(&self) -> bool {
        self.files.values().any(|files| matches!(files, Files::Reading(_)))
    }

    /// The files that are listed below everything else: those of the image that is told about.
    pub fn listed<'a>(&'a self, one: &'a Cluster) -> &'a [ImageFile] {
        let shown = self.view(one).shown().ok();
        shown.and_then(|about| self.files.get(&about.manifest)).and_then(Files::known).unwrap_or_default()
    }

    /// All rows but the list of files, for so many cells; long lines are broken.
    pub fn rows(&self, cells: usize) -> Vec<Shown<'_>> {
        let mut rows = Vec::new();
        for section in &self.sections {
            if !rows.is_empty() {
                rows.push(Shown::Blank);
            }
            rows.push(Shown::Title(&section.title));
            let keys = section.lines.iter().map(|line| width(&line.key)).max().unwrap_or(0).min(cells * 9 / 20);
            let room = cells.saturating_sub(keys + if keys == 0 { 0 } else { 2 }).max(10);
            for line in &section.lines {
                for (nth, text) in wrapped(&line.text, room).into_iter().enumerate() {
                    let key = if nth == 0 { line.key.as_str() } else { "" };
                    rows.push(Shown::Line { key, keys, text, tone: line.tone });
                }
            }
        }
        rows
    }
}
