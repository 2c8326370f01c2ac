#!/usr/bin/env python3
"""How long it takes to check 200 distinct images at a real registry, beside bare requests, curl, skopeo and the engine.

    cargo build --profile dist --example look_many && benches/check_images.py [RUNS]

With a lab that is up (`eval "$(tests/lab/up)"`) its registry and its first engine are used; without one a `docker-registry` of
its own is started, and the engine is left out. Half of the images are indexes for two platforms with attestations, half are
single manifests. Everybody asks eight at a time over kept connections; `bare` sends the very requests that pinnace sends, as
recorded before, with nothing around them, and `curl` does the same from the command line. Takes turns and prints medians; nothing
here passes or fails.
"""
import concurrent.futures
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 7
COUNT, AT_ONCE, SKOPEO = 200, 8, 20
HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "../target/dist/examples/look_many")
KINDS = ("oci.image.index.v1", "oci.image.manifest.v1", "docker.distribution.manifest.list.v2", "docker.distribution.manifest.v2")
ACCEPT = ", ".join(f"application/vnd.{kind}+json" for kind in KINDS)


def run(*args, **more):
    done = subprocess.run(args, capture_output=True, text=True, **more)
    assert done.returncode == 0, (args, done.stdout, done.stderr)
    return done.stdout


def own_registry(folder):
    """A registry on a free port, with its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % free.getsockname()[1]
    config = os.path.join(folder, "registry.yml")
    with open(config, "w") as file:
        file.write(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nhttp: {{addr: '{address}'}}\n"
                   f"storage: {{filesystem: {{rootdirectory: '{folder}/data'}}, delete: {{enabled: true}}}}\n")
    process = subprocess.Popen(["docker-registry", "serve", config], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(tuple(address.split(":")), 1).close()
            return address, process
        except OSError:
            time.sleep(0.05)
    sys.exit("docker-registry did not start")


def push(host):
    """Makes the images; returns their references."""
    lines, refs = [], [f"{host}/bench/many:{nth}" for nth in range(COUNT)]
    for nth, ref in enumerate(refs):
        options = {"ref": ref, "label": [f"nth={nth}"]}
        if nth % 2:
            options |= {"platform": ["linux/amd64", "linux/arm64/v8"], "attestation": True}
        lines.append(json.dumps(options))
    run("python3", os.path.join(HERE, "../tests/lab/images.py"), "batch", input="\n".join(lines))
    return refs


def timed(*args):
    """Milliseconds, as look_many tells them; everything must have been learned."""
    took, failed = run(PROGRAM, *args).split()
    assert failed == "0", (args, failed)
    return float(took)


def curl(folder, host, requests):
    """A file of requests for curl, and what runs it."""
    def section(line):
        method, what = line.split(" ")
        head = "head\n" if method == "HEAD" else ""
        return f'url = "http://{host}{what}"\n{head}header = "Accept: {ACCEPT}"\noutput = "/dev/null"\nfail\n'

    path = os.path.join(folder, f"curl-{len(requests)}")
    with open(path, "w") as file:
        file.write("next\n".join(map(section, requests)))
    command = ["curl", "--no-progress-meter", "--parallel", "--parallel-max", str(AT_ONCE), "--config", path]

    def once():
        begun = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return (time.monotonic() - begun) * 1000

    return once


def turns(sides):
    """What each side took, turn by turn: what else a machine does meets all sides of a turn alike."""
    times = {name: [] for name in sides}
    for _ in range(RUNS):
        for name, once in sides.items():
            times[name].append(once())
    return times


def show(what, times, goal):
    """Prints medians: of the times, and of what each turn was in terms of the bare requests beside it."""
    print(what)
    for name, taken in times.items():
        ratio = statistics.median(mine / bare for mine, bare in zip(taken, times["bare"]))
        told = f"{ratio:6.2f} × bare" if name != "bare" else ""
        wanted = f"  (goal: at most {goal})" if goal and name == "pinnace" else ""
        print(f"    {name:<8} {statistics.median(taken):8.1f} ms {told}{wanted}")
    return statistics.median(times["pinnace"])


def skopeo(refs, at_once):
    """Milliseconds for all, measured on some of them."""
    def one(ref):
        run("skopeo", "inspect", "--tls-verify=false", f"docker://{ref}")

    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, refs[:SKOPEO]))
    return (time.monotonic() - begun) * 1000 * COUNT / SKOPEO


class Engine(http.client.HTTPConnection):
    """One kept connection to a unix socket."""

    def __init__(self, path):
        super().__init__("docker")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def engine(path, refs):
    """Milliseconds for all through /distribution."""
    def some(part):
        connection = Engine(path)
        for ref in part:
            connection.request("GET", f"/distribution/{ref}/json")
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body

    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(some, [refs[nth::AT_ONCE] for nth in range(AT_ONCE)]))
    return (time.monotonic() - begun) * 1000


def main():
    folder = tempfile.TemporaryDirectory()
    process, host = None, os.environ.get("PINNACE_LAB_REGISTRY")
    if not host:
        host, process = own_registry(folder.name)
    try:
        refs = push(host)
        listed = os.path.join(folder.name, "refs")
        with open(listed, "w") as file:
            file.write("\n".join(refs))
        requests = {"again": [f"HEAD /v2/bench/many/manifests/{nth}" for nth in range(COUNT)]}
        for kind in ("look", "about"):
            requests[kind] = run(PROGRAM, f"requests-{kind}", listed).splitlines()
        ours = {}
        for kind, what, goal in (
            ("again", "existence and digest, of images whose manifests were read before", 1.2),
            ("look", "existence, digest and platforms, of images never seen", None),
            ("about", "the full check: all there is to know, of images never seen", 1.2),
        ):
            lines = os.path.join(folder.name, kind)
            with open(lines, "w") as file:
                file.write("\n".join(requests[kind]))
            heads = sum(line.startswith("HEAD") for line in requests[kind])
            times = turns({
                "bare": lambda: timed("bare", host, lines),
                "curl": curl(folder.name, host, requests[kind]),
                "pinnace": lambda: timed(kind, listed),
            })
            ours[kind] = show(f"{what}: {heads} HEAD, {len(requests[kind]) - heads} GET", times, goal)
        if shutil.which("skopeo"):
            print(f"skopeo inspect: {SKOPEO} of them, scaled to {COUNT} (goal: pinnace is at least 10 × ahead)")
            for way, at_once in (("one by one", 1), ("8 at a time", AT_ONCE)):
                took = statistics.median(skopeo(refs, at_once) for _ in range(3))
                print(f"    {way:<11} {took:8.1f} ms; ahead of it: existence {took / ours['again']:.0f} ×, "
                      f"never seen {took / ours['look']:.0f} ×, in full {took / ours['about']:.0f} ×")
        else:
            print("skopeo is missing: apt-get install skopeo")
        path = os.environ.get("DOCKER_HOST", "").removeprefix("unix://")
        if process is None and path:
            took = statistics.median(engine(path, refs) for _ in range(3))
            print(f"the engine's /distribution: {took:.1f} ms, {took / ours['look']:.1f} × what never seen images take directly")
        else:
            print("no lab is up: no engine beside it")
    finally:
        if process:
            process.terminate()
            process.wait()


main()
