//! Tests of the image screen: the selected image, its queries, its contract, its files, and snapshots.

use pinnace_tui::clusters::ClusterId;
use std::collections::BTreeSet;
use std::sync::Arc;

use pinnace_core::image::{Digest, ImageRef, Platform};
use pinnace_core::registry::FactQuery;
use pinnace_core::registry::{
    BuildStep, Fact, FactSource, FactUpdate, FileEntry, FileKind, ImageConfig, ImageFilesState, ImageInfo, ImageLayer,
    IndexEntry, LayerReadProgress, LookupError, ResolvedImage,
};
use pinnace_core::time::Time;
use pinnace_tui::action::KeyContext;
use pinnace_tui::msg::{Effect, Msg};
use pinnace_tui::state::{Screen, State};

use crate::fixture::{NOW, PG, console, history, pinned, press};
use crate::scenario::{self, send, type_text};
use crate::screens::{lines_of, picture};

const QUEUE: &str = "rabbitmq:4.1-management";

fn night(width: u16, height: u16) -> State {
    let mut seen = crate::fixture::seen(crate::fixture::bad_night(6), crate::fixture::six_nodes(), Vec::new());
    seen.extend(history());
    console(width, height, seen)
}

fn digest(digit: char) -> Digest {
    Digest::parse(&format!("sha256:{}", format!("{digit}f2e3d4c").repeat(8))).unwrap()
}

fn asked(effects: &[Effect]) -> BTreeSet<FactQuery> {
    let wants = effects.iter().filter_map(|effect| match effect {
        Effect::SendQueries { wants, .. } => Some(wants.clone()),
        _ => None,
    });
    wants.flatten().filter(|want| matches!(want, FactQuery::Image(_) | FactQuery::ImageInfo(_))).collect()
}

fn learned(state: &mut State, learned: FactUpdate) -> Vec<Effect> {
    send(state, Msg::QueryAnswered { cluster: ClusterId::FIRST, learned })
}

fn about(digit: char, architecture: &str) -> ImageInfo {
    let day = 86_400_000;
    let layer = |digit, size| ImageLayer {
        digest: digest(digit),
        media_type: "application/vnd.oci.image.layer.v1.tar+gzip".into(),
        size,
        diff_id: None,
    };
    let note = |key: &str, value: &str| (format!("org.opencontainers.image.{key}"), value.to_owned());
    ImageInfo {
        digest: digest(digit),
        media_type: "application/vnd.oci.image.manifest.v1+json".into(),
        entries: Vec::new(),
        annotations: [note("base.name", "ubuntu:24.04"), note("base.digest", digest('0').as_str())].into(),
        platform: Some(Platform::new("linux", architecture)),
        manifest: digest(digit),
        layers: vec![layer('4', 29_700_000), layer('5', 88_123_456)],
        config: ImageConfig {
            created: Some(Time(NOW.0 - 40 * day)),
            labels: [note("version", "4.1.2"), note("description", &"A broker of messages. ".repeat(6))].into(),
            entrypoint: vec!["docker-entrypoint.sh".into()],
            cmd: vec!["rabbitmq-server".into()],
            ports: vec!["15672/tcp".into(), "5672/tcp".into()],
            env: vec!["PATH".into(), "RABBITMQ_VERSION".into()],
            history: vec![BuildStep {
                created: Some(Time(NOW.0 - 60 * day)),
                by: "ADD file:abc in /".into(),
                empty: false,
            }],
            ..ImageConfig::default()
        },
    }
}

fn index() -> ImageInfo {
    let entry = |digit, architecture: &str, kind: &str| IndexEntry {
        digest: digest(digit),
        platform: kind.is_empty().then(|| Platform::new("linux", architecture)),
        variant: String::new(),
        kind: kind.to_owned(),
    };
    ImageInfo {
        digest: digest('1'),
        media_type: "application/vnd.oci.image.index.v1+json".into(),
        entries: vec![entry('2', "amd64", ""), entry('3', "arm64", ""), entry('6', "", "attestation-manifest")],
        ..about('2', "amd64")
    }
}

fn names(state: &mut State, reference: &str, digit: char) -> Vec<Effect> {
    let value = ResolvedImage::new(digest(digit), None);
    learned(state, FactUpdate::Image(reference.into(), Fact::Known { value, at: NOW, via: FactSource::Registry }))
}

fn is(state: &mut State, repository: &str, about: ImageInfo) -> Vec<Effect> {
    let reference = format!("{repository}@{}", about.digest);
    learned(
        state,
        FactUpdate::ImageInfo(reference, Fact::Known { value: Arc::new(about), at: NOW, via: FactSource::Registry }),
    )
}

/// Answers all queries about the queue's image.
fn answer(state: &mut State) {
    names(state, QUEUE, '1');
    is(state, "rabbitmq", index());
    is(state, "rabbitmq", about('3', "arm64"));
    names(state, "ubuntu:24.04", '8');
    let mut ubuntu = about('8', "amd64");
    ubuntu.layers = vec![ImageLayer { digest: digest('9'), ..ubuntu.layers[0].clone() }];
    ubuntu.config.created = Some(Time(NOW.0 - 3 * 86_400_000));
    is(state, "ubuntu", ubuntu);
}

