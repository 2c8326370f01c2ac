#!/usr/bin/env python3
"""Side by side on a lab that is up: what `pinnace apply` adds to the engine's own convergence of the same update.

    eval "$(tests/lab/up)" && cargo build --profile dist && benches/apply.py [RUNS]

Two stacks of three services are brought to and fro between two images, by turns with `docker service update` (one service
after another, waiting for convergence, as the CLI does) and with `pinnace apply --settle 0`. Prints medians and the
difference per unit; nothing here passes or fails.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "../target/dist/pinnace")
REGISTRY = os.environ["PINNACE_LAB_REGISTRY"]
PARTS = ["a", "b", "c"]
IMAGES = [f"{REGISTRY}/bench/app:{tag}" for tag in "12"]


def run(*args):
    done = subprocess.run(args, capture_output=True, text=True)
    assert done.returncode == 0, (args, done.stdout, done.stderr)
    return done.stdout


def main():
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp()
    for image in IMAGES:
        run("python3", os.path.join(HERE, "../tests/lab/images.py"), "push", image, "--behaviour", "sleep")
    times = {"docker service update": [], "pinnace apply": []}
    stacks = {name: f"bench-{os.getpid()}-{at}" for at, name in enumerate(times)}
    for stack in stacks.values():
        for part in PARTS:
            run("docker", "service", "create", "-q", "--name", f"{stack}_{part}", "--network", "bridge",
                "--label", f"com.docker.stack.namespace={stack}", "--update-monitor", "2s", "--no-resolve-image", IMAGES[0])
    try:
        for turn in range(RUNS):
            image = IMAGES[(turn + 1) % 2]
            for rival, stack in stacks.items():
                begun = time.monotonic()
                if rival == "pinnace apply":
                    pins = [arg for part in PARTS for arg in ("--pin", f"{part}={image}")]
                    run(PROGRAM, "apply", stack, "--settle", "0", *pins)
                else:
                    for part in PARTS:
                        run("docker", "service", "update", "-q", "--image", image, f"{stack}_{part}")
                times[rival].append(time.monotonic() - begun)
    finally:
        for stack in stacks.values():
            for part in PARTS:
                subprocess.run(["docker", "service", "rm", f"{stack}_{part}"], capture_output=True)
    base = statistics.median(times["docker service update"])
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:<24} {median:6.2f} s   {(median - base) / len(PARTS):+5.2f} s a unit")


main()
