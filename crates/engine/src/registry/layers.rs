//! Layers read from the registry as streams: nothing is stored, and nothing has to fit into memory.

use std::time::Duration;

use ::http::{Method, StatusCode};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::RegistryClientInner;
use super::decompress::{HashingReader, unpack};
use super::http::StreamedResponse;
use super::rootfs::FileTree;
use pinnace_core::image::ImageRef;
use pinnace_core::registry::{FileEntry, ImageInfo, ImageLayer, LayerReadProgress, LookupError};
use pinnace_core::sanitize::clean;

/// The size limit of an error answer, in bytes.
const REFUSAL: usize = 64 * 1024;
/// The number of chunks buffered between the download and the decompression.
const AHEAD: usize = 8;
/// The number of bytes between two progress reports.
const STEP: u64 = 1 << 20;

/// The limits for reading an image's layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerLimits {
    /// The compressed size of all layers together, in bytes.
    pub bytes: u64,
    /// The uncompressed size of all layers together, in bytes.
    pub unpacked: u64,
    /// The number of tar entries of all layers together.
    pub entries: usize,
    /// The maximum time between two chunks.
    pub silence: Duration,
}

impl Default for LayerLimits {
    fn default() -> Self {
        Self { bytes: 2_000_000_000, unpacked: 20_000_000_000, entries: 1_000_000, silence: Duration::from_secs(30) }
    }
}

/// The state passed on from layer to layer: the tree so far, and the bytes that may still be unpacked.
struct UnpackState {
    tree: FileTree,
    left: u64,
}

impl RegistryClientInner {
    /// Reads all layers, the lowest first, and returns the paths of the resulting file system.
    pub(super) async fn unpack(
        &self,
        image: &ImageRef,
        about: &ImageInfo,
        bounds: &LayerLimits,
        progress: impl Fn(LayerReadProgress) + Send + Sync,
    ) -> Result<Vec<FileEntry>, LookupError> {
        let of = about.size();
        if of > bounds.bytes {
            let (all, most) = (megabytes(of), megabytes(bounds.bytes));
            return Err(LookupError::Other(format!("its layers have {all}, and the limit is {most}")));
        }
        let mut reading = LayerReadProgress { layer: 0, layers: about.layers.len(), bytes: 0, of };
        let mut work = UnpackState { tree: FileTree::new(bounds.entries), left: bounds.unpacked };
        for layer in &about.layers {
            reading.layer += 1;
            progress(reading);
            let named = |why: LookupError| match why {
                // A missing layer means that the whole image cannot be pulled.
                LookupError::NotFound => {
                    LookupError::Other(format!("the registry does not have its layer {}", layer.digest))
                }
                LookupError::Other(text) => LookupError::Other(format!("its layer {}: {text}", layer.digest)),
                why => why,
            };
            work = self.layer(image, layer, work, bounds, &mut reading, &progress).await.map_err(named)?;
        }
        Ok(work.tree.files())
    }

    async fn layer(
        &self,
        image: &ImageRef,
        layer: &ImageLayer,
        mut work: UnpackState,
        bounds: &LayerLimits,
        reading: &mut LayerReadProgress,
        progress: &(impl Fn(LayerReadProgress) + Send + Sync),
    ) -> Result<UnpackState, LookupError> {
        if !layer.media_type.contains("tar") || layer.media_type.contains("encrypted") {
            return Err(LookupError::Other(format!("it has an unsupported type: {}", layer.media_type)));
        }
        let turns = self.turns(&image.host);
        // The semaphore is never closed, so this cannot fail.
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
            let unpacked = unpack(HashingReader::new(from), &digest, &mut work.tree, &mut work.left);
            unpacked.map(|()| work)
        });
        let fed = self.feed(opened, layer, to, bounds, reading, progress).await;
        let unpacked = unpacking.await.map_err(|_| LookupError::Other("pinnace failed to read it".to_owned()))?;
        // A broken download is the cause of the decompression error that follows, so it is reported first.
        fed?;
        unpacked.map_err(|text| LookupError::Other(clean(&text)))
    }

    /// Passes the chunks on to the decompression, until the layer ends or the receiver stops. The layer must have
    /// the size that its manifest states.
    async fn feed(
        &self,
        mut opened: StreamedResponse,
        layer: &ImageLayer,
        to: mpsc::Sender<bytes::Bytes>,
        bounds: &LayerLimits,
        reading: &mut LayerReadProgress,
        progress: &(impl Fn(LayerReadProgress) + Send + Sync),
    ) -> Result<(), LookupError> {
        let before = reading.bytes;
        let mut told = reading.bytes;
        let host = opened.host().to_owned();
        while let Some(piece) =
            timeout(bounds.silence, opened.chunk()).await.map_err(|_| silent(&host, bounds.silence))??
        {
            reading.bytes += piece.len() as u64;
            if reading.bytes - before > layer.size {
                let size = layer.size;
                return Err(LookupError::Other(format!("it is longer than the {size} bytes in its manifest")));
            }
            if reading.bytes - told >= STEP {
                told = reading.bytes;
                progress(*reading);
            }
            if to.send(piece).await.is_err() {
                // The receiver stopped; its own result holds the reason.
                return Ok(());
            }
        }
        if reading.bytes - before < layer.size {
            let (came, size) = (reading.bytes - before, layer.size);
            return Err(LookupError::Other(format!("it ends after {came} of the {size} bytes in its manifest")));
        }
        progress(*reading);
        Ok(())
    }
}

fn silent(host: &str, limit: Duration) -> LookupError {
    LookupError::Unreachable(format!("{host} sent nothing for {} s", limit.as_secs()))
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}
