#!/usr/bin/env python3
"""Makes up images and pushes them by plain HTTP; Python's standard library only. For `up` and for tests.

    images.py push REG/repo:tag [options]    prints {"ref", "digest", "mediaType", "size", "manifests": [...]}
    images.py batch < lines                  one JSON object a line, the options as keys (see `push` below), plus
                                             optionally "op": "push" | "delete" | "tag" | "digest"; one reply a line
    images.py delete REF | tag REF NEWTAG | digest REF

A ref without a tag is pushed by digest only. The registry named in PINNACE_LAB_AUTH_REGISTRY gets that lab's user and
password unless --auth says otherwise.

Behaviours (of /behave, which is the image's Cmd and also its /usr/local/bin/patroni; it logs a line at its start):
    sleep[:CODE]            sleeps; exits at once on SIGTERM, with CODE (0)
    exit:CODE               exits at once
    exit-after:SECS:CODE    exits later
    oneshot                 says "done" and exits 0
    unhealthy               sleeps; its health check never passes
    healthy-after:SECS      sleeps; its health check passes SECS after the start
    stubborn[:SECS]         sleeps; goes on after SIGTERM, for SECS or for ever
    chatty[:SECS]           logs a line every SECS (1)
    oom                     takes memory until it is killed: only with a memory limit
The image also has a stand-in `curl` that ignores its arguments and tells whether the container is healthy by the rules above.
With --file PATH=TEXT the image holds these files and nothing else (on top of --base or --layer-from, where given).
"""
import argparse
import functools
import gzip
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tarfile

from registry import TYPES, RegistryError, registry, sha256, split_ref, to_json

BUSYBOX = "/bin/busybox"
CREATED = "2024-01-01T00:00:00Z"


# ---- layers --------------------------------------------------------------------------------------------------------


class Layer:
    def __init__(self, tar, level=6, compress="gzip"):
        self.diff_id, self.compress = sha256(tar), compress
        self.data = zstd(tar) if compress == "zstd" else gzip.compress(tar, level, mtime=0) if compress == "gzip" else tar

    def media_type(self, types):
        plain = types["layer"].removesuffix("gzip")  # it ends in what comes before the word: a dot or a plus
        return plain[:-1] if self.compress == "none" else plain + self.compress


def zstd(data):
    """A frame of blocks that are stored as they are (RFC 8878, 3.1.1): this Python has no zstd."""
    most = 1 << 17
    frame = b"\x28\xb5\x2f\xfd\xe0" + len(data).to_bytes(8, "little")  # one segment, its size in eight bytes
    for at in range(0, max(len(data), 1), most):
        block = data[at:at + most]
        frame += (len(block) << 3 | (at + most >= len(data))).to_bytes(3, "little") + block
    return frame


def make_tar(entries):
    """entries: (path, bytes | "-> target" | None for a folder, mode). Always the same bytes for the same entries."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, content, mode in entries:
            info = tarfile.TarInfo(path)
            info.mode, info.mtime = mode, 1704067200
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content[3:]
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return out.getvalue()


HEALTHY = b"""#!/bin/sh
# Passes when this container is healthy by the image's behaviour.
case "$(cat /etc/pinnace-lab/healthy)" in
    always) exit 0 ;;
    after:*) [ -e /dev/shm/healthy ] && exit 0 ;;
