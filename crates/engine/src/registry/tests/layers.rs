use std::io::Write as _;

use super::*;
use pinnace_core::registry::{FileKind, ImageInfo, ImageLayer, LayerReadProgress};

/// Builds a tar of these paths: a path that ends in `/` is a folder, `a -> b` a symbolic link, `a = b` a hard link.
fn tarred(paths: &[&str]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for path in paths {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        if let Some((path, to)) = path.split_once(" -> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            tar.append_link(&mut header, path, to).unwrap();
        } else if let Some((path, to)) = path.split_once(" = ") {
            header.set_entry_type(tar::EntryType::Link);
            header.set_size(0);
            tar.append_link(&mut header, path, to).unwrap();
        } else if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_size(0);
            tar.append_data(&mut header, path, &[][..]).unwrap();
        } else {
            header.set_size(path.len() as u64);
            tar.append_data(&mut header, path, path.as_bytes()).unwrap();
        }
    }
    tar.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

const OCI: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

fn layer(blob: &[u8], media_type: &str) -> ImageLayer {
    ImageLayer {
        digest: Digest::parse(&sha(blob)).unwrap(),
        media_type: media_type.to_owned(),
        size: blob.len() as u64,
        diff_id: None,
    }
}

fn about(layers: Vec<ImageLayer>) -> ImageInfo {
    let digest = Digest::parse(&sha(b"image")).unwrap();
    let about = serde_json::json!({"digest": digest, "media_type": "", "manifest": digest, "platform": null});
    ImageInfo { layers, ..serde_json::from_value(about).unwrap() }
}

/// Returns a registry whose blobs are on another host.
fn serving(blobs: &[Vec<u8>]) -> Fake {
    let blobs: BTreeMap<String, Vec<u8>> = blobs.iter().map(|blob| (sha(blob), blob.clone())).collect();
    Fake::new(move |came| {
        let digest = came.path.rsplit('/').next().unwrap();
        match (came.host.as_str(), blobs.get(digest)) {
            (_, None) => status(404),
            ("https://cdn.example", Some(blob)) => status(200).body(blob.clone()),
            _ if came.header("authorization").is_none() => status(401).with("www-authenticate", "Basic realm=x"),
            _ => status(307).with("location", format!("https://cdn.example/{digest}")),
        }
    })
}

async fn read(fake: &Fake, layers: Vec<ImageLayer>, bounds: &LayerLimits) -> Result<Vec<FileEntry>, LookupError> {
    let credentials = CredentialStore::default();
    credentials.login("reg.example", RegistryCredential::Basic { user: "u".into(), password: Redacted::new("p") });
    fake.registry(credentials).files(&image("reg.example/pg:1"), &about(layers), bounds, |_| ()).await
}

/// Returns the paths of one layer, or the error.
async fn one(blob: &[u8], media_type: &str, bounds: &LayerLimits) -> Result<Vec<String>, String> {
    let files = read(&serving(&[blob.to_vec()]), vec![layer(blob, media_type)], bounds).await;
    let prefix = format!("its layer {}: ", sha(blob));
    match files {
        Ok(files) => Ok(files.into_iter().map(|file| file.path).collect()),
        Err(LookupError::Other(text)) => Err(text.strip_prefix(&prefix).unwrap_or(&text).to_owned()),
        Err(why) => Err(format!("{why:?}")),
    }
}

#[tokio::test]
async fn layers_of_every_packing_on_one_another() {
    let lowest =
        gzip(&tarred(&["lib/", "lib/a.so", "lib/b.so", "etc/", "etc/x", "bin -> usr/bin", "lib/c.so = lib/a.so"]));
    let middle = zstd(&tarred(&["lib/.wh.b.so", "etc/.wh..wh..opq", "etc/y"]));
    let top = tarred(&["usr/bin/postgres"]);
    let kinds = [
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.v1.tar",
    ];
    let blobs = [lowest, middle, top];
    let layers: Vec<ImageLayer> = blobs.iter().zip(kinds).map(|(blob, kind)| layer(blob, kind)).collect();
    let fake = serving(&blobs);
    let files = read(&fake, layers, &LayerLimits::default()).await.unwrap();
    let found: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.kind, file.size)).collect();
    assert_eq!(
        found,
        [
            ("/bin", FileKind::Link, 0),
            ("/etc", FileKind::Dir, 0),
            ("/etc/y", FileKind::File, 5),
            ("/lib", FileKind::Dir, 0),
            ("/lib/a.so", FileKind::File, 8),
            ("/lib/c.so", FileKind::File, 0),
            ("/usr/bin/postgres", FileKind::File, 16),
        ]
    );
    let shown: Vec<_> =
        fake.came().iter().map(|came| (came.host.clone(), came.header("authorization").is_some())).collect();
    let at = |host: &str, shown| (format!("https://{host}"), shown);
    let (reg, cdn) = (at("reg.example", true), at("cdn.example", false));
    let expected = [at("reg.example", false), reg.clone(), cdn.clone(), reg.clone(), cdn.clone(), reg, cdn];
    assert_eq!(shown, expected, "the password goes to the registry only, and each layer is read once");
}

