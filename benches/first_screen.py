#!/usr/bin/env python3
"""Side by side on a lab that is up: how long until the services of a real swarm are on the screen.

    eval "$(tests/lab/up)" && cargo build --profile dist && benches/first_screen.py [RUNS]

Compares `docker service ls`, `pinnace status` and the console, started anew each time, run by turns. Prints medians
and ratios; nothing here passes or fails.
"""
import os
import pty
import select
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 20
PROGRAM = os.path.join(os.path.dirname(__file__), "../target/dist/pinnace")
LAST = "parked"  # a service of the lab that stands on the first page


def command(*args):
    begun = time.monotonic()
    subprocess.run(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.monotonic() - begun


def console():
    begun = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp()
        os.execv(PROGRAM, [PROGRAM])
    import fcntl, struct, termios
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    seen, took = b"", None
    while took is None and time.monotonic() - begun < 10:
        if select.select([terminal], [], [], 0.5)[0]:
            seen += os.read(terminal, 65536)
            if LAST.encode() in seen:
                took = time.monotonic() - begun
    os.write(terminal, b"q")
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass
    os.waitpid(pid, 0)
    return took if took is not None else float("nan")


def main():
    rivals = {
        "docker service ls": lambda: command("docker", "service", "ls"),
        "pinnace status": lambda: command(PROGRAM, "status"),
        "pinnace (first screen)": console,
    }
    times = {name: [] for name in rivals}
    for _ in range(RUNS):
        for name, run in rivals.items():
            times[name].append(run())
    base = statistics.median(times["docker service ls"])
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:<24} {median * 1000:7.1f} ms   {median / base:5.2f} x")


main()
