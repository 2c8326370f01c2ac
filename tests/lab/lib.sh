# Shared by up, down and node: names, lock, network, processes. Sourced, not run.
# shellcheck shell=bash
# shellcheck disable=SC2034  # variables are used by the scripts that source this
set -uo pipefail
export PYTHONDONTWRITEBYTECODE=1
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
NODES=3
AUTH_USER='pinnace'
# As a password this is odd on purpose: whatever comes before it in a JSON text, the standard base64 of that text has
# both '+' and '/', which an engine does not take as X-Registry-Auth (it wants the URL-safe alphabet).
AUTH_PASSWORD='s3cret~pass?>x~~~???'
# bcrypt, cost 5 (the registry checks it on each request), of the password above.
# shellcheck disable=SC2016  # no variables in there
AUTH_HTPASSWD="$AUTH_USER"':$2b$05$pinnaceLabFixedSaltxx.SBcEo.JiIflDCOFuNKE0/QEC1hOUD4O'

say() { echo "lab: $*" >&2; }
die() { echo "lab: $*" >&2; exit 1; }

# lab_names [NAME]: everything a lab owns is named after it, so that labs of two checkouts do not meet.
lab_names() {
    LAB_NAME=${1:-${PINNACE_LAB_NAME:-}}
    LAB_NAME_GIVEN=$LAB_NAME
    [ -n "$LAB_NAME" ] || LAB_NAME="checkout:$(cd "$HERE/../.." && pwd -P)"
    LAB_ID=$(printf %s "$LAB_NAME" | sha256sum | cut -c1-8)
    local tmp=${TMPDIR:-/tmp}
    tmp=$(cd "$tmp" && pwd -P) || die "no such folder: ${TMPDIR:-/tmp}"
    LAB="$tmp/pinnace-lab-$LAB_ID"
    LOCK="$LAB.lock"
    [ ${#LAB} -le 60 ] || die "$LAB is too long a path for the sockets below it; set TMPDIR to a shorter one"
    BRIDGE="plb$LAB_ID"
    CGROUP="pinnace-lab-$LAB_ID"
}
ns() { echo "pinnace-$LAB_ID-$1"; }
veth() { echo "plv$LAB_ID$1"; }
node_dir() { echo "$LAB/node-$1"; }
node_sock() { echo "$LAB/node-$1/docker.sock"; }
node_ip() { echo "$PREFIX.1$1"; }

need_root() { [ "$(id -u)" = 0 ] || die "must run as root"; }

# One up, down or start at a time. The file goes away with the lab, so make sure that what was locked is still there.
lab_lock() {
    while :; do
        exec 9>"$LOCK"
        flock -n 9 || { say "waiting for another up or down of this lab"; flock 9; }
        [ "$(stat -Lc %i /proc/self/fd/9)" = "$(stat -c %i "$LOCK" 2>/dev/null)" ] && return
    done
}

PYTHON=${PYTHON:-python3}
boot_id() { cat /proc/sys/kernel/random/boot_id; }

# ---- processes -----------------------------------------------------------------------------------------------------

# is_ours PID: alive, and its command line names the lab's folder.
is_ours() {
    [ -n "${1:-}" ] && [ -r "/proc/$1/cmdline" ] && tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -qF "$LAB/"
}
# pid_of FILE: the pid in it, if that process is ours.
pid_of() {
    local pid
    pid=$(cat "$1" 2>/dev/null) && is_ours "$pid" && echo "$pid"
}
# detach LOG CMD...: run in the background in a session of its own, holding none of our files.
detach() {
    local log=$1
    shift
    setsid "$@" </dev/null >>"$log" 2>&1 9>&- &
}
# wait_gone SECONDS PID...: true once none of them is left.
wait_gone() {
    local tries=$(($1 * 20)) pid left
    shift
    while :; do
        left=
        for pid in "$@"; do [ -d "/proc/$pid" ] && ! grep -qs '^State:\s*Z' "/proc/$pid/status" && left=1; done
        [ -z "$left" ] && return 0
        [ $((tries -= 1)) -gt 0 ] || return 1
        sleep 0.05
    done
}
# lab_pids: every process of the lab. By the network namespaces, by the cgroup (containers), by the lab's folder in the
# command line of the programs that `up` starts (what is left when a namespace is gone).
lab_pids() {
    local i pid exe
    {
        for i in $(seq $NODES); do
            [ -e "/run/netns/$(ns "$i")" ] && ip netns pids "$(ns "$i")" 2>/dev/null
        done
        grep -lF "/$CGROUP/" /proc/[0-9]*/cgroup 2>/dev/null | cut -d/ -f3
        # shellcheck disable=SC2013  # pids are words
        for pid in $(grep -laF "$LAB/" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3); do
            exe=$(readlink "/proc/$pid/exe" 2>/dev/null)
            case "${exe##*/}" in dockerd* | containerd* | docker-registry* | docker-proxy* | runc*) echo "$pid" ;; esac
        done
    } | sort -un | grep -vx $$
}

# end_helpers: the Python helpers of an `up` that was killed itself would go on, and join what it is too late to join.
end_helpers() {
    local pid pids=()
    # shellcheck disable=SC2013  # pids are words
    for pid in $(grep -laF -e "$HERE/swarm.py" -e "$HERE/seed.py" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3); do
        is_ours "$pid" && kill -9 "$pid" && pids+=("$pid")
    done
    [ ${#pids[@]} = 0 ] || wait_gone 5 "${pids[@]}"
}

# ---- network -------------------------------------------------------------------------------------------------------

# pick_subnet: 10.96-223.x.0/24 by the lab's name; the next one where another link of this machine has it.
pick_subnet() {
    if [ -s "$LAB/prefix" ]; then PREFIX=$(cat "$LAB/prefix"); return; fi
    local a=$((96 + 16#${LAB_ID:0:2} % 128)) b=$((16#${LAB_ID:2:2})) tries=256
    while ip -4 -o addr show | grep -v " $BRIDGE " | grep -qF " 10.$a.$b."; do
        b=$(((b + 1) % 256))
        [ $((tries -= 1)) -gt 0 ] || die "no free subnet in 10.$a.0.0/16"
    done
    PREFIX="10.$a.$b"
    echo "$PREFIX" >"$LAB/prefix"
}
# Each step only where it is missing, so this also repairs.
net_up() {
    local i n v
    if ! ip link show "$BRIDGE" >/dev/null 2>&1; then
        ip link add "$BRIDGE" type bridge || die "cannot make a bridge"
    fi
    ip -4 -o addr show dev "$BRIDGE" | grep -qF " $PREFIX.1/24 " || ip addr add "$PREFIX.1/24" dev "$BRIDGE" || return 1
    ip link set "$BRIDGE" up || return 1
    # A docker daemon on this machine sets FORWARD to DROP, and that counts for bridged frames too.
    iptables -C FORWARD -i "$BRIDGE" -o "$BRIDGE" -j ACCEPT 2>/dev/null ||
        iptables -I FORWARD -i "$BRIDGE" -o "$BRIDGE" -j ACCEPT || say "cannot add an iptables rule; going on"
    for i in $(seq $NODES); do
        n=$(ns "$i") v=$(veth "$i")
        if [ ! -e "/run/netns/$n" ]; then
            ip link del "$v" 2>/dev/null # its other end may be in a namespace that lost its name
            ip netns add "$n" || return 1
        fi
        ip -n "$n" link set lo up
        if ! ip link show "$v" >/dev/null 2>&1; then
            ip link add "$v" type veth peer name eth0 netns "$n" || return 1
            ip link set "$v" master "$BRIDGE" || return 1
            ip -n "$n" addr add "$(node_ip "$i")/24" dev eth0 || return 1
            ip -n "$n" link set eth0 up
        fi
        ip link set "$v" up
        ip -n "$n" route replace default via "$PREFIX.1" || return 1
    done
}

# ---- nodes ---------------------------------------------------------------------------------------------------------

# storage_driver: overlay2 where the kernel lets the lab's folder have it.
storage_driver() {
    if [ ! -s "$LAB/storage-driver" ]; then
        local d="$LAB/overlay-test"
        mkdir -p "$d/l" "$d/u" "$d/w" "$d/m"
        if mount -t overlay overlay -o "lowerdir=$d/l,upperdir=$d/u,workdir=$d/w" "$d/m" 2>/dev/null; then
            umount "$d/m"
            echo overlay2 >"$LAB/storage-driver"
        else
            echo vfs >"$LAB/storage-driver"
        fi
        rm -rf "$d"
    fi
    cat "$LAB/storage-driver"
}
# in_node N PIDFILE LOG CMD...: a daemon in the node's network namespace, with the node's host name. Not `ip netns exec`:
# that remounts /sys, and then dockerd finds no cgroups.
in_node() {
    local n=$1 pidfile=$2 log=$3
    shift 3
    # shellcheck disable=SC2016  # expanded by the inner shell
    detach "$log" nsenter --net="/run/netns/$(ns "$n")" unshare -u \
        sh -c 'hostname "$1" && echo $$ >"$2" && shift 2 && exec "$@"' sh "node-$n" "$pidfile" "$@"
}
node_alive() {
    local pid
    pid=$(pid_of "$(node_dir "$1")/dockerd.pid") && pid_of "$(node_dir "$1")/containerd.pid" >/dev/null &&
        [ "$(stat -Lc %i "/proc/$pid/ns/net" 2>/dev/null)" = "$(stat -Lc %i "/run/netns/$(ns "$1")" 2>/dev/null)" ]
}
# node_start N: containerd and dockerd of a node, each with every path below the node's folder. Does not wait.
node_start() {
    local n=$1 d pid file
    d=$(node_dir "$n")
    node_alive "$n" && return
    # One of the two is gone, or both sit in a namespace that is: end the rest first.
    for file in dockerd containerd; do
        if pid=$(pid_of "$d/$file.pid"); then kill -9 "$pid"; wait_gone 5 "$pid"; fi
        rm -f "$d/$file.pid"
    done
    rm -f "$d/docker.sock"
    mkdir -p "$d/data" "$d/exec" "$d/containerd"
    # Without this the engines would share a key in /etc/docker, and with it their engine id, and leave it behind.
    printf '{"deprecated-key-path": "%s"}\n' "$d/key.json" >"$d/daemon.json"
    cat >"$d/containerd.toml" <<TOML
version = 2
root = "$d/containerd/root"
state = "$d/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "$d/containerd.sock"
TOML
    in_node "$n" "$d/containerd.pid" "$d/containerd.log" containerd --config "$d/containerd.toml" --log-level warn
    in_node "$n" /dev/null "$d/dockerd.log" dockerd --config-file "$d/daemon.json" \
        --host "unix://$d/docker.sock" --pidfile "$d/dockerd.pid" --containerd "$d/containerd.sock" \
        --data-root "$d/data" --exec-root "$d/exec" --storage-driver "$(storage_driver)" \
        --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$CGROUP" --shutdown-timeout 5 \
        --node-generic-resource widget=8 \
        --insecure-registry "$REGISTRY" --insecure-registry "$AUTH_REGISTRY"
}

# ---- registries ----------------------------------------------------------------------------------------------------

# pick_ports: 5000 and 5001 on the bridge's address; others where a server of this machine listens on all addresses.
pick_ports() {
    local name port=5000 used
    used=$(ss -Hltn | awk '{ print $4 }' | sed -n 's/^\(\*\|0\.0\.0\.0\|\[::\]\)://p')
    for name in plain auth; do
        mkdir -p "$LAB/registry-$name/data"
        if [ ! -s "$LAB/registry-$name/port" ]; then
            while grep -qx "$port" <<<"$used"; do port=$((port + 1)); done
            echo "$port" >"$LAB/registry-$name/port"
            port=$((port + 1))
        fi
    done
    REGISTRY="$PREFIX.1:$(cat "$LAB/registry-plain/port")"
    AUTH_REGISTRY="$PREFIX.1:$(cat "$LAB/registry-auth/port")"
}
# registry_start NAME ADDRESS: plain http on the bridge's address.
registry_start() {
    local d="$LAB/registry-$1"
    pid_of "$d/pid" >/dev/null && return
    {
        printf 'version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\n'
        printf 'storage: {filesystem: {rootdirectory: "%s"}, delete: {enabled: true}}\n' "$d/data"
        printf 'http: {addr: "%s"}\n' "$2"
    } >"$d/config.yml"
    if [ "$1" = auth ]; then
        printf '%s\n' "$AUTH_HTPASSWD" >"$d/htpasswd"
        printf 'auth: {htpasswd: {realm: pinnace-lab, path: "%s"}}\n' "$d/htpasswd" >>"$d/config.yml"
    fi
    # shellcheck disable=SC2016  # expanded by the inner shell
    detach "$d/log" sh -c 'echo $$ >"$1" && exec docker-registry serve "$2"' sh "$d/pid" "$d/config.yml"
}

# ---- taking down ---------------------------------------------------------------------------------------------------

# lab_remove: every trace, whatever state the lab is in. The lock is held; the caller removes it.
lab_remove() {
    local i pid pids=() m
    end_helpers
    for i in $(seq $NODES); do
        if pid=$(pid_of "$LAB/node-$i/dockerd.pid"); then kill -9 "$pid" && pids+=("$pid"); fi
        if pid=$(pid_of "$LAB/node-$i/containerd.pid"); then kill -9 "$pid" && pids+=("$pid"); fi
    done
    [ ${#pids[@]} = 0 ] || wait_gone 5 "${pids[@]}"
    for i in $(seq 40); do # those that are dead but not yet reaped count too: they hold their cgroup
        mapfile -t pids < <(lab_pids)
        [ ${#pids[@]} -gt 0 ] || break
        kill -9 "${pids[@]}" 2>/dev/null
        wait_gone 3 "${pids[@]}" && sleep 0.1
    done
    [ ${#pids[@]} = 0 ] || wait_gone 0 "${pids[@]}" || say "still there: ${pids[*]}"
    # Shims have their sockets in a folder that all containerds of a machine share; our containerds' state says which are ours.
    for m in "$LAB"/node-*/containerd/state/io.containerd.runtime.v2.task/moby/*/address; do
        [ -f "$m" ] || continue
        m=$(sed 's,^unix://,,' "$m")
        case "$m" in /run/containerd/s/*) rm -f "$m" ;; esac
    done
    # So have load balancers of overlay networks; the network's id stands in our engines' store or log.
    for m in /var/lib/docker/network/files/lb_*; do
        [ -d "$m" ] && grep -qsaF "${m##*/lb_}" "$LAB"/node-*/data/network/files/local-kv.db "$LAB"/node-*/dockerd.log &&
            rm -rf "$m"
    done
    # Folders that engines make whatever paths they are given; gone only if they are empty.
    rmdir /run/containerd/s /run/containerd /run/docker/plugins /run/docker /var/lib/docker/network/files \
        /var/lib/docker/network /var/lib/docker 2>/dev/null
    # Mounts, the deepest first.
    awk -v lab="$LAB/" 'index($5, lab) == 1 { print length($5), $5 }' /proc/self/mountinfo | sort -rn | cut -d' ' -f2- |
        while read -r m; do umount -l "$(printf '%b' "$m")" 2>/dev/null; done
    for i in $(seq $NODES); do
        ip link del "$(veth "$i")" 2>/dev/null
        [ -e "/run/netns/$(ns "$i")" ] && ip netns del "$(ns "$i")"
    done
    if command -v iptables >/dev/null; then
        while iptables -D FORWARD -i "$BRIDGE" -o "$BRIDGE" -j ACCEPT 2>/dev/null; do :; done
    fi
    ip link del "$BRIDGE" 2>/dev/null
    find /sys/fs/cgroup -depth -type d \( -path "*/$CGROUP" -o -path "*/$CGROUP/*" \) -exec rmdir {} \; 2>/dev/null
    rm -rf --one-file-system "$LAB" || { sleep 0.5; rm -rf --one-file-system "$LAB"; }
    [ ! -e "$LAB" ]
}
