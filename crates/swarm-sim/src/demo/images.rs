//! What the demo's registry holds: images as builders make them, with what they say of themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{DAY, HUB, image};
use crate::world::images::{Config, Content, Files, Recipe, Registries, base, digest, reference};
use crate::world::model::{Nanos, SECOND};
use crate::world::time::rfc3339;

/// A base image that has been the same for long.
const DEBIAN: &str = "base/debian:12";
/// A base image that was built anew four days ago.
const ALPINE: &str = "base/alpine:3.20";
/// When that was, in days.
const ALPINE_AGE: u64 = 4;

/// What the images of a repository have in common.
struct Kind {
    repository: &'static str,
    title: &'static str,
    base: &'static str,
    entrypoint: &'static [&'static str],
    cmd: &'static [&'static str],
    user: &'static str,
    port: &'static str,
    health: &'static str,
    /// The size of what it adds to its base, in megabytes.
    megabytes: u64,
    /// Its tags, with their ages in days.
    tags: &'static [(&'static str, u64)],
    /// Further tags, and those whose image they share; `DATE` is the day that image was made.
    aliases: &'static [(&'static str, &'static str)],
}

/// An app of the shop's own.
const APP: Kind = Kind {
    repository: "",
    title: "",
    base: DEBIAN,
    entrypoint: &["/usr/local/bin/app"],
    cmd: &["serve"],
    user: "1000:1000",
    port: "8080/tcp",
    health: "",
    megabytes: 38,
    tags: &[],
    aliases: &[],
};

