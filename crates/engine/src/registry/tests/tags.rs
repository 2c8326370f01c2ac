use super::*;

fn page(names: &[String]) -> ScriptedReply {
    status(200).body(serde_json::json!({"name": "a/pg", "tags": names}).to_string())
}

fn query(came: &Came, key: &str) -> Option<String> {
    let query = came.path.split_once('?')?.1;
    query.split('&').find_map(|pair| pair.strip_prefix(&format!("{key}="))).map(str::to_owned)
}

#[tokio::test]
async fn pages_follow_one_another() {
    let all: Vec<String> = (0..250).map(|nth| format!("1.{nth:03}")).collect();
    let names = all.clone();
    for form in ["/v2/a/pg/tags/list?n=100&last=", "http://reg.example/v2/a/pg/tags/list?last=", "list?n=100&last="] {
        let names = names.clone();
        let fake = Fake::new(move |came| {
            let from = query(came, "last").map_or(0, |last| names.iter().position(|it| *it == last).unwrap() + 1);
            let to = names.len().min(from + 100);
            let reply = page(&names[from..to]);
            if to == names.len() {
                reply
            } else {
                reply.with("link", format!("<{form}{}>; rel=\"next\"", names[to - 1]))
            }
        });
        let registry = fake.registry(CredentialStore::default());
        let repository = image("reg.example/a/pg:17");
        let (one, two) = tokio::join!(registry.tags(&repository), registry.tags(&repository));
        assert_eq!(one, Ok(Tags { names: all.clone(), cut: false }), "{form}");
        assert_eq!(two, one);
        let asked = fake.lines();
        assert_eq!(asked.len(), 3, "two that ask at once ask once: {asked:?}");
        assert_eq!(asked[0], "GET https://reg.example/v2/a/pg/tags/list?n=1000");
        assert!(asked.iter().all(|line| line.starts_with("GET https://reg.example/")), "{asked:?}");
    }
}

#[tokio::test]
async fn what_is_listed_and_no_tag_is_left_out() {
    let fake =
        Fake::new(|_| page(&["1".into(), "1".into(), "a b".into(), "\u{1b}[31m".into(), "x@y".into(), "v2_".into()]));
    let tags = fake.registry(CredentialStore::default()).tags(&image("reg.example/pg")).await.unwrap();
    assert_eq!(tags, Tags { names: vec!["1".into(), "v2_".into()], cut: false });
    for empty in [r#"{"name":"a","tags":null}"#, r#"{"name":"a"}"#, r#"{"tags":[]}"#] {
        let registry = Fake::new(move |_| status(200).body(empty)).registry(CredentialStore::default());
        assert_eq!(registry.tags(&image("reg.example/pg")).await, Ok(Tags::default()));
    }
}

#[tokio::test]
async fn lists_without_end_have_one() {
    let next = |to: String| move |reply: ScriptedReply| reply.with("link", format!("<{to}>; rel=next"));
    // The same page every time, at the same URL.
    let same = Fake::new(move |_| next("/v2/pg/tags/list?n=1000".to_owned())(page(&["a".into()])));
    // The same page at a different URL each time.
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let nth = move || count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let turn = nth.clone();
    let moving = Fake::new(move |_| next(format!("/v2/pg/tags/list?last={}", turn()))(page(&["a".into()])));
    for (fake, asked) in [(same, 1), (moving, 2)] {
        let tags = fake.registry(CredentialStore::default()).tags(&image("reg.example/pg")).await.unwrap();
        assert_eq!((tags.names, tags.cut, fake.lines().len()), (vec!["a".to_owned()], true, asked));
    }
    // Empty pages, each with a link to another one.
    let turn = nth.clone();
    let empty = Fake::new(move |_| next(format!("/v2/pg/tags/list?next={}", turn()))(page(&[])));
    let tags = empty.registry(CredentialStore::default()).tags(&image("reg.example/pg")).await.unwrap();
    assert_eq!((tags.names.len(), tags.cut, empty.lines().len()), (0, true, 50));
    // More names than the limit.
    let many = Fake::new(|_| page(&(0..20_500).map(|nth| format!("t{nth}")).collect::<Vec<_>>()));
    let tags = many.registry(CredentialStore::default()).tags(&image("reg.example/pg")).await.unwrap();
    assert_eq!((tags.names.len(), tags.cut), (20_000, true));
}

#[tokio::test]
async fn a_page_elsewhere_or_broken_is_told() {
    let elsewhere = Fake::new(|_| page(&["a".into()]).with("link", "<https://other.example/v2/pg>; rel=next"));
    let broken = Fake::new(|came| match query(came, "last") {
        None => page(&["a".into()]).with("link", "</v2/pg/tags/list?last=a>; rel=next"),
        Some(_) => status(503),
    });
    for (fake, asked) in [(elsewhere, 1), (broken, 2)] {
        let tags = fake.registry(CredentialStore::default()).tags(&image("reg.example/pg")).await.unwrap();
        assert_eq!((tags.names, tags.cut, fake.lines().len()), (vec!["a".to_owned()], true, asked));
    }
    for (reply, why) in [
        (status(404), LookupError::NotFound),
        (status(403), LookupError::Denied),
        (status(200).body("<html>"), LookupError::Other("reg.example did not answer with a list of tags".into())),
    ] {
        let registry = Fake::new(move |_| reply.clone()).registry(CredentialStore::default());
        assert_eq!(registry.tags(&image("reg.example/pg")).await, Err(why));
    }
}

#[tokio::test]
async fn a_registry_that_takes_no_such_page_is_asked_without() {
    let fake = Fake::new(|came| if query(came, "n").is_some() { status(400) } else { page(&["a".into()]) });
    let tags = fake.registry(CredentialStore::default()).tags(&image("10.0.0.1:5000/pg")).await.unwrap();
    assert_eq!(tags, Tags { names: vec!["a".into()], cut: false });
}
