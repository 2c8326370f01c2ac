"""What the image maker says to a registry: blobs and manifests over plain HTTP. Python's standard library only."""
import base64
import functools
import hashlib
import http.client
import json
import os
import urllib.parse

TYPES = {
    "docker": {
        "manifest": "application/vnd.docker.distribution.manifest.v2+json",
        "config": "application/vnd.docker.container.image.v1+json",
        "layer": "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "index": "application/vnd.docker.distribution.manifest.list.v2+json",
    },
    "oci": {
        "manifest": "application/vnd.oci.image.manifest.v1+json",
        "config": "application/vnd.oci.image.config.v1+json",
        "layer": "application/vnd.oci.image.layer.v1.tar+gzip",
        "index": "application/vnd.oci.image.index.v1+json",
    },
}
ACCEPT = ", ".join(t[kind] for t in TYPES.values() for kind in ("manifest", "index"))


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def to_json(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


class RegistryError(Exception):
    pass


class Registry:
    """One registry over one kept connection, plain http."""

    def __init__(self, host, auth=None):
        self.host, self.connection = host, None
        if auth is None and host == os.environ.get("PINNACE_LAB_AUTH_REGISTRY"):
            auth = os.environ.get("PINNACE_LAB_AUTH_USER", "") + ":" + os.environ.get("PINNACE_LAB_AUTH_PASSWORD", "")
        self.headers = {"Authorization": "Basic " + base64.b64encode(auth.encode()).decode()} if auth else {}

    def request(self, method, path, body=None, headers=None, want=(200,)):
        for last in (False, True):
            fresh = self.connection is None
            if fresh:
                self.connection = http.client.HTTPConnection(self.host, timeout=30)
            try:
                self.connection.request(method, path, body, {**self.headers, **(headers or {})})
                reply = self.connection.getresponse()
                data = reply.read()
                break
            except (http.client.HTTPException, ConnectionError):
                self.connection.close()
                self.connection = None  # it may have closed a connection that was idle: once more on a new one
                if last or fresh:
                    raise
        if want and reply.status not in want:
            raise RegistryError(f"{method} http://{self.host}{path}: {reply.status} {data[:300].decode(errors='replace')}")
        return reply.status, reply.headers, data

    def has_blob(self, repo, digest):
        return self.request("HEAD", f"/v2/{repo}/blobs/{digest}", want=(200, 404))[0] == 200

    def put_blob(self, repo, data, media_type, mount_from=None):
        """Uploads unless it is there; returns the descriptor. `data` may be a descriptor, with `mount_from` a repo."""
        if isinstance(data, dict):
            digest = data["digest"]
            self.request("POST", f"/v2/{repo}/blobs/uploads/?mount={digest}&from={mount_from}", b"", want=(201,))
            return {**data, "mediaType": media_type}
        digest = sha256(data)
        if not self.has_blob(repo, digest):
            _, headers, _ = self.request("POST", f"/v2/{repo}/blobs/uploads/", b"", want=(202,))
            to = urllib.parse.urlsplit(headers["Location"])
            query = (to.query + "&" if to.query else "") + "digest=" + digest
            octets = {"Content-Type": "application/octet-stream"}
            self.request("PUT", f"{to.path}?{query}", data, octets, want=(201,))
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def put_manifest(self, repo, tag, manifest):
        """Returns the descriptor. Without a tag it goes in by its digest."""
        data = to_json(manifest)
        digest = sha256(data)
        path = f"/v2/{repo}/manifests/{tag or digest}"
        self.request("PUT", path, data, {"Content-Type": manifest["mediaType"]}, want=(201,))
        return {"mediaType": manifest["mediaType"], "digest": digest, "size": len(data)}

    def get_manifest(self, repo, reference):
        _, headers, data = self.request("GET", f"/v2/{repo}/manifests/{reference}", headers={"Accept": ACCEPT})
        return headers["Content-Type"], data

    def digest(self, repo, reference):
        """The digest that a tag stands for, None if there is no such."""
        path = f"/v2/{repo}/manifests/{reference}"
        status, headers, _ = self.request("HEAD", path, headers={"Accept": ACCEPT}, want=(200, 404))
        return headers["Docker-Content-Digest"] if status == 200 else None

    def delete(self, repo, reference):
        digest = reference if reference.startswith("sha256:") else self.digest(repo, reference)
        if digest is None:
            raise RegistryError(f"no such image: {self.host}/{repo}:{reference}")
        self.request("DELETE", f"/v2/{repo}/manifests/{digest}", want=(202,))
        return digest

    def delete_blob(self, repo, digest):
        self.request("DELETE", f"/v2/{repo}/blobs/{digest}", want=(202,))


@functools.lru_cache(maxsize=None)
def registry(host, auth=None):
    return Registry(host, auth)


def split_ref(ref):
    """host:port/repo[:tag][@digest] as (host, repo, tag or digest or None)."""
    host, _, rest = ref.partition("/")
    if not rest:
        raise ValueError(f"{ref}: want HOST:PORT/REPO[:TAG]")
    rest, _, digest = rest.partition("@")
    repo, _, tag = rest.partition(":")
    return host, repo, digest or tag or None