fn screen(state: &State) -> &pinnace_tui::screens::image::state::ImageState {
    match state.screens.last() {
        Some(Screen::Image(screen)) => screen,
        other => panic!("{other:?}"),
    }
}

fn text(state: &State) -> String {
    lines_of(state).join("\n")
}

#[test]
fn what_is_on_the_screen_is_asked_for_and_no_more() {
    let mut state = night(120, 40);
    let about_of = |digit| FactQuery::ImageInfo(format!("rabbitmq@{}", digest(digit)));
    let effects = press(&mut state, "i");
    assert_eq!((state.context(), screen(&state).image.text.as_str()), (KeyContext::Image, QUEUE));
    assert_eq!(asked(&effects), [FactQuery::Image(QUEUE.into())].into());
    assert!(text(&state).contains("asking docker.io …"), "{}", text(&state));
    assert_eq!(asked(&names(&mut state, QUEUE, '1')), [about_of('1')].into());
    let effects = is(&mut state, "rabbitmq", index());
    assert_eq!(asked(&effects), [about_of('3'), FactQuery::Image("ubuntu:24.04".into())].into());
    answer(&mut state);
    assert_eq!(asked(&press(&mut state, "down up")), BTreeSet::new(), "each once");
    assert_eq!(press(&mut state, "esc").iter().filter(|it| **it == Effect::StopFiles).count(), 0);
    assert!(state.screens.is_empty());
}

#[test]
fn the_image_under_the_cursor_is_meant() {
    let image = |mut state: State, keys: &str| {
        press(&mut state, keys);
        screen(&state).image.text.clone()
    };
    assert_eq!(image(night(120, 40), "enter i"), QUEUE);
    assert_eq!(image(night(120, 40), "h i"), "ghcr.io/pgedge/pgedge-postgres:my-custom-image");
    assert_eq!(image(scenario::plan(120, 40), "i"), pinned(PG, '1'));
    let mut pins = scenario::pins(120, 40);
    scenario::pin(&mut pins, "ghcr.io/acme/pg:1");
    press(&mut pins, "esc up");
    assert_eq!(image(pins.clone(), "i"), "ghcr.io/acme/pg:1");
    press(&mut pins, "g g");
    assert_eq!(image(pins, "i"), "ghcr.io/acme/pg:1", "in another line: what the member would run");
    let mut state = night(120, 40);
    press(&mut state, "g g / s h o p enter g g i");
    assert_eq!(state.notice.clone().unwrap().text, "image details: choose a service first");
}

#[test]
fn it_is_copied_with_its_digest() {
    let mut state = night(120, 40);
    press(&mut state, "i");
    assert!(press(&mut state, "y").contains(&Effect::Copy(QUEUE.into())));
    answer(&mut state);
    assert!(press(&mut state, "y").contains(&Effect::Copy(format!("{QUEUE}@{}", digest('1')))));
}

#[test]
fn what_failed_is_asked_for_again_when_it_is_opened_again() {
    let mut state = night(80, 24);
    press(&mut state, "i");
    learned(&mut state, FactUpdate::Image(QUEUE.into(), Fact::Failed { why: LookupError::NoCredentials, at: NOW }));
    let shown = text(&state);
    // Neither the cause nor the hint is cut.
    assert!(shown.contains("docker.io\n             requires a login, and pinnace has none"), "{shown}");
    assert!(shown.contains("run `docker login docker.io` as the user that runs pinnace, or\n"), "{shown}");
    insta::assert_snapshot!("image_failed_80x24", picture(&state));
    press(&mut state, "esc");
    state.now = Time(NOW.0 + 6000);
    assert_eq!(asked(&press(&mut state, "i")), [FactQuery::Image(QUEUE.into())].into());
}

/// Makes a console in which a completed change has set pins with a contract for the queue.
fn with_contract(width: u16, height: u16, contract: &str) -> State {
    let units = [("queue", "queue", "rabbitmq:4.0-management", QUEUE)];
    let mut change = crate::fixture::change("service/queue", 1, pinnace_core::journal::ChangeState::Done, 3, &units);
    for seen in &mut change {
        if let pinnace_core::world::Observation::Record { record: Some(record), .. } = seen {
            record.plan.pins_after = Some(format!("contract = \"{contract}\"\nimage = \"{QUEUE}\"\n"));
        }
    }
    let mut seen = crate::fixture::seen(crate::fixture::bad_night(6), crate::fixture::six_nodes(), Vec::new());
    seen.extend(change);
    let mut state = console(width, height, seen);
    press(&mut state, "i");
    state
}

