#!/usr/bin/env python3
"""The Engine API over unix sockets, and making one swarm of the lab's nodes. Python's standard library only.

swarm.py ping SOCKET                      waits until the engine answers
swarm.py form MANAGERS SOCKETS IPS        makes or repairs the swarm (colon-separated lists), waits until all are ready
"""
import http.client
import json
import socket
import sys
import time
import urllib.parse


class ApiError(Exception):
    def __init__(self, status, text):
        super().__init__(f"{status} {text}")
        self.status = status


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("docker", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Engine:
    """Without a version in the path an engine serves its own highest one."""

    def __init__(self, path):
        self.path = path

    def __call__(self, method, path, body=None, timeout=30, headers=None, **query):
        if query:
            encoded = {k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in query.items()}
            path += "?" + urllib.parse.urlencode(encoded)
        connection = UnixConnection(self.path, timeout)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
            reply = connection.getresponse()
            text = reply.read().decode(errors="replace")
        finally:
            connection.close()
        is_json = "json" in (reply.headers["Content-Type"] or "")
        value = json.loads(text) if text and is_json else text
        if reply.status >= 400:
            raise ApiError(reply.status, value.get("message", text) if isinstance(value, dict) else text)
        return value


def say(text):
    print("lab: " + text, file=sys.stderr, flush=True)


def wait_for(what, check, seconds=60, every=0.1):
    """Calls `check` until it returns something true, and returns that. Errors of the API count as not yet."""
    end = time.monotonic() + seconds
    last = "no answer"
    while True:
        try:
            value = check()
            if value:
                return value
            last = "not yet"
        except (OSError, http.client.HTTPException, ApiError) as error:
            last = str(error)
        if time.monotonic() > end:
            sys.exit(f"lab: waited {seconds} s in vain for {what}: {last}")
        time.sleep(every)


def ping(path):
    wait_for(f"the engine at {path}", lambda: Engine(path)("GET", "/_ping", timeout=5), 40)


def swarm_of(engine):
    return engine("GET", "/info", timeout=25)["Swarm"]


def find_manager(engines):
    """(engine, swarm object, nodes) of a manager that has a leader, else None."""
    for engine in engines:
        try:
            return engine, engine("GET", "/swarm", timeout=25), engine("GET", "/nodes", timeout=25)
        except (OSError, ApiError, http.client.HTTPException):
            continue
    return None


def join(engine, ip, manager, token, manager_ip):
    for attempt in range(5):
        state = swarm_of(engine)
        if state["LocalNodeState"] == "active" and not state.get("Error"):
            return
        if state["LocalNodeState"] != "inactive":
            engine("POST", "/swarm/leave", force=1)
        try:
            engine("POST", "/swarm/join", {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": ip,
                                           "RemoteAddrs": [manager_ip + ":2377"], "JoinToken": token})
            return
        except ApiError as error:
            say(f"joining {ip}: {error}; once more")
            time.sleep(0.5 + attempt)
    sys.exit(f"lab: {ip} does not join the swarm")


def form(managers, sockets, ips):
    for path in sockets:
        ping(path)
    engines = [Engine(path) for path in sockets]
    # A manager without a leader may take 20 s to say so.
    states = wait_for("the state of every node", lambda: [swarm_of(engine) for engine in engines], 60)
    if all(s["LocalNodeState"] == "inactive" for s in states):
        engines[0]("POST", "/swarm/init", {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": ips[0]})
    elif not any(s.get("ControlAvailable") and s["LocalNodeState"] in ("active", "pending") for s in states):
        sys.exit("lab: no manager is left in this swarm; take it down first: tests/lab/down")
    engine, swarm, nodes = wait_for("a manager with a leader", lambda: find_manager(engines), 120, 0.3)
    manager_ip = ips[engines.index(engine)]
    for i, other in enumerate(engines):
        state = states[i] if other is not engine else swarm_of(other)
        if state["LocalNodeState"] in ("inactive", "error"):
            role = "Manager" if i < managers else "Worker"
            join(other, ips[i], engine, swarm["JoinTokens"][role], manager_ip)

    def ready():
        by_name = {}
        for node in engine("GET", "/nodes", timeout=25):
            by_name.setdefault(node["Description"].get("Hostname"), []).append(node)
        states = [swarm_of(other) for other in engines]
        if any(state["LocalNodeState"] != "active" for state in states):
            return False
        here = {f"node-{i + 1}": state["NodeID"] for i, state in enumerate(states)}
        for name, node_id in here.items():
            node = next((n for n in by_name.get(name, []) if n["ID"] == node_id), None)
            if node is None or node["Status"]["State"] != "ready":
                return False
            if node["Spec"]["Role"] == "manager" and node.get("ManagerStatus", {}).get("Reachability") != "reachable":
                return False
        # What a node was before it had to join again
        for node in (n for same in by_name.values() for n in same):
            if node["Status"]["State"] == "down" and node["ID"] not in here.values():
                engine("DELETE", "/nodes/" + node["ID"], force=1)
        return True

    wait_for("all nodes to be ready", ready, 120, 0.2)


if __name__ == "__main__":
    if sys.argv[1] == "ping":
        ping(sys.argv[2])
    else:
        form(int(sys.argv[2]), sys.argv[3].split(":"), sys.argv[4].split(":"))
