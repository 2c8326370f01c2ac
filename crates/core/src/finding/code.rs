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
        "Mend the line; the rest of the text is kept as it is.";
        "TOML 1.0, toml.io";
    PinUnknown = "pin-unknown", "error where a pin is lost by it, else warning or info":
        "A key or a section of the pin document means nothing here.";
        "database/storefront has no db node `n4`";
        "Name a member that is there; the hint lists them.";
        "pinnace's pin document";
    ReferenceSyntax = "reference-syntax", "error":
        "The image reference is not well formed; the column of the mistake is told.";
        "a repository name is lower case";
        "Write `[registry[:port]/]repository[:tag][@sha256:…]`.";
        "distribution/reference, the grammar the Docker Engine uses";
    NoTag = "no-tag", "error":
        "The reference has neither tag nor digest. Docker would take `latest`, whatever that is when a node pulls it.";
        "image \"ghcr.io/acme/api\" names neither a tag nor a digest";
        "Name a tag; tab lists those there are.";
        "Docker's documentation of image names: an absent tag means `latest`";

    // The registry.
    NotFound = "image-not-found", "error":
        "The registry answers, and has no such image: no node could start it.";
        "image \"ghcr.io/acme/api:2.9\" could not be verified: ghcr.io has no `2.9` of `acme/api`";
        "Check the spelling, or whether the build was pushed.";
        "OCI distribution-spec, MANIFEST_UNKNOWN; the words are those of pgEdge control-plane pull request 401";
    Denied = "image-denied", "error":
        "The registry refuses the credentials used here.";
        "image \"ghcr.io/acme/api:2.8\" could not be verified: ghcr.io refuses the credentials used here";
        "Log in again (`docker login`, or `L` in the console).";
        "OCI distribution-spec, DENIED and UNAUTHORIZED";
    NoCredentials = "no-credentials", "error; warning for an image that ran here":
        "The registry wants a login, and there is none on this machine. The services have credentials of their own.";
        "image \"ghcr.io/acme/api:2.8\" could not be verified: ghcr.io wants a login, and there is none here";
        "Log in as the user that runs pinnace, or `L` in the console.";
        "OCI distribution-spec, authentication";
    Unreachable = "registry-unreachable", "error":
        "The registry could not be reached, or did not answer in time.";
        "image \"ghcr.io/acme/api:2.8\" could not be verified: ghcr.io cannot be reached: connection refused";
        "Check its name, the network and its certificate. Restarts work only where the image is cached.";
        "observed on Docker Engine 20.10: a pull that fails is a rejected task";
    RateLimited = "registry-rate-limit", "error; warning for an image that ran here":
        "The registry takes no more requests from here for now. The nodes' pulls may meet the same limit.";
        "image \"nginx:1.29\" could not be verified: docker.io takes no more requests for now";
        "Wait, or log in: most registries allow known users more.";
        "HTTP 429; Docker Hub's limits, docs.docker.com/docker-hub/usage/pulls";
    RegistryFailed = "registry-failed", "error":
        "The registry answered with a fault of its own.";
        "image \"ghcr.io/acme/api:2.8\" could not be verified: ghcr.io: HTTP 503";
        "Try again, or look at the registry's status page.";
        "HTTP 5xx, and answers that break the OCI distribution-spec";
    Disagree = "registry-engine-disagree", "warning":
        "The registry tells pinnace one thing and the engine, which pulls as the nodes do, another.";
        "the registry has @1f2e3d4c, the engine sees @9a8b7c6d: a mirror or cache is old";
        "Look at the engine's mirrors, proxy and insecure registries, and at its credentials.";
        "Docker Engine API, /distribution/{name}/json";

    // Platforms.
    PlatformMissing = "platform-missing", "error where no node it would land on can run it (global: any), else info":
        "The image has no variant for a node it would land on.";
        "image \"acme/api:2.8\" is made for linux/arm64, not for mgr-1 (linux/amd64)";
        "Push the missing platform, or choose a tag that has it.";
        "swarmkit's platform filter: such a task stays pending for ever";
    PlatformsUnknown = "platforms-unknown", "info":
        "What platforms the image is made for could not be learned; the plan takes the platform filter away.";
        "what it is made for could not be learned";
        "Nothing, if it is known to run on these nodes.";
        "OCI image-spec: a manifest need not name a platform";
    ChildManifest = "child-manifest", "warning":
        "The digest is that of one platform's image, not of the index that the tag names: nodes of other platforms cannot run it.";
        "@5e6f7a8b is the linux/amd64 part of `17.9-spock5.0.6-standard-2`, not the whole image";
        "Pin the index: the hint has its digest.";
        "OCI image-spec, image index";

    // Versions.
    VersionMismatch = "version-mismatch", "error":
        "The versions in the image's tag are not those that are asked for.";
        "image tag postgres version 18.3 does not match spec version 17.9";
        "Pin an image of the version, or change `postgres_version` and `spock_version`.";
        "pgEdge control-plane, version check of custom images (pull request 431)";
    VersionUnknown = "version-unknown", "error where the manifest's image is asked for, else info":
        "The version manifest has no image for the version, or the tag does not tell its versions.";
        "unsupported postgres version 17.99";
        "Ask for a version of the manifest, or pin an image by its reference.";
        "pgEdge control-plane, version manifest";
    VersionUnstable = "version-unstable", "warning":
        "The version manifest marks this image as under development.";
        "the version manifest lists it as \"dev\"";
        "Pin a stable image of the same version.";
        "pgEdge control-plane, `stability` of the version manifest";
    MajorJump = "major-jump", "error":
        "Another major version of a database than the last one that ran healthy here: its data directory needs a migration.";
        "n1 last ran healthy on 16; 17 needs a migration, not a tag";
        "Migrate (pg_upgrade, or dump and restore), or stay within the major version.";
        "PostgreSQL documentation, \"Upgrading a PostgreSQL Cluster\"";
    Downgrade = "downgrade", "warning; info on the way back":
        "An older version than the last one that ran healthy here.";
        "17.9 is older than 17.10, which ran healthy here";
        "Pin the newer version, or acknowledge it.";
        "PostgreSQL release notes: minor releases may need steps that an older one does not know";
    FamilyChange = "family-change", "warning":
        "Another base system than the last image that ran healthy here: sorting and extensions may differ.";
        "from alpine to another base: the C library's collations differ, indexes on text may be corrupt";
        "Choose a tag on the same base, or reindex.";
        "PostgreSQL wiki, \"Locale data changes\"";
    DiffersFromManifest = "differs-from-manifest", "info":
        "The image is another than the version manifest's for this version.";
        "not the manifest image for version 17.9_5 (manifest image: ghcr.io/pgedge/pgedge-postgres:17.9-spock5.0.6-standard-2)";
        "Nothing, where that is meant.";
        "the words are those of pgEdge control-plane pull request 401";
    EqualsManifest = "equals-manifest", "info":
        "The image is the version manifest's: the pin changes nothing today, and freezes it for the future.";
        "it is the manifest's image for 17.9_5: this pin freezes it";
        "`image = \"manifest\"` follows the manifest instead.";
        "pgEdge control-plane pull request 401";
    NewerBuild = "newer-build", "info":
        "The version manifest has a newer build for the same version.";
        "the manifest has 17.10-spock5.0.10-standard-1 for 17.10_5";
        "Pin it when it suits; tab offers it first.";
        "pgEdge control-plane, version manifest";
    NewerVersion = "newer-version", "info":
        "The version manifest has a newer version within the same major versions.";
        "17.10_5 is there: 17.10-spock5.0.10-standard-1";
        "Pin it when it suits; tab offers it.";
        "pgEdge control-plane, available upgrades";
    ManifestOld = "manifest-old", "info":
        "The version manifest could not be had anew: an older one is used.";
        "https://…/version-manifest.json: connection refused; that of 3 h ago is used";
        "Look at its address in the configuration.";
        "pgEdge control-plane: a failed refresh keeps the manifest there is";

    // Tags and digests.
    FloatingTag = "floating-tag", "warning":
        "The tag is kept floating: each node takes what it names when it pulls, and nodes may differ.";
        "`16` names a major version only, and is to be kept floating";
        "Take `floating = true` away, and the digest is fixed when the plan is made.";
        "Docker's documentation of `docker service update --image`";
    TagDigest = "tag-digest-disagree", "info where the tag is one that moves, else warning":
        "The tag names another digest now than the one that is written beside it. The engine goes by the digest alone.";
        "`17.9-spock5.0.6-standard-2` names @1f2e3d4c, not @9a8b7c6d";
        "Write the tag that belongs to the digest, or the digest that belongs to the tag.";
        "observed on Docker Engine 20.10: with tag and digest the tag is ignored";
    TagMoved = "tag-moved", "info":
        "The tag of what runs names another image now than when it was deployed.";
        "`16` names @1f2e3d4c now; @9a8b7c6d runs";
        "Pin the tag again to go to what it names now.";
        "OCI distribution-spec: a tag may be moved";
    DigestGone = "digest-gone", "warning":
        "The registry has no more what runs: it restarts only on nodes that have it cached.";
        "@9a8b7c6d runs, and ghcr.io does not have it any more";
        "Push it again, or move to an image that is there.";
        "OCI distribution-spec: manifests may be deleted";
    RunsByTag = "runs-by-tag", "info":
        "The service runs by tag only; the next restart may bring another image.";
        "acme/api:2.8 runs by tag only; the next restart may bring another image";
        "Pin it with its digest to fix what restarts bring.";
        "observed on Docker Engine 20.10: each node resolves a bare tag by itself";

    // What is in the image.
    BaseOutdated = "base-outdated", "info":
        "The image was built on an older build of its base image.";
        "built on postgres:16-alpine @1f2e3d4c; @9a8b7c6d has been there for 12 d";
        "Have it built again, then pin the new tag.";
        "OCI image-spec annotations, org.opencontainers.image.base.name and .base.digest";
    NoCommand = "no-command", "error":
        "The image has no command, and the service gives none: it cannot start. Extension-only images are like that.";
        "an extension-only image cannot run as a service";
        "Pin the image of the server itself.";
        "OCI image-spec, config: Entrypoint and Cmd";
    ContractBroken = "contract-broken", "error; warning where it could not be judged":
        "The image does not keep the contract that is set for it.";
        "contract service: label org.opencontainers.image.source is missing";
        "Have the image mended, or take `contract` away.";
        "the contract's own text; `pinnace inspect REF --contract NAME` shows all of it";

    // Its place.
    NoNodeFits = "no-node-fits", "error":
        "No node satisfies the service's placement constraints.";
        "no node satisfies node.labels.disk==ssd";
        "Mend the constraint or the nodes' labels first.";
        "swarmkit's scheduler: the task stays pending";
    NodeNotReady = "node-not-ready", "error where no other node is left, warning for global services":
        "A node the service would land on is down, paused or drained: the old task would stop, and the new one wait.";
        "mgr-3 (ready, drain) takes no new tasks: the old task would stop and the new one wait for ever";
        "Bring the node back first: `docker node update --availability active NODE`.";
        "observed on Docker Engine 20.10";
    RolloutActive = "rollout-active", "warning; info on the way back":
        "The service's rollout is running or paused; any edit resumes it.";
        "its rollout is paused: any edit resumes it with the edited spec";
        "Wait for it, or go on knowing that all its tasks are compared with the new spec.";
        "observed on Docker Engine 20.10";
    WillRunAgain = "will-run-again", "warning; info on the way back":
        "The service is a job or a one-shot that the change would run again.";
        "it never restarts: the change runs it again";
        "Leave it out if running it twice does harm.";
        "observed on Docker Engine 20.10";
    DangerousPolicy = "update-policy", "warning; info on the way back":
        "The update policy in force can take more tasks down than expected.";
        "its update policy replaces all tasks at once (parallelism 0)";
        "`docker service update --update-parallelism 1 --update-failure-action pause` first.";
        "Docker Engine API, UpdateConfig";
    WillBeOverwritten = "will-be-overwritten", "info":
        "Another tool owns this service and will put its own image back.";
        "the next `docker stack deploy` will put the stack file's image back";
        "Make the same change there: `Y` copies what to write, `pinnace pins GROUP --permanent` prints it.";
        "pgEdge control-plane documentation; docker stack deploy, --resolve-image";
    FallsBack = "falls-back", "info":
        "A pin in force is cleared: what the service falls back to, and where that comes from.";
        "falls back to the version manifest's image for 17.9_5 (built in)";
        "Nothing; `R` goes back to what ran before instead.";
        "pgEdge control-plane: without an image of its own a database takes the manifest's";
    Drifted = "drifted", "info":
        "What runs is another image than the pin in force says: somebody else changed it.";
        "pinned to 17.9-spock5.0.6-standard-2, runs my-custom-image: changed likely by the pgEdge control plane";
        "`=` (`--drift`) plans it back to its pin, `A` (`--drift=accept`) makes what runs the pin; nothing is planned by itself.";
        "pinnace's pins: what is not edited is not planned";

    // The plan.
    NothingToDo = "nothing-to-do", "info":
        "The plan changes nothing.";
        "nothing to do: no pin differs from those in force";
        "Edit the pins first.";
        "pinnace's plans";
    NoWayBack = "no-way-back", "info, or error where a target was named":
        "No earlier image is known that ran here.";
        "nothing to do: no earlier image is known that ran well in shop_api";
        "Pin the image it should run.";
        "pinnace's rollbacks: only what ran here is gone back to";
    FailedHere = "failed-here", "warning":
        "This image failed here before.";
        "it failed in shop_api before";
        "Find out why first: `h` has the history, `l` the logs.";
        "pinnace's history, and the engine's task history";
    RolesUnknown = "roles-unknown", "info":
        "Several instances of a database restart one after another, and which is the primary is not known.";
        "which of its instances is the primary is not known; the console stops after each";
        "Put the primary last in the plan (`J`, `K`, `--order`; `--step` stops after each), or label its service `pinnace.role=primary` once, the others `replica`.";
        "the Docker Engine does not know the roles of a database's instances";
    NotVerified = "not-verified", "warning, accepted by a key of its own":
        "The registry does not answer for an image that a service goes back to. It ran here, so nodes that ran it have it cached.";
        "ghcr.io cannot be reached: connection refused; lands on host-2: it ran there, so it is cached unless pruned";
        "`!` in the plan, or `--unchecked`, goes back without the registry; `w` and `--ack` do not.";
        "observed on Docker Engine 20.10: a node starts a digest it has cached without asking the registry";
    PlanTooLarge = "plan-too-large", "error":
        "The record of the change would exceed what the swarm stores.";
        "its record would exceed the 1,023,999 bytes that the swarm stores";
        "Change fewer services at once.";
        "Docker Engine API: the data of a config is less than 1,024,000 bytes";
    ChangeUnfinished = "change-unfinished", "error":
        "An earlier change of this group is not finished.";
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
            "{}\n  {}\n  weight:  {}\n  example: {}\n  do:      {}\n  source:  {}\n",
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
