//! Layers from the registry, as streams: nothing is stored, and nothing has to fit into memory.

use std::time::Duration;

use ::http::{Method, StatusCode};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Inner;
use super::decompress::{Pieces, unpack};
use super::http::Opened;
use super::rootfs::Tree;
use pinnace_core::image::ImageRef;
use pinnace_core::registry::{About, ImageFile, Layer, Reading, Why};
use pinnace_core::text::clean;

/// The most of an answer that is no layer, in bytes.
const REFUSAL: usize = 64 * 1024;
/// Pieces on their way to the one who unpacks.
const AHEAD: usize = 8;
/// Progress is told whenever so many bytes more have come.
const STEP: u64 = 1 << 20;

/// Limits of reading an image's layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// All layers together, in bytes as served.
    pub bytes: u64,
    /// What they unpack to, in bytes.
    pub unpacked: u64,
    /// Entries of all layers together.
    pub entries: usize,
    /// How long nothing may come.
    pub silence: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes: 2_000_000_000, unpacked: 20_000_000_000, entries: 1_000_000, silence: Duration::from_secs(30) }
    }
}

/// What goes from layer to layer.
struct Work {
    tree: Tree,
    left: u64,
}

impl Inner {
    /// Reads all layers, the lowest first, and tells what paths they make.
    pub(super) async fn unpack(
        &self,
        image: &ImageRef,
        about: &About,
        bounds: &Bounds,
        progress: impl Fn(Reading) + Send + Sync,
    ) -> Result<Vec<ImageFile>, Why> {
        let of = about.size();
        if of > bounds.bytes {
            let (all, most) = (megabytes(of), megabytes(bounds.bytes));
            return Err(Why::Other(format!("its layers are {all}, and no more than {most} are read")));
        }
        let mut reading = Reading { layer: 0, layers: about.layers.len(), bytes: 0, of };
        let mut work = Work { tree: Tree::new(bounds.entries), left: bounds.unpacked };
        for layer in &about.layers {
            reading.layer += 1;
            progress(reading);
            let named = |why: Why| match why {
                // The image as a whole cannot be had.
                Why::NotFound => Why::Other(format!("its layer {} is not at the registry", layer.digest)),
                Why::Other(text) => Why::Other(format!("its layer {}: {text}", layer.digest)),
                why => why,
            };
            work = self.layer(image, layer, work, bounds, &mut reading, &progress).await.map_err(named)?;
        }
        Ok(work.tree.files())
    }

    async fn layer(
        &self,
        image: &ImageRef,
        layer: &Layer,
        mut work: Work,
        bounds: &Bounds,
        reading: &mut Reading,
        progress: &(impl Fn(Reading) + Send + Sync),
    ) -> Result<Work, Why> {
        if !layer.media_type.contains("tar") || layer.media_type.contains("encrypted") {
            return Err(Why::Other(format!("it is of a kind that cannot be read: {}", layer.media_type)));
        }
        let turns = self.turns(&image.host);
        // Never closed: an error cannot be.
        let _turn = turns.acquire().await;
        let uri = self.uri(image, &format!("blobs/{}", layer.digest))?;
        let opened = timeout(self.policy.limits.call, self.open(image, Method::GET, uri, "*/*"));
        let opened = opened.await.map_err(|_| silent(&image.host, self.policy.limits.call))??;
        if opened.status != StatusCode::OK {
            let status = opened.status;
            let body = timeout(bounds.silence, opened.whole(REFUSAL)).await;
            let body = body.ok().and_then(Result::ok).map(|answer| answer.body).unwrap_or_default();
            return Err(self.refused(image, status, &body));
        }
        let (to, from) = mpsc::channel(AHEAD);
        let digest = layer.digest.clone();
        let unpacking = tokio::task::spawn_blocking(move || {
            let unpacked = unpack(Pieces::new(from), &digest, &mut work.tree, &mut work.left);
            unpacked.map(|()| work)
        });
        let fed = self.feed(opened, layer, to, bounds, reading, progress).await;
        let unpacked = unpacking.await.map_err(|_| Why::Other("reading it failed within pinnace".to_owned()))?;
        // What broke off on the way is the cause of what is then missing.
        fed?;
        unpacked.map_err(|text| Why::Other(clean(&text)))
    }

    /// Passes on what comes, until its end or until it is not wanted any more.
    async fn feed(
        &self,
        mut opened: Opened,
        layer: &Layer,
        to: mpsc::Sender<bytes::Bytes>,
        bounds: &Bounds,
        reading: &mut Reading,
        progress: &(impl Fn(Reading) + Send + Sync),
    ) -> Result<(), Why> {
        let before = reading.bytes;
        let mut told = reading.bytes;
        let host = opened.host().to_owned();
        while let Some(piece) =
            timeout(bounds.silence, opened.chunk()).await.map_err(|_| silent(&host, bounds.silence))??
        {
            reading.bytes += piece.len() as u64;
            if reading.bytes - before > layer.size {
                let size = layer.size;
                return Err(Why::Other(format!("more comes than the {size} bytes its manifest says it has")));
            }
            if reading.bytes - told >= STEP {
                told = reading.bytes;
                progress(*reading);
            }
            if to.send(piece).await.is_err() {
                // It has its reason, which it tells.
                return Ok(());
            }
        }
        if reading.bytes - before < layer.size {
            let (came, size) = (reading.bytes - before, layer.size);
            return Err(Why::Other(format!("{came} bytes came of the {size} its manifest says it has")));
        }
        progress(*reading);
        Ok(())
    }
}

fn silent(host: &str, limit: Duration) -> Why {
    Why::Unreachable(format!("{host} sent nothing for {} s", limit.as_secs()))
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}