const KINDS: &[Kind] = &[
    Kind {
        repository: "pgedge/pgedge-postgres",
        title: "pgEdge Enterprise Postgres",
        entrypoint: &["/usr/local/bin/docker-entrypoint.sh"],
        cmd: &["postgres"],
        user: "26",
        port: "5432/tcp",
        megabytes: 398,
        // As pgEdge's version manifest lists them, with an earlier build here and there.
        tags: &[
            ("16.10-spock5.0.4-standard-3", 300),
            ("16.11-spock5.0.4-standard-4", 260),
            ("16.12-spock5.0.5-standard-1", 180),
            ("16.13-spock5.0.6-standard-2", 90),
            ("16.14-spock5.0.10-standard-1", 7),
            ("17.6-spock5.0.4-standard-3", 300),
            ("17.7-spock5.0.4-standard-4", 260),
            ("17.8-spock5.0.5-standard-1", 180),
            ("17.9-spock5.0.6-standard-1", 100),
            ("17.9-spock5.0.6-standard-2", 41),
            ("17.10-spock5.0.10-standard-1", 6),
            ("18.0-spock5.0.4-standard-3", 290),
            ("18.1-spock5.0.4-standard-4", 260),
            ("18.2-spock5.0.5-standard-1", 180),
            ("18.3-spock5.0.6-standard-2", 41),
            ("18.4-spock5.0.10-standard-1", 5),
        ],
        aliases: &[
            ("16-spock5-standard", "16.14-spock5.0.10-standard-1"),
            ("17-spock5-standard", "17.10-spock5.0.10-standard-1"),
            ("17.9-spock5.0.6-standard", "17.9-spock5.0.6-standard-2"),
            ("18-spock5-standard", "18.4-spock5.0.10-standard-1"),
        ],
        ..APP
    },
    Kind {
        repository: "pgedge/postgres-mcp",
        title: "pgEdge Postgres MCP server",
        megabytes: 24,
        tags: &[("1.0.0", 40), ("1.1.0", 9)],
        aliases: &[("1", "1.1.0")],
        ..APP
    },
    Kind { repository: "pgedge/postgrest", title: "PostgREST", megabytes: 12, tags: &[("14.5", 60)], ..APP },
    Kind { repository: "pgedge/rag-server", title: "pgEdge RAG server", tags: &[("1.0.0", 60)], ..APP },
    Kind {
        repository: "ops/patroni-postgres",
        title: "PostgreSQL with Patroni",
        entrypoint: &["/usr/local/bin/patroni"],
        cmd: &["/etc/patroni.yml"],
        user: "postgres",
        port: "5432/tcp",
        health: "curl -fsS http://localhost:8008/liveness",
        megabytes: 142,
        tags: &[("16-3f9c1d2", 37), ("16-b81e07a", 9), ("17-b81e07a", 9)],
        aliases: &[
            ("16-DATE", "16-3f9c1d2"),
            ("16-DATE", "16-b81e07a"),
            ("17-DATE", "17-b81e07a"),
            ("16", "16-b81e07a"),
            ("17", "17-b81e07a"),
        ],
        ..APP
    },
    Kind {
        repository: "shop/web",
        title: "Shop front",
        health: "wget -qO- http://localhost:8080/healthz",
        tags: &[("1.29.4", 70), ("1.30.2", 33), ("1.31.0", 12), ("1.32.0", 1)],
        aliases: &[("1.31", "1.31.0"), ("1", "1.32.0"), ("latest", "1.32.0")],
        ..APP
    },
    Kind { repository: "shop/api", title: "Shop API", tags: &[("2.7.9", 50), ("2.8.0", 20), ("2.8.1", 3)], ..APP },
    Kind {
        repository: "shop/worker",
        title: "Shop worker",
        tags: &[("2.7.9", 50), ("2.8.0", 20), ("2.8.1", 3)],
        ..APP
    },
    Kind { repository: "shop/cart", title: "Shopping cart", tags: &[("0.9.0", 45), ("0.10.0", 10)], ..APP },
    Kind { repository: "shop/mail", title: "Mailer", tags: &[("3.2.1", 90), ("3.3.0", 14)], ..APP },
    Kind { repository: "shop/search", title: "Search", tags: &[("5.1.0", 88), ("5.2.0", 18)], ..APP },
    Kind {
        repository: "base/redis",
        title: "Redis",
        entrypoint: &["docker-entrypoint.sh"],
        cmd: &["redis-server"],
        user: "",
        port: "6379/tcp",
        tags: &[("7.2.4", 200), ("7.2.5", 30), ("7.2.5-bookworm", 30), ("7.4.1", 3)],
        aliases: &[("7", "7.4.1"), ("7.2", "7.2.5")],
        ..APP
    },
    Kind {
        repository: "base/nginx",
        title: "nginx",
        base: ALPINE,
        entrypoint: &["/docker-entrypoint.sh"],
        cmd: &["nginx", "-g", "daemon off;"],
        user: "",
        port: "80/tcp",
        megabytes: 16,
        tags: &[("1.26.1", 150), ("1.27.0", 25), ("1.27.0-alpine", 25), ("1.27.1", 2)],
        aliases: &[("1.27", "1.27.1"), ("stable", "1.26.1")],
        ..APP
    },
    Kind {
        repository: "metrics/agent",
        title: "Metrics agent",
        tags: &[("0.4.0", 60), ("0.5.0", 8), ("0.5.1", 2)],
        ..APP
    },
    Kind { repository: "metrics/store", title: "Metrics store", tags: &[("2.50.0", 99), ("2.51.0", 21)], ..APP },
    Kind { repository: "metrics/board", title: "Metrics board", tags: &[("11.0.0", 77), ("11.1.0", 15)], ..APP },
    Kind { repository: "tools/backup", title: "Backups", tags: &[("1.4.0", 61), ("1.5.0", 11), ("1.5.1", 1)], ..APP },
    Kind { repository: "tools/cron", title: "Cron", tags: &[("1", 300)], ..APP },
];

const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64/v8"];

fn words(of: &[&str]) -> Vec<String> {
    of.iter().filter(|word| !word.is_empty()).map(|word| (*word).to_owned()).collect()
}

/// What a builder writes on an image.
fn labels(title: &str, repository: &str, tag: &str, created: Nanos) -> BTreeMap<String, String> {
    let revision = digest(format!("{repository}:{tag}").as_bytes()).replace("sha256:", "");
    let told = [
        ("title", title.to_owned()),
        ("version", tag.to_owned()),
        ("source", format!("https://git.demo.example/{repository}")),
        ("created", rfc3339(created)),
        ("revision", revision.chars().take(40).collect()),
    ];
    told.into_iter().map(|(key, value)| (format!("org.opencontainers.image.{key}"), value)).collect()
}