#[tokio::test]
async fn packings_in_pieces() {
    let tar = tarred(&["lib/", "lib/a.so", "share/x.sql"]);
    let (head, tail) = tar.split_at(700);
    let skipped = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    for blob in [
        [gzip(head), gzip(tail)].concat(),
        [zstd(head), skipped.clone(), zstd(tail)].concat(),
        [skipped, zstd(&tar)].concat(),
        [tar.clone(), vec![0; 10_000]].concat(),
    ] {
        let paths = one(&blob, OCI, &LayerLimits::default()).await;
        assert_eq!(paths, Ok(["/lib", "/lib/a.so", "/share/x.sql"].map(str::to_owned).to_vec()));
    }
    assert_eq!(one(&gzip(&[0; 1024]), OCI, &LayerLimits::default()).await, Ok(Vec::new()), "an empty layer");
}

#[tokio::test]
async fn long_names() {
    let long = format!("usr/{}/x", "n".repeat(300));
    let gnu = tarred(&[&long]);
    let mut pax = tar::Builder::new(Vec::new());
    let name = format!("{long}ü");
    pax.append_pax_extensions([("path", name.as_bytes()), ("mtime", b"1.5")]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(0);
    header.set_cksum();
    pax.append(&header, &[][..]).unwrap();
    for (blob, path) in [(gnu, long), (pax.into_inner().unwrap(), name)] {
        assert_eq!(one(&blob, OCI, &LayerLimits::default()).await, Ok(vec![format!("/{path}")]));
    }
}

/// Builds a long-name header that announces this size, with its text.
fn long_name(size: usize) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(size as u64);
    header.set_cksum();
    [header.as_bytes().to_vec(), vec![b'a'; size.next_multiple_of(512)], tarred(&["x"])].concat()
}

#[tokio::test]
async fn what_would_exhaust_the_reader() {
    let tar = tarred(&["a", "b", "c"]);
    let bounds = LayerLimits::default();
    for (blob, bounds, cause) in [
        (gzip(&tar), LayerLimits { entries: 2, ..bounds.clone() }, "the image has more than the limit of 2 files"),
        (gzip(&long_name(2 << 20)), bounds.clone(), "it has a header of more than 1 MB"),
        (gzip(&long_name(8000)), bounds.clone(), "it has a path of more than 4096 bytes"),
        (
            gzip(&tarred(&["a"]).repeat(100)),
            LayerLimits { unpacked: 600, ..bounds.clone() },
            "unpacked it exceeds the size limit: it may be a decompression bomb",
        ),
        (gzip(&tar), LayerLimits { bytes: 10, ..bounds.clone() }, "its layers have 1 MB, and the limit is 1 MB"),
    ] {
        assert_eq!(one(&blob, OCI, &bounds).await, Err(cause.to_owned()));
    }
}

