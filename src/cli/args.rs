//! The command line.

use std::path::PathBuf;

use super::drift::Drift;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// A console for Docker Swarm images: pin, plan, apply, watch, go back.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Args {
    /// What concerns every verb.
    #[command(flatten)]
    pub common: Common,
    /// The verb; none opens the console.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// Flags of every verb.
#[derive(Clone, Debug, ClapArgs)]
pub struct Common {
    /// The Docker context to use (before `DOCKER_HOST` and `DOCKER_CONTEXT`)
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// The engine's address: `unix:///path` or `tcp://host:port`
    #[arg(long, global = true, value_name = "URL", conflicts_with = "context")]
    pub host: Option<String>,
    /// Post nothing and write nothing
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Where changes are written down: `disk` where no configs may be made; other managers see nothing of that
    #[arg(long, global = true, value_enum, value_name = "WHERE")]
    pub journal: Option<Kept>,
    /// The configuration file, instead of the one in the configuration folder
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Where changes are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kept {
    /// In the swarm
    Swarm,
    /// On this machine
    Disk,
}

/// An edit of the pins in force.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Edit {
    /// Pin a member, or the whole group, to an image; may be given several times
    #[arg(long = "pin", value_name = "[MEMBER=]REF")]
    pub pin: Vec<String>,
    /// Clear a member's pin; `.` is the group's own
    #[arg(long = "unpin", value_name = "MEMBER")]
    pub unpin: Vec<String>,
    /// Take this file as the group's whole pin document; a database's spec of pgEdge's API (JSON) becomes one
    #[arg(long = "pins", value_name = "FILE", conflicts_with_all = ["pin", "unpin"])]
    pub pins: Option<PathBuf>,
}

/// Choices that are part of a plan.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Ways {
    /// Send your credentials for the images' registries; they replace those stored in the services
    #[arg(long, conflicts_with = "keep_credentials")]
    pub send_credentials: bool,
    /// Keep the credentials stored in the services, also where one moves to another registry
    #[arg(long)]
    pub keep_credentials: bool,
    /// Start new tasks before old ones stop, where nothing forbids it; this stays in the services' update policy
    #[arg(long)]
    pub start_first: bool,
    /// The services in the order of work; those not named come behind
    #[arg(long, value_name = "SERVICE,…", value_delimiter = ',')]
    pub order: Vec<String>,
}

impl Edit {
    /// Whether there is one.
    pub fn is_some(&self) -> bool {
        !self.pin.is_empty() || !self.unpin.is_empty() || self.pins.is_some()
    }
}

impl Ways {
    /// Whether there are any.
    pub fn is_some(&self) -> bool {
        self.send_credentials || self.keep_credentials || self.start_first || !self.order.is_empty()
    }
}

/// What a failed unit leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnFailure {
    /// Put back every touched unit (a stack's default)
    All,
    /// Put back the failing unit (a database's default)
    Unit,
    /// Stop as it stands
    Stop,
    /// Go on with the others
    GoOn,
}

/// What is said to a plan beforehand.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub struct Said {
    /// Acknowledge the plan's warnings
    #[arg(long)]
    pub ack: bool,
    /// Go back to a digest that ran here although its registry does not answer for it
    #[arg(long)]
    pub unchecked: bool,
}