impl Kind {
    fn recipe(&self, all: &Registries, tag: &str, age: u64, now: Nanos) -> Recipe {
        let created = now.saturating_sub(age * DAY);
        let health = if self.health.is_empty() { Vec::new() } else { words(&["CMD-SHELL", self.health]) };
        let name = self.repository.rsplit('/').next().unwrap_or_default();
        let config = Config {
            labels: labels(self.title, self.repository, tag, created),
            entrypoint: words(self.entrypoint),
            cmd: words(self.cmd),
            user: self.user.to_owned(),
            ports: words(&[self.port]),
            health,
            workdir: "/".to_owned(),
            env: words(&["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]),
            history: vec![
                format!("COPY {name} /usr/local/bin/ # buildkit"),
                format!("RUN /bin/sh -c /usr/local/bin/{name} --install"),
                format!("ENTRYPOINT {:?}", self.entrypoint),
                format!("CMD {:?}", self.cmd),
            ],
            ..Config::default()
        };
        Recipe {
            behaviour: if self.repository == "tools/cron" { "chatty:7" } else { "sleep" }.to_owned(),
            platforms: words(&PLATFORMS),
            oci: true,
            attestation: true,
            config,
            created,
            salt: format!("{}:{tag}", self.repository),
            base: base(all, &format!("{HUB}/{}", self.base)).map(Arc::new),
            annotate_base: true,
            claimed: self.megabytes * 1_000_000 + tag.bytes().map(u64::from).sum::<u64>() * 977,
            ..Recipe::default()
        }
    }

    fn push(&self, all: &mut Registries, wanted: impl Fn(u64) -> bool, now: Nanos) {
        for (tag, age) in self.tags.iter().filter(|(_, age)| wanted(*age)) {
            let recipe = self.recipe(all, tag, *age, now);
            push(all, self.repository, tag, &recipe);
        }
    }
}

fn push(all: &mut Registries, repository: &str, tag: &str, recipe: &Recipe) {
    all.entry(HUB.to_owned()).or_default().push(repository, tag, recipe);
}

/// Another tag for an image.
fn alias(all: &mut Registries, repository: &str, tag: &str, of: &str) {
    if let (Some(named), Some(registry)) = (reference(&image(repository, of)), all.get_mut(HUB)) {
        registry.tag(tag, &named, None);
    }
}

/// A base image: some files, and what a system weighs.
fn system(title: &str, name: &str, salt: &str, megabytes: u64, created: Nanos) -> Recipe {
    let files = Files::from([("etc/os-release".to_owned(), Content::Text(format!("PRETTY_NAME=\"{salt}\"\n")))]);
    let config = Config {
        labels: labels(title, name, salt, created),
        cmd: words(&["/bin/sh"]),
        history: vec![format!("ADD {salt} rootfs.tar / # buildkit")],
        ..Config::default()
    };
    Recipe {
        platforms: words(&PLATFORMS),
        oci: true,
        config,
        created,
        layers: vec![files],
        claimed: megabytes * 1_000_000,
        salt: salt.to_owned(),
        ..Recipe::default()
    }
}

/// The demo's registry.
pub(super) fn registries(now: Nanos) -> Registries {
    let all = &mut Registries::new();
    all.entry(HUB.to_owned()).or_default().insecure = true;
    let ago = |days: u64| now.saturating_sub(days * DAY);
    push(all, "base/debian", "12", &system("Debian", "base/debian", "Debian 12.12", 48, ago(320)));
    push(all, "base/alpine", "3.20", &system("Alpine", "base/alpine", "Alpine 3.20.3", 4, ago(200)));
    for kind in KINDS {
        kind.push(all, |age| age > ALPINE_AGE || kind.base != ALPINE, now);
    }
    push(all, "base/alpine", "3.20", &system("Alpine", "base/alpine", "Alpine 3.20.4", 4, ago(ALPINE_AGE)));
    for kind in KINDS {
        kind.push(all, |age| age <= ALPINE_AGE && kind.base == ALPINE, now);
        for (tag, of) in kind.aliases {
            let age = kind.tags.iter().find(|(tag, _)| tag == of).map_or(0, |(_, age)| *age);
            let day: String = rfc3339(ago(age)).chars().take(10).filter(char::is_ascii_digit).collect();
            alias(all, kind.repository, &tag.replace("DATE", &day), of);
        }
    }
    failing(all, now);
    extension(all, now);
    std::mem::take(all)
}

/// Images that do not do well, and one that ends by itself.
fn failing(all: &mut Registries, now: Nanos) {
    for (repository, tag, behaviour, age) in [
        ("pgedge/pgedge-postgres", "17.10-spock5.0.10-debug-1", "exit-after:2:1", 1),
        ("metrics/board", "11.2.0-rc1", "exit-after:2:1", 1),
        ("shop/migrate", "2.8.0", "oneshot", 20),
    ] {
        let migrate = Kind { repository: "shop/migrate", title: "Shop migrations", ..APP };
        let kind = KINDS.iter().find(|kind| kind.repository == repository).unwrap_or(&migrate);
        let recipe = Recipe { behaviour: behaviour.to_owned(), ..kind.recipe(all, tag, age, now) };
        push(all, repository, tag, &recipe);
    }
}

/// An extension of PostgreSQL as an image of its own: only its files, nothing to run (`CloudNativePG`, "Image Volume
/// Extensions"). The release candidate brings more than that.
fn extension(all: &mut Registries, now: Nanos) {
    const NAME: &str = "pgedge/pg_trickle-ext";
    for (version, age) in [("0.1.0", 120), ("0.2.0", 30), ("0.3.0-rc1", 2)] {
        let created = now.saturating_sub(age * DAY);
        let text = |text: String| Content::Text(text);
        let mut files = Files::from([
            ("lib/pg_trickle.so".to_owned(), text(format!("\u{7f}ELF pg_trickle {version}\n"))),
            (
                "share/extension/pg_trickle.control".to_owned(),
                text(format!("comment = 'incremental view maintenance'\ndefault_version = '{version}'\n")),
            ),
            (format!("share/extension/pg_trickle--{version}.sql"), text("CREATE SCHEMA pgtrickle;\n".to_owned())),
        ]);
        if version.ends_with("rc1") {
            files.insert("usr/bin/psql".to_owned(), text("psql\n".to_owned()));
        }
        let mut labels = labels("pg_trickle-ext", NAME, version, created);
        for (key, value) in [("description", "pg_trickle for CloudNativePG"), ("licenses", "Apache-2.0")] {
            labels.insert(format!("org.opencontainers.image.{key}"), value.to_owned());
        }
        let config =
            Config { labels, cmd: Vec::new(), history: vec!["COPY /out / # buildkit".to_owned()], ..Config::default() };
        let recipe = Recipe {
            platforms: words(&["linux/amd64", "linux/arm64"]),
            oci: true,
            config,
            created,
            layers: vec![files],
            size: 60_000,
            ..Recipe::default()
        };
        push(all, NAME, version, &recipe);
    }
    for tag in ["0.2", "latest"] {
        alias(all, NAME, tag, "0.2.0");
    }
}

/// Somebody pushed another image under a tag that runs.
pub(super) fn moved_tag(all: &mut Registries, now: Nanos) {
    let Some(kind) = KINDS.iter().find(|kind| kind.repository == "shop/web") else { return };
    let created = now.saturating_sub(3600 * SECOND);
    let again = Recipe { created, salt: "shop/web:1.30.2 again".to_owned(), ..kind.recipe(all, "1.30.2", 0, now) };
    push(all, kind.repository, "1.30.2", &again);
}

/// A clean-up of the registry took an image that runs.
pub(super) fn cleaned_up(all: &mut Registries) {
    if let (Some(named), Some(registry)) = (reference(&image("tools/backup", "1.5.0")), all.get_mut(HUB)) {
        registry.remove(&named, false);
    }
}
