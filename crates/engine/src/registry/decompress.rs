//! Streaming decompression of one layer: gzip, zstd or plain, detected by the first bytes, and the tar inside.
//!
//! The readers block, so they run on a blocking thread.

use std::io::{self, BufRead, BufReader, Read};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::Receiver;

use super::rootfs::FileTree;
use pinnace_core::image::Digest;
use pinnace_core::registry::FileKind;
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::hex;

/// The size limit of a tar's extra headers for one file (long names, PAX records), in bytes.
const HEADER: u64 = 1 << 20;
/// The largest zstd window accepted, in bytes: decompression holds that much in memory.
const WINDOW: u64 = 64 << 20;
/// The maximum length of a library's message that is repeated, in characters.
const SAID: usize = 100;
/// The error for a layer that unpacks to more than the limit.
const BOMB: &str = "unpacked it exceeds the size limit: it may be a decompression bomb";
/// The size of the read buffer, in bytes.
const PIECE: usize = 64 * 1024;

/// The compressed bytes of a layer as a blocking reader, hashed while they are read.
pub(super) struct HashingReader {
    from: Receiver<Bytes>,
    piece: Bytes,
    sum: Sha256,
}

impl HashingReader {
    /// Reads from this channel; when it is closed, the layer ends.
    pub fn new(from: Receiver<Bytes>) -> Self {
        Self { from, piece: Bytes::new(), sum: Sha256::new() }
    }
}

impl Read for HashingReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.from.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let some = to.len().min(self.piece.len());
        let piece = self.piece.split_to(some);
        to[..some].copy_from_slice(&piece);
        self.sum.update(&piece);
        Ok(some)
    }
}

/// A reader that stops with an error when the limit for uncompressed bytes is reached.
struct LimitedReader<'a, R> {
    from: R,
    left: &'a mut u64,
}

impl<R: Read> Read for LimitedReader<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let some = self.from.read(to)?;
        *self.left = self.left.checked_sub(some as u64).ok_or_else(|| io::Error::other(BOMB))?;
        Ok(some)
    }
}

/// Adds a layer's entries to the tree and checks the layer's digest. `left` is the number of bytes that may still be
/// unpacked.
pub(super) fn unpack(
    pieces: HashingReader,
    digest: &Digest,
    tree: &mut FileTree,
    left: &mut u64,
) -> Result<(), String> {
    let mut packed = BufReader::with_capacity(PIECE, pieces);
    entries(&mut packed, tree, left)?;
    // Bytes after the archive count for the digest too.
    io::copy(&mut packed, &mut io::sink()).map_err(|error| cause(&error))?;
    let found = format!("sha256:{}", hex(&packed.into_inner().sum.finalize()));
    if found != digest.as_str() {
        return Err(format!("the received data has another digest: {found}"));
    }
    tree.settle();
    Ok(())
}

fn entries(packed: &mut BufReader<HashingReader>, tree: &mut FileTree, left: &mut u64) -> Result<(), String> {
    let start = packed.fill_buf().map_err(|error| cause(&error))?;
    match start {
        [0x1f, 0x8b, ..] => archive(LimitedReader { from: MultiGzDecoder::new(packed), left }, tree),
        // A zstd frame, or a skippable frame (RFC 8878, 3.1).
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            archive(LimitedReader { from: ZstdReader::new(packed), left }, tree)
        }
        _ => archive(LimitedReader { from: packed, left }, tree),
    }
}

/// A reader over all zstd frames of a stream, in sequence.
struct ZstdReader<R> {
    source: R,
    decoder: FrameDecoder,
    within: bool,
}

impl<R: BufRead> ZstdReader<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        Self { source, decoder, within: false }
    }

    /// Starts the next frame, and skips skippable ones; `false` at the end of the stream.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut self.source.by_ref().take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.within && !self.begin()? {
                return Ok(0);
            }
            self.within = true;
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let some = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.source, some).map_err(io::Error::other)?;
            }
            let some = self.decoder.read(to)?;
            if some > 0 || to.is_empty() {
                return Ok(some);
            }
            self.within = false;
        }
    }
}

/// The values from extra headers (GNU long name, PAX) that apply to the next entry.
#[derive(Default)]
struct TarExtendedHeader {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

/// Reads a tar into the tree. Extra headers are read here with a size limit, as the library reads long names without
/// one.
fn archive(from: impl Read, tree: &mut FileTree) -> Result<(), String> {
    let mut archive = tar::Archive::new(from);
    let mut told = TarExtendedHeader::default();
    for entry in archive.entries().map_err(|error| cause(&error))?.raw(true) {
        let mut entry = entry.map_err(|error| cause(&error))?;
        let kind = entry.header().entry_type();
        if kind.is_gnu_longname() || kind.is_gnu_longlink() || kind.is_pax_local_extensions() {
            let header = header(&mut entry)?;
            match () {
                () if kind.is_pax_local_extensions() => told.pax(&header),
                () if kind.is_gnu_longname() => told.path = Some(header),
                () => {}
            }
            continue;
        }
        let told = std::mem::take(&mut told);
        let what = match kind {
            kind if kind.is_pax_global_extensions() => continue,
            kind if kind.is_dir() => FileKind::Dir,
            kind if kind.is_symlink() => FileKind::Link,
            kind if kind.is_character_special() || kind.is_block_special() || kind.is_fifo() => FileKind::Special,
            kind if kind.is_gnu_sparse() => {
                return Err("it has files in an old sparse format, which is not supported".into());
            }
            _ => FileKind::File,
        };
        let path = told.path.unwrap_or_else(|| entry.header().path_bytes().into_owned());
        let in_header = entry.header().entry_size().map_err(|error| cause(&error))?;
        if told.size.is_some_and(|size| size != in_header) {
            return Err("it has a file of more than 8 GB, which is not supported".to_owned());
        }
        let size = if what == FileKind::File && !kind.is_hard_link() { in_header } else { 0 };
        tree.add(&path, what, size)?;
    }
    Ok(())
}

fn header(entry: &mut impl Read) -> Result<Vec<u8>, String> {
    let mut header = Vec::new();
    entry.take(HEADER + 1).read_to_end(&mut header).map_err(|error| cause(&error))?;
    if header.len() as u64 > HEADER {
        return Err(format!("it has a header of more than {} MB", HEADER >> 20));
    }
    while header.last() == Some(&0) {
        header.pop();
    }
    Ok(header)
}

impl TarExtendedHeader {
    /// Takes over the relevant records of a PAX header (POSIX, `pax`, "Extended Header").
    fn pax(&mut self, header: &[u8]) {
        for record in tar::PaxExtensions::new(header).flatten() {
            match record.key_bytes() {
                b"path" | b"GNU.sparse.name" => self.path = Some(record.value_bytes().to_vec()),
                b"size" => self.size = record.value().ok().and_then(|size| size.parse().ok()),
                _ => {}
            }
        }
    }
}

fn cause(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return "it ends too early".to_owned();
    }
    // Our own message is a whole sentence; the libraries' messages repeat the input that they failed on.
    let said: String = clean(&error.to_string()).chars().take(SAID).collect();
    if said == BOMB { said } else { format!("it cannot be unpacked: {said}") }
}
