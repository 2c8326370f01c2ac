//! Information about a reference, as titled sections of lines.

use std::time::Duration;

use super::{ContractVerdict, InspectionInput, MissingInfo, PlatformDetails, images, platforms};
use crate::check::failure;
use crate::image_tag::constancy;
use crate::registry::{BASE_DIGEST, BASE_NAME, BaseStatus};
use crate::registry::{FileEntry, FileKind, ImageFilesState, ImageInfo, ImageLayer, LayerReadProgress};
use crate::size::size;
use crate::time::{Time, age};

/// The meaning of a line, for its color.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary text.
    #[default]
    Plain,
    /// Secondary or pending information.
    Quiet,
    /// A good state.
    Good,
    /// A warning.
    Warn,
    /// An error.
    Bad,
}

/// A line of text with an optional name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The name; empty if the line has none or continues the previous one.
    pub key: String,
    /// The text, without control characters.
    pub text: String,
    /// The meaning of the line.
    pub tone: Tone,
}

/// Lines under a common title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The title, such as `image` or `layers (linux/amd64)`.
    pub title: String,
    /// The lines; never empty.
    pub lines: Vec<Line>,
}

fn line(key: impl Into<String>, text: impl Into<String>) -> Line {
    Line { key: key.into(), text: text.into(), tone: Tone::Plain }
}

fn toned(tone: Tone, key: impl Into<String>, text: impl Into<String>) -> Line {
    Line { key: key.into(), text: text.into(), tone }
}

fn section(title: impl Into<String>, lines: Vec<Line>) -> Option<Section> {
    (!lines.is_empty()).then(|| Section { title: title.into(), lines })
}

