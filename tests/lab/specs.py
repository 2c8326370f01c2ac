"""The service specs that a lab starts with, as the Engine API takes them.

The databases have the shape that pgEdge's control plane gives its services (its repository, server/internal/orchestrator/swarm),
the stack that of `docker stack deploy`. Health checks run every second here, to keep tests short; their probes may take long
and fail often, as they do on a busy machine.
"""
import collections
import hashlib

# registry: host:port; folder: of the lab; nodes: id by host name; pinned: ref -> whole ref with its digest
Lab = collections.namedtuple("Lab", "registry folder nodes pinned")
SECOND = 1_000_000_000
MEBI = 1 << 20
HOSTS = {"host-1": "node-1", "host-2": "node-2", "host-3": "node-3"}


def hash8(host_id):
    """The first 8 characters of the base-36 SHA-1 of a host's id, as in pgEdge's instance ids."""
    number, text = int(hashlib.sha1(host_id.encode()).hexdigest(), 16), ""
    while number:
        number, digit = divmod(number, 36)
        text = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + text
    return text[:8]


assert hash8("host-1") == "689qacsi"


def pgedge_postgres(lab, database, node, host, image, port):
    instance = f"{database}-{node}-{hash8(host)}"
    labels = {"pgedge.component": "postgres", "pgedge.database.id": database, "pgedge.host.id": host,
              "pgedge.instance.id": instance, "pgedge.node.name": node}
    folder = f"{lab.folder}/{host}/instances/{instance}"
    return {
        "Name": "postgres-" + instance,
        "Labels": labels,
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": image,
                "Labels": labels,
                "Command": ["/usr/local/bin/patroni"],
                "Args": ["/opt/pgedge/configs/patroni.yaml"],
                "Hostname": "postgres-" + instance,
                "Env": ["PATRONICTL_CONFIG_FILE=/opt/pgedge/configs/patroni.yaml"],
                "StopSignal": "SIGTERM",
                "Mounts": [
                    {"Type": "bind", "Source": folder + "/data", "Target": "/opt/pgedge/data"},
                    {"Type": "bind", "Source": folder + "/configs", "Target": "/opt/pgedge/configs", "ReadOnly": True},
                    {"Type": "bind", "Source": folder + "/certificates", "Target": "/opt/pgedge/certificates", "ReadOnly": True},
                ],
                "Healthcheck": {"Test": ["CMD-SHELL", "curl -Ssf http://localhost:8888/liveness"],
                                "Interval": SECOND, "Timeout": 60 * SECOND, "StartPeriod": SECOND, "Retries": 60},
            },
            "Resources": {"Limits": {}},
            "Placement": {"Constraints": ["node.id==" + lab.nodes[HOSTS[host]]]},
            "Networks": [{"Target": "bridge"}],
        },
        "EndpointSpec": {"Mode": "vip", "Ports": [{"Name": "postgres", "Protocol": "tcp", "TargetPort": 5432,
                                                   "PublishedPort": port, "PublishMode": "host"}]},
    }


def pgedge_service(lab, database, service, host, image):
    instance = f"{database}-{service}-{hash8(host)}"
    labels = {"pgedge.component": "service", "pgedge.database.id": database, "pgedge.host.id": host,
              "pgedge.service.id": service, "pgedge.service.instance.id": instance}
    return {
        "Name": instance,
        "Labels": labels,
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": image, "Labels": labels, "Hostname": instance,
                "Healthcheck": {"Test": ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"],
                                "Interval": SECOND, "Timeout": 60 * SECOND, "StartPeriod": SECOND, "Retries": 60},
            },
            "Placement": {"Constraints": ["node.id==" + lab.nodes[HOSTS[host]]]},
            "Networks": [{"Target": "bridge"}],
        },
        "EndpointSpec": {"Mode": "vip", "Ports": [{"Protocol": "tcp", "TargetPort": 8080, "PublishedPort": 8180,
                                                   "PublishMode": "host"}]},
    }