esac
echo "not healthy"
exit 22
"""


@functools.lru_cache(maxsize=None)
def base_layer():
    """busybox and its links, the same in every image."""
    stat = os.stat(BUSYBOX)
    key = hashlib.sha256(f"1 {stat.st_size} {stat.st_mtime_ns}".encode() + HEALTHY).hexdigest()[:12]
    cache = os.environ.get("PINNACE_LAB", "")
    cache = os.path.join(cache, f"base-{key}.tar") if os.path.isdir(cache) else None
    if cache and os.path.exists(cache):
        with open(cache, "rb") as tar, open(cache + ".gz", "rb") as packed:
            layer = Layer.__new__(Layer)
            layer.diff_id, layer.data, layer.compress = sha256(tar.read()), packed.read(), "gzip"
            return layer
    folders = "bin dev etc etc/pinnace-lab opt opt/pgedge opt/pgedge/data opt/pgedge/configs opt/pgedge/certificates"
    entries = [(path, None, 0o755) for path in (folders + " proc root run sys usr usr/bin usr/local usr/local/bin var").split()]
    entries.append(("tmp", None, 0o1777))
    with open(BUSYBOX, "rb") as file:
        entries.append(("bin/busybox", file.read(), 0o755))
    for applet in subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True).stdout.split():
        if applet != "busybox":
            entries.append((f"bin/{applet}", "-> busybox", 0o777))
    entries += [
        ("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n", 0o644),
        ("etc/group", b"root:x:0:\nstaff:x:50:\nnogroup:x:65534:\n", 0o644),
        ("healthy", HEALTHY, 0o755),
        ("usr/bin/curl", "-> /healthy", 0o777),
        ("usr/local/bin/patroni", "-> /behave", 0o777),
    ]
    tar = make_tar(entries)
    layer = Layer(tar)
    if cache:  # whole or not at all: several may do this at once
        for path, data in ((cache + ".gz", layer.data), (cache, tar)):
            part = f"{path}.{os.getpid()}"
            with open(part, "wb") as file:
                file.write(data)
            os.replace(part, path)
    return layer


def behaviour_scripts(behaviour):
    """(/behave without its head, what /etc/pinnace-lab/healthy says) for a behaviour's text."""
    kind, *args = behaviour.split(":")
    nap = "while :; do sleep 3600 & wait $!; done\n"
    exits = "trap 'exit 0' TERM INT\n"
    if kind == "sleep":
        return exits.replace("0", str(int(args[0]))) + nap if args else exits + nap, "always"
    if kind == "exit":
        return f"exit {int(args[0])}\n", "always"
    if kind == "exit-after":
        return exits + f"sleep {float(args[0]):g} & wait $!\nexit {int(args[1])}\n", "always"
    if kind == "oneshot":
        return "echo done\nexit 0\n", "always"
    if kind == "unhealthy":
        return exits + nap, "never"
    if kind == "healthy-after":
        return exits + f"sleep {float(args[0]):g} & wait $!\n: >/dev/shm/healthy\n" + nap, "after:" + args[0]
    if kind == "stubborn":
        if args:
            return f"trap 'sleep {float(args[0]):g}; exit 0' TERM\n" + nap, "always"
        return "trap '' TERM INT\n" + nap, "always"
    if kind == "chatty":
        every = float(args[0]) if args else 1
        return exits + f"n=0\nwhile :; do n=$((n + 1)); echo \"line $n\"; sleep {every:g} & wait $!; done\n", "always"
    if kind == "oom":
        return "tail -n 1 /dev/zero\n", "always"
    raise ValueError(f"no such behaviour: {behaviour}")


def top_layer(behaviour, seed, compress):
    script, healthy = behaviour_scripts(behaviour)
    head = f"#!/bin/sh\necho \"behave: {behaviour} on $(hostname)\"\n"
    return Layer(make_tar([
        ("behave", (head + script).encode(), 0o755),
        ("etc/pinnace-lab/healthy", healthy.encode() + b"\n", 0o644),
        ("etc/pinnace-lab/seed", seed.encode() + b"\n", 0o644),
    ]), compress=compress), healthy


def files_layer(files, compress):
    """{path: text} or ["path=text", ...]: a layer of these and of the folders above them; a text `-> x` is a link."""
    entries, made = [], set()
    for path, text in sorted(pairs(files).items()):
        path = path.lstrip("/")
        folders = [path[:at + 1] for at, letter in enumerate(path) if letter == "/"]
        for folder in folders:
            if folder not in made:
                entries.append((folder.rstrip("/"), None, 0o755))
                made.add(folder)
        if not path.endswith("/"):
            entries.append((path, text if text.startswith("-> ") else text.encode(), 0o644))
    return Layer(make_tar(entries), compress=compress)


