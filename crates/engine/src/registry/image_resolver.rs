//! The resolution of image references: by the registry itself, or by the engine where the registry cannot be
//! reached.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::RegistryClient;
use pinnace_core::image::ImageRef;
use pinnace_core::registry::{Fact, FactSource, LookupError, ResolvedImage};
use pinnace_core::time::Time;

/// The minimum time between two requests to the engine for a name that does not resolve here.
const AGAIN: Duration = Duration::from_secs(60);

/// The engine's result for a host whose name does not resolve here.
#[derive(Clone, Copy)]
enum EngineReachability {
    /// The engine could not reach the host either, at this time.
    Unreachable(Instant),
    /// The engine got an answer, so further requests do not block it.
    Reachable,
}

/// The resolver of image references for one cluster.
///
/// One name that does not resolve blocks every other lookup and pull on the engine's node for up to 40 s (seen on
/// Docker Engine 20.10). So the engine gets one name of this kind at a time, and each at most once a minute.
#[derive(Default)]
pub struct ImageResolver {
    hosts: Mutex<HashMap<String, EngineReachability>>,
    alone: tokio::sync::Mutex<()>,
}

impl ImageResolver {
    /// Resolves a reference. `distribution` asks the engine (`/distribution`), or is `None` where that is not
    /// possible; `clock` returns the time of the answer.
    pub async fn image<D, F>(
        &self,
        reference: &ImageRef,
        registry: &RegistryClient,
        distribution: Option<D>,
        clock: impl Fn() -> Time,
    ) -> Fact<ResolvedImage>
    where
        D: Fn(ImageRef) -> F,
        F: Future<Output = Result<ResolvedImage, LookupError>>,
    {
        let (answer, via) = match (registry.look(reference).await, distribution) {
            (Err(LookupError::Unreachable(cause)), Some(distribution)) => {
                let unresolved = registry.is_unresolved(reference);
                self.by_engine(reference, cause, unresolved, distribution).await
            }
            (answer, _) => (answer, FactSource::Registry),
        };
        let at = clock();
        match answer {
            Ok(value) => Fact::Known { value, at, via },
            Err(why) => Fact::Failed { why, at },
        }
    }

    async fn by_engine<D, F>(
        &self,
        reference: &ImageRef,
        cause: String,
        unresolved: bool,
        distribution: D,
    ) -> (Result<ResolvedImage, LookupError>, FactSource)
    where
        D: Fn(ImageRef) -> F,
        F: Future<Output = Result<ResolvedImage, LookupError>>,
    {
        let ask = || async { both(&cause, distribution(reference.clone()).await) };
        if !unresolved || self.reaches(&reference.host) {
            return (ask().await, FactSource::Engine);
        }
        let _alone = self.alone.lock().await;
        // The task that held the lock may have found the result in the meantime.
        let known = self.hosts().get(&reference.host).copied();
        if let Some(EngineReachability::Unreachable(at)) = known
            && at.elapsed() < AGAIN
        {
            return (Err(LookupError::Unreachable(cause)), FactSource::Registry);
        }
        // Recorded before the request, so that a cancelled request does not make the next caller ask at once.
        self.hosts().insert(reference.host.clone(), EngineReachability::Unreachable(Instant::now()));
        let answer = ask().await;
        let engine = match &answer {
            Err(LookupError::Unreachable(_)) => EngineReachability::Unreachable(Instant::now()),
            _ => EngineReachability::Reachable,
        };
        self.hosts().insert(reference.host.clone(), engine);
        (answer, FactSource::Engine)
    }

