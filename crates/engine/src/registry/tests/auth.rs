use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn basic(user: &str, password: &str) -> Secret {
    Secret::Basic { user: user.into(), password: Hidden::new(password) }
}

/// Wants a token, whose issuer wants a password where `private`; every `uses` requests a token runs out.
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
    let registry = fake.registry(Credentials::default());
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
    let registry = fake.registry(Credentials::default());
    let images: Vec<ImageRef> = (0..30).map(|nth| image(&format!("reg.example/a/b:{nth}"))).collect();
    let facts = futures_util::future::join_all(images.iter().map(|image| registry.look(image))).await;
    assert!(facts.iter().all(Result::is_ok));
    assert_eq!(fake.lines().iter().filter(|line| line.contains("/token")).count(), 1);
    assert_eq!(fake.lines().iter().filter(|line| line.contains("GET https://reg")).count(), 1, "one digest, read once");
}

#[tokio::test]
async fn tokens_for_a_password_and_a_refresh_token() {
    for (secret, outcome) in [
        (None, Some(Why::NoCredentials)),
        (Some(basic("u", "p~?")), None),
        (Some(basic("u", "wrong")), Some(Why::Denied)),
        (Some(Secret::Identity(Hidden::new("r1"))), None),
        (Some(Secret::Identity(Hidden::new("r2"))), Some(Why::Denied)),
        (Some(Secret::Token(Hidden::new("t9"))), Some(Why::Denied)),
    ] {
        let registry = token_server(true, usize::MAX).registry(Credentials::default());
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
    let registry = fake.registry(Credentials::default());
    let wanted = image("10.0.0.1:5001/pg:1");
    assert_eq!(registry.look(&wanted).await, Err(Why::NoCredentials));
    registry.login("10.0.0.1:5001", basic("u", "p~?"));
    assert!(registry.look(&wanted).await.is_ok());
    registry.look(&image("10.0.0.1:5001/pg:2")).await.unwrap();
    assert_eq!(fake.lines().len(), 1 + 3 + 1, "shown at once the second time");
}

#[tokio::test(start_paused = true)]
async fn a_refused_password_is_not_shown_again_and_again() {
    let fake = basic_server();
    let registry = fake.registry(Credentials::default());
    registry.login("10.0.0.1:5001", basic("u", "wrong"));
    let shown = || fake.came().iter().filter(|came| came.header("authorization").is_some()).count();
    for nth in 0..5 {
        assert_eq!(registry.look(&image(&format!("10.0.0.1:5001/pg{nth}:1"))).await, Err(Why::Denied));
    }
    assert_eq!(shown(), 1);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(registry.look(&image("10.0.0.1:5001/pg9:1")).await, Err(Why::Denied));
    assert_eq!(shown(), 2);
    registry.login("10.0.0.1:5001", basic("u", "p~?"));
    assert!(registry.look(&image("10.0.0.1:5001/pg9:1")).await.is_ok(), "a new log-in is tried at once");
}

#[tokio::test]
async fn an_unreadable_credential_is_the_reason() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config.json"), r#"{"auths":{"reg.example":{"auth":"%"}}}"#).unwrap();
    let why = |fake: Fake| {
        let registry = fake.registry(Credentials::read(home.path()));
        async move { registry.look(&image("reg.example/a/b:1")).await.err() }
    };
    let reason = Why::Other("credentials for reg.example: `auth` is not base64".into());
    assert_eq!(why(basic_server()).await, Some(reason.clone()));
    assert_eq!(why(token_server(true, 9)).await, Some(reason));
    assert_eq!(why(token_server(false, 9)).await, None, "what anybody may read needs none");
}
