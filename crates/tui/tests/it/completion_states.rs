//! States with completions under a line of the pins, and the answers for them.

use pinnace_tui::clusters::ClusterId;
use std::sync::Arc;

use pinnace_core::image::Digest;
use pinnace_core::registry::{Fact, FactSource, FactUpdate, ImageConfig, ImageInfo, LookupError, ResolvedImage, Tags};
use pinnace_core::registry::{VersionManifest, VersionManifestOrigin};
use pinnace_core::time::Time;
use pinnace_tui::msg::{Effect, Msg};
use pinnace_tui::state::State;

use crate::fixture::press;
use crate::scenario::{self, pass, send, type_text};

pub const REPOSITORY: &str = "ghcr.io/pgedge/pgedge-postgres";
pub const TAGS: &str = "latest 17 16.10-spock5.0.4-standard-1 17.10-spock5.0.10-debug-1 17.10-spock5.0.10-standard-1 \
                    17.8-spock5.0.5-standard-1 17.9-spock5.0.6-standard-1 17.9-spock5.0.6-standard-2 \
                    17.9-spock5.0.6-standard 18.3-spock5.0.6-standard-2 18.4-spock5.0.10-standard-1 my-custom-image";

pub fn digest(digit: char) -> Digest {
    Digest::parse(&format!("sha256:{}", format!("{digit}f2e3d4c").repeat(8))).unwrap()
}

pub fn learn(state: &mut State, learned: FactUpdate) -> Vec<Effect> {
    send(state, Msg::QueryAnswered { cluster: ClusterId::FIRST, learned })
}

pub fn known<T>(state: &State, value: T, via: FactSource) -> Fact<T> {
    Fact::Known { value, at: state.now, via }
}

pub fn manifest(state: &mut State) -> Vec<Effect> {
    let text = r#"{ "schema_version": 1, "images": { "postgres": [
        {"postgres_version":"17.8","spock_version":"5","image":"pgedge-postgres:17.8-spock5.0.5-standard-1"},
        {"postgres_version":"17.9","spock_version":"5","image":"pgedge-postgres:17.9-spock5.0.6-standard-2"},
        {"postgres_version":"17.10","spock_version":"5","image":"pgedge-postgres:17.10-spock5.0.10-standard-1"},
        {"postgres_version":"18.4","spock_version":"5","image":"pgedge-postgres:18.4-spock5.0.10-standard-1"}] } }"#;
    let manifest = VersionManifest::parse(text, "ghcr.io/pgedge", VersionManifestOrigin::BuiltIn, None).unwrap();
    let fact = known(state, Arc::new(manifest), FactSource::Curated);
    learn(state, FactUpdate::Versions(fact))
}

pub fn tags(state: &mut State, repository: &str, names: &str) -> Vec<Effect> {
    let tags = Tags { names: names.split_whitespace().map(str::to_owned).collect(), cut: false };
    let fact = known(state, Arc::new(tags), FactSource::Registry);
    learn(state, FactUpdate::Tags(repository.into(), fact))
}

pub fn refused(state: &mut State, repository: &str, why: LookupError) -> Vec<Effect> {
    let fact = Fact::Failed { why, at: state.now };
    learn(state, FactUpdate::Tags(repository.into(), fact))
}

/// Answers that the registry has an image under this tag, built `days` ago.
pub fn image(state: &mut State, tag: &str, digit: char, days: i64) -> Vec<Effect> {
    let fact = known(state, ResolvedImage::new(digest(digit), None), FactSource::Registry);
    let effects = learn(state, FactUpdate::Image(format!("{REPOSITORY}:{tag}"), fact));
    let about = ImageInfo {
        digest: digest(digit),
        media_type: String::new(),
        entries: Vec::new(),
        annotations: std::collections::BTreeMap::new(),
        platform: None,
        manifest: digest(digit),
        layers: Vec::new(),
        config: ImageConfig { created: Some(Time(state.now.0 - days * 86_400_000)), ..ImageConfig::default() },
    };
    let fact = known(state, Arc::new(about), FactSource::Registry);
    learn(state, FactUpdate::ImageInfo(format!("{REPOSITORY}@{}", digest(digit)), fact));
    effects
}

/// The pins with a new line under the failing member, into which this text was typed.
pub fn typed(width: u16, height: u16, text: &str) -> State {
    let mut state = scenario::pins(width, height);
    press(&mut state, "ctrl-u enter up");
    type_text(&mut state, text);
    pass(&mut state, 400);
    state
}

/// The completions with all facts known.
pub fn full(width: u16, height: u16) -> State {
    let mut state = typed(width, height, "image = \"");
    press(&mut state, "tab");
    manifest(&mut state);
    tags(&mut state, REPOSITORY, TAGS);
    for (tag, digit, days) in [
        ("17.9-spock5.0.6-standard-2", '1', 41),
        ("17.9-spock5.0.6-standard", '1', 41),
        ("17.10-spock5.0.10-standard-1", '2', 6),
        ("17.9-spock5.0.6-standard-1", '3', 60),
        ("17.8-spock5.0.5-standard-1", '4', 120),
        ("17", '2', 6),
        ("17.10-spock5.0.10-debug-1", '5', 1),
    ] {
        image(&mut state, tag, digit, days);
    }
    state
}