def storefront(lab):
    """Three replicas of n1 and one of n2, by bare tag as the control plane writes it; and one support service."""
    image = lab.registry + "/pg:17.9-spock5.0.6-standard-2"
    for host in HOSTS:
        yield pgedge_postgres(lab, "storefront", "n1", host, image, 5432)
    yield pgedge_postgres(lab, "storefront", "n2", "host-3", image, 5433)
    yield pgedge_service(lab, "storefront", "mcp", "host-1", lab.registry + "/mcp:1.0.0")


def storefront_no_image(lab):
    """Another database, whose id begins with the first one's; pinned by digest."""
    yield pgedge_postgres(lab, "storefront-no-image", "n1", "host-2", lab.pinned("pg:17.9-spock5.0.6-standard-2"), 5434)


def stack_service(lab, stack, name, ref, mode, **more):
    namespace = {"com.docker.stack.namespace": stack}
    return {
        "Name": f"{stack}_{name}",
        "Labels": {"com.docker.stack.image": f"{lab.registry}/{ref}", **namespace},
        "TaskTemplate": {
            "ContainerSpec": {"Image": lab.pinned(ref), "Labels": namespace, "Env": [f"SHOP_PART={name}"],
                              "Privileges": {"CredentialSpec": None, "SELinuxContext": None},
                              "StopGracePeriod": 5 * SECOND, "Isolation": "default"},
            "Resources": {},
            "Placement": {"Platforms": more.pop("platforms", [{"Architecture": "amd64", "OS": "linux"}])},
        },
        "Mode": mode,
        "EndpointSpec": {"Mode": "vip"},
        **more,
    }


def shop(lab):
    # As docker's client writes Platforms, with what it finds in an index besides images
    both = [{"Architecture": "amd64", "OS": "linux"}, {"Architecture": "arm64", "OS": "linux"}, {}]
    yield stack_service(lab, "shop", "web", "shop/web:1.31.0", {"Replicated": {"Replicas": 3}}, platforms=both)
    update = {"Parallelism": 1, "Delay": 0, "FailureAction": "rollback", "Monitor": 2 * SECOND, "MaxFailureRatio": 0,
              "Order": "start-first"}
    yield stack_service(lab, "shop", "api", "shop/api:2.8.0", {"Replicated": {"Replicas": 2}}, UpdateConfig=update)
    yield stack_service(lab, "shop", "agent", "shop/agent:0.4", {"Global": {}})


def plain(lab, name, ref, replicas=1, **task):
    return {"Name": name, "Mode": {"Replicated": {"Replicas": replicas}},
            "TaskTemplate": {"ContainerSpec": {"Image": f"{lab.registry}/{ref}"}, **task}}


def singles(lab):
    """Nothing that groups them; each one a state of its own."""
    yield plain(lab, "cron-box", "tools/cron:1")
    yield plain(lab, "parked", "tools/parked:1", 0)
    yield plain(lab, "failing", "tools/failing:1", RestartPolicy={"Condition": "any", "Delay": 5 * SECOND})
    yield plain(lab, "oneshot-migrate", "tools/migrate:1", RestartPolicy={"Condition": "none"})


