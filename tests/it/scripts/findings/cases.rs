//! The table of test cases, by kind of finding.

mod places;

use super::{At, CASE, Case, From};

const DEV: &str = r#"{"schema_version":1,"images":{"postgres":[
    {"postgres_version":"17.9","spock_version":"5","image":"pgedge-postgres:17.9-spock5.0.6-custom-1","stability":"dev"}]}}"#;

/// Returns all cases: each finding at least once, some with several severities.
pub(super) fn all() -> impl Iterator<Item = &'static Case> {
    IMAGES.iter().chain(places::ALL)
}

/// Cases about pin documents and images.
const IMAGES: &[Case] = &[
    Case { code: "pin-syntax", pins: "image\n", ..CASE },
    Case {
        code: "pin-unknown",
        pins: "[node.n9]\nimage = 'r.example:5000/a:1'\n",
        fine: "[node.n1]\nimage = 'r.example:5000/a:1'\n",
        ..CASE
    },
    Case {
        code: "reference-syntax",
        pins: "image = 'r.example:5000/A/b:1'\n",
        fine: "image = 'r.example:5000/a/b:1'\n",
        ..CASE
    },
    Case {
        code: "no-tag",
        pins: "image = 'r.example:5000/pgedge/pgedge-postgres'\n",
        fine: "image = 'r.example:5000/pgedge/pgedge-postgres@{r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1}'\n",
        ..CASE
    },
    // The registry.
    Case {
        code: "image-not-found",
        pins: "image = 'r.example:5000/pgedge/pgedge-postgres:none'\n",
        fine: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        ..CASE
    },
    Case { code: "image-denied", world: "[[fault]]\nkind = 'registry'\nhost = 'odd.example'\nhow = 'denied'\n", ..ODD },
    Case {
        code: "registry-unreachable",
        world: "[[fault]]\nkind = 'registry'\nhost = 'odd.example'\nhow = 'down'\n",
        ..ODD
    },
    Case {
        code: "registry-rate-limit",
        world: "[[fault]]\nkind = 'registry'\nhost = 'odd.example'\nhow = 'limited'\n",
        ..ODD
    },
    Case {
        code: "registry-failed",
        world: "[[fault]]\nkind = 'registry'\nhost = 'odd.example'\nhow = 'broken'\n",
        ..ODD
    },
    Case {
        code: "no-credentials",
        group: "vault",
        pins: "image = 'login.example/vault:2'\n",
        fine: "image = 'r.example:5000/shop/web:1.31.0'\n",
        ..CASE
    },
    Case {
        code: "no-credentials",
        weight: "warning",
        group: "vault",
        pins: "image = 'login.example/vault:1'\n",
        fine: "image = 'r.example:5000/shop/web:1.31.0'\n",
        before: &["meddle vault login.example/vault:1", "wait 30"],
        ..CASE
    },
    Case {
        code: "registry-engine-disagree",
        weight: "warning",
        world: "[[engine_sees]]\nref = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\ninstead = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-standard-1'\n",
        pins: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        fine: "image = 'r.example:5000/pgedge/pgedge-postgres:17.10-spock5.0.10-standard-1'\n",
        at: At::Plan,
        ..CASE
    },
    Case {
        code: "registry-engine-disagree",
        weight: "warning",
        world: "[[engine_sees]]\nref = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\nnothing = 'dial tcp 10.0.0.1:5000: connect: connection refused'\n",
        pins: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        at: At::Plan,
        ..CASE
    },
    // Platforms.
    Case {
        code: "platform-missing",
        pins: "image = 'r.example:5000/pgedge/pgedge-postgres:arm'\n",
        fine: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        ..CASE
    },
    Case {
        code: "platform-missing",
        weight: "info",
        group: "shop",
        world: "[[node]]\nname = 'node-4'\narchitecture = 'aarch64'\n",
        pins: "[service.web]\nimage = 'r.example:5000/shop/web:1.32.0'\n",
        fine: "# nothing\n",
        ..CASE
    },
    Case {
        code: "platforms-unknown",
        weight: "info",
        pins: "image = 'r.example:5000/pgedge/pgedge-postgres:nobody'\n",
        fine: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        ..CASE
    },
    Case {
        code: "child-manifest",
        weight: "warning",
        pins: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1@{r.example:5000/pgedge/pgedge-postgres:part}'\n",
        fine: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1@{r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1}'\n",
        ..CASE
    },
    // Versions.
    Case {
        code: "version-mismatch",
        pins: "postgres_version = '17.9'\nspock_version = '5'\nimage = 'r.example:5000/pgedge/pgedge-postgres:17.10-spock5.0.10-standard-1'\n",
        fine: "postgres_version = '17.9'\nspock_version = '5'\nimage = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        ..CASE
    },
    Case {
        code: "version-unknown",
        pins: "postgres_version = '9.6'\nimage = 'manifest'\n",
        fine: "postgres_version = '17.9'\nspock_version = '5'\nimage = 'manifest'\n",
        ..CASE
    },
    Case {
        code: "version-unknown",
        weight: "info",
        pins: "postgres_version = '17.9'\nimage = 'r.example:5000/pgedge/pgedge-postgres:bad'\n",
        fine: "postgres_version = '17.9'\nimage = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        ..CASE
    },
    Case {
        code: "version-unstable",
        weight: "warning",
        versions: From::Text(DEV),
        pins: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        fine: "image = 'r.example:5000/pgedge/pgedge-postgres:17.10-spock5.0.10-standard-1'\n",
        ..CASE
    },
    Case {
        code: "major-jump",
        pins: "image = 'r.example:5000/pgedge/pgedge-postgres:18.4-spock5.0.10-standard-1'\n",
        fine: "image = 'r.example:5000/pgedge/pgedge-postgres:17.10-spock5.0.10-standard-1'\n",
        ..CASE
    },
    Case {
        code: "major-jump",
        group: "lone",
        // The check compares with the image that ran, not with the spec, whose image never started.
        before: &["meddle lone r.example:5000/ha/patroni-postgres:17", "wait 30"],
        pins: "image = 'r.example:5000/ha/patroni-postgres:17-alpine'\n",
        fine: "image = 'r.example:5000/ha/patroni-postgres:16-alpine'\n",
        ..CASE
    },
    Case {
        code: "downgrade",
        weight: "warning",
        group: "shop",
        pins: "[service.web]\nimage = 'r.example:5000/shop/web:1.30.2'\n",
        fine: "[service.web]\nimage = 'r.example:5000/shop/web:1.32.0'\n",
        ..CASE
    },
    Case {
        code: "downgrade",
        weight: "info",
        group: "shop",
        before: &["apply shop --pin web=r.example:5000/shop/web:1.32.0 --settle 0"],
        at: At::Back,
        fine: "",
        ..CASE
    },
    Case {
        code: "family-change",
        weight: "warning",
        group: "lone",
        pins: "image = 'r.example:5000/ha/patroni-postgres:16'\n",
        fine: "image = 'r.example:5000/ha/patroni-postgres:16-alpine-20260206'\n",
        ..CASE
    },
    Case {
        code: "differs-from-manifest",
        weight: "info",
        pins: "image = 'r.example:5000/ha/patroni-postgres:16'\n",
        fine: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-standard-2'\n",
        ..CASE
    },
    Case {
        code: "equals-manifest",
        weight: "info",
        pins: "image = 'r.example:5000/pgedge/pgedge-postgres:17.10-spock5.0.10-standard-1'\n",
        fine: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        ..CASE
    },
    Case {
        code: "newer-build",
        weight: "info",
        pins: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-standard-1'\n",
        fine: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-standard-2'\n",
        ..CASE
    },
    Case { code: "newer-version", weight: "info", at: At::Images, fine: "", ..CASE },
    Case {
        code: "manifest-old",
        weight: "info",
        world: "[[document]]\nhost = 'odd.example'\npath = '/versions.json'\nbody = '''{\"schema_version\":1,\"images\":{\"postgres\":[{\"postgres_version\":\"17.9\",\"spock_version\":\"5\",\"image\":\"pgedge-postgres:17.9-spock5.0.6-standard-2\"}]}}'''\n",
        versions: From::Lost,
        at: At::Images,
        fine: "",
        ..CASE
    },
    // Tags.
    Case {
        code: "floating-tag",
        weight: "warning",
        group: "lone",
        pins: "image = 'r.example:5000/ha/patroni-postgres:16-alpine'\nfloating = true\n",
        fine: "image = 'r.example:5000/ha/patroni-postgres:16-alpine'\n",
        ..CASE
    },
    Case {
        code: "tag-digest-disagree",
        weight: "warning",
        group: "shop",
        pins: "[service.web]\nimage = 'r.example:5000/shop/web:1.32.0@{r.example:5000/shop/web:1.33.0}'\n",
        fine: "[service.web]\nimage = 'r.example:5000/shop/web:1.32.0@{r.example:5000/shop/web:1.32.0}'\n",
        ..CASE
    },
    Case {
        code: "tag-digest-disagree",
        weight: "info",
        group: "lone",
        pins: "image = 'r.example:5000/ha/patroni-postgres:16@{r.example:5000/ha/patroni-postgres:16-alpine-20260206}'\n",
        ..CASE
    },
    Case {
        code: "tag-moved",
        weight: "info",
        group: "lone",
        world: "[[image]]\nref = 'r.example:5000/ha/patroni-postgres:16-alpine'\nsalt = 'new'\nlater = true\n",
        pins: "image = 'r.example:5000/ha/patroni-postgres:16-alpine'\n",
        fine: "",
        ..CASE
    },
    Case {
        code: "tag-moved",
        weight: "info",
        group: "lone",
        world: "[[image]]\nref = 'r.example:5000/ha/patroni-postgres:16-alpine'\nsalt = 'new'\nlater = true\n",
        at: At::Images,
        fine: "",
        ..CASE
    },
    Case {
        code: "digest-gone",
        weight: "warning",
        group: "lone",
        world: "[[gone]]\nref = 'r.example:5000/ha/patroni-postgres:16-alpine'\n",
        at: At::Images,
        fine: "",
        ..CASE
    },
    Case { code: "runs-by-tag", weight: "info", group: "shop", at: At::Images, fine: "", ..CASE },
    // Content of the image.
    Case {
        code: "base-outdated",
        weight: "info",
        group: "shop",
        world: "[[image]]\nref = 'r.example:5000/base/debian:12'\nsalt = '12.6'\nlater = true\n",
        pins: "[service.web]\nimage = 'r.example:5000/shop/web:1.32.0'\n",
        fine: "[service.web]\nimage = 'r.example:5000/shop/web:1.33.0'\n",
        ..CASE
    },
    Case {
        code: "base-outdated",
        weight: "info",
        group: "shop",
        // The image does not name its base: the pin document does, and the layers are compared.
        world: "[[image]]\nref = 'r.example:5000/base/debian:12'\nsalt = '12.6'\nlater = true\n",
        pins: "[service.bare]\nimage = 'r.example:5000/shop/web:1.30.2'\nbase = 'r.example:5000/base/debian:12'\n",
        fine: "",
        ..CASE
    },
    Case {
        code: "no-command",
        pins: "image = 'r.example:5000/pgedge/pg_trickle-ext:0.2.0'\n",
        fine: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        ..CASE
    },
    Case {
        code: "contract-broken",
        group: "shop",
        world: "[[image]]\nref = 'r.example:5000/shop/web:1.34.0'\nlabels = { 'org.opencontainers.image.source' = 'https://example.org/web', 'org.opencontainers.image.version' = '1.34.0' }\n",
        pins: "contract = 'service'\n[service.web]\nimage = 'r.example:5000/shop/web:1.32.0'\n",
        fine: "contract = 'service'\n[service.web]\nimage = 'r.example:5000/shop/web:1.34.0'\n",
        ..CASE
    },
    Case {
        code: "contract-broken",
        group: "shop",
        pins: "contract = 'none-such'\n[service.web]\nimage = 'r.example:5000/shop/web:1.32.0'\n",
        ..CASE
    },
];

/// A case with a misbehaving registry.
const ODD: Case = Case {
    group: "lone",
    pins: "image = 'odd.example/patroni-postgres:16-alpine'\n",
    fine: "image = 'r.example:5000/ha/patroni-postgres:16-alpine'\n",
    ..CASE
};
