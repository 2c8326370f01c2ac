use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn basic(user: &str, password: &str) -> RegistryCredential {
    RegistryCredential::Basic { user: user.into(), password: Redacted::new(password) }
}

/// Returns a registry that demands a token, which expires after `uses` requests. If `private`, the token server
/// demands a password.
fn token_server(private: bool, uses: usize) -> Fake {
    let issued = AtomicUsize::new(0);
    let taken = AtomicUsize::new(0);
    Fake::new(move |came| {
        if came.host == "https://auth.example" {
            let good = "Basic dTpwfj8=";
            let refresh = came.body.contains("refresh_token=r1");
            if private && came.header("authorization") != Some(good) && !refresh {
                return status(401);
            }
            taken.store(0, Ordering::SeqCst);
            let nth = issued.fetch_add(1, Ordering::SeqCst) + 1;
            return status(200).body(format!(r#"{{"access_token":"t{nth}","expires_in":60}}"#));
        }
        let current = format!("Bearer t{}", issued.load(Ordering::SeqCst));
        if came.header("authorization") == Some(&current) && taken.fetch_add(1, Ordering::SeqCst) < uses {
            return manifest(&index());
        }
        let scope = r#"scope="repository:a/b:pull""#;
        let realm = r#"realm="https://auth.example/token",service="reg.example""#;
        status(401).with("www-authenticate", format!("Bearer {realm},{scope}"))
    })
}

#[tokio::test]
async fn a_token_serves_its_repository_until_it_runs_out() {
    let fake = token_server(false, 3);
    let registry = fake.registry(CredentialStore::default());
    registry.look(&image("reg.example/a/b:1")).await.unwrap();
    registry.look(&image("reg.example/a/b:2")).await.unwrap();
    let token = "GET https://auth.example/token?scope=repository%3Aa%2Fb%3Apull&service=reg%2Eexample";
    let lines = fake.lines();
    assert_eq!((lines[1].as_str(), lines.len()), (token, 5));
    registry.look(&image("reg.example/a/b:3")).await.unwrap();
    assert_eq!(fake.lines().iter().filter(|line| *line == token).count(), 2, "renewed once");
}

#[tokio::test]
async fn many_at_once_ask_for_one_token() {
    let fake = token_server(false, usize::MAX);
    let registry = fake.registry(CredentialStore::default());
    let images: Vec<ImageRef> = (0..30).map(|nth| image(&format!("reg.example/a/b:{nth}"))).collect();
    let facts = futures_util::future::join_all(images.iter().map(|image| registry.look(image))).await;
    assert!(facts.iter().all(Result::is_ok));
    assert_eq!(fake.lines().iter().filter(|line| line.contains("/token")).count(), 1);
    assert_eq!(fake.lines().iter().filter(|line| line.contains("GET https://reg")).count(), 1, "one digest, read once");
}

#[tokio::test]
async fn tokens_for_a_password_and_a_refresh_token() {
    for (secret, outcome) in [
        (None, Some(LookupError::NoCredentials)),
        (Some(basic("u", "p~?")), None),
        (Some(basic("u", "wrong")), Some(LookupError::Denied)),
        (Some(RegistryCredential::Identity(Redacted::new("r1"))), None),
        (Some(RegistryCredential::Identity(Redacted::new("r2"))), Some(LookupError::Denied)),
        (Some(RegistryCredential::Token(Redacted::new("t9"))), Some(LookupError::Denied)),
    ] {
        let registry = token_server(true, usize::MAX).registry(CredentialStore::default());
        if let Some(secret) = secret.clone() {
            registry.login("reg.example", secret);
        }
        assert_eq!(registry.look(&image("reg.example/a/b:1")).await.err(), outcome, "{secret:?}");
    }
}

fn basic_server() -> Fake {
    Fake::new(|came| match came.header("authorization") {
        Some("Basic dTpwfj8=") => manifest(&index()),
        _ => status(401).with("www-authenticate", r#"Basic realm="r""#),
    })
}

#[tokio::test]
async fn passwords() {
    let fake = basic_server();
    let registry = fake.registry(CredentialStore::default());
    let wanted = image("10.0.0.1:5001/pg:1");
    assert_eq!(registry.look(&wanted).await, Err(LookupError::NoCredentials));
    registry.login("10.0.0.1:5001", basic("u", "p~?"));
    assert!(registry.look(&wanted).await.is_ok());
    registry.look(&image("10.0.0.1:5001/pg:2")).await.unwrap();
    assert_eq!(fake.lines().len(), 1 + 3 + 1, "shown at once the second time");
}

#[tokio::test(start_paused = true)]
async fn a_refused_password_is_not_shown_again_and_again() {
    let fake = basic_server();
    let registry = fake.registry(CredentialStore::default());
    registry.login("10.0.0.1:5001", basic("u", "wrong"));
    let shown = || fake.came().iter().filter(|came| came.header("authorization").is_some()).count();
    for nth in 0..5 {
        assert_eq!(registry.look(&image(&format!("10.0.0.1:5001/pg{nth}:1"))).await, Err(LookupError::Denied));
    }
    assert_eq!(shown(), 1);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(registry.look(&image("10.0.0.1:5001/pg9:1")).await, Err(LookupError::Denied));
    assert_eq!(shown(), 2);
    registry.login("10.0.0.1:5001", basic("u", "p~?"));
    assert!(registry.look(&image("10.0.0.1:5001/pg9:1")).await.is_ok(), "a new log-in is tried at once");
}

#[tokio::test]
async fn an_unreadable_credential_is_the_reason() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config.json"), r#"{"auths":{"reg.example":{"auth":"%"}}}"#).unwrap();
    let why = |fake: Fake| {
        let registry = fake.registry(CredentialStore::read(home.path()));
        async move { registry.look(&image("reg.example/a/b:1")).await.err() }
    };
    let reason = LookupError::Other("credentials for reg.example: `auth` is not base64".into());
    assert_eq!(why(basic_server()).await, Some(reason.clone()));
    assert_eq!(why(token_server(true, 9)).await, Some(reason));
    assert_eq!(why(token_server(false, 9)).await, None, "what anybody may read needs none");
}

/// Returns a registry that accepts a password and redirects blobs to `to`, which demands a login with `challenge`.
fn redirecting(to: &'static str, challenge: &'static str) -> Fake {
    Fake::new(move |came| {
        if came.path.starts_with("/token") {
            return status(200).body(r#"{"token":"t"}"#);
        }
        match (came.host.as_str(), came.header("authorization")) {
            ("https://reg.example", None) => status(401).with("www-authenticate", r#"Basic realm="r""#),
            ("https://reg.example", Some(_)) => status(307).with("location", format!("{to}{}", came.path)),
            (_, None) => status(401).with("www-authenticate", challenge),
            (_, Some(_)) => manifest(&index()),
        }
    })
}

/// Asserts that no credentials for the registry reached another host, and that no other host was asked for a token.
fn kept_at_home(fake: &Fake, case: &str) {
    for came in fake.came().iter().filter(|came| came.host != "https://reg.example") {
        assert_eq!(came.header("authorization"), None, "{case}: {}", came.line());
        assert!(!came.path.starts_with("/token") && came.body.is_empty(), "{case}: {}", came.line());
    }
}

const CHALLENGES: [&str; 3] =
    [r#"Bearer realm="https://evil.example/token",service="reg.example""#, r#"Basic realm="r""#, "Negotiate"];

#[tokio::test]
async fn a_challenge_after_a_redirect_to_another_host_is_a_refusal() {
    for (to, host) in [
        ("https://evil.example", "evil.example"),
        ("//reg.example:444", "reg.example:444"),
        ("http://10.0.0.1:1", "10.0.0.1:1"),
    ] {
        for challenge in CHALLENGES {
            for secret in [
                basic("u", "p~?"),
                RegistryCredential::Token(Redacted::new("t9")),
                RegistryCredential::Identity(Redacted::new("r1")),
            ] {
                let case = format!("{to}, {challenge}, {secret:?}");
                // An identity token cannot answer a basic challenge, so this registry redirects at once, without
                // one.
                let fake = match secret {
                    RegistryCredential::Identity(_) => Fake::new(move |came| match came.host.as_str() {
                        "https://reg.example" => status(307).with("location", format!("{to}{}", came.path)),
                        _ => status(401).with("www-authenticate", challenge),
                    }),
                    _ => redirecting(to, challenge),
                };
                let registry = fake.registry(CredentialStore::default());
                registry.login("reg.example", secret);
                let text =
                    format!("reg.example redirects to {host}, which requires a login; no credentials were sent there");
                let refusal = LookupError::Other(text);
                assert_eq!(registry.look(&image("reg.example/a/b:1")).await, Err(refusal.clone()), "{case}");
                assert_eq!(registry.tags(&image("reg.example/a/b")).await, Err(refusal), "{case}");
                kept_at_home(&fake, &case);
            }
        }
    }
}

#[tokio::test]
async fn a_token_does_not_follow_a_redirect() {
    let fake = Fake::new(|came| match (came.host.as_str(), came.header("authorization")) {
        ("https://auth.example", _) => status(200).body(r#"{"token":"t1"}"#),
        ("https://reg.example", None) => {
            status(401).with("www-authenticate", r#"Bearer realm="https://auth.example/""#)
        }
        ("https://reg.example", Some(_)) => status(302).with("location", format!("https://evil.example{}", came.path)),
        _ => status(401).with("www-authenticate", r#"Bearer realm="https://evil.example/token""#),
    });
    let registry = fake.registry(CredentialStore::default());
    registry.login("reg.example", basic("u", "p~?"));
    assert!(matches!(registry.look(&image("reg.example/a/b:1")).await, Err(LookupError::Other(_))));
    let with: Vec<String> =
        fake.came().iter().filter(|came| came.header("authorization").is_some()).map(Came::line).collect();
    assert_eq!(
        with,
        ["GET https://auth.example/?scope=repository%3Aa%2Fb%3Apull", "HEAD https://reg.example/v2/a/b/manifests/1"]
    );
}
