use std::sync::Arc;

use super::*;
use crate::registry::{Fact, FactSource, FactUpdate, ImageConfig, ImageInfo, ResolvedImage};
use crate::registry::{POSTGRES, VersionManifest, VersionManifestOrigin};

const PG: &str = "ghcr.io/pgedge/pgedge-postgres";

const MANIFEST: &str = r#"{ "schema_version": 1, "images": {
    "postgres": [
        {"postgres_version":"16.14","spock_version":"5","image":"pgedge-postgres:16.14-spock5.0.10-standard-1"},
        {"postgres_version":"17.9","spock_version":"5","image":"pgedge-postgres:17.9-spock5.0.6-standard-2"},
        {"postgres_version":"17.9","spock_version":"4","image":"pgedge-postgres:17.9-spock4.1-standard-1"},
        {"postgres_version":"17.10","spock_version":"5","image":"pgedge-postgres:17.10-spock5.0.10-standard-1"},
        {"postgres_version":"17.11","spock_version":"5","image":"pgedge-postgres:17.11-spock5.0.10-standard-1","stability":"dev"},
        {"postgres_version":"18.4","spock_version":"5","image":"pgedge-postgres:18.4-spock5.0.10-standard-1","default":true}],
    "mcp": [
        {"version":"1.0.0","image":"postgres-mcp:1.0.0"},{"version":"1.10.0","image":"postgres-mcp:1.10.0"},
        {"version":"1.9.0","image":"postgres-mcp:1.9.0"},{"version":"2.0.0","image":"postgres-mcp:2.0.0"}] } }"#;

fn manifest() -> VersionManifest {
    VersionManifest::parse(MANIFEST, "ghcr.io/pgedge", VersionManifestOrigin::BuiltIn, None).unwrap()
}

fn image(text: &str) -> ImageRef {
    ImageRef::parse(text).unwrap()
}

