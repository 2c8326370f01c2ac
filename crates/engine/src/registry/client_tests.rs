use super::*;

#[test]
fn redirects_lead_somewhere() {
    let from: Uri = "https://reg:5000/v2/a/blobs/x?y=1".parse().unwrap();
    for (location, to) in [
        ("https://cdn/x?sig=1", Some("https://cdn/x?sig=1")),
        ("//cdn/x#part", Some("https://cdn/x")),
        ("/other", Some("https://reg:5000/other")),
        ("z", Some("https://reg:5000/v2/a/blobs/z")),
        ("https://", None),
        ("http://a b/", None),
    ] {
        let joined = join(&from, &HeaderValue::from_static(location));
        assert_eq!(joined.map(|uri| uri.to_string()).as_deref(), to, "{location}");
    }
}

#[test]
fn allowances() {
    for (limit, remaining, told) in [
        ("100;w=21600", "76;w=21600", Some((100, 76, Some(21600)))),
        ("2000", "1999", Some((2000, 1999, None))),
        ("10, 10;w=1, 100;w=60", "3", Some((10, 3, None))),
        ("many", "3", None),
        ("", "", None),
    ] {
        let headers = [("ratelimit-limit", limit), ("ratelimit-remaining", remaining)];
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let expected = told.map(|(limit, remaining, window)| RateLimit { limit, remaining, window });
        assert_eq!(allowance(&headers.into_iter().collect()), expected, "{limit} {remaining}");
    }
    assert_eq!(allowance(&HeaderMap::new()), None);
}