#[test]
fn the_contract_of_the_pins_is_judged() {
    let mut state = with_contract(120, 40, "service");
    answer(&mut state);
    let shown = text(&state);
    assert!(shown.contains("CONTRACT SERVICE") && shown.contains("the tag `4.1-management` may move"), "{shown}");
    assert!(shown.contains("the label org.opencontainers.image.source is missing"), "{shown}");
    let missing = with_contract(120, 40, "nobody");
    let shown = text(&missing);
    assert!(shown.contains("CONTRACT NOBODY") && shown.contains("choose one of: cnpg-extension, service"), "{shown}");
    let mut pins = scenario::pins(120, 40);
    scenario::pin(&mut pins, "ghcr.io/acme/pg:1");
    press(&mut pins, "ctrl-home enter up");
    type_text(&mut pins, "contract = \"service\"");
    press(&mut pins, "esc n i");
    let contract = screen(&pins).contract.clone();
    assert!(
        matches!(contract, Some(pinnace_tui::screens::image::state::ContractLookup::Loaded(contract)) if contract.name == "service")
    );
}

fn files(paths: &[(&str, FileKind)]) -> ImageFilesState {
    let file = |(path, kind): &(&str, FileKind)| FileEntry { path: (*path).to_owned(), kind: *kind, size: 1200 };
    ImageFilesState::Known(Arc::new(paths.iter().map(file).collect()))
}

#[test]
fn files_are_read_only_when_asked_for() {
    let mut state = night(120, 60);
    press(&mut state, "i f");
    assert_eq!(state.notice.clone().unwrap().text, "files: it is still loading");
    answer(&mut state);
    let effects = press(&mut state, "f");
    let Some(Effect::ReadFiles { cluster: ClusterId::FIRST, image, abouts }) =
        effects.iter().find(|effect| matches!(effect, Effect::ReadFiles { .. }))
    else {
        panic!("{effects:?}")
    };
    let read: Vec<_> = abouts.iter().map(|about| about.manifest.clone()).collect();
    assert_eq!((image.as_str(), read), (QUEUE, vec![digest('2')]), "those of the image that is told about");
    let tell = |state: &mut State, files| {
        send(state, Msg::Files { cluster: ClusterId::FIRST, image: QUEUE.into(), manifest: digest('2'), files });
    };
    tell(
        &mut state,
        ImageFilesState::Reading(LayerReadProgress { layer: 2, layers: 2, bytes: 40_000_000, of: 117_823_456 }),
    );
    press(&mut state, "G");
    assert!(text(&state).contains("reading layer 2 of 2, 40 MB of 117 MB …"), "{}", text(&state));
    press(&mut state, "f");
    assert_eq!(state.notice.clone().unwrap().text, "still reading the files");
    assert!(press(&mut state.clone(), "esc").contains(&Effect::StopFiles));

    tell(&mut state, ImageFilesState::Failed(LookupError::Other("its layer ends too early".into())));
    press(&mut state, "G");
    assert!(text(&state).contains("could not read its files: its layer ends too early"), "{}", text(&state));
    assert!(press(&mut state, "f").iter().any(|effect| matches!(effect, Effect::ReadFiles { .. })), "again");
    let many: Vec<String> = (0..100).map(|nth| format!("/usr/lib/x{nth:03}.so")).collect();
    let mut all: Vec<(&str, FileKind)> = many.iter().map(|path| (path.as_str(), FileKind::File)).collect();
    all.push(("/usr", FileKind::Dir));
    tell(&mut state, files(&all));
    press(&mut state, "g g f");
    let shown = text(&state);
    assert!(shown.contains("FILES (LINUX/AMD64)") && shown.contains("100 files"), "{shown}");
    assert!(shown.contains("1.2 kB  /usr/lib/x000.so") && !shown.contains(" /usr\n"), "{shown}");
    press(&mut state, "G");
    assert!(text(&state).contains("/usr/lib/x099.so"), "{}", text(&state));
    // Answers about another image, or about one whose screen was closed, are ignored.
    let other = Msg::Files { cluster: ClusterId::FIRST, image: "x:1".into(), manifest: digest('2'), files: files(&[]) };
    send(&mut state, other);
    assert!(text(&state).contains("/usr/lib/x099.so"));
}

#[test]
fn a_contract_about_files_has_all_platforms_read() {
    let mut state = with_contract(120, 40, "cnpg-extension");
    answer(&mut state);
    let effects = press(&mut state, "f");
    let read = effects.iter().find_map(|effect| match effect {
        Effect::ReadFiles { abouts, .. } => Some(abouts.iter().map(|about| about.manifest.clone()).collect::<Vec<_>>()),
        _ => None,
    });
    assert_eq!(read, Some(vec![digest('2'), digest('3')]));
    assert!(ImageRef::parse(QUEUE).is_ok());
}

#[test]
fn what_it_looks_like() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let mut state = with_contract(width, height, "service");
        answer(&mut state);
        insta::assert_snapshot!(format!("image_{width}x{height}"), picture(&state));
    }
    let mut state = night(80, 24);
    press(&mut state, "i");
    answer(&mut state);
    for _ in 0..3 {
        press(&mut state, "page-down");
    }
    insta::assert_snapshot!("image_below_80x24", lines_of(&state).join("\n"));
}
