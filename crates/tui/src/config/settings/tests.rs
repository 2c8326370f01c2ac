//! Tests of `config.toml`: all options, and the handling of mistakes.

use super::*;

fn parse(text: &str) -> (Settings, Vec<String>) {
    let names = AvailableNames { keymaps: vec!["default", "emacs"], themes: vec!["night", "day"] };
    let (settings, warnings) = Settings::parse(SourceText { file: "c", text }, &names);
    (settings, warnings.iter().map(ToString::to_string).collect())
}

#[test]
fn reads_every_option() {
    let (settings, warnings) = parse(
        "theme = 'day'\nkeymap = 'emacs'\nascii = true\nread_only = true\nsettle_seconds = 30\njournal = 'disk'\n\
         stuck_seconds = 240\n[[cluster]]\nname = 'prod'\nhost = 'ssh://ops@mgr-1'\nprotected = true\n\
         [[cluster]]\nname = 'dr'\ncontext = 'dr-eu'\nread_only = true\n[[cluster]]\nname = 'lab'\n\
         [bases]\n'ghcr.io/acme/api' = 'debian:12'\n",
    );
    let cluster = |name: &str, reach, read_only, protected| ClusterSettings {
        name: name.to_owned(),
        reach,
        read_only,
        protected,
    };
    let expected = Settings {
        theme: "day".to_owned(),
        keymap: "emacs".to_owned(),
        ascii: true,
        read_only: true,
        settle_seconds: 30,
        stuck_seconds: 240,
        journal: JournalStore::Disk,
        manifest: VersionManifestSettings::default(),
        bases: [("ghcr.io/acme/api".to_owned(), "debian:12".to_owned())].into(),
        clusters: vec![
            cluster("prod", EndpointSetting::Host("ssh://ops@mgr-1".to_owned()), false, true),
            cluster("dr", EndpointSetting::Context("dr-eu".to_owned()), true, false),
            cluster("lab", EndpointSetting::Context("lab".to_owned()), false, false),
        ],
    };
    assert_eq!((settings, warnings), (expected, vec![]));
    assert_eq!(parse(""), (Settings::default(), vec![]));
}

#[test]
fn a_bad_value_loses_only_itself() {
    for (text, warning) in [
        ("them = 'day'", "c:1:1: unknown key `them`\nhint: did you mean `theme`?"),
        ("bases = { 'r/a' = 'A' }", "c:1:19: `A`: a repository name is lower case"),
        ("theme = 'dya'", "c:1:9: unknown theme `dya`\nhint: did you mean `day`?"),
        ("keymap = 'zzz'", "c:1:10: unknown keymap `zzz`\nhint: choose one of: default, emacs"),
        ("keymap = ' '", "c:1:10: `keymap` is empty"),
        ("journal = 'disc'", "c:1:11: unknown journal `disc`\nhint: did you mean `disk`?"),
        ("ascii = 1", "c:1:9: `ascii` should be true or false, not a whole number"),
        ("settle_seconds = -1", "c:1:18: `settle_seconds` should be from 0 to 3600"),
        ("stuck_seconds = 0", "c:1:17: `stuck_seconds` should be from 1 to 3600"),
        ("stuck_seconds = 3601", "c:1:17: `stuck_seconds` should be from 1 to 3600"),
        ("settle_seconds = 1.5", "c:1:18: `settle_seconds` should be a whole number, not a decimal number"),
    ] {
        let (settings, warnings) = parse(&format!("{text}\n[[cluster]]\nname = 'x'\n"));
        assert_eq!(warnings, [warning]);
        let clusters = settings.clusters.clone();
        assert_eq!(settings, Settings { clusters, ..Settings::default() });
        assert_eq!(settings.clusters.len(), 1);
    }
}

#[test]
fn a_slip_in_a_guard_still_guards() {
    for (line, read_only, protected) in [
        ("read_only = 'yes'", true, false),
        ("read-only = true", true, false),
        ("readonly = false", true, false),
        ("protectd = true", false, true),
        ("protected = 1", false, true),
        ("protected = flase", false, true),
        ("read_only = ", true, false),
        ("read_only = false", false, false),
    ] {
        let (settings, warnings) = parse(&format!("[[cluster]]\nname = 'x'\n{line}\n"));
        let found = &settings.clusters[0];
        assert_eq!((found.read_only, found.protected), (read_only, protected), "{line}");
        assert_eq!(warnings.is_empty(), line.ends_with("= false") && line.starts_with("read_only"), "{line}");
    }
    assert!(parse("readonly = true\n").0.read_only);
}

#[test]
fn clusters_that_cannot_be_meant_are_left_out() {
    for (text, message, left) in [
        ("[[cluster]]\nhost = 'x'\n", "c:1:1: this cluster has no name, so pinnace ignores it", 0),
        (
            "[[cluster]]\nname = 'a'\nhost = 'x'\ncontext = 'y'\n",
            "c:1:1: cluster `a` has both a host and a context, so pinnace ignores it\nhint: keep one of the two",
            0,
        ),
        (
            "[[cluster]]\nname = 'a'\n[[cluster]]\nname = 'a'\n",
            "c:3:1: cluster `a` is defined twice; pinnace uses the first",
            1,
        ),
        ("[cluster]\nname = 'a'\n", "c:1:2: `[cluster]` should be `[[cluster]]`", 1),
        ("cluster = 3\n", "c:1:11: `cluster` should be a table, not a whole number", 0),
    ] {
        let (settings, warnings) = parse(text);
        assert_eq!((warnings, settings.clusters.len()), (vec![message.to_owned()], left));
    }
}