def kitchen_sink(lab):
    """Every field of a service that engine 20.10 (API 1.41) takes and can run on Linux. Not in it, because they exclude what is:
    PluginSpec and NetworkAttachmentSpec (other runtimes), CredentialSpec (Windows), the deprecated Spec.Networks, the other
    modes; and a mount's Consistency and a TTY of false, which it takes and does not keep."""
    owner = {"UID": "0", "GID": "0", "Mode": 0o440}
    yield {
        "Name": "kitchen-sink",
        "Labels": {"org.example.team": "kitchen", "org.example.empty": ""},
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": f"{lab.registry}/tools/sink:1",
                "Labels": {"org.example.container": "sink"},
                "Command": ["/bin/sh", "-c"],
                "Args": ["exec /behave", "sink"],
                "Hostname": "sink-{{.Task.Slot}}",
                "Env": ["SINK=full", "EMPTY=", "NODE={{.Node.Hostname}}"],
                "Dir": "/tmp",
                "User": "root",
                "Groups": ["staff"],
                "Privileges": {"CredentialSpec": None,
                               "SELinuxContext": {"Disable": False, "User": "system_u", "Role": "system_r",
                                                  "Type": "container_t", "Level": "s0"}},
                "Init": True,
                "StopSignal": "SIGTERM",
                "OpenStdin": True,
                "ReadOnly": True,
                "Mounts": [
                    {"Type": "bind", "Source": f"{lab.folder}/sink", "Target": "/bind", "ReadOnly": True,
                     "BindOptions": {"Propagation": "rprivate", "NonRecursive": True}},
                    {"Type": "volume", "Source": "kitchen-sink", "Target": "/volume",
                     "VolumeOptions": {"NoCopy": True, "Labels": {"org.example.volume": "sink"},
                                       "DriverConfig": {"Name": "local", "Options": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}}}},
                    {"Type": "tmpfs", "Target": "/scratch", "TmpfsOptions": {"SizeBytes": MEBI, "Mode": 0o1770}},
                ],
                "StopGracePeriod": 3 * SECOND,
                "Healthcheck": {"Test": ["CMD-SHELL", "curl -f http://localhost:8080/"], "Interval": SECOND,
                                "Timeout": 60 * SECOND, "StartPeriod": SECOND, "Retries": 60},
                "Hosts": ["10.0.0.1 ledger ledger.example", "10.0.0.2 vault"],
                "DNSConfig": {"Nameservers": ["10.0.0.53"], "Search": ["example.org"], "Options": ["timeout:3"]},
                "Secrets": [{"SecretName": "kitchen-sink-secret", "File": {"Name": "secret", **owner}}],
                "Configs": [{"ConfigName": "kitchen-sink-config", "File": {"Name": "/config", **owner}}],
                "Isolation": "default",
                "Sysctls": {"net.ipv4.ip_unprivileged_port_start": "1024"},
                "CapabilityAdd": ["CAP_NET_ADMIN"],
                "CapabilityDrop": ["CAP_MKNOD"],
                "Ulimits": [{"Name": "nofile", "Soft": 512, "Hard": 1024}],
            },
            "Resources": {
                "Limits": {"NanoCPUs": 500_000_000, "MemoryBytes": 64 * MEBI, "Pids": 50},
                "Reservations": {"NanoCPUs": 10_000_000, "MemoryBytes": 8 * MEBI,
                                 "GenericResources": [{"DiscreteResourceSpec": {"Kind": "widget", "Value": 1}}]},
            },
            "RestartPolicy": {"Condition": "on-failure", "Delay": 2 * SECOND, "MaxAttempts": 5, "Window": 30 * SECOND},
            "Placement": {"Constraints": ["node.platform.os==linux", "node.hostname!=nowhere"],
                          "Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.rack"}}],
                          "MaxReplicas": 1,
                          "Platforms": [{"Architecture": "amd64", "OS": "linux"}]},
            "Networks": [{"Target": "bridge"}],
            "LogDriver": {"Name": "json-file", "Options": {"max-file": "2", "max-size": "1m"}},
            "ForceUpdate": 3,
            "Runtime": "container",
        },
        "Mode": {"Replicated": {"Replicas": 2}},
        "UpdateConfig": {"Parallelism": 1, "Delay": SECOND, "FailureAction": "continue", "Monitor": 2 * SECOND,
                         "MaxFailureRatio": 0.25, "Order": "stop-first"},
        "RollbackConfig": {"Parallelism": 2, "Delay": SECOND, "FailureAction": "pause", "Monitor": 3 * SECOND,
                           "MaxFailureRatio": 0.5, "Order": "start-first"},
        "EndpointSpec": {"Mode": "dnsrr", "Ports": [
            {"Name": "http", "Protocol": "tcp", "TargetPort": 8080, "PublishedPort": 8280, "PublishMode": "host"},
            {"Name": "stats", "Protocol": "udp", "TargetPort": 8125, "PublishedPort": 8125, "PublishMode": "host"}]},
    }


ALL = (storefront, storefront_no_image, shop, singles, kitchen_sink)
