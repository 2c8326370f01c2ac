use std::fmt::Write as _;
use std::sync::Arc;

use super::file as file_line;
use super::*;
use crate::contract::Contracts;
use crate::registry::{
    BuildStep, FactSource, FactUpdate, FileEntry, FileKind, ImageConfig, ImageLayer, LayerReadProgress,
};
use crate::sample::NOW;
use crate::time::Time;

fn digest(nth: u8) -> Digest {
    Digest::parse(&format!("sha256:{}", format!("{nth:02x}").repeat(32))).unwrap()
}

const DAY: i64 = 86_400_000;

/// Builds the image of a server for one platform.
fn about(nth: u8, architecture: &str) -> ImageInfo {
    let layer = |nth: u8, size: u64, media_type: &str| ImageLayer {
        digest: digest(nth),
        media_type: media_type.to_owned(),
        size,
        diff_id: Some(digest(nth + 100)),
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    ImageInfo {
        digest: digest(nth),
        media_type: "application/vnd.oci.image.manifest.v1+json".into(),
        entries: Vec::new(),
        annotations: [(crate::registry::BASE_NAME, "debian:12"), ("org.x", "noted")]
            .map(|(k, v)| (k.into(), v.into()))
            .into(),
        platform: Some(Platform::new("linux", architecture)),
        manifest: digest(nth),
        layers: vec![
            layer(11, 30_000_000, "application/vnd.oci.image.layer.v1.tar+gzip"),
            layer(12, 1500, "application/vnd.oci.image.layer.v1.tar+zstd"),
        ],
        config: ImageConfig {
            created: Some(Time(NOW.0 - 3 * DAY)),
            labels: [("org.opencontainers.image.version".to_owned(), "17.9".to_owned())].into(),
            entrypoint: words(&["/entry.sh", "a b"]),
            cmd: words(&["postgres"]),
            ports: words(&["5432/tcp"]),
            health: words(&["CMD-SHELL", "pg_isready"]),
            env: words(&["PATH", "PGPASSWORD"]),
            history: vec![
                BuildStep { created: Some(Time(NOW.0 - 30 * DAY)), by: "ADD rootfs /".into(), empty: false },
                BuildStep { created: None, by: String::new(), empty: true },
            ],
            ..ImageConfig::default()
        },
    }
}

/// Builds an index of two images and an attestation.
fn index() -> ImageInfo {
    let entry = |nth: u8, architecture: &str, variant: &str, kind: &str| IndexEntry {
        digest: digest(nth),
        platform: kind.is_empty().then(|| Platform::new("linux", architecture)),
        variant: variant.to_owned(),
        kind: kind.to_owned(),
    };
    ImageInfo {
        digest: digest(1),
        media_type: "application/vnd.oci.image.index.v1+json".into(),
        entries: vec![entry(2, "amd64", "", ""), entry(3, "arm64", "v8", ""), entry(4, "", "", "attestation-manifest")],
        ..about(2, "amd64")
    }
}

fn learned(facts: &mut Facts, about: &ImageInfo) {
    let fact = Fact::Known { value: Arc::new(about.clone()), at: NOW, via: FactSource::Registry };
    facts.take(FactUpdate::ImageInfo(format!("ghcr.io/a/pg@{}", about.digest), fact));
}

fn named(facts: &mut Facts, reference: &str, nth: u8) {
    let fact = Fact::Known { value: ResolvedImage::new(digest(nth), None), at: NOW, via: FactSource::Registry };
    facts.take(FactUpdate::Image(reference.into(), fact));
}

/// Returns facts that answer every query.
fn whole() -> Facts {
    let mut facts = Facts::default();
    named(&mut facts, "ghcr.io/a/pg:17", 1);
    learned(&mut facts, &index());
    learned(&mut facts, &about(3, "arm64"));
    named(&mut facts, "debian:12", 50);
    let mut debian = about(50, "amd64");
    debian.layers.truncate(1);
    debian.config.created = Some(Time(NOW.0 - DAY));
    let fact = Fact::Known { value: Arc::new(debian), at: NOW, via: FactSource::Registry };
    facts.take(FactUpdate::ImageInfo(format!("debian@{}", digest(50)), fact));
    facts
}

struct InspectSample {
    image: ImageRef,
    facts: Facts,
    files: BTreeMap<Digest, ImageFilesState>,
    contract: Option<Contract>,
    platform: Option<Platform>,
}

impl InspectSample {
    fn new(facts: Facts) -> Self {
        let image = ImageRef::parse("ghcr.io/a/pg:17").unwrap();
        Self { image, facts, files: BTreeMap::new(), contract: None, platform: None }
    }

    fn view(&self) -> InspectionInput<'_> {
        InspectionInput {
            image: &self.image,
            facts: &self.facts,
            platform: self.platform.as_ref(),
            base: None,
            contract: self.contract.as_ref(),
            files: &self.files,
        }
    }

    /// Renders all sections as text, with short digests.
    fn shown(&self) -> String {
        let mut text = String::new();
        for section in self.view().sections(NOW, 0) {
            let _ = writeln!(text, "{}", section.title);
            for Line { key, text: what, tone } in section.lines {
                let tone = if tone == Tone::Plain { String::new() } else { format!(" [{tone:?}]") };
                let _ = writeln!(text, "  {key} | {what}{tone}");
            }
        }
        (0..=255).fold(text, |text, nth| text.replace(digest(nth).as_str(), &format!("#{nth}")))
    }
}

