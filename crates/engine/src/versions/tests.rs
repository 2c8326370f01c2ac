use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex as Lock;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

use super::*;
use crate::registry::RegistryConnectError;
use pinnace_core::registry::POSTGRES;

const URL: &str = "https://downloads.example/manifest.json";

/// An answer of the web server: status, `Location` and body, sent after a delay.
#[derive(Clone, Default)]
struct Reply {
    status: u16,
    location: &'static str,
    body: Vec<u8>,
    after: Duration,
}

fn ok(image: &str) -> Reply {
    Reply { status: 200, body: manifest(image, 1).into_bytes(), ..Reply::default() }
}

fn status(status: u16) -> Reply {
    Reply { status, body: br#"{"errors":[{"code":"X","message":"not today"}]}"#.to_vec(), ..Reply::default() }
}

fn manifest(image: &str, schema: u8) -> String {
    format!(
        r#"{{"schema_version":{schema},"images":{{"postgres":[{{"postgres_version":"17.9","spock_version":"5","image":"{image}"}}]}}}}"#
    )
}

type Answer = Arc<dyn Fn(&str) -> Reply + Send + Sync>;

/// A web server of a few pages. Its answers can be changed, and it records the requested addresses.
#[derive(Clone)]
struct Web {
    answer: Arc<Lock<Answer>>,
    asked: Arc<Lock<Vec<String>>>,
}

impl Web {
    fn new(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(Lock::new(Arc::new(answer))), asked: Arc::default() }
    }

    fn now(&self, answer: impl Fn(&str) -> Reply + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Arc::new(answer);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn dial(&self) -> RegistryTransport {
        let web = self.clone();
        RegistryTransport::Memory(Arc::new(move |uri| {
            if uri.host() == Some("nowhere.example") {
                return Err(RegistryConnectError::NoName("nowhere.example".to_owned()));
            }
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let (web, scheme) = (web.clone(), uri.scheme_str().unwrap_or_default().to_owned());
            tokio::spawn(async move {
                let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                    let (web, scheme) = (web.clone(), scheme.clone());
                    async move { Ok::<_, Infallible>(web.reply(&scheme, &request).await) }
                });
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service).await;
            });
            Ok(ours)
        }))
    }

    async fn reply(&self, scheme: &str, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let host = request.headers()["host"].to_str().unwrap();
        let asked = format!("{scheme}://{host}{}", request.uri());
        assert_eq!(request.headers()["user-agent"], concat!("pinnace/", env!("CARGO_PKG_VERSION")));
        let answer = self.answer.lock().unwrap().clone();
        let reply = answer(&asked);
        self.asked.lock().unwrap().push(asked);
        tokio::time::sleep(reply.after).await;
        let build = Response::builder().status(reply.status);
        let build = if reply.location.is_empty() { build } else { build.header("location", reply.location) };
        build.body(Full::new(Bytes::from(reply.body))).unwrap()
    }

    fn versions(&self, folder: &Path) -> VersionManifestLoader {
        let keep = CacheFolder { folder: Some(folder.to_owned()), read_only: false };
        VersionManifestLoader::url(URL, "ghcr.io/pgedge", keep, self.dial())
    }
}

fn image(manifest: &VersionManifest) -> &str {
    &manifest.postgres("17.9", "5").unwrap().image
}

#[tokio::test]
async fn the_list_that_is_built_in() {
    let manifest = VersionManifestLoader::default().get().await.unwrap();
    assert_eq!(manifest.origin, VersionManifestOrigin::BuiltIn);
    assert_eq!(manifest.at.unwrap().date(0), "2026-07-24");
    assert_eq!(manifest.components[POSTGRES].len(), 15);
    assert_eq!(manifest.default_of(POSTGRES).unwrap().label(), "18.4_5");
    assert_eq!(image(&manifest), "ghcr.io/pgedge/pgedge-postgres:17.9-spock5.0.6-standard-2");
    assert_eq!(manifest.component("mcp", "latest").unwrap().image, "ghcr.io/pgedge/postgres-mcp:1.0.0");
    for entry in manifest.components.values().flatten() {
        let image = pinnace_core::image::ImageRef::parse(&entry.image).unwrap();
        assert_eq!(manifest.of_image(&image).unwrap().1, entry);
    }
    let elsewhere = VersionManifestLoader::built_in("reg.example:5000/pg/").get().await.unwrap();
    assert_eq!(image(&elsewhere), "reg.example:5000/pg/pgedge-postgres:17.9-spock5.0.6-standard-2");
}