# ---- images --------------------------------------------------------------------------------------------------------


def pairs(value):
    """{"k": "v"} or ["k=v", ...] as a dictionary."""
    return dict(value) if isinstance(value, dict) else dict(item.partition("=")[::2] for item in value or [])


def push(ref, behaviour="sleep", platform=None, index=None, format=None, attestation=False, label=None, annotation=None,
         annotate="both", base=None, base_name=None, base_digest=None, created=CREATED, no_cmd=False, cmd=None,
         entrypoint=None, user=None, env=None, expose=None, volume=None, workdir=None, stop_signal="SIGKILL", health=None,
         file=None, size=0, filler="filler", compress="gzip", layer_from=None, seed=None, missing_layer=False,
         missing_child=False, broken_config=False, auth=None):
    """Makes an image and pushes it. Lists: platform, label, annotation, env, expose, volume, file; cmd and entrypoint too."""
    host, repo, tag = split_ref(ref)
    to = registry(host, auth)
    platforms = platform or ["linux/amd64"]
    if index is None and (len(platforms) > 1 or attestation):
        index = "oci"
    types = TYPES[index or format or "docker"]
    seed = f"{repo}:{tag}" if seed is None else str(seed)
    annotations = pairs(annotation)
    if base:
        base_name, layer_from = base_name or base, layer_from or base
        base_digest = base_digest or registry(split_ref(base)[0], auth).digest(*split_ref(base)[1:])
    if base_name:
        annotations["org.opencontainers.image.base.name"] = base_name
    if base_digest:
        annotations["org.opencontainers.image.base.digest"] = base_digest

    if file:
        layers, healthy = [files_layer(file, compress)], "always"
    else:
        top, healthy = top_layer(behaviour, seed, compress)
        layers = [top]
    if size or missing_layer:
        layers.append(Layer(make_tar([(filler, random.Random(seed).randbytes(int(size) or 64), 0o644)]), 0, compress))
    settings = {"Labels": pairs(label) or None, "User": user or "", "StopSignal": stop_signal or None}
    settings["Env"] = ["PATH=/usr/local/bin:/usr/bin:/bin"] + [f"{k}={v}" for k, v in pairs(env).items()]
    settings["ExposedPorts"] = {p if "/" in str(p) else f"{p}/tcp": {} for p in expose or []} or None
    settings["Volumes"] = {path: {} for path in volume or []} or None
    settings["WorkingDir"] = workdir or None
    settings["Entrypoint"] = entrypoint
    settings["Cmd"] = None if no_cmd else cmd or ["/behave"]
    if health or healthy != "always":
        test = ["CMD-SHELL", health] if health else ["CMD", "/healthy"]
        second = 1_000_000_000
        # A probe may take long on a busy machine; where it is to pass in the end, many may fail before.
        retries = 3 if healthy == "never" else 60
        settings["Healthcheck"] = {"Test": test, "Interval": second, "Timeout": 60 * second, "Retries": retries}
        if healthy.startswith("after:"):
            settings["Healthcheck"]["StartPeriod"] = int((float(healthy[6:]) + 5) * second)
    settings = {k: v for k, v in settings.items() if v is not None}

    children = []
    for name in platforms:
        os_name, arch, *variant = name.split("/")
        place = {"os": os_name, "architecture": arch, **({"variant": variant[0]} if variant else {})}
        below, diff_ids = ([], []) if file and not layer_from else base_of(to, repo, layer_from, name, types)
        descriptors = below + [to.put_blob(repo, layer.data, layer.media_type(types)) for layer in layers]
        diff_ids = diff_ids + [layer.diff_id for layer in layers]
        config = {**place, "created": created, "config": settings, "rootfs": {"type": "layers", "diff_ids": diff_ids},
                  "history": [{"created": created, "created_by": f"pinnace lab {seed}"}] * len(diff_ids)}
        config = b"this is no JSON\n" + seed.encode() if broken_config else to_json(config)
        manifest = {"schemaVersion": 2, "mediaType": types["manifest"], "layers": descriptors,
                    "config": to.put_blob(repo, config, types["config"])}
        if annotations and annotate in ("manifest", "both"):
            manifest["annotations"] = annotations
        child = to.put_manifest(repo, None if index else tag, manifest)
        children.append({**child, "platform": place, "config": manifest["config"]["digest"]})

    result = dict(children[0])
    if index:
        entries = [{k: child[k] for k in ("mediaType", "digest", "size", "platform")} for child in children]
        entries += [attestation_for(to, repo, child) for child in children if attestation]
        whole = {"schemaVersion": 2, "mediaType": types["index"], "manifests": entries}
        if annotations and index == "oci" and annotate in ("index", "both"):
            whole["annotations"] = annotations
        result = to.put_manifest(repo, tag, whole)
        if missing_child:
            to.delete(repo, children[-1]["digest"])
    if missing_layer:  # the registry would not have taken the manifest without it
        to.delete_blob(repo, sha256(layers[-1].data))
    named = [{"platform": "/".join(c["platform"].values()), **{k: c[k] for k in ("digest", "config", "size")}}
             for c in ({**c, "platform": {k: c["platform"][k] for k in ("os", "architecture", "variant")
                                          if k in c["platform"]}} for c in children)]
    return {"ref": ref, "digest": result["digest"], "mediaType": result["mediaType"], "size": result["size"], "manifests": named}


