use super::*;

#[tokio::test]
async fn an_index_by_tag_then_by_digest() {
    let fake = Fake::new(|_| manifest(&index()));
    let registry = fake.registry(CredentialStore::default());
    let fact = registry.look(&image("ghcr.io/pgedge/pg:17")).await.unwrap();
    assert_eq!(fact.digest.as_str(), sha(index().as_bytes()));
    assert_eq!((fact.platforms.clone(), fact.size), (Some(linux(&["amd64", "arm64"])), None));
    assert_eq!(
        fake.lines(),
        [
            "HEAD https://ghcr.io/v2/pgedge/pg/manifests/17".to_owned(),
            format!("GET https://ghcr.io/v2/pgedge/pg/manifests/{}", fact.digest),
        ]
    );
    let came = fake.came();
    let accept = came[0].header("accept").unwrap();
    for kind in ["oci.image.index.v1", "manifest.list.v2", "oci.image.manifest.v1", "distribution.manifest.v2"] {
        assert!(accept.contains(kind), "{accept}");
    }
    assert!(came[0].header("user-agent").unwrap().starts_with("pinnace/"));

    let pinned = image(&format!("ghcr.io/pgedge/pg:17@{}", fact.digest));
    assert_eq!(registry.look(&pinned).await.unwrap(), fact);
    assert_eq!(fake.lines().len(), 3, "a digest seen before is only asked for, not read again");
}

#[tokio::test]
async fn hosts_and_schemes() {
    let fake = Fake::new(|_| manifest(&index()));
    let registry = fake.registry(CredentialStore::default());
    registry.look(&image("nginx")).await.unwrap();
    registry.look(&image("10.1.2.3:5000/pg:1")).await.unwrap();
    let lines = fake.lines();
    assert_eq!(lines[0], "HEAD https://registry-1.docker.io/v2/library/nginx/manifests/latest");
    assert_eq!(lines[2], "HEAD http://10.1.2.3:5000/v2/pg/manifests/1");
}

/// Returns a registry's answers for a single image whose config is on another host.
fn single(config: &'static str) -> impl Fn(&Came) -> ScriptedReply + Send + Sync {
    let body = serde_json::json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "c", "digest": sha(config.as_bytes()), "size": 1},
        "layers": [{"mediaType": "l", "digest": sha(b"l"), "size": 400}, {"mediaType": "l", "digest": sha(b"m"), "size": 12}]})
    .to_string();
    move |came| match (came.host.as_str(), came.path.as_str()) {
        ("https://cdn.example", "/c?sig=1") => status(302).with("location", "/c2"),
        ("https://cdn.example", "/c2") => status(200).body(config),
        (_, path) if path.contains("/blobs/") => status(307).with("location", "https://cdn.example/c?sig=1"),
        _ if came.header("authorization").is_none() => status(401).with("www-authenticate", "Basic realm=x"),
        _ => manifest(&body),
    }
}