fn digest(digit: char) -> Digest {
    Digest::parse(&format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
}

/// Stores an image with these tags in the facts.
fn known(facts: &mut Facts, repository: &str, tags: &[&str], digit: char, created: i64) {
    for tag in tags {
        let value = ResolvedImage::new(digest(digit), None);
        facts.learn(&format!("{repository}:{tag}"), Fact::Known { value, at: Time(1), via: FactSource::Registry });
    }
    let about = ImageInfo {
        digest: digest(digit),
        media_type: String::new(),
        entries: Vec::new(),
        annotations: BTreeMap::new(),
        platform: None,
        manifest: digest(digit),
        layers: Vec::new(),
        config: ImageConfig { created: Some(Time(created)), ..ImageConfig::default() },
    };
    let fact = Fact::Known { value: Arc::new(about), at: Time(1), via: FactSource::Registry };
    facts.take(FactUpdate::ImageInfo(format!("{repository}@{}", digest(digit)), fact));
}

fn names(tags: &str) -> Vec<String> {
    tags.split_whitespace().map(str::to_owned).collect()
}

fn tags(found: &[TagCandidate]) -> Vec<&str> {
    found.iter().map(|candidate| candidate.tag.as_str()).collect()
}

#[test]
fn the_manifest_then_the_family_that_runs_then_all_others() {
    let attached = [format!("sha256-{}.sig", "a".repeat(64)), format!("sha256-{}", "b".repeat(64))];
    let mut names = names(
        "latest main 16.10-spock5.0.4-standard-1 17-spock5-standard 17.10-spock5.0.10-debug-1 \
         17.10-spock5.0.10-standard-1 17.8-spock5.0.5-standard-1 17.9-spock5.0.6-standard-1 \
         17.9-spock5.0.6-standard-10 17.9-spock5.0.6-standard-2 18.4-spock5.0.10-standard-1 18.3-spock5.0.6-standard-2",
    );
    names.extend(attached);
    let runs = [image(&format!("{PG}:17.9-spock5.0.6-standard-1@{}", digest('1')))];
    let proposals = proposals(&manifest(), POSTGRES, &ProposalInput { runs: runs.first(), ..ProposalInput::default() });
    let facts = Facts::default();
    let mut source = CandidateInput {
        repository: PG,
        names: Some(&names),
        runs: &runs,
        ran: &[image(&format!("{PG}:17.8-spock5.0.5-standard-1"))],
        failed: &[image(&format!("{PG}:17.10-spock5.0.10-debug-1"))],
        proposals: &proposals,
        facts: &facts,
    };
    let found = candidates(&source);
    assert_eq!(
        tags(&found),
        [
            "17.9-spock5.0.6-standard-2",
            "17.10-spock5.0.10-standard-1",
            "17.9-spock5.0.6-standard-10",
            "17.9-spock5.0.6-standard-1",
            "17.8-spock5.0.5-standard-1",
            "17-spock5-standard",
            "17.10-spock5.0.10-debug-1",
            "18.4-spock5.0.10-standard-1",
            "18.3-spock5.0.6-standard-2",
            "16.10-spock5.0.4-standard-1",
            "latest",
            "main",
        ]
    );
    let of = |tag: &str| found.iter().find(|candidate| candidate.tag == tag).unwrap();
    let first = of("17.9-spock5.0.6-standard-2");
    assert_eq!(first.text, format!("{PG}:17.9-spock5.0.6-standard-2"));
    let proposed = first.proposed.as_ref().unwrap();
    assert_eq!((proposed.label.as_str(), proposed.newer, first.listed), ("17.9_5", false, Some(true)));
    assert!(of("17.10-spock5.0.10-standard-1").proposed.as_ref().unwrap().newer);
    assert_eq!(
        of("17.9-spock5.0.6-standard-1").here,
        Some(ImageRunState::Now),
        "no digest is known of it: its tag runs"
    );
    assert_eq!(of("17.8-spock5.0.5-standard-1").here, Some(ImageRunState::Before));
    assert_eq!(of("17.10-spock5.0.10-debug-1").here, Some(ImageRunState::Failed));
    assert_eq!(of("latest").constancy.why(), "it names no version");

    source.names = None;
    let alone = candidates(&source);
    assert_eq!(tags(&alone), ["17.9-spock5.0.6-standard-2", "17.10-spock5.0.10-standard-1"], "before anybody answered");
    assert_eq!(alone[0].listed, None);
    source.names = Some(&[]);
    assert_eq!(candidates(&source)[0].listed, Some(false));
    source.repository = "not a repository";
    assert_eq!(candidates(&source), []);
}

#[test]
fn tags_of_one_image_are_one_under_the_name_that_stays() {
    let names = names("latest 1 1.31 1.31.0 1.30.2 1.30 stable edge");
    let mut facts = Facts::default();
    known(&mut facts, "reg.example/web", &["latest", "1", "1.31", "1.31.0"], '1', 5000);
    known(&mut facts, "reg.example/web", &["1.30.2", "1.30"], '2', 4000);
    known(&mut facts, "reg.example/web", &["stable", "edge"], '3', 3000);
    let runs = [image(&format!("reg.example/web:1@{}", digest('2')))];
    let ran = [image(&format!("reg.example/web:old@{}", digest('3')))];
    let source = CandidateInput {
        repository: "reg.example/web",
        names: Some(&names),
        runs: &runs,
        ran: &ran,
        failed: &[],
        proposals: &[],
        facts: &facts,
    };
    let found = candidates(&source);
    let told: Vec<_> = found.iter().map(|it| (it.tag.as_str(), it.also.join(" "), it.here)).collect();
    assert_eq!(
        told,
        [
            ("1.31.0", "1.31 1 latest".to_owned(), Some(ImageRunState::Moved)),
            ("1.30.2", "1.30".to_owned(), Some(ImageRunState::Now)),
            ("edge", "stable".to_owned(), Some(ImageRunState::Before)),
        ],
        "by digest, whatever the tag: `1` runs, and names another image by now"
    );
    assert_eq!((found[0].digest.clone(), found[0].created), (Some(digest('1')), Some(Time(5000))));
    assert_eq!(found[1].by_digest(), Some(format!("reg.example/web@{}", digest('2'))));
    assert_eq!(matching(&found, "latest", false), [0], "any of its tags finds it");

    let floating = ProposedImage {
        image: "reg.example/web:1.30".into(),
        label: "1.30".into(),
        newer: false,
        stability: crate::registry::Stability::Stable,
    };
    let proposals = [floating];
    let found = candidates(&CandidateInput { proposals: &proposals, ..source });
    assert_eq!((found[0].tag.as_str(), found[0].also.as_slice()), ("1.30", &["1.30.2".to_owned()][..]));
}

#[test]
fn what_the_manifest_proposes() {
    let manifest = manifest();
    let labels = |component: &str, wish: ProposalInput<'_>| -> Vec<String> {
        proposals(&manifest, component, &wish)
            .into_iter()
            .map(|it| format!("{}{}", if it.newer { "+" } else { "" }, it.label))
            .collect()
    };
    let standard = image(&format!("{PG}:17.9-spock5.0.6-standard-1"));
    let custom = image(&format!("{PG}:my-custom-image"));
    let mirror = image("reg.example/mirror/pg:17.9-spock4.1-standard-7");
    let postgres = |postgres, spock, runs| ProposalInput { postgres, spock, runs };
    for (wish, wanted) in [
        (postgres(None, None, Some(&standard)), vec!["17.9_5", "+17.10_5"]),
        (postgres(None, None, Some(&mirror)), vec!["17.9_4"]),
        (postgres(Some("17.9"), Some("5"), Some(&custom)), vec!["17.9_5", "+17.10_5"]),
        (postgres(Some("17.11"), None, Some(&standard)), vec!["17.11_5"]),
        (postgres(Some("16.14"), Some("5"), Some(&standard)), vec!["16.14_5"]),
        (postgres(Some("15.1"), Some("5"), None), vec![]),
        (postgres(None, None, Some(&custom)), vec![]),
        (postgres(None, None, None), vec![]),
    ] {
        assert_eq!(labels(POSTGRES, wish), wanted, "{wish:?}");
    }
    let mcp = image("ghcr.io/pgedge/postgres-mcp:1.0.0");
    assert_eq!(
        labels("mcp", ProposalInput { runs: Some(&mcp), ..ProposalInput::default() }),
        ["1.0.0", "+1.10.0", "+1.9.0"]
    );
    let floating = image("ghcr.io/pgedge/postgres-mcp:latest");
    assert_eq!(
        labels("mcp", ProposalInput { runs: Some(&floating), ..ProposalInput::default() }),
        Vec::<String>::new()
    );
}