#[tokio::test]
async fn what_is_no_layer() {
    let good = gzip(&tarred(&["a", "b"]));
    let mut sparse = tar::Header::new_gnu();
    sparse.set_entry_type(tar::EntryType::GNUSparse);
    sparse.set_size(0);
    sparse.set_cksum();
    for (blob, media_type, cause) in [
        (
            good.clone(),
            "application/vnd.cncf.helm.chart",
            "it has an unsupported type: application/vnd.cncf.helm.chart",
        ),
        (
            good.clone(),
            "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
            "it has an unsupported type: application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        ),
        (sparse.as_bytes().to_vec(), OCI, "it has files in an old sparse format, which is not supported"),
        (good[..good.len() / 2].to_vec(), OCI, "it ends too early"),
        (
            vec![b'x'; 2048],
            OCI,
            &format!(
                "it cannot be unpacked: numeric field was not a number: xxxxxxxx when getting cksum for {}",
                "x".repeat(36)
            ),
        ),
    ] {
        assert_eq!(one(&blob, media_type, &LayerLimits::default()).await, Err(cause.to_owned()));
    }
    for broken in [&[0x1f, 0x8b, 9, 9, 9, 9][..], &[0x28, 0xb5, 0x2f, 0xfd, 255, 255, 255][..]] {
        assert!(one(broken, OCI, &LayerLimits::default()).await.is_err());
    }
}

#[tokio::test]
async fn what_comes_must_be_what_was_named() {
    let blob = gzip(&tarred(&["a"]));
    let other = gzip(&tarred(&["b"]));
    let (served, size) = (other.clone(), other.len());
    let fake = Fake::new(move |_| status(200).body(served.clone()));
    let named = layer(&blob, OCI);
    for (layer, cause) in [
        (
            ImageLayer { size: size as u64, ..named.clone() },
            format!("the received data has another digest: {}", sha(&other)),
        ),
        (ImageLayer { size: 5, ..named.clone() }, "it is longer than the 5 bytes in its manifest".to_owned()),
        (ImageLayer { size: 500, ..named.clone() }, format!("it ends after {size} of the 500 bytes in its manifest")),
    ] {
        let why = read(&fake, vec![layer], &LayerLimits::default()).await;
        assert_eq!(why, Err(LookupError::Other(format!("its layer {}: {cause}", named.digest))));
    }
    let gone = read(&Fake::new(|_| status(404)), vec![named.clone()], &LayerLimits::default()).await;
    assert_eq!(gone, Err(LookupError::Other(format!("the registry does not have its layer {}", named.digest))));
    let denied = read(&Fake::new(|_| status(403)), vec![named], &LayerLimits::default()).await;
    assert_eq!(denied, Err(LookupError::Denied));
}

#[tokio::test]
async fn a_stream_that_falls_silent_has_an_end() {
    let blob = gzip(&tarred(&["a"]));
    let named = ImageLayer { size: 4000, ..layer(&blob, OCI) };
    let fake = Fake::new(move |_| ScriptedReply { stalls: true, ..status(200).body(blob.clone()) });
    let bounds = LayerLimits { silence: Duration::from_millis(50), ..LayerLimits::default() };
    let why = read(&fake, vec![named], &bounds).await;
    assert_eq!(why, Err(LookupError::Unreachable("reg.example sent nothing for 0 s".into())));
}

#[tokio::test]
async fn progress_is_told() {
    let blobs = [vec![7; 5 << 20], gzip(&tarred(&["a"]))];
    // The first blob is a tar with 5 MB of other bytes after it, which give several progress reports.
    let blobs = [[tarred(&["x"]), blobs[0].clone()].concat(), blobs[1].clone()];
    let layers: Vec<ImageLayer> = blobs.iter().map(|blob| layer(blob, OCI)).collect();
    let of: u64 = layers.iter().map(|layer| layer.size).sum();
    let told: Mutex<Vec<LayerReadProgress>> = Mutex::default();
    let blobs: BTreeMap<String, Vec<u8>> = blobs.iter().map(|blob| (sha(blob), blob.clone())).collect();
    let fake = Fake::new(move |came| status(200).body(blobs[came.path.rsplit('/').next().unwrap()].clone()));
    let note = |reading| lock(&told).push(reading);
    let registry = fake.registry(CredentialStore::default());
    registry.files(&image("reg.example/pg:1"), &about(layers), &LayerLimits::default(), note).await.unwrap();
    let told = lock(&told).clone();
    assert_eq!(told.first(), Some(&LayerReadProgress { layer: 1, layers: 2, bytes: 0, of }));
    assert_eq!(told.last(), Some(&LayerReadProgress { layer: 2, layers: 2, bytes: of, of }));
    assert!(told.len() > 4 && told.windows(2).all(|pair| pair[0].bytes <= pair[1].bytes), "{told:?}");
}

#[tokio::test]
async fn a_layer_elsewhere_that_wants_a_log_in_is_a_refusal() {
    let blob = gzip(&tarred(&["a"]));
    for challenge in [r#"Bearer realm="https://evil.example/token""#, "Basic realm=x"] {
        let fake = Fake::new(move |came| match (came.host.as_str(), came.header("authorization")) {
            ("https://reg.example", None) => status(401).with("www-authenticate", "Basic realm=x"),
            ("https://reg.example", Some(_)) => {
                status(307).with("location", format!("https://evil.example{}", came.path))
            }
            _ => status(401).with("www-authenticate", challenge),
        });
        let why = read(&fake, vec![layer(&blob, OCI)], &LayerLimits::default()).await.unwrap_err();
        let text = "reg.example redirects to evil.example, which requires a login; no credentials were sent there";
        assert_eq!(why, LookupError::Other(format!("its layer {}: {text}", sha(&blob))), "{challenge}");
        let elsewhere: Vec<Came> = fake.came().into_iter().filter(|came| came.host != "https://reg.example").collect();
        let path = format!("GET https://evil.example/v2/pg/blobs/{}", sha(&blob));
        assert_eq!(elsewhere.iter().map(Came::line).collect::<Vec<_>>(), [path]);
        assert_eq!(elsewhere[0].header("authorization"), None, "{challenge}");
    }
}