#[tokio::test]
async fn a_single_image_names_its_platform_in_its_config() {
    let fake = Fake::new(single(r#"{"os":"linux","architecture":"arm64"}"#));
    let credentials = CredentialStore::default();
    credentials.login("reg.example", RegistryCredential::Basic { user: "u".into(), password: Redacted::new("p") });
    let fact = fake.registry(credentials).look(&image("reg.example/pg:1")).await.unwrap();
    assert_eq!((fact.platforms, fact.size), (Some(linux(&["arm64"])), Some(412)));
    let shown: Vec<bool> = fake.came().iter().map(|came| came.header("authorization").is_some()).collect();
    // HEAD, HEAD with the password, GET, GET of the blob; the two requests to the other host without the password.
    assert_eq!(shown, [false, true, true, true, false, false]);
}

#[tokio::test]
async fn what_a_config_does_not_say_is_not_known() {
    let fact = Fake::new(single("{}")).registry(CredentialStore::default());
    fact.login("reg.example", RegistryCredential::Basic { user: "u".into(), password: Redacted::new("p") });
    assert_eq!(fact.look(&image("reg.example/pg:1")).await.unwrap().platforms, None);
}

#[tokio::test]
async fn without_the_header_the_digest_is_computed() {
    for head in [200, 400, 403, 404, 405, 412, 500, 501, 503] {
        let fake = Fake::new(move |came| match came.method {
            Method::HEAD => status(head),
            _ => status(200).body(index()),
        });
        let fact = fake.registry(CredentialStore::default()).look(&image("reg.example/pg:1")).await.unwrap();
        assert_eq!(
            (fact.digest.as_str(), fact.platforms),
            (sha(index().as_bytes()).as_str(), Some(linux(&["amd64", "arm64"])))
        );
        assert_eq!(fake.lines().len(), 2, "the body that came is used");
    }
}

#[tokio::test]
async fn a_rate_limit_is_not_asked_about_again() {
    let fake = Fake::new(|came| if came.method == Method::HEAD { status(429) } else { manifest(&index()) });
    let registry = fake.registry(CredentialStore::default());
    assert_eq!(registry.look(&image("reg.example/pg:1")).await, Err(LookupError::RateLimited));
    assert_eq!(fake.lines().len(), 1, "a GET counts as a pull");
}

#[tokio::test]
async fn what_is_no_manifest_has_no_digest() {
    let schema_one = r#"{"schemaVersion":1,"name":"a","tag":"1","fsLayers":[],"history":[],"signatures":[]}"#;
    for (kind, body, told) in [
        ("text/html; charset=utf-8", "<html>Sign in</html>", "it answers with a web page (text/html), not an image"),
        ("application/json", "{}", "not an image's manifest (application/json)"),
        ("application/json", "[]", "not an image's manifest (application/json)"),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", schema_one, "not an image's manifest"),
        ("", "", "something that is not an image's manifest"),
    ] {
        for with_digest in [false, true] {
            let fake = Fake::new(move |_| {
                let reply = status(200).with("content-type", kind).body(body);
                if with_digest { reply.with("docker-content-digest", sha(body.as_bytes())) } else { reply }
            });
            let registry = fake.registry(CredentialStore::default());
            let why = registry.look(&image("reg.example/pg:1")).await.unwrap_err();
            assert!(matches!(&why, LookupError::Other(text) if text.contains(told)), "{kind} {body}: {why:?}");
        }
    }
}

#[tokio::test]
async fn a_registry_is_up_unless_it_fails_itself() {
    for (code, is_up) in [(200, true), (401, true), (403, true), (404, true), (429, true), (500, false), (503, false)] {
        let fake = Fake::new(move |_| status(code));
        let registry = fake.registry(CredentialStore::default());
        registry.login("reg.example", RegistryCredential::Basic { user: "u".into(), password: Redacted::new("p") });
        assert_eq!(registry.ping("reg.example").await.is_ok(), is_up, "{code}");
        assert_eq!(fake.lines(), ["GET https://reg.example/v2/"], "once, and without a login");
    }
}

#[tokio::test]
async fn what_does_not_match_its_digest_is_refused() {
    let fake = Fake::new(|_| status(200).with("docker-content-digest", sha(b"other")).body(index()));
    let registry = fake.registry(CredentialStore::default());
    let why = registry.look(&image("reg.example/pg:1")).await.unwrap_err();
    assert!(matches!(&why, LookupError::Other(text) if text.contains("has another digest")), "{why:?}");
    let wanted = image(&format!("reg.example/pg@{}", sha(b"wanted")));
    let why = registry.look(&wanted).await.unwrap_err();
    assert!(matches!(&why, LookupError::Other(text) if text.starts_with("asked for sha256:")), "{why:?}");
}

#[tokio::test]
async fn statuses_are_outcomes() {
    for (code, why) in [
        (404, LookupError::NotFound),
        (403, LookupError::Denied),
        (401, LookupError::NoCredentials),
        (429, LookupError::RateLimited),
        (503, LookupError::Other("HTTP 503 Service Unavailable".into())),
    ] {
        let registry = Fake::new(move |_| status(code)).registry(CredentialStore::default());
        assert_eq!(registry.look(&image("reg.example/pg:1")).await, Err(why));
    }
    let registry = Fake::new(|_| status(400)).registry(CredentialStore::default());
    let why = registry.look(&image("10.0.0.1:1/pg:1")).await;
    assert!(
        matches!(why, Err(LookupError::Unreachable(_))),
        "TLS behind plain http: the engine may do better; {why:?}"
    );
}

#[tokio::test]
async fn a_failure_by_digest_is_asked_again() {
    let body = index();
    let failing = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let fails = failing.clone();
    let fake = Fake::new(move |came| match came.method {
        Method::GET if fails.swap(false, std::sync::atomic::Ordering::SeqCst) => status(429),
        _ => manifest(&body),
    });
    let registry = fake.registry(CredentialStore::default());
    assert_eq!(registry.look(&image("reg.example/pg:1")).await, Err(LookupError::RateLimited));
    assert!(registry.look(&image("reg.example/pg:1")).await.unwrap().platforms.is_some());
}

#[tokio::test]
async fn redirects_have_an_end_and_do_not_leave_tls() {
    let round = Fake::new(|_| status(307).with("location", "/again")).registry(CredentialStore::default());
    assert_eq!(round.look(&image("reg.example/pg:1")).await, Err(LookupError::Other("more than 5 redirects".into())));
    let down =
        Fake::new(|_| status(307).with("location", "http://plain.example/x")).registry(CredentialStore::default());
    let why = down.look(&image("reg.example/pg:1")).await.unwrap_err();
    assert!(matches!(&why, LookupError::Other(text) if text.contains("was not followed")), "{why:?}");
}