#[test]
fn everything_there_is_to_tell() {
    assert_eq!(
        InspectSample::new(whole()).shown(),
        "image\n\
        \x20 reference | ghcr.io/a/pg:17\n\
        \x20 digest | #1\n\
        \x20 tag | may move: it names a major version only [Quiet]\n\
        \x20 kind | OCI index of 2 images\n\
        \x20 size | 30 MB in 2 layers for linux/amd64\n\
        \x20 built | 2026-11-17 00:00, 3d ago\n\
        \x20 base | debian:12, up to date (@32323232) [Good]\n\
        platforms\n\
        \x20 linux/amd64 |    30 MB  #2\n\
        \x20 linux/arm64/v8 |    30 MB  #3\n\
        \x20  | other entries: 1 (attestation-manifest) [Quiet]\n\
        config\n\
        \x20 entry point | /entry.sh \"a b\"\n\
        \x20 command | postgres\n\
        \x20 user | root\n\
        \x20 ports | 5432/tcp\n\
        \x20 health check | CMD-SHELL pg_isready\n\
        \x20 variables | PATH, PGPASSWORD\n\
        labels\n\
        \x20 org.opencontainers.image.version | 17.9\n\
        annotations\n\
        \x20 org.x | noted\n\
        layers (linux/amd64)\n\
        \x20  1 |    30 MB  gzip  #11\n\
        \x20  2 |   1.5 kB  zstd  #12\n\
        history\n\
        \x20 2026-10-21 | ADD rootfs /\n\
        \x20  | (not recorded) [Quiet]\n"
    );
}

#[test]
fn step_by_step() {
    let mut asked = InspectSample::new(Facts::default());
    let about_of = |nth: u8| FactQuery::ImageInfo(format!("ghcr.io/a/pg@{}", digest(nth)));
    assert_eq!(asked.view().queries(), [FactQuery::Image("ghcr.io/a/pg:17".into())].into());
    assert_eq!(asked.shown(), "image\n  reference | ghcr.io/a/pg:17\n   | asking ghcr.io … [Quiet]\n");
    named(&mut asked.facts, "ghcr.io/a/pg:17", 1);
    assert_eq!(asked.view().queries(), [about_of(1)].into());
    learned(&mut asked.facts, &index());
    assert_eq!(asked.view().queries(), [about_of(3), FactQuery::Image("debian:12".into())].into());
    let text = asked.shown();
    assert!(text.contains("linux/arm64/v8 |        …  #3 [Quiet]\n"), "{text}");
    assert!(text.contains("base | asking … [Quiet]\n"), "{text}");
    asked.facts = whole();
    assert_eq!(asked.view().queries(), BTreeSet::new());
}

#[test]
fn one_platform_of_interest() {
    let mut asked = InspectSample::new(whole());
    asked.platform = Some(Platform::new("linux", "arm64"));
    let text = asked.shown();
    assert!(text.contains("size | 30 MB in 2 layers for linux/arm64\n"), "{text}");
    assert!(!text.contains("linux/amd64"), "{text}");
    asked.platform = Some(Platform::new("windows", "amd64"));
    let text = asked.shown();
    assert!(
        text.contains("error | it is not built for windows/amd64, but for linux/amd64, linux/arm64 [Bad]\n"),
        "{text}"
    );
    let lack = MissingInfo::OtherPlatforms(
        Platform::new("windows", "amd64"),
        index().entries[..2].iter().filter_map(|it| it.platform.clone()).collect(),
    );
    assert_eq!(asked.view().wire(false), Err(lack));
}

#[test]
fn what_failed_has_a_hint() {
    let mut asked = InspectSample::new(Facts::default());
    asked.facts.take(FactUpdate::Image("ghcr.io/a/pg:17".into(), Fact::Failed { why: LookupError::NotFound, at: NOW }));
    assert_eq!(asked.view().queries(), BTreeSet::new());
    let text = asked.shown();
    assert!(
        text.contains("error | image \"ghcr.io/a/pg:17\" could not be verified: ghcr.io has no `17` of `a/pg` [Bad]\n"),
        "{text}"
    );
    assert!(text.contains("  hint | no node could start it;"), "{text}");
    named(&mut asked.facts, "ghcr.io/a/pg:17", 1);
    let why = LookupError::Unreachable("gone".into());
    asked.facts.take(FactUpdate::ImageInfo(format!("ghcr.io/a/pg@{}", digest(1)), Fact::Failed { why, at: NOW }));
    let text = asked.shown();
    assert!(text.contains("digest | #1\n") && text.contains("ghcr.io cannot be reached: gone"), "{text}");
    assert_eq!(asked.view().queries(), BTreeSet::new());
}

