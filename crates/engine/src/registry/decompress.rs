//! One layer, unpacked as it comes: its packing by its first bytes, then the tar within. For a thread that may wait.

use std::io::{self, BufRead, BufReader, Read};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::Receiver;

use super::rootfs::Tree;
use pinnace_core::image::Digest;
use pinnace_core::registry::FileKind;
use pinnace_core::swarm::hex;
use pinnace_core::text::clean;

/// The most of a tar's own headers for one file (long names, PAX records), in bytes.
const HEADER: u64 = 1 << 20;
/// The largest window of zstd, in bytes: what unpacking holds in memory.
const WINDOW: u64 = 64 << 20;
/// The most of a library's words that is repeated, in characters.
const SAID: usize = 100;
/// What is said of a layer that unpacks to more than is read.
const BOMB: &str = "unpacked it is larger than all that is read: it may be made to exhaust the reader";
/// How much is read at once.
const PIECE: usize = 64 * 1024;

/// What comes of a layer, a piece at a time, and its digest so far.
pub(super) struct Pieces {
    from: Receiver<Bytes>,
    piece: Bytes,
    sum: Sha256,
}

impl Pieces {
    /// What comes here; its end is the layer's.
    pub fn new(from: Receiver<Bytes>) -> Self {
        Self { from, piece: Bytes::new(), sum: Sha256::new() }
    }
}

impl Read for Pieces {
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

/// How much may still come out of packed layers.
struct Meter<'a, R> {
    from: R,
    left: &'a mut u64,
}

impl<R: Read> Read for Meter<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let some = self.from.read(to)?;
        *self.left = self.left.checked_sub(some as u64).ok_or_else(|| io::Error::other(BOMB))?;
        Ok(some)
    }
}

/// Takes a layer's entries into the tree, and checks that it has its digest. `left`: what may still be unpacked, in bytes.
pub(super) fn unpack(pieces: Pieces, digest: &Digest, tree: &mut Tree, left: &mut u64) -> Result<(), String> {
    let mut packed = BufReader::with_capacity(PIECE, pieces);
    entries(&mut packed, tree, left)?;
    // What follows the archive belongs to the digest too.
    io::copy(&mut packed, &mut io::sink()).map_err(|error| cause(&error))?;
    let found = format!("sha256:{}", hex(&packed.into_inner().sum.finalize()));
    if found != digest.as_str() {
        return Err(format!("what came has another digest: {found}"));
    }
    tree.settle();
    Ok(())
}

fn entries(packed: &mut BufReader<Pieces>, tree: &mut Tree, left: &mut u64) -> Result<(), String> {
    let start = packed.fill_buf().map_err(|error| cause(&error))?;
    match start {
        [0x1f, 0x8b, ..] => archive(Meter { from: MultiGzDecoder::new(packed), left }, tree),
        // A frame, or one to skip (RFC 8878, 3.1).
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            archive(Meter { from: Frames::new(packed), left }, tree)
        }
        _ => archive(Meter { from: packed, left }, tree),
    }
}

/// All frames of zstd, one after another.
struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    within: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        Self { source, decoder, within: false }
    }

    /// Begins the next frame; `false` at the end of all.
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

impl<R: BufRead> Read for Frames<R> {
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

/// What the headers before an entry say about it.
#[derive(Default)]
struct Told {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

/// Reads a tar. Its own headers are taken with a limit, which the library's way to long names does not have.
fn archive(from: impl Read, tree: &mut Tree) -> Result<(), String> {
    let mut archive = tar::Archive::new(from);
    let mut told = Told::default();
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
            kind if kind.is_gnu_sparse() => return Err("it has files in an old sparse form, which is not read".into()),
            _ => FileKind::File,
        };
        let path = told.path.unwrap_or_else(|| entry.header().path_bytes().into_owned());
        let in_header = entry.header().entry_size().map_err(|error| cause(&error))?;
        if told.size.is_some_and(|size| size != in_header) {
            return Err("it has a file of more than 8 GB, which is not read".to_owned());
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

impl Told {
    /// The records that concern us (POSIX, `pax`, "Extended Header").
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
    // Ours are whole sentences, the libraries' repeat what they stumbled over.
    let said: String = clean(&error.to_string()).chars().take(SAID).collect();
    if said == BOMB { said } else { format!("it cannot be unpacked: {said}") }
}
