#!/usr/bin/env python3
"""What a lab starts with. Creates only what is missing; what tests changed stays as they left it.

seed.py images LAB                 pushes the images (the registries are in the environment, see `up`)
seed.py services SOCKETS [NODES]   creates the services, and waits for those that it created; NODES, when given, are nodes
                               that were just started again: waits for their tasks too
"""
import base64
import os
import sys
import time

import images
import specs
from swarm import ApiError, Engine, find_manager, say, wait_for

REGISTRY = os.environ["PINNACE_LAB_REGISTRY"]
AUTH_REGISTRY = os.environ["PINNACE_LAB_AUTH_REGISTRY"]
LAB = os.environ["PINNACE_LAB"]

# ref without the registry: options of images.push
IMAGES = {
    "pg:17.9-spock5.0.6-standard-1": {},
    "pg:17.9-spock5.0.6-standard-2": {},
    "pg:17.10-spock5.0.10-standard-1": {},
    "pg:18.4-spock5.0.10-standard-1": {},
    "pg:my-custom-image": {"label": ["org.example.built-by=somebody"]},
    "pg:crash": {"behaviour": "exit:1"},
    "pg:armonly": {"platform": ["linux/arm64/v8"], "index": "oci"},
    "mcp:1.0.0": {},
    "shop/web:1.30.2": {},
    "shop/web:1.31.0": {"platform": ["linux/amd64", "linux/arm64/v8"], "attestation": True},
    "shop/api:2.8.0": {},
    "shop/api:2.8.1": {},
    "shop/agent:0.4": {},
    "shop/agent:0.5": {},
    "tools/cron:1": {},
    "tools/sink:1": {"behaviour": "sleep:143"},  # its restart condition is on-failure
    "tools/parked:1": {},
    "tools/failing:1": {"behaviour": "exit-after:1:1"},
    "tools/migrate:1": {"behaviour": "oneshot"},
}
AUTH_IMAGES = {"private/pg:1": {}, "private/pg:2": {}}


def push_images():
    pushed = 0
    for host, wanted in ((REGISTRY, IMAGES), (AUTH_REGISTRY, AUTH_IMAGES)):
        to = images.registry(host)
        # 401 is an answer too
        wait_for(f"the registry at {host}", lambda to=to: to.request("GET", "/v2/", want=None)[0], 20, 0.05)
        for ref, options in wanted.items():
            _, repo, tag = images.split_ref(f"{host}/{ref}")
            if to.digest(repo, tag) is None:
                images.push(f"{host}/{ref}", **options)
                pushed += 1
    if pushed:
        say(f"pushed {pushed} images")


def state_of(service):
    """What a seed that was just created should come to, and whether it is there."""
    name, status = service["Spec"]["Name"], service["ServiceStatus"]
    if name in ("failing", "oneshot-migrate"):
        return True  # the tasks tell; see settled
    return status["RunningTasks"] == status["DesiredTasks"] and (status["DesiredTasks"] > 0 or name == "parked")


def settled(engine, names):
    """The names that are not yet as they should be."""
    left = {s["Spec"]["Name"] for s in engine("GET", "/services", status="true")
            if s["Spec"]["Name"] in names and not state_of(s)}
    for name, state in (("failing", "failed"), ("oneshot-migrate", "complete")):
        if name in names:
            tasks = engine("GET", "/tasks", filters={"service": [name]})
            if not any(task["Status"]["State"] == state for task in tasks):
                left.add(name)
    return left


def restarted(engine, engines):
    """Whether every task that should run does, in a container that really is there: right after a node's engine was killed
    and started again its tasks still read as running. (Those that wait out a restart delay are desired to be ready.)"""
    containers = set()
    for one in engines:
        for container in one("GET", "/containers/json", filters={"label": ["com.docker.swarm.task.id"]}):
            containers.add(container["Labels"]["com.docker.swarm.task.id"])
    names = {s["ID"]: s["Spec"]["Name"] for s in engine("GET", "/services")}
    return all(task["Status"]["State"] == "running" and task["ID"] in containers
               for task in engine("GET", "/tasks", filters={"desired-state": ["ready", "running"]})
               if names.get(task.get("ServiceID")) not in (None, "failing", "oneshot-migrate"))


def ensure(engine, kind, name, body):
    """The id of a secret or config, created when it is missing."""
    for there in engine("GET", f"/{kind}", filters={"name": [name]}):
        if there["Spec"]["Name"] == name:
            return there["ID"]
    return engine("POST", f"/{kind}/create", {"Name": name, **body})["ID"]


def seed_services(sockets, started):
    engines = [Engine(path) for path in sockets]
    engine, _, nodes = wait_for("a manager", lambda: find_manager(engines), 60)
    there = {service["Spec"]["Name"] for service in engine("GET", "/services")}
    by_name = {node["Description"]["Hostname"]: node["ID"] for node in nodes if node["Status"]["State"] != "down"}
    pinned = {ref: images.registry(REGISTRY).digest(*images.split_ref(f"{REGISTRY}/{ref}")[1:]) for ref in IMAGES}
    lab = specs.Lab(REGISTRY, LAB, by_name, lambda ref: f"{REGISTRY}/{ref}@{pinned[ref]}")

    created = set()
    for make in specs.ALL:
        for spec in make(lab):
            if spec["Name"] in there:
                continue
            container = spec["TaskTemplate"]["ContainerSpec"]
            for mount in container.get("Mounts", []):
                if mount["Type"] == "bind":
                    os.makedirs(mount["Source"], exist_ok=True)
            for kind, key in (("secrets", "Secrets"), ("configs", "Configs")):
                for wanted in container.get(key, []):
                    data = base64.b64encode(f"the {key.lower()[:-1]} of {spec['Name']}\n".encode()).decode()
                    name = wanted[key[:-1] + "Name"]
                    wanted[key[:-1] + "ID"] = ensure(engine, kind, name, {"Labels": {"lab": "seed"}, "Data": data})
            engine("POST", "/services/create", spec)
            created.add(spec["Name"])
    if created:
        say(f"created {len(created)} services")
        end = time.monotonic() + 60
        while left := settled(engine, created):
            if time.monotonic() > end:
                sys.exit("lab: not as they should be after 60 s: " + ", ".join(sorted(left)))
            time.sleep(0.1)
    if started:
        end = time.monotonic() + 40
        while not restarted(engine, engines):
            if time.monotonic() > end:  # a test may have left it so
                say("some services are still not as they should be, 40 s after their node was started again")
                break
            time.sleep(0.2)


if __name__ == "__main__":
    try:
        if sys.argv[1] == "images":
            push_images()
        else:
            seed_services(sys.argv[2].split(":"), sys.argv[3:])
    except (ApiError, images.RegistryError, OSError) as error:
        sys.exit(f"lab: {error}")
