use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_stall_in_the_head_or_in_the_body_has_an_end() {
    let late = Fake::new(|_| ScriptedReply { after: Duration::from_secs(3600), ..manifest(&index()) });
    let stalled = Fake::new(|came| ScriptedReply { stalls: came.method == Method::GET, ..manifest(&index()) });
    for fake in [late, stalled] {
        let since = Instant::now();
        let why = fake.registry(CredentialStore::default()).look(&image("reg.example/pg:1")).await;
        assert_eq!(why, Err(LookupError::Unreachable("reg.example did not answer in full within 10 s".into())));
        assert_eq!(since.elapsed().as_secs(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn eight_at_a_time_and_each_once() {
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (counts, peak) = (now.clone(), most.clone());
    let fake = Fake::new(move |_| {
        let at_once = counts.fetch_add(1, Ordering::SeqCst) + 1;
        peak.fetch_max(at_once, Ordering::SeqCst);
        let counts = counts.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            counts.fetch_sub(1, Ordering::SeqCst);
        });
        ScriptedReply { after: Duration::from_millis(100), ..status(404) }
    });
    let registry = fake.registry(CredentialStore::default());
    let images: Vec<ImageRef> = (0..40).map(|nth| image(&format!("reg.example/pg:{}", nth / 2))).collect();
    let facts = futures_util::future::join_all(images.iter().map(|image| registry.look(image))).await;
    assert!(facts.iter().all(|fact| *fact == Err(LookupError::NotFound)));
    assert_eq!((most.load(Ordering::SeqCst), fake.lines().len()), (8, 40), "a HEAD and the GET that decides");
    registry.look(&images[0]).await.unwrap_err();
    assert_eq!(fake.lines().len(), 42, "an answer is not kept by tag");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read() {
    let fake = Fake::new(|came| match came.method {
        Method::HEAD => manifest(&index()),
        _ => status(200).body(vec![b' '; 5 << 20]),
    });
    let why = fake.registry(CredentialStore::default()).look(&image("reg.example/pg:1")).await;
    assert_eq!(why, Err(LookupError::Other("the answer of reg.example is larger than 4194304 bytes".into())));
}

#[tokio::test]
async fn nobody_there() {
    let policy = ConnectionPolicy { insecure: vec!["127.0.0.0/8".into()], ..ConnectionPolicy::default() };
    let registry = RegistryClient::new(policy, CredentialStore::default());
    let refused = registry.look(&image("127.0.0.1:1/pg:1")).await;
    assert_eq!(refused, Err(LookupError::Unreachable("cannot connect to 127.0.0.1:1: connection refused".into())));
    assert!(!registry.is_unresolved(&image("127.0.0.1:1/pg:1")));

    let registry = Fake::new(|_| status(200)).registry(CredentialStore::default());
    let nowhere = image("nowhere.example/pg:1");
    let why = registry.look(&nowhere).await;
    assert_eq!(why, Err(LookupError::Unreachable("the name nowhere.example does not resolve from here".into())));
    assert!(registry.is_unresolved(&nowhere));
}

#[tokio::test]
async fn a_connection_that_was_being_closed_is_no_failure() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let fake = Fake::new(|_| manifest(&index()));
    let served = fake.clone();
    tokio::spawn(async move {
        for nth in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            if nth == 0 {
                // Accepts the request and closes the connection, like a server whose idle timeout expires at that
                // moment.
                let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1024]).await;
            } else {
                tokio::spawn(served.clone().serve("http://x".parse().unwrap(), stream));
            }
        }
    });
    let policy = ConnectionPolicy { insecure: vec![host.clone()], ..ConnectionPolicy::default() };
    let registry = RegistryClient::new(policy, CredentialStore::default());
    assert!(registry.look(&image(&format!("{host}/pg:1"))).await.is_ok());
}
