use super::*;
use crate::image::{Digest, ImageRef};
use crate::registry::{FileEntry, FileKind, ImageConfig, ImageInfo, ImageLayer, IndexEntry};

fn digest(nth: u8) -> Digest {
    Digest::parse(&format!("sha256:{}", format!("{nth:02x}").repeat(32))).unwrap()
}

fn image(text: &str) -> ImageRef {
    ImageRef::parse(text).unwrap()
}

/// Builds an image of one layer for one platform.
fn about(architecture: &str, size: u64, config: ImageConfig) -> ImageInfo {
    let layer = ImageLayer { digest: digest(9), media_type: String::new(), size, diff_id: None };
    ImageInfo {
        digest: digest(0),
        media_type: String::new(),
        entries: Vec::new(),
        annotations: BTreeMap::new(),
        platform: Some(Platform::new("linux", architecture)),
        manifest: digest(0),
        layers: vec![layer],
        config,
    }
}

fn labels(keys: &[&str]) -> BTreeMap<String, String> {
    keys.iter().map(|key| (format!("org.opencontainers.image.{key}"), "x".to_owned())).collect()
}

fn files(paths: &[&str]) -> Vec<FileEntry> {
    let kind = |path: &str| if path.ends_with('/') { FileKind::Dir } else { FileKind::File };
    let file = |path: &&str| FileEntry { path: path.trim_end_matches('/').to_owned(), kind: kind(path), size: 1 };
    paths.iter().map(file).collect()
}

const FIVE: [&str; 5] = ["title", "description", "licenses", "source", "version"];
const LAID_OUT: [&str; 6] =
    ["/lib/", "/lib/x.so", "/share/", "/share/extension/", "/share/extension/x.control", "/share/extension/x--1.sql"];

