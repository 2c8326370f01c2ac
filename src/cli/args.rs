//! The command line, parsed by clap; the doc comments of arguments are their help texts.

use std::path::PathBuf;

use super::help;
use super::plan_goal::DriftChoice;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// Console for Docker Swarm images: pin, plan, apply, watch, roll back
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, after_help = help::ALL)]
pub struct Args {
    /// Flags of every verb.
    #[command(flatten)]
    pub common: CommonArgs,
    /// The verb; without one the console opens.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// Flags of every verb.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Connection")]
pub struct CommonArgs {
    /// Docker context to use (takes precedence over `DOCKER_HOST` and `DOCKER_CONTEXT`)
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Address of the engine: `unix:///path` or `tcp://host:port`
    #[arg(long, global = true, value_name = "URL", conflicts_with = "context")]
    pub host: Option<String>,
    /// Change nothing in the swarm, and write no files but that of `--out`
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Store of the journal; use `disk` if you may not create configs in the swarm: other managers then do not see it
    #[arg(long, global = true, value_enum, value_name = "WHERE")]
    pub journal: Option<JournalStoreArg>,
    /// Configuration file to use instead of the one in the configuration folder
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The store of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum JournalStoreArg {
    /// Docker configs in the swarm, visible on all managers
    Swarm,
    /// Files on this machine
    Disk,
}

/// An edit of the pins in force.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Pins")]
pub struct PinEditArgs {
    /// Pin a member to an image; without MEMBER the whole database or the single service; can be repeated
    #[arg(long = "pin", value_name = "[MEMBER=]REF")]
    pub pin: Vec<String>,
    /// Clear the pin of a member; `.` clears the group's own pin; can be repeated
    #[arg(long = "unpin", value_name = "MEMBER")]
    pub unpin: Vec<String>,
    /// Replace the group's pin document with this file; the spec of a pgEdge database (JSON) is converted
    #[arg(long = "pins", value_name = "FILE", conflicts_with_all = ["pin", "unpin"])]
    pub pins: Option<PathBuf>,
}

/// Options that become part of a plan.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Plan")]
pub struct PlanArgs {
    /// Send your registry credentials with the update; they replace those stored in the services
    #[arg(long, conflicts_with = "keep_credentials")]
    pub send_credentials: bool,
    /// Keep the credentials stored in the services, even if a service moves to another registry
    #[arg(long)]
    pub keep_credentials: bool,
    /// Start new tasks before old ones stop, where no writable mount and no host port forbids it; this changes the services' update policy permanently
    #[arg(long)]
    pub start_first: bool,
    /// Update the services in this order; the others follow
    #[arg(long, value_name = "SERVICE,…", value_delimiter = ',')]
    pub order: Vec<String>,
}

impl PinEditArgs {
    /// Returns whether an edit was given.
    pub fn is_some(&self) -> bool {
        !self.pin.is_empty() || !self.unpin.is_empty() || self.pins.is_some()
    }
}

impl PlanArgs {
    /// Returns whether an option was given.
    pub fn is_some(&self) -> bool {
        self.send_credentials || self.keep_credentials || self.start_first || !self.order.is_empty()
    }
}

/// The reaction to a failed unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnFailureArg {
    /// Roll back every touched unit (default for stacks and services)
    RollBackAll,
    /// Roll back the failed unit (default for databases)
    RollBackUnit,
    /// Stop, and leave all units in their current state
    Stop,
    /// Update the other units
    Continue,
}

/// The acknowledgements that are given in advance.
#[derive(Clone, Copy, Debug, ClapArgs)]
#[command(next_help_heading = "Apply")]
pub struct AckArgs {
    /// Acknowledge the warnings of the plan
    #[arg(long = "ack")]
    pub warnings: bool,
    /// Roll back to a digest that ran here even if its registry does not answer
    #[arg(long)]
    pub unverified: bool,
}

/// Options for applying a plan.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Apply")]
pub struct SharedApplyArgs {
    /// Acknowledgements given in advance
    #[command(flatten)]
    pub ack: AckArgs,
    /// Apply the other units if errors block some
    #[arg(long)]
    pub partial: bool,
    /// Stop after one unit and leave the rest to `resume`
    #[arg(long)]
    pub step: bool,
    /// Reaction to a failed unit; a rollback always continues with its other units
    #[arg(long, value_enum, value_name = "WHAT")]
    pub on_failure: Option<OnFailureArg>,
    /// Seconds that tasks have to stay up before a unit is done; default: `settle_seconds` of the configuration, or 10
    #[arg(long, value_name = "SECONDS")]
    pub settle: Option<u64>,
    /// Seconds that a unit may wait without progress before it is stuck; default: `stuck_seconds` of the configuration, or 120
    #[arg(long, value_name = "SECONDS")]
    pub stuck: Option<u64>,
    /// Reason for the change, shown in the history
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub reason: String,
}

/// Options for verbs that plan a change of a target and apply it.
#[derive(Clone, Debug, ClapArgs)]
pub struct PlanApplyArgs {
    /// Print the plan, and do not apply it
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,
    /// Save the plan to this file for `pinnace apply FILE`, and do not apply it
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Options that become part of the plan
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Options for applying the plan
    #[command(flatten)]
    pub apply: SharedApplyArgs,
    /// Print JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// The choice of what to do with an unfinished change.
#[derive(Clone, Copy, Debug, Default, ClapArgs)]
#[group(multiple = false)]
#[command(next_help_heading = "Target")]
pub struct ResumeChoice {
    /// Resume the change: update the remaining units
    #[arg(long = "continue")]
    pub forward: bool,
    /// Roll back every touched unit
    #[arg(long)]
    pub roll_back: bool,
    /// Close the change, and keep every unit in its current state
    #[arg(long)]
    pub keep: bool,
}

/// The arguments of `inspect`.
#[derive(Clone, Debug, ClapArgs)]
pub struct InspectArgs {
    /// Image to inspect: `[registry[:port]/]repository[:tag][@sha256:…]`
    #[arg(value_name = "REF")]
    pub reference: String,
    /// Check the image against this contract: a name, or a TOML file; exit code 1 if the image breaks it
    #[arg(long, value_name = "NAME|FILE")]
    pub contract: Option<String>,
    /// Platform to show; default: all, with the layers and configuration of linux/amd64
    #[arg(long, value_name = "OS/ARCH")]
    pub platform: Option<String>,
    /// List the files in the layers of the image
    #[arg(long)]
    pub files: bool,
    /// Use plain HTTP for this registry, `host[:port]`, as an engine does for an insecure registry; can be repeated
    #[arg(long, value_name = "HOST")]
    pub plain_http: Vec<String>,
    /// Print JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// The subcommands; without one, the console opens.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Open the console (the default)
    #[command(after_help = help::CONSOLE)]
    Console,
    /// Open the console on a simulated swarm: no Docker, no network, nothing is saved
    #[command(after_help = help::DEMO)]
    Demo,
    /// Show what runs and what is wrong
    #[command(after_help = help::STATUS)]
    Status {
        /// Show only this group
        group: Option<String>,
        /// Print JSON
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
    /// Show the pins in force, and which of them decides the image of each service
    #[command(after_help = help::PINS)]
    Pins {
        /// Show only this group
        group: Option<String>,
        /// Print the permanent fix: for pgEdge's API, for the stack file, or as a docker command
        #[arg(long, requires = "group", help_heading = "Output")]
        permanent: bool,
        /// Print JSON
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
    /// Check the pins and the running images of a group
    #[command(after_help = help::CHECK)]
    Check {
        /// Group to check
        #[arg(required_unless_present = "explain")]
        group: Option<String>,
        /// Explain a finding: its meaning, its remedy and its source; `all` explains all of them
        #[arg(long, value_name = "CODE|all", conflicts_with_all = ["group", "pin", "unpin", "pins"])]
        explain: Option<String>,
        /// Edit of the pins to check
        #[command(flatten)]
        edit: PinEditArgs,
        /// Print JSON
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
    /// Plan an update
    #[command(after_help = help::PLAN)]
    Plan {
        /// Group whose pins are edited
        group: String,
        /// Edit of the pins in force
        #[command(flatten)]
        edit: PinEditArgs,
        /// Resolve drift: update the services to their pins, or pin what they run
        #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "to-pin", require_equals = true)]
        #[arg(conflicts_with_all = ["pin", "unpin", "pins"], help_heading = "Pins")]
        drift: Option<DriftChoice>,
        /// Options that become part of the plan
        #[command(flatten)]
        plan: PlanArgs,
        /// Save the plan to this file for `pinnace apply FILE`
        #[arg(long, value_name = "FILE", help_heading = "Output")]
        out: Option<PathBuf>,
        /// Print JSON
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
    /// Plan an update and apply it, or apply a saved plan
    #[command(after_help = help::APPLY)]
    Apply {
        /// Group whose pins are edited, or the file of a saved plan
        #[arg(value_name = "GROUP|FILE")]
        group: String,
        /// Edit of the pins in force
        #[command(flatten)]
        edit: PinEditArgs,
        /// Resolve drift: update the services to their pins, or pin what they run
        #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "to-pin", require_equals = true)]
        #[arg(conflicts_with_all = ["pin", "unpin", "pins"], help_heading = "Pins")]
        drift: Option<DriftChoice>,
        /// Options that become part of the plan
        #[command(flatten)]
        plan: PlanArgs,
        /// Options for applying the plan
        #[command(flatten)]
        apply: SharedApplyArgs,
        /// Print JSON
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
    /// Roll back to the image that ran before
    #[command(after_help = help::ROLLBACK)]
    Rollback {
        /// GROUP, GROUP/MEMBER, or the name of a member or a service
        target: String,
        /// Roll back to the state before this change, or to this rollback candidate: its text, tag or digest
        #[arg(long, value_name = "CHANGE|IMAGE")]
        to: Option<String>,
        /// Options for the plan
        #[command(flatten)]
        args: PlanApplyArgs,
    },
    /// Restart tasks
    #[command(after_help = help::REDEPLOY)]
    Redeploy {
        /// GROUP, GROUP/MEMBER, or the name of a member or a service
        target: String,
        /// Use the digest that the tag names now, instead of the running one
        #[arg(long)]
        newest: bool,
        /// Options for the plan
        #[command(flatten)]
        args: PlanApplyArgs,
    },
    /// Resume, roll back or close an unfinished change
    #[command(after_help = help::RESUME)]
    Resume {
        /// Id of the change, or the beginning of the id
        change: String,
        /// Choice; without one the choices are printed
        #[command(flatten)]
        choice: ResumeChoice,
        /// Options for applying the plan
        #[command(flatten)]
        apply: SharedApplyArgs,
        /// Print JSON
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
    /// Record images deployed by others, of services that run stably; run it after a deploy, or from cron
    #[command(after_help = help::RECORD)]
    Record {
        /// Record only this group
        group: Option<String>,
        /// Print JSON
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
    /// Show what an image is, and whether it keeps a contract; needs no engine
    #[command(after_help = help::INSPECT)]
    Inspect(InspectArgs),
    /// Serve a simulated swarm and its registries
    #[command(after_help = help::SIM)]
    Sim(swarm_sim::command::Options),
    /// Show all changes, newest first
    #[command(after_help = help::HISTORY)]
    History {
        /// Show only this group or service
        what: Option<String>,
        /// Print JSON
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::Args::command_line().debug_assert();
    }
}