impl InspectionInput<'_> {
    /// Returns all information as sections, most important first. `offset` is in seconds east of UTC, for
    /// clock times.
    ///
    /// Files are only counted, in the last section. Callers list them with [`listed`] and [`file()`].
    pub fn sections(&self, now: Time, offset: i32) -> Vec<Section> {
        let mut all = vec![section("image", self.what(now, offset)), section(self.judged_by(), self.judged())];
        if let Ok(about) = self.image_info() {
            all.push(section("platforms", self.sizes(about)));
        }
        if let Ok(about) = self.shown() {
            let on = about.platform.as_ref().map(|platform| format!(" ({platform})")).unwrap_or_default();
            all.extend([
                section("config", runs(about)),
                section("labels", pairs(&about.config.labels)),
                section("annotations", pairs(&about.annotations)),
                section(format!("layers{on}"), layers(&about.layers)),
                section("history", history(about, offset)),
                section(format!("files{on}"), self.files.get(&about.manifest).map(files).unwrap_or_default()),
            ]);
        }
        all.into_iter().flatten().collect()
    }

    fn what(&self, now: Time, offset: i32) -> Vec<Line> {
        let mut lines = vec![line("reference", &self.image.text)];
        match self.named() {
            Ok(named) => lines.push(line("digest", named.digest.as_str())),
            Err(lack) => {
                lines.extend(self.lack(&lack));
                return lines;
            }
        }
        if self.image.digest.is_none() {
            let verdict = constancy(self.image.tag_or_latest());
            let word = if verdict.floats() { "may move" } else { "is not expected to move" };
            lines.push(toned(Tone::Quiet, "tag", format!("{word}: {}", verdict.why())));
        }
        match self.image_info() {
            Ok(about) => lines.push(line("kind", kind(about))),
            Err(lack) => lines.extend(self.lack(&lack)),
        }
        match self.shown() {
            Ok(about) => {
                let on = about.platform.as_ref().map(|platform| format!(" for {platform}")).unwrap_or_default();
                let layers = counted(about.layers.len(), "layer");
                lines.push(line("size", format!("{} in {layers}{on}", size(about.size()))));
                lines.push(match about.created() {
                    Some(at) => line("built", moment(at, now, offset)),
                    None => toned(Tone::Quiet, "built", "time not recorded"),
                });
                lines.extend(self.based(now, offset));
            }
            Err(lack @ MissingInfo::OtherPlatforms(..)) => lines.extend(self.lack(&lack)),
            // The lines for `about` already gave this reason.
            Err(_) if self.image_info().is_err() => {}
            Err(lack) => lines.extend(self.lack(&lack)),
        }
        lines
    }

    /// Describes why information is missing, with a hint.
    fn lack(&self, lack: &MissingInfo) -> Vec<Line> {
        match lack {
            MissingInfo::Pending => vec![toned(Tone::Quiet, "", format!("asking {} …", self.image.host))],
            MissingInfo::Failed(why) => {
                let said = failure(self.image, why, false);
                vec![toned(Tone::Bad, "error", said.message), toned(Tone::Quiet, "hint", said.hint)]
            }
            MissingInfo::OtherPlatforms(platform, made) => {
                let made: Vec<String> = made.iter().map(ToString::to_string).collect();
                let text = format!("it is not built for {platform}, but for {}", made.join(", "));
                vec![toned(Tone::Bad, "error", text)]
            }
        }
    }

    fn based(&self, now: Time, offset: i32) -> Vec<Line> {
        match self.base() {
            BaseStatus::Pending => vec![toned(Tone::Quiet, "base", "asking …")],
            BaseStatus::Unknown { why } => vec![toned(Tone::Quiet, "base", format!("unknown: {why}"))],
            BaseStatus::UpToDate { name, digest } => {
                vec![toned(Tone::Good, "base", format!("{name}, up to date (@{})", digest.short()))]
            }
            BaseStatus::Outdated { name, since, now: newer } => {
                let since = since.map(|at| format!(" since {}", moment(at, now, offset))).unwrap_or_default();
                vec![
                    toned(Tone::Warn, "base", format!("{name}, out of date{since}: it is @{} now", newer.short())),
                    toned(Tone::Quiet, "", format!("rebuild the image on {name} to update it")),
                ]
            }
        }
    }

    fn judged_by(&self) -> String {
        self.contract.map(|contract| format!("contract {}", contract.name)).unwrap_or_default()
    }

    fn judged(&self) -> Vec<Line> {
        let Some(contract) = self.contract else { return Vec::new() };
        let mut lines = Vec::new();
        if !contract.description.is_empty() {
            lines.push(toned(Tone::Quiet, "", &contract.description));
        }
        match self.verdict() {
            None => lines.push(toned(Tone::Quiet, "", "not checked: some information is missing")),
            Some(ContractVerdict::Kept(true)) => lines.push(toned(Tone::Good, "kept", "all rules")),
            Some(ContractVerdict::Kept(false)) => {
                lines.push(toned(Tone::Warn, "kept", "all rules except those about files, which were not read"));
            }
            Some(ContractVerdict::Broken(breaches)) => {
                lines.push(toned(Tone::Bad, "broken", counted(breaches.len(), "rule")));
                for breach in breaches {
                    lines.push(toned(Tone::Bad, breach.rule, breach.message));
                    if !breach.hint.is_empty() {
                        lines.push(toned(Tone::Quiet, "", format!("hint: {}", breach.hint)));
                    }
                }
            }
        }
        let unread = self.made().unwrap_or_default();
        for made in unread.iter().filter(|_| contract.wants_files()) {
            if let Some(state @ (ImageFilesState::Reading(_) | ImageFilesState::Failed(_))) =
                self.files.get(made.manifest)
            {
                let on = made.platform.map(ToString::to_string).unwrap_or_default();
                lines
                    .extend(files(state).into_iter().map(|line| Line { text: format!("{on}: {}", line.text), ..line }));
            }
        }
        lines
    }

    /// Lists each platform with its size and digest, then the other entries of the index.
    fn sizes(&self, about: &ImageInfo) -> Vec<Line> {
        let mut lines: Vec<Line> = self.made().unwrap_or_default().iter().map(one_size).collect();
        let others = about.entries.len() - images(about).count();
        if others > 0 {
            let mut kinds: Vec<&str> =
                about.entries.iter().filter(|it| !it.kind.is_empty()).map(|it| it.kind.as_str()).collect();
            kinds.sort_unstable();
            kinds.dedup();
            lines.push(toned(Tone::Quiet, "", format!("other entries: {others} ({})", kinds.join(", "))));
        }
        if lines.is_empty() {
            let made: Vec<String> = platforms(about).iter().map(ToString::to_string).collect();
            lines.push(toned(Tone::Quiet, "", format!("it is built for {}", made.join(", "))));
        }
        lines
    }
}

fn one_size(made: &PlatformDetails<'_>) -> Line {
    let platform = made.platform.map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let name = if made.variant.is_empty() { platform } else { format!("{platform}/{}", made.variant) };
    match made.about {
        Ok(about) => line(name, format!("{:>8}  {}", size(about.size()), made.manifest)),
        Err(fact) => {
            let why = fact.failed().map_or("…", |why| why.text());
            toned(Tone::Quiet, name, format!("{why:>8}  {}", made.manifest))
        }
    }
}

