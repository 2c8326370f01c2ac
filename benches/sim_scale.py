#!/usr/bin/env python3
"""How large simulated worlds start and answer, beside a real engine where one is named.

    cargo build --profile dist && benches/sim_scale.py [RUNS]            # eval "$(tests/lab/up)" first for the engine beside it

Starts `pinnace sim` with 1,000 services, 100 nodes and 10,000 tasks, and asks for the lists that a console asks for, by
turns with the engine at DOCKER_HOST. As that one holds far less, its time is also given for each entry of a list.
Prints medians; nothing here passes or fails.
"""
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 20
PROGRAM = os.path.join(os.path.dirname(__file__), "../target/dist/pinnace")
LISTS = ["/nodes", "/services?status=true", '/tasks?filters={"desired-state":["running"]}', "/info"]


class Engine(http.client.HTTPConnection):
    """One kept connection to a unix socket."""

    def __init__(self, path):
        super().__init__("docker")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def timed(self, path):
        begun = time.monotonic()
        self.request("GET", path.replace('"', "%22").replace("{", "%7B").replace("}", "%7D"))
        answer = self.getresponse().read()
        took = time.monotonic() - begun
        value = json.loads(answer)
        return took, len(value) if isinstance(value, list) else 1


def main():
    folder = tempfile.TemporaryDirectory()
    path = os.path.join(folder.name, "engine.sock")
    command = [PROGRAM, "sim", "--socket", path, "--services", "1000", "--nodes", "100", "--tasks", "10000"]
    begun = time.monotonic()
    sim = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        while not sim.stdout.readline().startswith("ready"):
            pass
        print(f"start: {time.monotonic() - begun:.2f} s for 1,000 services, 100 nodes, 10,000 tasks")
        sides = {"simulator": Engine(path)}
        host = os.environ.get("DOCKER_HOST", "")
        if host.startswith("unix://"):
            sides["engine"] = Engine(host.removeprefix("unix://"))
        else:
            print("no DOCKER_HOST with a socket: no engine beside it")
        for what in LISTS:
            times = {name: [] for name in sides}
            counts = {}
            for _ in range(RUNS):
                for name, side in sides.items():
                    took, counts[name] = side.timed(what)
                    times[name].append(took)
            for name in sides:
                median, count = statistics.median(times[name]) * 1000, max(counts[name], 1)
                print(f"{what:<48} {name:<10} {median:8.2f} ms  {count:6} entries  {median / count * 1000:8.1f} µs each")
    finally:
        sim.terminate()
        sim.wait()


main()