#[test]
fn the_base_is_told_of() {
    let mut asked = InspectSample::new(whole());
    named(&mut asked.facts, "debian:12", 51);
    let mut debian = about(51, "amd64");
    debian.layers[0].diff_id = Some(digest(99));
    debian.config.created = Some(Time(NOW.0 - DAY));
    let fact = Fact::Known { value: Arc::new(debian), at: NOW, via: FactSource::Registry };
    asked.facts.take(FactUpdate::ImageInfo(format!("debian@{}", digest(51)), fact));
    let text = asked.shown();
    assert!(
        text.contains(
            "base | debian:12, out of date since 2026-11-19 00:00, 1d ago: it is @33333333 now [Warn]\n   | rebuild the image on debian:12 to update it [Quiet]\n"
        ),
        "{text}"
    );
    let wire = asked.view().wire(false).unwrap();
    assert_eq!((wire.base.state.as_str(), wire.base.digest), ("outdated", Some(digest(51))));
}

#[test]
fn the_verdict_of_a_contract() {
    let mut asked = InspectSample::new(whole());
    asked.contract = Contracts::default().get("cnpg-extension").ok();
    // Some broken rules are known before the files are read.
    assert!(asked.shown().contains("  broken | 6 rules [Bad]\n"), "{}", asked.shown());
    let text = asked.shown();
    assert!(text.contains("contract cnpg-extension\n"), "{text}");
    assert!(
        text.contains("  command | it has a command, `/entry.sh a b postgres`, but should have none [Bad]\n"),
        "{text}"
    );
    assert_eq!(asked.view().unread().iter().map(|about| &about.manifest).collect::<Vec<_>>(), [&digest(2), &digest(3)]);

    let mut mine = Contract { name: "mine".into(), ..Contract::default() };
    asked.contract = Some(mine.clone());
    assert!(asked.shown().contains("contract mine\n  kept | all rules [Good]\n"));
    mine.files.required.push(crate::contract::Glob::path("/lib/*.so").unwrap());
    asked.contract = Some(mine);
    assert_eq!(asked.view().verdict(), Some(ContractVerdict::Kept(false)));
    assert!(asked.shown().contains("  kept | all rules except those about files, which were not read [Warn]\n"));
    assert_eq!(asked.view().wire(false).unwrap().contract.unwrap().kept, None);

    let file = |path: &str, kind| FileEntry { path: path.into(), kind, size: 7 };
    let paths =
        Arc::new(vec![file("/lib", FileKind::Dir), file("/lib/a.so", FileKind::File), file("/x", FileKind::Link)]);
    asked.files.insert(digest(2), ImageFilesState::Known(paths.clone()));
    asked.files.insert(
        digest(3),
        ImageFilesState::Reading(LayerReadProgress { layer: 1, layers: 2, bytes: 5_000_000, of: 30_000_000 }),
    );
    let text = asked.shown();
    assert!(text.contains("   | linux/arm64: reading layer 1 of 2, 5 MB of 30 MB … [Quiet]\n"), "{text}");
    assert!(text.ends_with("files (linux/amd64)\n   | 2 files, 21 B unpacked [Quiet]\n"), "{text}");
    let rows: Vec<String> = listed(&paths).map(file_line).map(|line| format!("{} | {}", line.key, line.text)).collect();
    assert_eq!(rows, ["     7 B | /lib/a.so", "    link | /x"]);
    assert_eq!(asked.view().unread().len(), 0, "what is being read is not to be read again");
    asked.files.insert(digest(3), ImageFilesState::Known(Arc::default()));
    assert!(asked.shown().contains("  file-required | linux/arm64: it has no file `/lib/*.so` [Bad]\n"));
    asked.files.insert(digest(3), ImageFilesState::Known(paths));
    assert_eq!(asked.view().verdict(), Some(ContractVerdict::Kept(true)));
    let wire = asked.view().wire(true).unwrap();
    assert_eq!((wire.contract.unwrap().kept, wire.files.unwrap().len()), (Some(true), 3));
}

#[test]
fn a_single_image_that_starts_nothing() {
    let mut asked = InspectSample::new(Facts::default());
    named(&mut asked.facts, "ghcr.io/a/pg:17", 2);
    let bare = ImageInfo { config: ImageConfig::default(), annotations: BTreeMap::new(), ..about(2, "amd64") };
    learned(&mut asked.facts, &bare);
    let text = asked.shown();
    assert!(text.contains("kind | OCI image, no index\n"), "{text}");
    assert!(text.contains("built | time not recorded [Quiet]\n"), "{text}");
    assert!(
        text.contains("base | unknown: it does not name its base image (org.opencontainers.image.base.name) [Quiet]\n"),
        "{text}"
    );
    assert!(text.contains("config\n  command | it has neither an entry point nor a command: to run it, a service must set one [Warn]\n  user | root\n"), "{text}");
    assert!(text.contains("platforms\n  linux/amd64 |    30 MB  #2\n"), "{text}");
    // A base from the configuration is queried.
    asked.facts = asked.facts.with_bases(&[("ghcr.io/a/pg".to_owned(), "debian:12".to_owned())].into());
    assert_eq!(asked.view().queries(), [FactQuery::Image("debian:12".into())].into());
}
