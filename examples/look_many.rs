//! Asks registries about many images, as the product does and as bare requests, and tells how long it took.
//!
//!     look_many look|again|about REFERENCES      milliseconds, and how many could not be learned
//!     look_many requests-look|requests-about REFERENCES    the requests that makes, one a line
//!     look_many bare HOST:PORT LINES             milliseconds for such lines, eight at a time over kept connections
//!
//! `look` is existence, digest and platforms; `again` is that once more, when the manifests were read; `about` is all
//! there is to know. REFERENCES and LINES are files. Plain HTTP only. `benches/check_images.py` drives it.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use pinnace_core::image::ImageRef;
use pinnace_engine::credentials::CredentialStore;
use pinnace_engine::registry::{ConnectionPolicy, RegistryClient, RegistryTransport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How many at a time, on both sides.
const AT_ONCE: usize = 8;
/// What is accepted, by the bare requests.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json, \
                      application/vnd.docker.distribution.manifest.v2+json";

type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;
/// Lines of requests.
type Lines = Arc<Mutex<Vec<String>>>;

fn main() -> Done<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = given.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    let told = runtime.block_on(async {
        match words.as_slice() {
            ["bare", host, lines] => bare(host, &std::fs::read_to_string(lines)?).await,
            [what, references] => ask(what, &std::fs::read_to_string(references)?).await,
            _ => Err("what, and a file; see the top of examples/look_many.rs".into()),
        }
    })?;
    writeln!(io::stdout(), "{told}")?;
    Ok(())
}

/// Has the product ask.
async fn ask(what: &str, references: &str) -> Done<String> {
    let images = references.lines().map(ImageRef::parse).collect::<Result<Vec<_>, _>>()?;
    let insecure = images.iter().map(|image| image.host.clone()).collect();
    let policy = ConnectionPolicy { insecure, ..ConnectionPolicy::default() };
    let lines = Lines::default();
    let registry = match what.strip_prefix("requests-") {
        Some(_) => RegistryClient::over(recorder(&lines), policy, CredentialStore::default()),
        None => RegistryClient::new(policy, CredentialStore::default()),
    };
    let kind = what.trim_start_matches("requests-");
    if kind == "again" {
        all(&registry, &images, "look").await;
    }
    let since = Instant::now();
    let failed = all(&registry, &images, kind).await;
    let took = since.elapsed();
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(if what == kind { told(took, failed) } else { lines.join("\n") })
}

/// Asks about all of them; how many could not be learned.
async fn all(registry: &RegistryClient, images: &[ImageRef], kind: &str) -> usize {
    let one = |image: ImageRef| async move {
        let looked = registry.look(&image).await;
        match looked {
            Ok(fact) if kind == "about" => {
                registry.image_info(&ImageRef { digest: Some(fact.digest), ..image }).await.is_ok()
            }
            looked => looked.is_ok(),
        }
    };
    let asked = stream::iter(images.iter().cloned()).map(one).buffer_unordered(AT_ONCE);
    asked.filter(|known| std::future::ready(!known)).count().await
}

fn told(took: Duration, failed: usize) -> String {
    format!("{:.2} {failed}", took.as_secs_f64() * 1000.0)
}

/// Connections that note down what is asked over them.
fn recorder(lines: &Lines) -> RegistryTransport {
    let lines = Arc::clone(lines);
    RegistryTransport::Memory(Arc::new(move |uri| {
        let (near, far) = tokio::io::duplex(1 << 16);
        let host = uri.authority().map(ToString::to_string).unwrap_or_default();
        tokio::spawn(pass(far, host, Arc::clone(&lines)));
        Ok(near)
    }))
}

/// Passes bytes to a host and back; each request comes in one piece, and begins with its line.
async fn pass(near: tokio::io::DuplexStream, host: String, lines: Lines) -> io::Result<()> {
    let (mut from, mut to) = TcpStream::connect(host).await?.into_split();
    let (mut asks, mut hears) = tokio::io::split(near);
    let back = tokio::spawn(async move { tokio::io::copy(&mut from, &mut hears).await });
    let mut bytes = vec![0; 1 << 14];
    loop {
        let read = asks.read(&mut bytes).await?;
        if read == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&bytes[..read]);
        let line = text.lines().next().and_then(|line| line.strip_suffix(" HTTP/1.1")).map(str::to_owned);
        lines.lock().unwrap_or_else(PoisonError::into_inner).extend(line);
        to.write_all(&bytes[..read]).await?;
    }
    back.abort();
    Ok(())
}

/// The same requests with nothing around them.
async fn bare(host: &str, lines: &str) -> Done<String> {
    let queue: VecDeque<String> = lines.lines().map(str::to_owned).collect();
    let queue = Arc::new(Mutex::new(queue));
    let since = Instant::now();
    let workers = (0..AT_ONCE).map(|_| tokio::spawn(worker(host.to_owned(), Arc::clone(&queue))));
    let mut failed = 0;
    for worker in workers.collect::<Vec<_>>() {
        failed += worker.await??;
    }
    Ok(told(since.elapsed(), failed))
}

async fn worker(host: String, queue: Arc<Mutex<VecDeque<String>>>) -> Done<usize> {
    let mut stream = TcpStream::connect(&host).await?;
    stream.set_nodelay(true)?;
    let mut failed = 0;
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(line) = next else { return Ok(failed) };
        let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\nAccept: {ACCEPT}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        failed += usize::from(!answer(&mut stream, line.starts_with("HEAD")).await?);
    }
}

/// Reads one answer whole; whether it is a good one.
async fn answer(stream: &mut TcpStream, is_head: bool) -> Done<bool> {
    let mut got = Vec::with_capacity(4096);
    loop {
        if stream.read_buf(&mut got).await? == 0 {
            return Err("the connection was closed".into());
        }
        let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&got[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let body: usize = length.map_or(Ok(0), str::parse)?;
        while !is_head && got.len() < end + 4 + body {
            stream.read_buf(&mut got).await?;
        }
        return Ok(head.starts_with("http/1.1 200"));
    }
}