fn rules(contract: &Contract, image: &ImageRef, sides: &[PlatformImage<'_>]) -> Vec<String> {
    violations(contract, image, sides)
        .into_iter()
        .map(|breach| format!("{}: {}", breach.rule, breach.message))
        .collect()
}

#[test]
fn what_comes_with_the_program_can_be_read() {
    let contracts = Contracts::default();
    assert_eq!(contracts.names(), ["cnpg-extension", "service"]);
    for name in contracts.names() {
        let contract = contracts.get(&name).unwrap();
        assert!(contract.name == name && !contract.description.is_empty());
    }
    assert!(contracts.get("cnpg-extension").unwrap().wants_files());
    assert!(!contracts.get("service").unwrap().wants_files());
}

#[test]
fn an_extension_image_and_what_breaks_it() {
    let contract = Contracts::default().get("cnpg-extension").unwrap();
    let good = || ImageConfig { labels: labels(&FIVE), ..ImageConfig::default() };
    let verdict = |amd: (ImageInfo, &[&str]), arm: Option<(ImageInfo, &[&str])>| {
        let (amd_files, arm_files) = (files(amd.1), arm.as_ref().map(|arm| files(arm.1)));
        let mut sides = vec![PlatformImage { about: &amd.0, files: Some(&amd_files) }];
        if let (Some((about, _)), Some(files)) = (&arm, &arm_files) {
            sides.push(PlatformImage { about, files: Some(files) });
        }
        rules(&contract, &image("ghcr.io/acme/x-ext:1.0.0"), &sides)
    };
    let side = |architecture: &str| (about(architecture, 9_999_999, good()), &LAID_OUT[..]);
    assert_eq!(verdict(side("amd64"), Some(side("arm64"))), [""; 0]);
    assert_eq!(verdict(side("amd64"), None), ["platform: it is not built for linux/arm64"]);

    let large = about("amd64", 10_000_001, good());
    assert_eq!(
        verdict((large, &LAID_OUT), Some(side("arm64"))),
        ["size: linux/amd64: its layers have 10000001 B, more than 10000000 B"]
    );
    let started = ImageConfig { entrypoint: vec!["/bin/sh".into()], cmd: vec!["-c".into()], ..good() };
    let started = |architecture: &str| (about(architecture, 1, started.clone()), &LAID_OUT[..]);
    assert_eq!(
        verdict(started("amd64"), Some(started("arm64"))),
        ["command: it has a command, `/bin/sh -c`, but should have none"],
        "said once where all platforms break it"
    );
    let unlabelled = ImageConfig { labels: labels(&FIVE[1..]), ..ImageConfig::default() };
    assert_eq!(
        verdict(side("amd64"), Some((about("arm64", 1, unlabelled), &LAID_OUT))),
        ["label: linux/arm64: the label org.opencontainers.image.title is missing"]
    );
    let more = [&LAID_OUT[..], &["/bin/sh", "/etc/passwd", "/lib/x/y.so", "/share/extension/README.md"]].concat();
    let found = verdict((about("amd64", 1, good()), &more), Some((about("arm64", 1, good()), &more)));
    assert_eq!(
        found,
        ["file-only: it has `/bin/sh`, `/etc/passwd`, `/lib/x/y.so` and 1 more, but should have only `/lib/*.so` \
          or `/share/extension/*.{control,sql}`"]
    );
    let empty = verdict((about("amd64", 1, good()), &["/lib/"]), Some(side("arm64")));
    assert_eq!(
        empty,
        [
            "file-required: linux/amd64: it has no file `/lib/*.so`",
            "file-required: linux/amd64: it has no file `/share/extension/*.control`",
            "file-required: linux/amd64: it has no file `/share/extension/*.sql`",
        ]
    );
}

#[test]
fn a_service_image_and_what_breaks_it() {
    let contract = Contracts::default().get("service").unwrap();
    let good =
        ImageConfig { cmd: vec!["serve".into()], labels: labels(&["source", "version"]), ..ImageConfig::default() };
    let check = |reference: &str, size: u64, config: &ImageConfig| {
        rules(
            &contract,
            &image(reference),
            &[PlatformImage { about: &about("amd64", size, config.clone()), files: None }],
        )
    };
    let pinned = format!("ghcr.io/acme/api:latest@{}", digest(1));
    for reference in ["ghcr.io/acme/api:1.31.0", "acme/api:16-20260502", &pinned] {
        assert_eq!(check(reference, 1, &good), [""; 0], "{reference}");
    }
    for (reference, why) in [
        ("acme/api:16", "immutable: the tag `16` may move: it names a major version only"),
        ("acme/api", "immutable: the tag `latest` may move: it names no version"),
    ] {
        assert_eq!(check(reference, 1, &good), [why]);
    }
    let bare = check("acme/api:1.0.0", 2_500_000_000, &ImageConfig::default());
    assert_eq!(
        bare,
        [
            "command: it has neither an entry point nor a command",
            "label: the label org.opencontainers.image.source is missing",
            "label: the label org.opencontainers.image.version is missing",
            "size: its layers have 2.5 GB, more than 2 GB",
        ]
    );
}

const WHOLE: &str = r#"
description = "All there is"
tag = ["[0-9]*.[0-9]*.[0-9]*", "edge"]
immutable = true
platforms = ["linux/x86_64", "linux/arm64"]
size = 1_000
command = "required"
user = "not-root"
base = "docker.io/library/debian:*"
[labels]
a = true
b = false
c = "{MIT,Apache-2.0}"
[annotations]
"org.x/y" = "https://*"
[files]
required = "/usr/bin/*"
forbidden = ["/root/**"]
only = ["/usr/**", "/root/**"]
"#;

#[test]
fn every_rule() {
    let contract = read("mine", WHOLE).unwrap();
    assert_eq!((contract.name.as_str(), contract.most, contract.platforms.len()), ("mine", Some(1000), 2));
    assert_eq!(contract.platforms[0], Platform::new("linux", "amd64"));
    let mut bad = about("amd64", 1, ImageConfig::default());
    bad.config.labels = [("a", " "), ("b", "x"), ("c", "GPL")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    bad.config.cmd = vec!["x".into()];
    bad.annotations = [("org.x/y", "ftp://"), (crate::registry::BASE_NAME, "alpine:3")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    let paths = files(&["/root/.ssh/id", "/opt/x"]);
    let found = rules(&contract, &image("a:17"), &[PlatformImage { about: &bad, files: Some(&paths) }]);
    assert_eq!(
        found,
        [
            "annotation: the annotation org.x/y is `ftp://`, but must match `https://*`",
            "base: its base image `alpine:3` does not match `docker.io/library/debian:*`",
            "file-forbidden: it has `/root/.ssh/id`: forbidden by `/root/**`",
            "file-only: it has `/opt/x`, but should have only `/usr/**` or `/root/**`",
            "file-required: it has no file `/usr/bin/*`",
            "immutable: the tag `17` may move: it names a major version only",
            "label: the label a is missing",
            "label: the label b must not exist",
            "label: the label c is `GPL`, but must match `{MIT,Apache-2.0}`",
            "platform: it is not built for linux/arm64",
            "tag: the tag `17` does not match `[0-9]*.[0-9]*.[0-9]*` or `edge`",
            "user: it runs as root",
        ]
    );
    let mut good =
        about("amd64", 1000, ImageConfig { user: "26".into(), cmd: vec!["x".into()], ..ImageConfig::default() });
    good.config.labels = [("a", "x"), ("c", "MIT")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    good.annotations = [("org.x/y", "https://a/b"), (crate::registry::BASE_NAME, "docker.io/library/debian:12")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    let entry = |architecture: &str, kind: &str| IndexEntry {
        digest: digest(1),
        platform: Some(Platform::new("linux", architecture)),
        variant: String::new(),
        kind: kind.to_owned(),
    };
    good.entries = vec![entry("amd64", ""), entry("arm64", "attestation-manifest")];
    let paths = files(&["/usr/bin/x", "/tmp/"]);
    let side = [PlatformImage { about: &good, files: Some(&paths) }];
    assert_eq!(rules(&contract, &image("a:1.2.3"), &side), ["platform: it is not built for linux/arm64"]);
    good.entries.push(entry("arm64", ""));
    let side = [PlatformImage { about: &good, files: Some(&paths) }];
    assert_eq!(rules(&contract, &image("a:1.2.3"), &side), [""; 0], "an index tells its platforms");
    let unread = [PlatformImage { about: &good, files: None }];
    assert_eq!(rules(&contract, &image("a:1.2.3"), &unread), [""; 0], "what was not read is not judged");
}

#[test]
fn users() {
    for (rule, user, broken) in [
        ("not-root", "", true),
        ("not-root", "root", true),
        ("not-root", "0:0", true),
        ("not-root", "root:postgres", true),
        ("not-root", "26", false),
        ("not-root", "rooter", false),
        ("26*", "26:26", false),
        ("26*", "", true),
        ("root", "", false),
    ] {
        let contract = read("x", &format!("user = \"{rule}\"")).unwrap();
        let image_of = about("amd64", 1, ImageConfig { user: user.into(), ..ImageConfig::default() });
        let found = violations(&contract, &image("a:1"), &[PlatformImage { about: &image_of, files: None }]);
        assert_eq!(found.len(), usize::from(broken), "{rule} {user}: {found:?}");
    }
}

#[test]
fn mistakes_have_a_place_and_a_way_out() {
    for (text, place, message, hint) in [
        ("lables = {}", "line 1, column 1", "`lables` is not a known key", "use `description`"),
        ("name = 'x'", "line 1, column 1", "the name of a contract is its file name", "remove `name`"),
        ("\n size = '10 apples'", "line 2, column 9", "`size` is not a size", "write a number of bytes"),
        ("size = -1", "line 1, column 8", "`size` is not a size", "write a number"),
        ("platforms = ['linux']", "line 1, column 14", "`linux` is not a platform", "write `os/architecture`"),
        ("command = 'maybe'", "line 1, column 11", "`maybe` is not a known value of `command`", "write \"required\""),
        ("immutable = 1", "line 1, column 13", "`immutable` must be true or false", ""),
        ("tag = '[0-9'", "line 1, column 8", "`[0-9`: a `[` is not closed", ""),
        ("tag = []", "line 1, column 7", "`tag` is empty", "remove `tag`"),
        ("tag = [3]", "line 1, column 8", "`tag` must be a string in quotes, or a list of them", ""),
        ("[labels]\na.b = true", "line 2, column 1", "`a` is not a complete name", "put a name with dots in quotes"),
        (
            "[labels]\na = 3",
            "line 2, column 5",
            "`a` must be true, false or a string in quotes",
            "write true (must exist)",
        ),
        ("[files]\nonly = ['lib/*']", "line 2, column 10", "`lib/*`: a path must begin with `/`", ""),
        ("[files]\nnever = ['/x']", "line 2, column 1", "`never` is not a known key", "use `required`"),
        ("files = 3", "line 1, column 9", "`files` must be a section", "write `[files]`"),
        ("user = 3", "line 1, column 8", "`user` must be a string in quotes", ""),
    ] {
        let mistakes = read("x", text).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
        assert_eq!(mistakes[0].to_string(), format!("{place}: {message}"), "{text}");
        assert!(mistakes[0].hint.starts_with(hint) && mistakes[0].hint.is_empty() == hint.is_empty(), "{mistakes:?}");
    }
    let several = read("x", "size = 'x'\ncommand = 3\nb = \n").unwrap_err();
    assert_eq!(several.iter().map(|it| it.line).collect::<Vec<_>>(), [1, 2, 3, 3], "{several:?}");
}

#[test]
fn a_users_own_goes_before() {
    let mut contracts = Contracts::default();
    assert_eq!(contracts.add("service", "size = '1 MB'"), []);
    assert_eq!(contracts.add("bad", "sice = 1").len(), 1);
    assert_eq!(contracts.names(), ["bad", "cnpg-extension", "service"]);
    assert_eq!(contracts.get("service").unwrap().most, Some(1_000_000));
    let (message, hint) = contracts.get("bad").unwrap_err();
    assert_eq!(message, "the contract `bad` cannot be used: line 1, column 1: `sice` is not a known key");
    assert!(hint.starts_with("use `description`"));
    let (message, hint) = contracts.get("nobody").unwrap_err();
    assert_eq!(
        (message.as_str(), hint.as_str()),
        ("unknown contract `nobody`", "choose one of: bad, cnpg-extension, service")
    );
}

proptest::proptest! {
    #[test]
    fn reading_never_panics(text in ".{0,80}", odd in "[\\[\\]{}=\"'.#a-c \\n/*!]{0,60}", at in 0..WHOLE.len(), with in ".{0,3}") {
        let _ = read("x", &text);
        let _ = read("x", &odd);
        let mut broken = WHOLE.to_owned();
        broken.replace_range(at..=at, &with);
        let _ = read("x", &broken);
    }
}