#[tokio::test]
async fn a_file_is_read_each_time_and_has_nothing_to_fall_back_to() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("m.json");
    let versions = VersionManifestLoader::file(&path, "reg.example");
    let told = path.display().to_string();
    let error = versions.get().await.unwrap_err();
    assert!(error.starts_with(&format!("{told}: cannot be read: No such file")), "{error}");

    fs::write(&path, manifest("pg:1", 1)).unwrap();
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    let found = versions.get().await.unwrap();
    assert_eq!((image(&found), &found.origin), ("reg.example/pg:1", &VersionManifestOrigin::File(told.clone())));
    assert_eq!(found.at, Some(clock::at(written)));

    fs::write(&path, manifest("pg:1", 2)).unwrap();
    assert_eq!(versions.get().await.unwrap_err(), format!("{told}: unsupported schema_version 2 (want 1)"));
    fs::write(&path, vec![b' '; MOST + 1]).unwrap();
    assert_eq!(versions.get().await.unwrap_err(), format!("{told}: cannot be read: larger than 4194304 bytes"));
}

#[tokio::test(start_paused = true)]
async fn an_address_is_asked_once_an_hour_and_when_told_to() {
    let home = tempfile::tempdir().unwrap();
    let web = Web::new(|_| Reply { after: Duration::from_secs(3), ..ok("pg:1") });
    let versions = web.versions(home.path());
    let (one, other) = (versions.clone(), versions.clone());
    let (one, other) = tokio::join!(one.get(), other.get());
    assert_eq!(one, other);
    let found = one.unwrap();
    assert_eq!(
        (image(&found), &found.origin, &found.problem),
        ("ghcr.io/pgedge/pg:1", &VersionManifestOrigin::Url(URL.into()), &None)
    );
    assert_eq!(web.asked(), [URL], "two who ask at once are one request");

    web.now(|_| ok("pg:2"));
    tokio::time::advance(Duration::from_secs(3590)).await;
    assert_eq!(image(&versions.get().await.unwrap()), "ghcr.io/pgedge/pg:1");
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(image(&versions.get().await.unwrap()), "ghcr.io/pgedge/pg:2");
    web.now(|_| ok("pg:3"));
    versions.forget();
    assert_eq!(image(&versions.get().await.unwrap()), "ghcr.io/pgedge/pg:3");
    assert_eq!(image(&versions.get().await.unwrap()), "ghcr.io/pgedge/pg:3");
    assert_eq!(web.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_refresh_keeps_what_is_known_and_says_why() {
    let home = tempfile::tempdir().unwrap();
    let web = Web::new(|_| ok("pg:1"));
    let versions = web.versions(home.path());
    versions.get().await.unwrap();
    let newer = |body: &str| Reply { status: 200, body: body.into(), ..Reply::default() };
    for (reply, why) in [
        (status(503), "HTTP 503 Service Unavailable: not today".to_owned()),
        (Reply { after: Duration::from_secs(11), ..ok("pg:2") }, "no answer within 10 s".to_owned()),
        (newer(&manifest("pg:2", 2)), "unsupported schema_version 2 (want 1)".to_owned()),
        (newer(&" ".repeat(MOST + 1)), "the answer of downloads.example is larger than 4194304 bytes".to_owned()),
    ] {
        web.now(move |_| reply.clone());
        versions.forget();
        let kept = versions.get().await.unwrap();
        assert_eq!((image(&kept), &kept.origin), ("ghcr.io/pgedge/pg:1", &VersionManifestOrigin::Url(URL.into())));
        assert_eq!(kept.problem, Some(format!("{URL}: {why}")));
    }
    web.now(|_| ok("pg:2"));
    assert!(versions.get().await.unwrap().problem.is_some(), "not again within the hour");
    versions.forget();
    let found = versions.get().await.unwrap();
    assert_eq!((image(&found), &found.problem), ("ghcr.io/pgedge/pg:2", &None));
}

#[tokio::test(start_paused = true)]
async fn another_process_goes_by_what_is_on_disk() {
    let home = tempfile::tempdir().unwrap();
    let web = Web::new(|_| ok("pg:1"));
    web.versions(home.path()).get().await.unwrap();
    let folder = home.path().join("manifests");
    let path = folder.join("version-manifest-cache-69d31355ecfee55a.json");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing beside it");
    let written = clock::at(fs::metadata(&path).unwrap().modified().unwrap());

    web.now(|_| status(404));
    let found = web.versions(home.path()).get().await.unwrap();
    assert_eq!(
        (image(&found), &found.origin, found.at),
        ("ghcr.io/pgedge/pg:1", &VersionManifestOrigin::Cache(URL.into()), Some(written))
    );
    let problem = format!("{URL}: HTTP 404 Not Found: not today");
    assert_eq!(found.problem.as_deref(), Some(problem.as_str()));

    fs::write(&path, "{").unwrap();
    let error = web.versions(home.path()).get().await.unwrap_err();
    assert!(error.starts_with(&format!("{problem}; {}: invalid JSON: ", path.display())), "{error}");
    fs::remove_file(&path).unwrap();
    let versions = web.versions(home.path());
    assert_eq!(versions.get().await.unwrap_err(), problem, "and never by the list that is built in");
    web.asked();
    web.now(|_| ok("pg:2"));
    versions.get().await.unwrap_err();
    assert_eq!(web.asked(), Vec::<String>::new());
    tokio::time::advance(SOON).await;
    assert_eq!(image(&versions.get().await.unwrap()), "ghcr.io/pgedge/pg:2", "without anything it is asked sooner");
}

#[tokio::test]
async fn read_only_writes_nothing_and_reads_what_is_there() {
    let home = tempfile::tempdir().unwrap();
    let web = Web::new(|_| ok("pg:1"));
    let read_only = |web: &Web| {
        let keep = CacheFolder { folder: Some(home.path().to_owned()), read_only: true };
        VersionManifestLoader::url(URL, "ghcr.io/pgedge", keep, web.dial())
    };
    read_only(&web).get().await.unwrap();
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    web.versions(home.path()).get().await.unwrap();
    web.now(|_| status(500));
    assert_eq!(read_only(&web).get().await.unwrap().origin, VersionManifestOrigin::Cache(URL.into()));
}

#[tokio::test]
async fn redirects_lead_on_but_never_into_the_clear() {
    let web = Web::new(|asked| {
        let to = |location| Reply { status: 302, location, ..Reply::default() };
        match asked {
            URL => to("/latest/m.json"),
            "https://downloads.example/latest/m.json" => to("//cdn.example/m.json"),
            "https://cdn.example/m.json" | "http://plain.example/m.json" => ok("pg:1"),
            "https://down.example/m.json" => to("http://plain.example/m.json"),
            "https://round.example/m.json" => to("/m.json"),
            _ => status(404),
        }
    });
    let get = |url: &str| VersionManifestLoader::url(url, "ghcr.io/pgedge", CacheFolder::default(), web.dial());
    assert!(get(URL).get().await.is_ok());
    assert_eq!(web.asked().len(), 3);
    assert!(get("http://plain.example/m.json").get().await.is_ok(), "a source may be in the clear if it says so");
    for (url, why) in [
        ("https://down.example/m.json", "a redirect from https to plain http at plain.example was not followed"),
        ("https://round.example/m.json", "more than 5 redirects"),
        ("https://nowhere.example/m.json", "the name nowhere.example does not resolve from here"),
        ("ftp://x/m.json", "not an address: it must begin with http:// or https://"),
        ("not an address", "not an address: invalid uri character"),
    ] {
        assert_eq!(get(url).get().await.unwrap_err(), format!("{url}: {why}"));
    }
}

#[tokio::test]
async fn over_the_network_tls_is_spoken_to_https() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = hyper::service::service_fn(|_: Request<Incoming>| async {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(manifest("pg:1", 1)))))
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    let net = || RegistryTransport::Net(Arc::new(crate::registry::RegistryTls::new(None)));
    let get = |scheme: &str| {
        VersionManifestLoader::url(&format!("{scheme}://{host}/m.json"), "h", CacheFolder::default(), net())
    };
    assert_eq!(image(&get("http").get().await.unwrap()), "h/pg:1");
    let error = get("https").get().await.unwrap_err();
    let wanted = format!("no TLS with {host}: it speaks plain http; write http:// if that is intended");
    assert!(error.ends_with(&wanted), "{error}");
}