def base_of(to, repo, layer_from, platform, types):
    """The layers below the image's own: busybox, or all layers of another image of the same registry, packed as they are."""
    if not layer_from:
        layer = base_layer()
        return [to.put_blob(repo, layer.data, types["layer"])], [layer.diff_id]
    _, other, reference = split_ref(layer_from)
    manifest = json.loads(to.get_manifest(other, reference)[1])
    for child in manifest.get("manifests", []):
        place = child.get("platform", {})
        if "/".join(place.get(k) for k in ("os", "architecture", "variant") if place.get(k)) == platform:
            manifest = json.loads(to.get_manifest(other, child["digest"])[1])
            break
    if "layers" not in manifest:
        raise RegistryError(f"{layer_from} has no {platform}")
    config = json.loads(to.request("GET", f"/v2/{other}/blobs/{manifest['config']['digest']}")[2])
    own = types["layer"][:30]  # one of Docker's in an OCI image, or the other way round, is called what it is there
    kinds = [d["mediaType"] if d["mediaType"].startswith(own) else types["layer"] for d in manifest["layers"]]
    layers = [to.put_blob(repo, d, kind, other) for d, kind in zip(manifest["layers"], kinds)]
    return layers, config["rootfs"]["diff_ids"]


def attestation_for(to, repo, child):
    """The entry that BuildKit adds to an index for the provenance of one of its images."""
    oci = TYPES["oci"]
    statement = to_json({"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v0.2",
                         "subject": [{"name": "_", "digest": {"sha256": child["digest"][7:]}}], "predicate": {}})
    config = to_json({"architecture": "unknown", "os": "unknown", "config": {},
                      "rootfs": {"type": "layers", "diff_ids": [sha256(statement)]}})
    layer = to.put_blob(repo, statement, "application/vnd.in-toto+json")
    layer["annotations"] = {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"}
    manifest = {"schemaVersion": 2, "mediaType": oci["manifest"], "layers": [layer],
                "config": to.put_blob(repo, config, oci["config"])}
    return {**to.put_manifest(repo, None, manifest), "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": child["digest"]}}