/// How a change is carried out.
#[derive(Clone, Debug, ClapArgs)]
pub struct How {
    /// What is said to the plan
    #[command(flatten)]
    pub said: Said,
    /// Apply what is not blocked, although errors block some units
    #[arg(long)]
    pub partial: bool,
    /// Stop after one unit and leave the rest to `resume`
    #[arg(long)]
    pub step: bool,
    /// What a failed unit leads to
    #[arg(long, value_enum, value_name = "WHAT")]
    pub on_failure: Option<OnFailure>,
    /// Seconds that tasks have to stay up before a unit is done
    #[arg(long, value_name = "SECONDS")]
    pub settle: Option<u64>,
    /// Seconds a unit may wait for what does not come automatically
    #[arg(long, value_name = "SECONDS")]
    pub stuck: Option<u64>,
    /// Why, for the history
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

/// What is done with a plan towards a target.
#[derive(Clone, Debug, ClapArgs)]
pub struct Towards {
    /// Only print the plan
    #[arg(long)]
    pub dry_run: bool,
    /// Only save the plan to this file, for `pinnace apply FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Choices
    #[command(flatten)]
    pub ways: Ways,
    /// How
    #[command(flatten)]
    pub how: How,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// A choice for an unfinished change.
#[derive(Clone, Copy, Debug, Default, ClapArgs)]
#[group(multiple = false)]
pub struct Choice {
    /// Go on to the plan's target
    #[arg(long = "continue")]
    pub go_on: bool,
    /// Put every touched unit back
    #[arg(long)]
    pub put_back: bool,
    /// End it as it stands
    #[arg(long)]
    pub leave: bool,
}

/// What is asked about a reference.
#[derive(Clone, Debug, ClapArgs)]
pub struct Inspecting {
    /// The image: `[registry[:port]/]repository[:tag][@sha256:…]`
    #[arg(value_name = "REF")]
    pub reference: String,
    /// Judge it by this contract: a name, or a TOML file; a broken one is exit code 1
    #[arg(long, value_name = "NAME|FILE")]
    pub contract: Option<String>,
    /// Only this platform; without it all, and layers and configuration of linux/amd64
    #[arg(long, value_name = "OS/ARCH")]
    pub platform: Option<String>,
    /// List the files in its layers
    #[arg(long)]
    pub files: bool,
    /// Speak plain HTTP to this registry, `host[:port]`, as an engine that declares it insecure would
    #[arg(long, value_name = "HOST")]
    pub plain_http: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// The verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Open the console (as without a verb)
    Console,
    /// Open the console on a simulated swarm: no Docker, no network, nothing kept
    Demo,
    /// What runs, and what is wrong
    Status {
        /// Only this group
        group: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Pins in force, and each service's effective image
    Pins {
        /// Only this group
        group: Option<String>,
        /// Print what makes them last: for pgEdge's API, for the stack file, or a docker command
        #[arg(long, requires = "group")]
        permanent: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remarks about a group's pins and what it runs
    Check {
        /// The group
        #[arg(required_unless_present = "explain")]
        group: Option<String>,
        /// What a finding means, where its rule comes from, and what to do; `all` of them
        #[arg(long, value_name = "CODE|all", conflicts_with_all = ["group", "pin", "unpin", "pins"])]
        explain: Option<String>,
        /// Edits to check with it
        #[command(flatten)]
        edit: Edit,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What an edit of the pins would change
    Plan {
        /// The group
        group: String,
        /// The edit
        #[command(flatten)]
        edit: Edit,
        /// Settle what somebody else changed: back to the pins, or accept what runs as the pin
        #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "back", require_equals = true)]
        #[arg(conflicts_with_all = ["pin", "unpin", "pins"])]
        drift: Option<Drift>,
        /// Choices
        #[command(flatten)]
        ways: Ways,
        /// Save the plan to this file, for `pinnace apply FILE`
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Plan, and carry it out; or carry out a plan that was saved
    Apply {
        /// The group, or the file of a saved plan
        #[arg(value_name = "GROUP|FILE")]
        group: String,
        /// The edit
        #[command(flatten)]
        edit: Edit,
        /// Settle what somebody else changed: back to the pins, or accept what runs as the pin
        #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "back", require_equals = true)]
        #[arg(conflicts_with_all = ["pin", "unpin", "pins"])]
        drift: Option<Drift>,
        /// Choices
        #[command(flatten)]
        ways: Ways,
        /// How
        #[command(flatten)]
        how: How,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Go back to what ran before
    Rollback {
        /// A group, GROUP/MEMBER, or a service
        target: String,
        /// To what stood before this change, or to this image of its history: text, tag or digest
        #[arg(long, value_name = "CHANGE|IMAGE")]
        to: Option<String>,
        /// What to do with the plan
        #[command(flatten)]
        towards: Towards,
    },
    /// Start tasks anew
    Redeploy {
        /// A group, GROUP/MEMBER, or a service
        target: String,
        /// By what their tags name now, instead of the digest they run
        #[arg(long)]
        newest: bool,
        /// What to do with the plan
        #[command(flatten)]
        towards: Towards,
    },
    /// Finish, put back or end an unfinished change
    Resume {
        /// The change's id, or its beginning
        change: String,
        /// What to do; without a choice the choices are printed
        #[command(flatten)]
        choice: Choice,
        /// How
        #[command(flatten)]
        how: How,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Note what others deployed: stable services whose image is not known yet (after a deploy, or from cron)
    Record {
        /// Only this group
        group: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What an image is, and whether it keeps a contract; needs no engine
    Inspect(Inspecting),
    /// Serve a simulated swarm and its registries
    Sim(swarm_sim::command::Options),
    /// All changes, newest first
    History {
        /// Only this group or service
        what: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Args::command().debug_assert();
    }
}
