//! `pinnace inspect` on simulated registries: its output, contracts that pass and fail, exit
//! codes, and use without an engine.

use std::fmt::Write as _;
use std::sync::Arc;

use pinnace::cli::{Out, TestContext, run_on};
use pinnace_core::wire::v1;
use pinnace_engine::cluster::Cluster;
use pinnace_engine::credentials::CredentialStore;
use pinnace_engine::docker::Docker;
use pinnace_engine::docker::{Endpoint, EngineAddress};
use pinnace_engine::registry::{
    ConnectionPolicy, RegistryClient, RegistryConnectError, RegistryLimits, RegistryTransport,
};
use swarm_sim::{Scenario, ServedEndpoint, Sim, connect, parse_time};

const EXTENSION: &str = r#"
oci = true
platforms = ["linux/amd64", "linux/arm64"]
index = "oci"
cmd = []
files = ["lib/x.so", "share/extension/x.control", "share/extension/x--1.sql"]
[image.labels]
"org.opencontainers.image.title" = "x"
"org.opencontainers.image.description" = "x"
"org.opencontainers.image.licenses" = "MIT"
"org.opencontainers.image.source" = "https://x.example/x"
"org.opencontainers.image.version" = "1"
"#;

/// Returns a scenario with a correct extension image, several that each break one rule, and a server built on a base.
fn scenario(large: bool) -> String {
    let mut text =
        "[[node]]\nname = \"node-1\"\nmanager = true\n[[registry]]\nname = \"r.example:5000\"\ninsecure = true\n\
        blobs_at = \"cdn.example\"\n"
            .to_owned();
    let mut extension = |tag: &str, from: &str, to: &str| {
        assert!(EXTENSION.contains(from), "{from}");
        let image = EXTENSION.replacen(from, to, 1);
        let _ = write!(text, "[[image]]\nref = \"r.example:5000/x-ext:{tag}\"\n{image}");
    };
    extension("good", "oci", "oci");
    extension("zstd", "oci = true", "oci = true\ncompression = \"zstd\"");
    extension("amd-only", "\"linux/amd64\", \"linux/arm64\"", "\"linux/amd64\"");
    extension("starts", "cmd = []", "cmd = [\"sh\"]");
    extension("unlabelled", "\"org.opencontainers.image.licenses\" = \"MIT\"\n", "");
    extension("no-library", "\"lib/x.so\", ", "");
    extension("more", "\"lib/x.so\"", "\"lib/x.so\", \"bin/sh\"");
    if large {
        // This image takes long to build.
        extension("large", "cmd = []", "cmd = []\nsize = 11_000_000");
    }
    text + r#"
[[image]]
ref = "r.example:5000/debian:12"
files = ["etc/debian_version"]
created = "2026-10-01T00:00:00Z"
[[image]]
ref = "r.example:5000/server:1.0.0"
base = "r.example:5000/debian:12"
annotate_base = true
oci = true
files = ["usr/bin/server"]
entrypoint = ["/usr/bin/server"]
user = "26"
ports = ["80/tcp"]
health = ["CMD", "check"]
env = ["SECRET=hunter2"]
history = ["ENV SECRET=hunter2", "COPY server /usr/bin"]
created = "2026-11-01T00:00:00Z"
labels = { "org.opencontainers.image.version" = "1.0.0", "org.opencontainers.image.source" = "https://x.example/s" }
[[image]]
ref = "r.example:5000/debian:12"
files = ["etc/debian_version", "etc/newer"]
created = "2026-11-10T00:00:00Z"
"#
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

fn sim(large: bool) -> Arc<Sim> {
    let (world, _) = Scenario::read(&scenario(large)).unwrap().world(parse_time("2026-11-20").unwrap()).unwrap();
    Sim::start(world, 1.0)
}

/// Runs `pinnace inspect`, with or without an engine.
async fn inspect(sim: &Arc<Sim>, args: &[&str], engine: bool) -> Said {
    let sim = Arc::clone(sim);
    let of_engine = Arc::clone(&sim);
    let host = EngineAddress::Memory(Arc::new(move |_: &http::Uri| {
        if engine {
            connect(&of_engine, ServedEndpoint::Engine(None))
        } else {
            Err(std::io::ErrorKind::NotFound.into())
        }
    }));
    let docker = Docker::new(Endpoint { name: "sim".to_owned(), host }, false).unwrap();
    let dial = RegistryTransport::Memory(Arc::new(move |uri: &http::Uri| {
        let refused = |error: std::io::Error| RegistryConnectError::Refused(uri.to_string(), error.to_string());
        connect(
            &sim,
            ServedEndpoint::Registry(uri.host().map(|host| match uri.port_u16() {
                Some(port) => format!("{host}:{port}"),
                None => host.to_owned(),
            })),
        )
        .map_err(refused)
    }));
    let insecure = ["r.example:5000", "cdn.example"].map(str::to_owned).to_vec();
    let policy = ConnectionPolicy { insecure, limits: RegistryLimits::default(), user_agent: String::new() };
    let cluster = Cluster::over(docker, RegistryClient::over(dial, policy, CredentialStore::default()));
    let home = tempfile::tempdir().unwrap();
    let kept = Arc::default();
    let words = [&["pinnace", "inspect"], args].concat();
    let given = TestContext { cluster, state: home.path().to_owned() };
    let exit = run_on(&words, Out::Kept(Arc::clone(&kept)), given).await;
    let (out, err) = kept.lock().unwrap().clone();
    Said { code: exit as i32, out, err }
}

fn reference(text: &str) -> String {
    format!("r.example:5000/{text}")
}

#[tokio::test(start_paused = true)]
async fn an_extension_image_keeps_its_contract_and_broken_ones_do_not() {
    let sim = sim(true);
    for (tag, rule, message) in [
        ("good", "", ""),
        ("zstd", "", ""),
        ("amd-only", "platform", "it is not built for linux/arm64"),
        ("starts", "command", "it has a command, `sh`, but should have none"),
        ("unlabelled", "label", "the label org.opencontainers.image.licenses is missing"),
        ("no-library", "file-required", "it has no file `/lib/*.so`"),
        ("more", "file-only", "it has `/bin/sh`, but should have only"),
        ("large", "size", "its layers have 11"),
    ] {
        for engine in [true, false] {
            let reference = reference(&format!("x-ext:{tag}"));
            let said = inspect(&sim, &[&reference, "--contract", "cnpg-extension", "--json"], engine).await;
            assert_eq!(said.code, i32::from(!rule.is_empty()), "{tag}: {}", said.err);
            let told: v1::InspectView = serde_json::from_str(&said.out).unwrap();
            let contract = told.contract.unwrap();
            assert_eq!((contract.name.as_str(), contract.kept), ("cnpg-extension", Some(rule.is_empty())), "{tag}");
            let rules: Vec<&str> = contract.violations.iter().map(|breach| breach.rule.as_str()).collect();
            let expected: &[&str] = if rule.is_empty() { &[] } else { &[rule] };
            assert_eq!(rules, expected, "{tag}: {:?}", contract.violations);
            assert!(
                contract.violations.iter().all(|breach| breach.message.starts_with(message)),
                "{:?}",
                contract.violations
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_image_on_an_older_base() {
    let said = inspect(&sim(false), &[&reference("server:1.0.0"), "--contract", "service", "--files"], true).await;
    assert_eq!(said.code, 0, "{}", said.err);
    for line in [
        "  kind       OCI image, no index",
        "  base       r.example:5000/debian:12, out of date since 2026-11-10",
        "CONTRACT SERVICE",
        "  kept  all rules",
        "  entry point   /usr/bin/server",
        "  user          26",
        "  ports         80/tcp",
        "  health check  CMD check",
        "  variables     SECRET",
        "ENV SECRET=…",
        "/etc/debian_version",
        "/usr/bin/server",
    ] {
        assert!(said.out.contains(line), "no `{line}` in\n{}", said.out);
    }
    assert!(!said.out.contains("hunter2"), "{}", said.out);
    assert!(said.err.starts_with("reading "), "{}", said.err);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_told_ends_with_its_reason() {
    let sim = sim(false);
    let good = reference("x-ext:good");
    let home = tempfile::tempdir().unwrap();
    let bad = home.path().join("bad.toml");
    std::fs::write(&bad, "size = \"10 apples\"\n").unwrap();
    let mine = home.path().join("mine.toml");
    std::fs::write(&mine, "[files]\nforbidden = [\"/lib/**\"]\n").unwrap();
    let (bad, mine) = (bad.to_string_lossy().into_owned(), mine.to_string_lossy().into_owned());
    for (args, code, err) in [
        (vec![reference("x-ext:none")], 1, "r.example:5000 has no `none` of `x-ext`"),
        (vec!["nowhere.example/x:1".to_owned()], 1, "nowhere.example cannot be reached"),
        (vec!["r.example:5000/X".to_owned()], 2, "see character 16: a repository name is lower case"),
        (vec![good.clone(), "--platform".into(), "linux/s390x".into()], 1, "is not built for linux/s390x"),
        (vec![good.clone(), "--platform".into(), "arm64".into()], 2, "`arm64` is not a platform"),
        (vec![good.clone(), "--contract".into(), "none".into()], 2, "unknown contract `none`"),
        (vec![good.clone(), "--contract".into(), "none.toml".into()], 2, "cannot read the contract none.toml"),
        (vec![good.clone(), "--contract".into(), bad], 2, "line 1, column 8: `size` is not a size"),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let said = inspect(&sim, &args, true).await;
        assert_eq!(said.code, code, "{args:?}: {}", said.err);
        assert!(said.err.contains(err) && said.err.contains("\nhint: "), "{args:?}: {}", said.err);
        // The digest is reported for each image that exists.
        assert_eq!(said.out.is_empty(), !err.starts_with("is not built for"), "{args:?}: {}", said.out);
    }
    let said = inspect(&sim, &[&good, "--contract", &mine, "--platform", "linux/arm64"], true).await;
    assert_eq!(said.code, 1);
    assert!(said.out.contains("file-forbidden  it has `/lib/x.so`: forbidden by `/lib/**`"), "{}", said.out);
    assert_eq!(said.err.lines().count(), 1, "one platform's layers are read: {}", said.err);
}

/// Runs the binary on a machine without an engine. Local registries are contacted by
/// plain HTTP, as an engine would do.
#[tokio::test]
async fn without_any_engine_the_program_asks_the_registry() {
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = format!("127.0.0.1:{port}");
    // The machine's own network address: without an engine plain HTTP is not assumed for it. No data is sent.
    let probe = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let networked = probe.connect("192.0.2.1:9").is_ok();
    let other = format!("{}:{port}", probe.local_addr().unwrap().ip());
    let of = |host: &str| format!("[[image]]\nref = \"{host}/x-ext:1.0.0\"\n{EXTENSION}");
    let text = format!("[[node]]\nname = \"node-1\"\nmanager = true\n{}{}", of(&host), of(&other));
    let (world, _) = Scenario::read(&text).unwrap().world(parse_time("2026-11-20").unwrap()).unwrap();
    let sim = Sim::start(world, 1.0);
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = connect(&sim, ServedEndpoint::Registry(None)).unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    let home = tempfile::tempdir().unwrap();
    let contracts = home.path().join("pinnace/contracts");
    std::fs::create_dir_all(&contracts).unwrap();
    std::fs::write(contracts.join("mine.toml"), "platforms = [\"linux/s390x\"]\n").unwrap();
    let run = |host: &str, args: &[&str], context: &str| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_pinnace"));
        command.arg("inspect").arg(format!("{host}/x-ext:1.0.0")).args(args).env_clear();
        command.env("HOME", home.path()).env("XDG_CONFIG_HOME", home.path()).env("DOCKER_CONFIG", home.path());
        if context.is_empty() {
            command.env("DOCKER_HOST", format!("unix://{}/none.sock", home.path().display()));
        } else {
            command.env("DOCKER_CONTEXT", context);
        }
        command.output()
    };
    let hint = format!("hint: add `--plain-http {other}`");
    for (host, args, context, code, said) in [
        (&host, &["--contract", "cnpg-extension"][..], "", 0, "kept  all rules"),
        // A context that no longer exists counts as no engine.
        (&host, &["--contract", "cnpg-extension"], "gone", 0, "kept  all rules"),
        (&host, &["--contract", "mine"], "", 1, "it is not built for linux/s390x"),
        (&host, &["--context", "gone"], "", 2, "gone"),
        (&other, &[], "", 1, hint.as_str()),
        (&other, &["--plain-http", &other], "", 0, "OCI index of 2 images"),
    ] {
        if *host == other && !networked {
            eprintln!("this machine is in no network: {args:?} is left out");
            continue;
        }
        let output = run(host, args, context).await.unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        assert_eq!(output.status.code(), Some(code), "{args:?} {context}: {text}");
        assert!(text.contains(said), "{args:?}: {text}");
    }
}
