//! The tags of a repository, read page by page (OCI distribution-spec, "Listing Tags").

use std::collections::HashSet;

use ::http::{HeaderMap, Method, StatusCode, Uri, header};
use serde::Deserialize;

use super::RegistryClientInner;
use super::image_requests::join;
use pinnace_core::image::ImageRef;
use pinnace_core::registry::{LookupError, Tags};

/// The requested page size. Registries may return fewer names.
const PAGE: usize = 1000;
/// The maximum number of pages read.
const PAGES: usize = 50;
/// The maximum number of names kept.
const NAMES: usize = 20_000;
/// The size limit of a page, in bytes: some registries return all names at once.
const MOST: usize = 16 << 20;

#[derive(Deserialize)]
struct TagPage {
    /// The names; `null` for a repository without tags.
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl RegistryClientInner {
    /// Reads page after page; each page waits for a free slot again, so that a long list does not delay other
    /// requests.
    ///
    /// If a later page fails, or a limit is reached, the tags read so far are returned with `cut` set.
    pub(super) async fn list(&self, image: &ImageRef) -> Result<Tags, LookupError> {
        let mut next = Some(self.uri(image, &format!("tags/list?n={PAGE}"))?);
        let mut asked = HashSet::new();
        let mut known = HashSet::new();
        let mut tags = Tags::default();
        while let Some(uri) = next.take() {
            // The registry ignores paging and links to the same page again, or it has too many pages.
            if asked.len() == PAGES || !asked.insert(uri.clone()) {
                tags.cut = true;
                break;
            }
            let (page, headers) = match self.page(image, &uri).await {
                Ok(page) => page,
                // The names read so far are useful, and marked as incomplete.
                Err(why) if tags.names.is_empty() => return Err(why),
                Err(_) => {
                    tags.cut = true;
                    break;
                }
            };
            let listed = page.tags.unwrap_or_default();
            let (before, some) = (tags.names.len(), !listed.is_empty());
            for name in listed {
                // A name that is not a valid tag cannot be requested either.
                if ImageRef::parse(&format!("a:{name}")).is_ok_and(|it| it.digest.is_none())
                    && known.insert(name.clone())
                {
                    tags.names.push(name);
                }
            }
            next = after(&uri, &headers, &mut tags.cut);
            if tags.names.len() > NAMES || (some && tags.names.len() == before && next.is_some()) {
                tags.names.truncate(NAMES);
                tags.cut = true;
                break;
            }
        }
        Ok(tags)
    }

    async fn page(&self, image: &ImageRef, uri: &Uri) -> Result<(TagPage, HeaderMap), LookupError> {
        let get = |uri: Uri| async move {
            let opened = self.open(image, Method::GET, uri, "application/json").await?;
            Ok::<_, LookupError>(opened.whole(MOST).await?)
        };
        let asking = async {
            let answer = get(uri.clone()).await?;
            if answer.status == StatusCode::BAD_REQUEST && uri.query() == Some(&*format!("n={PAGE}")) {
                // The registry refuses the page size (distribution: `PAGINATION_NUMBER_INVALID`): let it choose.
                return get(self.uri(image, "tags/list")?).await;
            }
            Ok(answer)
        };
        let answer = self.take_turn(&image.host, asking).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refused(image, answer.status, &answer.body));
        }
        let page = serde_json::from_slice(&answer.body);
        let page =
            page.map_err(|_| LookupError::Other(format!("{} did not answer with a list of tags", image.host)))?;
        Ok((page, answer.headers))
    }
}

/// Returns the URL of the next page, on the same host and with the same scheme; sets `cut` if the link leads
/// elsewhere.
///
/// Registries behind a proxy write the scheme that they see, so only path and query are used.
fn after(from: &Uri, headers: &HeaderMap, cut: &mut bool) -> Option<Uri> {
    let link = headers.get_all(header::LINK).iter().find_map(|value| next_of(value.to_str().ok()?))?;
    let to = link.parse().ok().and_then(|link| join(from, &link));
    let here = to.filter(|to| to.host() == from.host() && to.port_u16() == from.port_u16());
    let Some(to) = here else {
        *cut = true;
        return None;
    };
    let mut parts = from.clone().into_parts();
    parts.path_and_query = to.into_parts().path_and_query;
    Uri::from_parts(parts).ok()
}

/// Returns the URL of `<…>; rel="next"` in a `Link` header (RFC 8288).
fn next_of(links: &str) -> Option<String> {
    let mut rest = links;
    while let Some((_, tail)) = rest.split_once('<') {
        let (address, tail) = tail.split_once('>')?;
        let (params, more) = match tail.find('<') {
            Some(at) => tail.split_at(at),
            None => (tail, ""),
        };
        let is_next = params.split([';', ',']).any(|param| {
            let (key, value) = param.split_once('=').unwrap_or_default();
            let value = value.trim().trim_matches('"');
            key.trim().eq_ignore_ascii_case("rel")
                && value.split_whitespace().any(|word| word.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(address.trim().to_owned());
        }
        rest = more;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        for (links, next) in [
            (r#"</v2/a/tags/list?n=2&last=b>; rel="next""#, Some("/v2/a/tags/list?n=2&last=b")),
            ("</x>; rel=next", Some("/x")),
            ("</x>;title=\"a\"; REL=\"prev next\"", Some("/x")),
            (r#"</a>; rel="first", </b,c>; rel="next", </d>; rel="last""#, Some("/b,c")),
            (r#"</a>; rel="first""#, None),
            ("/a; rel=next", None),
            ("</a; rel=next", None),
            ("", None),
        ] {
            assert_eq!(next_of(links).as_deref(), next, "{links}");
        }
    }

    #[test]
    fn the_next_page_is_at_the_same_host() {
        let from: Uri = "https://reg:5000/v2/a/tags/list?n=1".parse().unwrap();
        for (link, to) in [
            ("/v2/a/tags/list?last=x", Some("https://reg:5000/v2/a/tags/list?last=x")),
            ("list?last=x", Some("https://reg:5000/v2/a/tags/list?last=x")),
            ("https://reg:5000/v2/a?p=2", Some("https://reg:5000/v2/a?p=2")),
            ("http://reg:5000/v2/a?p=2", Some("https://reg:5000/v2/a?p=2")),
            ("https://reg/v2/a?p=2", None),
            ("https://evil/v2/a?p=2", None),
        ] {
            let headers = [(header::LINK, format!("<{link}>; rel=next").parse().unwrap())].into_iter().collect();
            let mut cut = false;
            assert_eq!(after(&from, &headers, &mut cut).map(|uri| uri.to_string()).as_deref(), to, "{link}");
            assert_eq!(cut, to.is_none());
        }
        let mut cut = false;
        assert_eq!((after(&from, &HeaderMap::new(), &mut cut), cut), (None, false));
    }
}