#[test]
fn a_proposal_of_another_repository_stands_with_its_own() {
    let runs = [image("reg.example/mirror/pg:17.9-spock5.0.6-standard-2")];
    let proposals = proposals(&manifest(), POSTGRES, &ProposalInput { runs: runs.first(), ..ProposalInput::default() });
    let names = names("17.9-spock5.0.6-standard-2");
    let mut facts = Facts::default();
    known(&mut facts, "reg.example/mirror/pg", &["17.9-spock5.0.6-standard-2"], '1', 1);
    known(&mut facts, PG, &["17.9-spock5.0.6-standard-2"], '1', 1);
    let source = CandidateInput {
        repository: "reg.example/mirror/pg",
        names: Some(&names),
        runs: &runs,
        ran: &[],
        failed: &[],
        proposals: &proposals,
        facts: &facts,
    };
    let found = candidates(&source);
    let told: Vec<_> = found.iter().map(|it| (it.text.as_str(), it.here, it.listed)).collect();
    assert_eq!(
        told,
        [
            ("ghcr.io/pgedge/pgedge-postgres:17.9-spock5.0.6-standard-2", None, None),
            ("ghcr.io/pgedge/pgedge-postgres:17.10-spock5.0.10-standard-1", None, None),
            ("reg.example/mirror/pg:17.9-spock5.0.6-standard-2", Some(ImageRunState::Now), Some(true)),
        ]
    );
}

#[test]
fn letters_in_order_match_and_neighbours_are_better() {
    let facts = Facts::default();
    let names = names("17.10-spock5.0.9-standard-1 17.9-spock5.0.6-standard-2 16.9-spock5-debug-1 latest");
    let source = CandidateInput {
        repository: PG,
        names: Some(&names),
        runs: &[],
        ran: &[],
        failed: &[],
        proposals: &[],
        facts: &facts,
    };
    let found = candidates(&source);
    let named = |typed: &str, whole: bool| -> Vec<&str> {
        matching(&found, typed, whole).into_iter().map(|at| found[at].tag.as_str()).collect()
    };
    assert_eq!(named("", false), tags(&found));
    assert_eq!(named("17.9", false), ["17.9-spock5.0.6-standard-2", "17.10-spock5.0.9-standard-1"]);
    assert_eq!(named("dEb", false), ["16.9-spock5-debug-1"]);
    assert_eq!(named("179s2", false), ["17.9-spock5.0.6-standard-2"]);
    assert_eq!(named("ghcr", false), Vec::<&str>::new());
    assert_eq!(named("ghcr.io/pg/postgres", true).len(), 4);
    assert_eq!(named("^latest", false), Vec::<&str>::new(), "signs mean themselves");
}