def tag(ref, new_tag, auth=None):
    """Gives an image of a repository one more tag, moving that tag if it is taken."""
    host, repo, reference = split_ref(ref)
    to = registry(host, auth)
    media_type, data = to.get_manifest(repo, reference)
    to.request("PUT", f"/v2/{repo}/manifests/{new_tag}", data, {"Content-Type": media_type}, want=(201,))
    return {"ref": f"{host}/{repo}:{new_tag}", "digest": sha256(data)}


def delete(ref, auth=None, config=False):
    """Deletes a manifest, and with it every tag that stands for it; with `config` its configuration too, as engines keep
    manifests they have seen and need no registry for them."""
    host, repo, reference = split_ref(ref)
    to = registry(host, auth)
    blob = json.loads(to.get_manifest(repo, reference)[1])["config"]["digest"] if config else None
    gone = to.delete(repo, reference)
    if blob:
        to.delete_blob(repo, blob)
    return {"ref": ref, "digest": gone}


def digest(ref, auth=None):
    host, repo, reference = split_ref(ref)
    return {"ref": ref, "digest": registry(host, auth).digest(repo, reference or "latest")}


def batch(lines, out):
    """The number of lines that failed."""
    failed = 0
    for line in filter(str.strip, lines):
        try:
            options = json.loads(line)
            operation = {"push": push, "delete": delete, "tag": tag, "digest": digest}[options.pop("op", "push")]
            reply = operation(**options)
        except Exception as error:  # whatever it was, the line is answered and the next one gets its turn
            failed += 1
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=out, flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="op", required=True)
    one = commands.add_parser("push")
    one.add_argument("ref")
    one.add_argument("--behaviour", default="sleep")
    for option in ("platform", "label", "annotation", "env", "expose", "volume", "file"):
        one.add_argument("--" + option, action="append", help="may be repeated")
    one.add_argument("--index", choices=TYPES, help="default: oci for several platforms or an attestation, else none")
    one.add_argument("--format", choices=TYPES, help="of a single manifest; default docker")
    one.add_argument("--annotate", choices=("index", "manifest", "both"), default="both", help="where annotations stand")
    one.add_argument("--base", help="an image of this registry: its layers below, and annotations with its name and digest")
    one.add_argument("--compress", choices=("gzip", "zstd", "none"), default="gzip")
    one.add_argument("--filler", default="filler", help="the path of what --size adds")
    for option in ("base-name", "base-digest", "user", "workdir", "health", "layer-from", "seed"):
        one.add_argument("--" + option)
    one.add_argument("--created", default=CREATED)
    one.add_argument("--stop-signal", default="SIGKILL", help="empty for none")
    one.add_argument("--size", type=int, default=0, help="bytes of one more layer, random")
    for option in ("cmd", "entrypoint"):
        one.add_argument("--" + option, type=json.loads, help="a JSON list")
    for option in ("attestation", "no-cmd", "missing-layer", "missing-child", "broken-config"):
        one.add_argument("--" + option, action="store_true")
    many = commands.add_parser("batch")
    move = commands.add_parser("tag")
    move.add_argument("ref")
    move.add_argument("new_tag")
    for name in ("delete", "digest"):
        commands.add_parser(name).add_argument("ref")
    commands.choices["delete"].add_argument("--config", action="store_true", help="the configuration too")
    for command in commands.choices.values():
        if command is not many:
            command.add_argument("--auth", help="USER:PASSWORD")
    options = vars(parser.parse_args())
    operation = options.pop("op")
    if operation == "batch":
        sys.exit(1 if batch(sys.stdin, sys.stdout) else 0)
    try:
        reply = {"push": push, "delete": delete, "tag": tag, "digest": digest}[operation](**options)
    except (RegistryError, ValueError, OSError) as error:
        sys.exit(f"images.py: {error}")
    print(json.dumps(reply))


if __name__ == "__main__":
    main()
