//! The list of all findings: the meaning, an example, the remedy and the public source of each.

use std::fmt;

macro_rules! codes {
    ($($variant:ident = $name:literal, $severity:literal: $meaning:literal; $example:literal; $do:literal; $source:literal;)*) => {
        /// The stable codes of all findings; the documentation of a variant is its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $meaning] $variant,)* }

        impl Code {
            /// All codes, in the order of this list.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the stable name that `--json` uses.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns the meaning, in one or two sentences.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// Returns the severity, and the conditions under which it is another one.
            pub fn weight(self) -> &'static str {
                match self { $(Self::$variant => $severity,)* }
            }

            /// Returns an example of its message.
            pub fn example(self) -> &'static str {
                match self { $(Self::$variant => $example,)* }
            }

            /// Returns the remedy, an instruction for the operator.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $do,)* }
            }

            /// Returns the public source of the rule.
            pub fn source(self) -> &'static str {
                match self { $(Self::$variant => $source,)* }
            }
        }
    };
}

codes! {
    // The pin document.
    PinSyntax = "pin-syntax", "error":
        "The pin document is not valid TOML at this place; everything else in it still counts.";
        "a key without a value: `=` is missing";
        "Fix the line; the rest of the text is kept.";
        "TOML 1.0, toml.io";
    PinUnknown = "pin-unknown", "error if a pin is lost because of it, otherwise warning or info":
        "A key or a section of the pin document is unknown here.";
        "database/storefront has no db node `n4`";
        "Name an existing member; the hint lists them.";
        "pinnace's pin document";
    ReferenceSyntax = "reference-syntax", "error":
        "The image reference is malformed; the finding points at the mistake.";
        "a repository name is lower case";
        "Write `[registry[:port]/]repository[:tag][@sha256:…]`.";
        "distribution/reference, the grammar the Docker Engine uses";
    NoTag = "no-tag", "error":
        "The reference has neither tag nor digest. Docker would use `latest`, whatever that names when a node pulls it.";
        "image \"ghcr.io/acme/api\" names neither a tag nor a digest";
        "Add a tag; tab lists the available ones.";
        "Docker's documentation of image names: an absent tag means `latest`";

    // The registry.
    NotFound = "image-not-found", "error":
        "The registry has no such image: no node could start it.";
        "image \"ghcr.io/acme/api:2.9\" could not be verified: ghcr.io has no `2.9` of `acme/api`";
        "Check the spelling, and that the build was pushed.";
        "OCI distribution-spec, MANIFEST_UNKNOWN; the words are those of pgEdge control-plane pull request 401";
    Denied = "image-denied", "error":
        "The registry refuses the credentials used here.";
        "image \"ghcr.io/acme/api:2.8\" could not be verified: ghcr.io refuses the credentials used here";
        "Log in again: run `docker login`, or press `L` in the console.";
        "OCI distribution-spec, DENIED and UNAUTHORIZED";
    NoCredentials = "no-credentials", "error; warning for an image that ran here":
        "The registry requires a login, and pinnace has none. The services have credentials of their own.";
        "image \"ghcr.io/acme/api:2.8\" could not be verified: ghcr.io requires a login, and pinnace has none";
        "Run `docker login` as the user that runs pinnace, or press `L` in the console.";
        "OCI distribution-spec, authentication";
    Unreachable = "registry-unreachable", "error":
        "The registry could not be reached, or did not answer in time.";
        "image \"ghcr.io/acme/api:2.8\" could not be verified: ghcr.io cannot be reached: connection refused";
        "Check its name, the network and its certificate. Restarts work only where the image is cached.";
        "observed on Docker Engine 20.10: a pull that fails is a rejected task";
    RateLimited = "registry-rate-limit", "error; warning for an image that ran here":
        "The registry accepts no more requests from here for now. The nodes' pulls may reach the same limit.";
        "image \"nginx:1.29\" could not be verified: docker.io accepts no more requests for now";
        "Wait, or log in: most registries allow logged-in users more requests.";
        "HTTP 429; Docker Hub's limits, docs.docker.com/docker-hub/usage/pulls";
    RegistryFailed = "registry-failed", "error":
        "The registry answered with an error.";
        "image \"ghcr.io/acme/api:2.8\" could not be verified: ghcr.io: HTTP 503";
        "Try again, or check the registry's status page.";
        "HTTP 5xx, and answers that break the OCI distribution-spec";
    Disagree = "registry-engine-disagree", "warning":
        "The registry gives pinnace one answer, and the engine, which pulls as the nodes do, another.";
        "ghcr.io has @1f2e3d4c here, but the engine sees @9a8b7c6d";
        "Check the engine's mirrors, proxy, insecure registries and credentials.";
        "Docker Engine API, /distribution/{name}/json";

    // Platforms.
    PlatformMissing = "platform-missing", "error if none of its nodes can run it (global: if one cannot), otherwise info":
        "The image has no variant for the platform of a node that may run it.";
        "image \"acme/api:2.8\" is built for linux/arm64, not for mgr-1 (linux/amd64)";
        "Push the missing platform, or choose a tag that has it.";
        "swarmkit's platform filter: the task stays pending";
    PlatformsUnknown = "platforms-unknown", "info":
        "The platforms of the image are not known; the plan removes the platform filter.";
        "the platforms of image \"ghcr.io/acme/api:2.8\" are not known";
        "Make sure that the image runs on these nodes.";
        "OCI image-spec: a manifest need not name a platform";
    ChildManifest = "child-manifest", "warning":
        "The digest is that of one platform's image, not of the index that the tag names: nodes of other platforms cannot run it.";
        "@5e6f7a8b is the linux/amd64 part of `17.9-spock5.0.6-standard-2`, not the whole image";
        "Pin the index: the hint has its digest.";
        "OCI image-spec, image index";

    // Versions.
    VersionMismatch = "version-mismatch", "error":
        "The versions in the image's tag are not the requested ones.";
        "image tag postgres version 18.3 does not match spec version 17.9";
        "Pin an image of the version, or change `postgres_version` and `spock_version`.";
        "pgEdge control-plane, version check of custom images (pull request 431)";
    VersionUnknown = "version-unknown", "error if the pin requests the manifest's image, otherwise info":
        "The version manifest has no image for the version, or the tag does not show its versions.";
        "unsupported postgres version 17.99";
        "Request a version that the manifest has, or pin an image by its reference.";
        "pgEdge control-plane, version manifest";
    VersionUnstable = "version-unstable", "warning":
        "The version manifest marks this image as under development.";
        "the version manifest marks 17.11-spock5.0.10-standard-1 as under development";
        "Pin a stable image of the same version.";
        "pgEdge control-plane, `stability` of the version manifest";
    MajorJump = "major-jump", "error":
        "The database's major version differs from the last one that ran healthy here: its data directory needs a migration.";
        "it last ran healthy on 16; 17 requires a data migration";
        "Migrate (pg_upgrade, or dump and restore), or stay within the major version.";
        "PostgreSQL documentation, \"Upgrading a PostgreSQL Cluster\"";
    Downgrade = "downgrade", "warning; info for a rollback":
        "The version is older than the last one that ran healthy here.";
        "17.9 is older than 17.10, which ran healthy here";
        "Pin the newer version, or acknowledge it.";
        "PostgreSQL release notes: minor releases may need steps that an older one does not know";
    FamilyChange = "family-change", "warning":
        "The base system differs from that of the last image that ran healthy here: sorting and extensions may differ.";
        "from alpine to another base: the C library may sort text differently, and indexes on text may be corrupt";
        "Choose a tag on the same base, or reindex.";
        "PostgreSQL wiki, \"Locale data changes\"";
    DiffersFromManifest = "differs-from-manifest", "info":
        "The image is not the one that the version manifest has for this version.";
        "image \"acme/pg:17.9\" is not the manifest image for version 17.9_5 (manifest image: pgedge-postgres:17.9-spock5.0.6-standard-2)";
        "Do nothing if this is intended.";
        "the words are those of pgEdge control-plane pull request 401";
    EqualsManifest = "equals-manifest", "info":
        "The image is the one in the version manifest: the pin changes nothing now, and keeps it when the manifest changes.";
        "it is the manifest image for 17.9_5; this pin keeps it fixed";
        "Set `image = \"manifest\"` to follow the manifest instead.";
        "pgEdge control-plane pull request 401";
    NewerBuild = "newer-build", "info":
        "The version manifest has a newer build for the same version.";
        "the manifest has a newer build for 17.10_5: 17.10-spock5.0.10-standard-1";
        "Pin it when convenient; tab offers it first.";
        "pgEdge control-plane, version manifest";
    NewerVersion = "newer-version", "info":
        "The version manifest has a newer version within the same major versions.";
        "published upstream: the newer version 17.10_5, 17.10-spock5.0.10-standard-1";
        "Pin it when convenient; tab offers it.";
        "pgEdge control-plane, available upgrades";
    ManifestOld = "manifest-old", "info":
        "The version manifest could not be loaded again: pinnace uses an older copy.";
        "https://…/version-manifest.json: connection refused; using an older copy (2026-11-19T21:00:00Z)";
        "Check its address in the configuration.";
        "pgEdge control-plane: a failed refresh keeps the present manifest";

    // Tags and digests.
    FloatingTag = "floating-tag", "warning":
        "The pin keeps the tag floating: each node runs what the tag names when it pulls, and nodes may differ.";
        "`16` names a major version only, and the pin keeps it floating";
        "Remove `floating = true`: the plan then fixes the digest.";
        "Docker's documentation of `docker service update --image`";
    TagDigest = "tag-digest-disagree", "info if the tag is one that moves or the image ran here, otherwise warning":
        "The tag names another digest now than the pinned one. The engine uses the digest and ignores the tag.";
        "`17.9-spock5.0.6-standard-2` names @1f2e3d4c now; the pinned @9a8b7c6d will run";
        "Write the tag that belongs to the digest, or the digest that belongs to the tag.";
        "observed on Docker Engine 20.10: with tag and digest the tag is ignored";
    TagMoved = "tag-moved", "info":
        "The tag of the running image names another image now than when it was deployed.";
        "`16` names @1f2e3d4c now; @9a8b7c6d runs";
        "Pin the tag again to run what it names now.";
        "OCI distribution-spec: a tag may be moved";
    DigestGone = "digest-gone", "warning":
        "The registry no longer has the running image: it restarts only on nodes that have it cached.";
        "@9a8b7c6d runs, but ghcr.io no longer has it";
        "Push it again, or change to an image that exists.";
        "OCI distribution-spec: manifests may be deleted";
    RunsByTag = "runs-by-tag", "info":
        "The service's image has no digest; the next restart may pull another image.";
        "acme/api:2.8 has no digest; the next restart may pull another image";
        "Pin it with its digest, so that restarts use the same image.";
        "observed on Docker Engine 20.10: each node resolves a bare tag on its own";

    // What is in the image.
    BaseOutdated = "base-outdated", "info":
        "The image was built on an older build of its base image.";
        "2.8 is built on an older debian:12, which is now @9a8b7c6d (built 2026-11-07)";
        "Rebuild the image, then pin the new tag.";
        "OCI image-spec annotations, org.opencontainers.image.base.name and .base.digest";
    NoCommand = "no-command", "error":
        "The image has no command, and the service sets none: it cannot start. Extension-only images have no command.";
        "image \"acme/x-ext:1.0\" has neither entry point nor command: an extension-only image cannot run as a service";
        "Pin the server's image.";
        "OCI image-spec, config: Entrypoint and Cmd";
    ContractBroken = "contract-broken", "error; warning if the contract could not be checked":
        "The image breaks the contract that the pins set for it.";
        "contract service: the label org.opencontainers.image.source is missing";
        "Fix the image, or remove `contract`.";
        "the contract's file; `pinnace inspect REF --contract NAME` checks all of its rules";

    // Its place.
    NoNodeFits = "no-node-fits", "error":
        "No node satisfies the service's placement constraints.";
        "no node satisfies node.labels.disk==ssd";
        "Fix the constraint or the nodes' labels first.";
        "swarmkit's scheduler: the task stays pending";
    NodeNotReady = "node-not-ready", "error if no other node is left, warning for global services":
        "A node that would run the service is down, paused or drained: the old task would stop, and the new one stay pending.";
        "mgr-3 (ready, drain) accepts no new tasks: the old task would stop and the new one stay pending";
        "Make the node available first: `docker node update --availability active NODE`.";
        "observed on Docker Engine 20.10";
    RolloutActive = "rollout-active", "warning; info for a rollback":
        "The service's rollout is running or paused; any edit resumes it.";
        "its rollout is paused: any edit resumes it with the edited spec";
        "Wait for it to end; otherwise the engine compares all its tasks with the new spec.";
        "observed on Docker Engine 20.10";
    WillRunAgain = "will-run-again", "warning; info for a rollback":
        "The service is a job or a one-shot that the change would run again.";
        "it never restarts: the change runs it again";
        "Leave it out if running it twice does harm.";
        "observed on Docker Engine 20.10";
    DangerousPolicy = "update-policy", "warning; info for a rollback":
        "The update policy in force can stop more tasks than expected.";
        "its update policy replaces all tasks at once (parallelism 0)";
        "Run `docker service update --update-parallelism 1 --update-failure-action pause SERVICE` first.";
        "Docker Engine API, UpdateConfig";
    WillBeOverwritten = "will-be-overwritten", "info":
        "Another tool owns this service and will restore its own image.";
        "the next `docker stack deploy` will restore the stack file's image";
        "Make the same change there: `Y` copies what to write, `pinnace pins GROUP --permanent` prints it.";
        "pgEdge control-plane documentation; docker stack deploy, --resolve-image";
    FallsBack = "falls-back", "info":
        "A pin in force is cleared; the finding names the image that the service falls back to, and its source.";
        "its pin is cleared: falls back to pgedge-postgres:17.9-spock5.0.6-standard-2, the manifest image for 17.9_5 (built in)";
        "Press `R` to roll back instead, or pin another image.";
        "pgEdge control-plane: a database without an image of its own uses the manifest's";
    Drifted = "drifted", "info":
        "The service does not run the image of its pin in force: another client, or the engine, changed it.";
        "pinned to 17.9-spock5.0.6-standard-2, runs my-custom-image: likely changed by the pgEdge control plane";
        "Press `=` (`--drift`) to plan the pin again, or `A` (`--drift=accept`) to pin what runs; pinnace plans neither automatically.";
        "pinnace's pins: a plan contains only what you edited";

    // The plan.
    NothingToDo = "nothing-to-do", "info":
        "The plan changes nothing.";
        "nothing to do: no pin differs from the pins in force";
        "Edit the pins first.";
        "pinnace's plans";
    NoWayBack = "no-way-back", "info; error if you name a target":
        "No earlier image is proven to have run well here.";
        "nothing to do: no earlier image is known to have run well in shop_api";
        "Choose one of the images that the service had (`B`, `--to`), or pin the image it should run.";
        "pinnace's rollbacks: without a named target, a rollback uses only images that ran well here";
    FailedHere = "failed-here", "warning":
        "This image failed here before.";
        "2.9 failed here before";
        "Find the reason first: press `h` for the history, `l` for the logs.";
        "pinnace's history, and the engine's task history";
    NotKnownToRun = "not-known-to-run", "warning":
        "A rollback goes to an image that the service had, and nothing proves that it ran: no change, no console and no task that lived long enough.";
        "1.6 is not known to have run here";
        "Choose an image that ran with `B`, or make sure of this one: `h` for the history, `l` for the logs.";
        "observed on Docker Engine 28.5.2: a task that was replaced before it started looks like one that ran and was stopped";
    RolesUnknown = "roles-unknown", "info":
        "Several instances of a database restart one after another, and it is not known which one is the primary.";
        "the primary instance is not known; the console pauses after each unit";
        "Put the primary last in the plan (`J`, `K`, `--order`) and pause after each unit (`--step`), or label its service `pinnace.role=primary` once, the others `replica`.";
        "the Docker Engine does not know the roles of a database's instances";
    NotVerified = "not-verified", "warning with a separate acknowledgement":
        "The registry does not verify an image that a service rolls back to. It ran here, so nodes that ran it may have it cached.";
        "ghcr.io cannot be reached: connection refused; starts on host-2: it ran there, so it is cached unless pruned";
        "Press `!` in the plan, or use `--unverified`, to roll back without the registry; `w` and `--ack` do not accept it.";
        "observed on Docker Engine 20.10: a node starts a digest it has cached without asking the registry";
    PlanTooLarge = "plan-too-large", "error":
        "The record of the change would exceed what the swarm stores.";
        "its record would exceed the swarm's limit of 1,023,999 bytes";
        "Change fewer services at once.";
        "Docker Engine API: the data of a config is less than 1,024,000 bytes";
    RecordUnreadable = "record-unreadable", "error for edited pins, otherwise warning":
        "The record with the pins in force exists and cannot be read: another program wrote or damaged it.";
        "the pins in force are not known: the record of change 0199aa02 cannot be read (config pinnace.r.0199aa02: expected value at line 1)";
        "Look at the config, and remove it with `docker config rm`: the group then starts without pins. Rollbacks need only an acknowledgement.";
        "pinnace's journal";
    ChangeUnfinished = "change-unfinished", "error":
        "An earlier change of this group is unfinished.";
        "change 01JD7… by root is not finished (running)";
        "Watch it, or finish it first: `pinnace resume CHANGE`.";
        "pinnace's journal";
}

impl Code {
    /// Returns the code with this stable name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// Formats all information about the code, as `pinnace check --explain` prints it.
    pub fn explained(self) -> String {
        format!(
            "{}\n  {}\n  severity: {}\n  example:  {}\n  remedy:   {}\n  source:   {}\n",
            self.name(),
            self.meaning(),
            self.weight(),
            self.example(),
            self.remedy(),
            self.source()
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_told_in_full() {
        for code in Code::ALL {
            let name = code.name();
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            assert_eq!(Code::named(name), Some(*code), "names are unique");
            assert!(code.meaning().ends_with('.') && code.remedy().ends_with('.'), "{name}");
            assert!(!code.example().is_empty() && !code.source().is_empty(), "{name}");
            assert!(["error", "warning", "info"].iter().any(|word| code.weight().starts_with(word)), "{name}");
            assert!(code.explained().starts_with(name));
        }
        assert_eq!(Code::named("fly"), None);
    }
}
