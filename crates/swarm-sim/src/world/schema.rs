//! The schema of a service spec, as an engine stores it: the members known since which API version, their order, and
//! default values. Unknown members are silently dropped.

use std::fmt::Write as _;

use serde_json::Value;

/// The condition for writing a member.
#[derive(Clone, Copy)]
pub(super) enum WriteRule {
    /// Omitted if empty, zero, false or null.
    Some,
    /// Written if it was given and is not null.
    Given,
    /// Always written, with this default if it was not given.
    Always(&'static str),
}

/// The type of a member.
#[derive(Clone, Copy)]
pub(super) enum FieldShape {
    /// Any value, copied; maps are sorted by key, as Go writes them.
    Any,
    /// A struct.
    One(&'static [Member]),
    /// A list of structs.
    Many(&'static [Member]),
}

/// A member of a struct, with its condition, its type and the first API version that knows it.
pub(super) struct Member {
    name: &'static str,
    when: WriteRule,
    holds: FieldShape,
    since: u32,
}

const fn member(name: &'static str, when: WriteRule, holds: FieldShape) -> Member {
    Member { name, when, holds, since: 0 }
}

const fn some(name: &'static str) -> Member {
    member(name, WriteRule::Some, FieldShape::Any)
}

const fn given(name: &'static str, holds: &'static [Member]) -> Member {
    member(name, WriteRule::Given, FieldShape::One(holds))
}

const fn list(name: &'static str, holds: &'static [Member]) -> Member {
    member(name, WriteRule::Some, FieldShape::Many(holds))
}

const fn always(name: &'static str, default: &'static str) -> Member {
    member(name, WriteRule::Always(default), FieldShape::Any)
}

const fn since(minor: u32, mut member: Member) -> Member {
    member.since = minor;
    member
}

pub(super) static SERVICE: &[Member] = &[
    some("Name"),
    always("Labels", "{}"),
    member("TaskTemplate", WriteRule::Always("{}"), FieldShape::One(TEMPLATE)),
    member("Mode", WriteRule::Always("{\"Replicated\":{\"Replicas\":1}}"), FieldShape::One(MODE)),
    given("UpdateConfig", POLICY),
    given("RollbackConfig", POLICY),
    list("Networks", NETWORK),
    given("EndpointSpec", ENDPOINT),
];

static TEMPLATE: &[Member] = &[
    given("ContainerSpec", CONTAINER),
    given("Resources", RESOURCES),
    given("RestartPolicy", RESTART),
    given("Placement", PLACEMENT),
    list("Networks", NETWORK),
    given("LogDriver", DRIVER),
    always("ForceUpdate", "0"),
    always("Runtime", "\"container\""),
];

static MODE: &[Member] = &[
    given("Replicated", &[member("Replicas", WriteRule::Always("1"), FieldShape::Any)]),
    given("Global", &[]),
    since(41, given("ReplicatedJob", &[always("MaxConcurrent", "1"), always("TotalCompletions", "1")])),
    since(41, given("GlobalJob", &[])),
];

static CONTAINER: &[Member] = &[
    some("Image"),
    some("Labels"),
    some("Command"),
    some("Args"),
    some("Hostname"),
    some("Env"),
    some("Dir"),
    some("User"),
    some("Groups"),
    given("Privileges", PRIVILEGES),
    member("Init", WriteRule::Given, FieldShape::Any),
    some("StopSignal"),
    some("TTY"),
    some("OpenStdin"),
    some("ReadOnly"),
    list("Mounts", MOUNT),
    member("StopGracePeriod", WriteRule::Given, FieldShape::Any),
    given("Healthcheck", HEALTH),
    some("Hosts"),
    given("DNSConfig", &[some("Nameservers"), some("Search"), some("Options")]),
    list("Secrets", &[given("File", FILE), some("SecretID"), some("SecretName")]),
    list("Configs", &[given("File", FILE), some("ConfigID"), some("ConfigName")]),
    always("Isolation", "\"default\""),
    since(40, some("Sysctls")),
    since(41, some("CapabilityAdd")),
    since(41, some("CapabilityDrop")),
    since(41, list("Ulimits", &[some("Name"), some("Hard"), some("Soft")])),
    since(46, member("OomScoreAdj", WriteRule::Some, FieldShape::Any)),
];

static PRIVILEGES: &[Member] = &[
    always("CredentialSpec", "null"),
    member("SELinuxContext", WriteRule::Always("null"), FieldShape::One(LABELS)),
    since(44, some("Seccomp")),
    since(44, some("AppArmor")),
    since(44, always("NoNewPrivileges", "false")),
];

static LABELS: &[Member] = &[
    always("Disable", "false"),
    always("User", "\"\""),
    always("Role", "\"\""),
    always("Type", "\"\""),
    always("Level", "\"\""),
];

static FILE: &[Member] = &[always("Name", "\"\""), always("UID", "\"0\""), always("GID", "\"0\""), always("Mode", "0")];

static HEALTH: &[Member] = &[
    some("Test"),
    some("Interval"),
    some("Timeout"),
    some("StartPeriod"),
    since(44, some("StartInterval")),
    some("Retries"),
];

static MOUNT: &[Member] = &[
    some("Type"),
    some("Source"),
    some("Target"),
    some("ReadOnly"),
    some("Consistency"),
    given("BindOptions", &[some("Propagation"), some("NonRecursive")]),
    given("VolumeOptions", &[some("NoCopy"), some("Labels"), given("DriverConfig", DRIVER)]),
    given("TmpfsOptions", &[some("SizeBytes"), some("Mode")]),
];

static DRIVER: &[Member] = &[some("Name"), some("Options")];

static RESOURCES: &[Member] = &[
    given("Limits", &[some("NanoCPUs"), some("MemoryBytes"), since(41, some("Pids"))]),
    given("Reservations", &[some("NanoCPUs"), some("MemoryBytes"), some("GenericResources")]),
];

static RESTART: &[Member] = &[
    always("Condition", "\"any\""),
    member("Delay", WriteRule::Given, FieldShape::Any),
    always("MaxAttempts", "0"),
    member("Window", WriteRule::Given, FieldShape::Any),
];

static PLACEMENT: &[Member] = &[
    some("Constraints"),
    some("Preferences"),
    since(40, some("MaxReplicas")),
    list("Platforms", &[some("Architecture"), some("OS")]),
];

static NETWORK: &[Member] = &[some("Target"), some("Aliases"), some("DriverOpts")];

static POLICY: &[Member] = &[
    always("Parallelism", "0"),
    some("Delay"),
    always("FailureAction", "\"pause\""),
    some("Monitor"),
    always("MaxFailureRatio", "0"),
    always("Order", "\"stop-first\""),
];

static ENDPOINT: &[Member] = &[always("Mode", "\"vip\""), list("Ports", PORT)];

static PORT: &[Member] = &[
    some("Name"),
    always("Protocol", "\"tcp\""),
    some("TargetPort"),
    some("PublishedPort"),
    always("PublishMode", "\"ingress\""),
];

/// Returns a service spec as an engine of this API version writes it.
pub(super) fn service(value: &Value, minor: u32) -> String {
    let mut out = String::with_capacity(512);
    write(&mut out, SERVICE, value, minor, &[]);
    out
}

/// Returns the task spec of a service: its template without the member `Runtime`.
pub(super) fn task(service: &Value, minor: u32) -> String {
    let mut out = String::with_capacity(384);
    write(&mut out, TEMPLATE, service.get("TaskTemplate").unwrap_or(&Value::Null), minor, &["Runtime"]);
    out
}

fn write(out: &mut String, members: &[Member], value: &Value, minor: u32, without: &[&str]) {
    out.push('{');
    let mut first = true;
    for member in members.iter().filter(|member| member.since <= minor && !without.contains(&member.name)) {
        let there = value.get(member.name).filter(|value| !value.is_null());
        let default: Value;
        let value = match (member.when, there) {
            (WriteRule::Some, Some(value)) if !is_empty(value) => value,
            (WriteRule::Given, Some(value)) => value,
            (WriteRule::Always(_), Some(value)) if *value != Value::String(String::new()) => value,
            (WriteRule::Always(text), _) => {
                default = serde_json::from_str(text).unwrap_or(Value::Null);
                &default
            }
            _ => continue,
        };
        if !first {
            out.push(',');
        }
        first = false;
        out.push('"');
        out.push_str(member.name);
        out.push_str("\":");
        held(out, member.holds, value, minor);
    }
    out.push('}');
}

fn held(out: &mut String, holds: FieldShape, value: &Value, minor: u32) {
    match (holds, value) {
        (FieldShape::One(members), Value::Object(_)) => write(out, members, value, minor, &[]),
        (FieldShape::Many(members), Value::Array(items)) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(out, members, item, minor, &[]);
            }
            out.push(']');
        }
        _ => any(out, value),
    }
}

/// Writes a value as Go does: whole floats without a fraction.
fn any(out: &mut String, value: &Value) {
    match value.as_f64() {
        Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() < 1e15 => {
            let _ = write!(out, "{number:.0}");
        }
        _ => out.push_str(&value.to_string()),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_kitchen_sink_is_kept_to_the_letter() {
        let text = include_str!("../../../../tests/captures/kitchen-sink-service.json");
        let start = text.find("\"Spec\":").unwrap() + 7;
        let spec = text[start..].trim_end().split(",\"Endpoint\":{").next().unwrap();
        let value: Value = serde_json::from_str(spec).unwrap();
        assert_eq!(service(&value, 41), spec);
        let older = service(&value, 39);
        assert!(!older.contains("CapabilityAdd") && !older.contains("Pids") && !older.contains("MaxReplicas"));
    }

    #[test]
    fn what_is_not_given_is_filled_in_and_what_is_not_known_is_lost() {
        let value = json!({"Name": "a", "Bogus": 1, "UpdateConfig": {},
            "TaskTemplate": {"ContainerSpec": {"Image": "i", "Wat": {}}}});
        assert_eq!(
            service(&value, 41),
            r#"{"Name":"a","Labels":{},"TaskTemplate":{"ContainerSpec":{"Image":"i","Isolation":"default"},"ForceUpdate":0,"Runtime":"container"},"Mode":{"Replicated":{"Replicas":1}},"UpdateConfig":{"Parallelism":0,"FailureAction":"pause","MaxFailureRatio":0,"Order":"stop-first"}}"#
        );
    }
}
