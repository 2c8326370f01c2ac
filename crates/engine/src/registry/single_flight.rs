//! Request coalescing: concurrent requests with the same key share one call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};

use super::lock;
use pinnace_core::registry::LookupError;

type LookupFuture<T> = BoxFuture<'static, Result<T, LookupError>>;

/// The calls of one kind that are in flight, by key. They are dropped when no caller waits for them.
pub(super) struct SingleFlight<T: Clone>(Arc<Mutex<HashMap<String, WeakShared<LookupFuture<T>>>>>);

impl<T: Clone> Default for SingleFlight<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone + Send + Sync + 'static> SingleFlight<T> {
    /// Returns the call in flight with this key, or starts one with `ask`.
    pub fn join<F>(&self, key: String, ask: impl FnOnce() -> F) -> Shared<LookupFuture<T>>
    where
        F: Future<Output = Result<T, LookupError>> + Send + 'static,
    {
        let mut flights = lock(&self.0);
        if let Some(flight) = flights.get(&key).and_then(WeakShared::upgrade) {
            return flight;
        }
        let (all, landed, asking) = (self.0.clone(), key.clone(), ask());
        let flight = async move {
            let answer = asking.await;
            // Later callers start a new call.
            lock(&all).remove(&landed);
            answer
        }
        .boxed()
        .shared();
        // Remove calls that no caller waits for any more.
        flights.retain(|_, weak| weak.upgrade().is_some());
        if let Some(weak) = flight.downgrade() {
            flights.insert(key, weak);
        }
        flight
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn once_at_a_time_and_anew_afterwards() {
        let flights = SingleFlight::<usize>::default();
        let asked = Arc::new(AtomicUsize::new(0));
        let ask = |key: &str| {
            let asked = asked.clone();
            flights.join(key.to_owned(), move || async move {
                tokio::task::yield_now().await;
                Ok(asked.fetch_add(1, Ordering::SeqCst))
            })
        };
        let answers = futures_util::future::join(ask("a"), ask("a")).await;
        assert_eq!(answers, (Ok(0), Ok(0)));
        drop(ask("a"));
        assert_eq!(ask("a").await, Ok(1), "one that was given up holds nobody up");
        assert_eq!((ask("b").await, lock(&flights.0).len()), (Ok(2), 0));
    }
}