/// Names the kind of manifest: `OCI index of 2 images`.
fn kind(about: &ImageInfo) -> String {
    let maker = if about.media_type.contains("docker") { "Docker" } else { "OCI" };
    match images(about).count() {
        0 => format!("{maker} image, no index"),
        count => format!("{maker} index of {}", counted(count, "image")),
    }
}

fn moment(at: Time, now: Time, offset: i32) -> String {
    let clock = at.clock(offset);
    let since = now.since(at);
    let ago = if since < Duration::from_secs(1) { String::new() } else { format!(", {} ago", age(since)) };
    format!("{} {}{ago}", at.date(offset), &clock[..5])
}

fn runs(about: &ImageInfo) -> Vec<Line> {
    let config = &about.config;
    let mut lines = Vec::new();
    let mut add = |key: &str, text: String| {
        if !text.is_empty() {
            lines.push(line(key, text));
        }
    };
    add("entry point", command(&config.entrypoint));
    add("command", command(&config.cmd));
    add("user", if config.user.is_empty() { "root".to_owned() } else { config.user.clone() });
    add("working dir", config.workdir.clone());
    add("ports", config.ports.join(", "));
    add("volumes", config.volumes.join(", "));
    add("health check", config.health.join(" "));
    add("stop signal", config.stop_signal.clone());
    add("variables", config.env.join(", "));
    if !about.has_command() {
        let text = "it has neither an entry point nor a command: to run it, a service must set one";
        lines.insert(0, toned(Tone::Warn, "command", text));
    }
    lines
}

/// Formats a command as it would be typed: words with spaces or quotes are quoted.
fn command(words: &[String]) -> String {
    let word = |word: &String| {
        let plain = !word.is_empty() && !word.contains([' ', '"', '\'']);
        if plain { word.clone() } else { format!("{word:?}") }
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn pairs(pairs: &std::collections::BTreeMap<String, String>) -> Vec<Line> {
    // The base image has its own line in the first section.
    pairs
        .iter()
        .filter(|(key, _)| ![BASE_NAME, BASE_DIGEST].contains(&key.as_str()))
        .map(|(key, value)| line(key, value))
        .collect()
}

fn layers(layers: &[ImageLayer]) -> Vec<Line> {
    let packing = |kind: &str| {
        let known = ["gzip", "zstd"].into_iter().find(|packing| kind.ends_with(packing));
        known.unwrap_or(if kind.contains("tar") { "tar" } else { "?" }).to_owned()
    };
    let one = |(nth, layer): (usize, &ImageLayer)| {
        line(
            format!("{:>2}", nth + 1),
            format!("{:>8}  {:<4}  {}", size(layer.size), packing(&layer.media_type), layer.digest),
        )
    };
    layers.iter().enumerate().map(one).collect()
}

fn history(about: &ImageInfo, offset: i32) -> Vec<Line> {
    let one = |step: &crate::registry::BuildStep| {
        let when = step.created.map(|at| at.date(offset)).unwrap_or_default();
        let tone = if step.empty { Tone::Quiet } else { Tone::Plain };
        toned(tone, when, if step.by.is_empty() { "(not recorded)" } else { step.by.as_str() })
    };
    about.config.history.iter().map(one).collect()
}

fn files(files: &ImageFilesState) -> Vec<Line> {
    match files {
        ImageFilesState::Reading(LayerReadProgress { layer, layers, bytes, of }) => {
            let text = format!("reading layer {layer} of {layers}, {} of {} …", size(*bytes), size(*of));
            vec![toned(Tone::Quiet, "", text)]
        }
        ImageFilesState::Failed(why) => {
            vec![toned(Tone::Bad, "error", format!("could not read its files: {}", why.text()))]
        }
        ImageFilesState::Known(files) => {
            let all: u64 = files.iter().map(|file| file.size).sum();
            let count = counted(listed(files).count(), "file");
            vec![toned(Tone::Quiet, "", format!("{count}, {} unpacked", size(all)))]
        }
    }
}

/// Returns the files to list: all paths except folders.
pub fn listed(files: &[FileEntry]) -> impl Iterator<Item = &FileEntry> {
    files.iter().filter(|file| file.kind != FileKind::Dir)
}

/// Formats a file as a line: its size or kind, and its path.
pub fn file(file: &FileEntry) -> Line {
    let key = match file.kind {
        FileKind::Link => "link".to_owned(),
        FileKind::Special => "special".to_owned(),
        FileKind::File | FileKind::Dir => size(file.size),
    };
    line(format!("{key:>8}"), &file.path)
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