    fn reaches(&self, host: &str) -> bool {
        matches!(self.hosts().get(host), Some(EngineReachability::Reachable))
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<String, EngineReachability>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds our own cause to the engine's, when neither can reach the registry.
fn both(ours: &str, engine: Result<ResolvedImage, LookupError>) -> Result<ResolvedImage, LookupError> {
    engine.map_err(|why| match why {
        LookupError::Unreachable(theirs) => LookupError::Unreachable(format!("{ours}; the engine: {theirs}")),
        why => why,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::credentials::CredentialStore;
    use crate::registry::{ConnectionPolicy, RegistryConnectError, RegistryTransport};
    use pinnace_core::image::Digest;

    /// A registry that cannot be reached from here; hosts that begin with `name` do not resolve either.
    fn unreachable() -> RegistryClient {
        let memory = |uri: &http::Uri| {
            let host = uri.host().unwrap_or_default().to_owned();
            Err(if host.starts_with("name") {
                RegistryConnectError::NoName(host)
            } else {
                RegistryConnectError::Refused(host, "connection refused".to_owned())
            })
        };
        RegistryClient::over(
            RegistryTransport::Memory(Arc::new(memory)),
            ConnectionPolicy::default(),
            CredentialStore::default(),
        )
    }

    fn fact() -> ResolvedImage {
        let digest = Digest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap();
        ResolvedImage::new(digest, None)
    }

    /// Counters of a test engine: all requests, the present ones, and the most at a time.
    #[derive(Default)]
    struct Counts {
        all: AtomicUsize,
        now: AtomicUsize,
        most: AtomicUsize,
    }

    async fn asked(
        counts: Arc<Counts>,
        answer: Result<ResolvedImage, LookupError>,
    ) -> Result<ResolvedImage, LookupError> {
        counts.all.fetch_add(1, Ordering::SeqCst);
        counts.most.fetch_max(counts.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(20)).await;
        counts.now.fetch_sub(1, Ordering::SeqCst);
        answer
    }

    async fn many(
        resolver: &ImageResolver,
        texts: &[&str],
        answer: Result<ResolvedImage, LookupError>,
    ) -> (Vec<Fact<ResolvedImage>>, Counts) {
        let (registry, counts) = (unreachable(), Arc::new(Counts::default()));
        let distribution = |_: ImageRef| asked(counts.clone(), answer.clone());
        let images: Vec<_> = texts.iter().map(|text| ImageRef::parse(text).unwrap()).collect();
        let looks = images.iter().map(|image| resolver.image(image, &registry, Some(distribution), || Time(7)));
        let facts = futures_util::future::join_all(looks).await;
        (facts, Arc::try_unwrap(counts).unwrap_or_default())
    }

    #[tokio::test(start_paused = true)]
    async fn the_engine_is_asked_where_we_cannot_reach() {
        let resolver = ImageResolver::default();
        let texts: Vec<String> = (0..5).map(|nth| format!("closed.example/pg:{nth}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (facts, counts) = many(&resolver, &texts, Ok(fact())).await;
        assert_eq!(facts[4], Fact::Known { value: fact(), at: Time(7), via: FactSource::Engine });
        assert_eq!((counts.all.into_inner(), counts.most.into_inner()), (5, 5), "the name is fine: all at once");
        let (facts, _) = many(&resolver, &["closed.example/pg:1"], Err(LookupError::NotFound)).await;
        assert_eq!(facts[0].failed(), Some(&LookupError::NotFound));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_does_not_resolve_is_put_to_it_once_a_minute_and_alone() {
        let resolver = ImageResolver::default();
        let lost = || Err(LookupError::Unreachable("i/o timeout".to_owned()));
        let texts = ["name-a/pg:1", "name-a/pg:2", "name-b/pg:1", "name-b/pg:2"].map(|it| it.replace('/', ".x/"));
        let texts = texts.each_ref().map(String::as_str);
        let (facts, counts) = many(&resolver, &texts, lost()).await;
        assert_eq!((counts.all.into_inner(), counts.most.into_inner()), (2, 1));
        let both = "the name name-a.x does not resolve from here; the engine: i/o timeout";
        assert_eq!(facts[0].failed(), Some(&LookupError::Unreachable(both.into())));
        assert_eq!(many(&resolver, &texts[..1], Ok(fact())).await.1.all.into_inner(), 0, "within the minute");
        tokio::time::advance(Duration::from_secs(61)).await;
        let (facts, counts) = many(&resolver, &texts[..2], Ok(fact())).await;
        assert_eq!(counts.all.into_inner(), 2, "and once it gets through, all are asked");
        assert!(facts.iter().all(|fact| fact.known().is_some()));
    }

    #[tokio::test]
    async fn a_look_can_be_spawned_and_needs_no_engine() {
        let (resolver, registry) = (Arc::new(ImageResolver::default()), unreachable());
        let image = ImageRef::parse("closed.example/pg:1").unwrap();
        let spawned = tokio::spawn({
            let (resolver, registry, image) = (resolver.clone(), registry.clone(), image.clone());
            let engine = |_: ImageRef| async { Ok(fact()) };
            async move { resolver.image(&image, &registry, Some(engine), Time::default).await }
        });
        assert!(spawned.await.unwrap().known().is_some());
        let none = None::<fn(ImageRef) -> std::future::Ready<Result<ResolvedImage, LookupError>>>;
        let alone = resolver.image(&image, &registry, none, Time::default).await;
        assert!(matches!(alone.failed(), Some(LookupError::Unreachable(_))));
    }
}
