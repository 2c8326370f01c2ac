//! Secrets: credentials and environment values are planted, complete changes run with failures, rollbacks and a
//! console, and then everything written anywhere is searched for them.
//!
//! The binary runs on a simulated swarm at a socket, so that its log, child processes and arguments are searched too.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::lab::{Engine, Program, wait_for};
use crate::terminal::Terminal;

/// The planted secrets: in `config.json`, from a credential helper, typed in the console,
/// and in an environment value.
const PLANTED: [(&str, &str); 4] = [
    ("config.json", "Pl4nted~File?>ister~One"),
    ("helper", "Pl4nted~Help?>er~Two"),
    ("typed", "Pl4nted~Typed?>Login~Three"),
    ("environment", "Pl4nted~Env?>Value~Four"),
];

const WORLD: &str = r#"
settled = 60.0
[[node]]
name = "node-1"
manager = true
[[node]]
name = "node-2"
manager = true
"#;

/// A simulated swarm in a child process; dropping it ends the process.
struct Simulated {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Simulated {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let scenario = folder.path().join("world.toml");
        fs::write(&scenario, world(port)).unwrap();
        let socket = folder.path().join("s");
        let child = Command::new(env!("CARGO_BIN_EXE_pinnace"))
            .args(["sim", "--time-scale", "4", "--registry", &format!("127.0.0.1:{port}"), "--socket"])
            .arg(&socket)
            .arg("--scenario")
            .arg(&scenario)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("the simulated swarm", 30, || (Engine::new(&socket).ask("GET", "/_ping", "").0 == 200).then_some(()));
        Self { child, folder, port }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns one registry host for each source of credentials, all on the same port.
fn hosts(port: u16) -> [String; 3] {
    ["127.0.0.1", "localhost", "127.0.0.2"].map(|host| format!("{host}:{port}"))
}

fn world(port: u16) -> String {
    let mut text = WORLD.to_owned();
    let environment = PLANTED[3].1;
    for (at, (host, member)) in hosts(port).iter().zip(["a", "b", "c"]).enumerate() {
        let (password, tokens) = (PLANTED[at].1, at == 1);
        write!(
            text,
            r#"
[[registry]]
name = "{host}"
insecure = true
user = "ops"
password = "{password}"
tokens = {tokens}
[[image]]
ref = "{host}/app:1"
[[image]]
ref = "{host}/app:2"
[[image]]
ref = "{host}/app:bad"
behaviour = "exit:3"
[[service]]
name = "shop_{member}"
image = "{host}/app:1"
labels = {{ "com.docker.stack.namespace" = "shop" }}
[service.spec.TaskTemplate.ContainerSpec]
Env = ["PGPASSWORD={environment}", "PLAIN=1"]
[service.spec.UpdateConfig]
Parallelism = 1
FailureAction = "pause"
Monitor = 1000000000
"#
        )
        .unwrap();
    }
    text
}

/// Returns the forms that a secret may appear in: plain, percent-encoded, and in base64 at
/// any offset in both alphabets.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    forms.push(percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string());
    for offset in 0..3 {
        let shifted = [" ".repeat(offset), secret.to_owned()].concat();
        // Adjacent bytes influence the first and last base64 characters.
        let from = [0, 2, 3][offset];
        let to = shifted.len() * 8 / 6;
        forms.extend(
            [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)].map(|it| it[from..to].to_owned()),
        );
    }
    forms
}

/// Returns the name and form of a secret that the text contains.
fn found(text: &str) -> Option<String> {
    PLANTED.iter().find_map(|(name, secret)| {
        forms(secret).into_iter().find(|form| text.contains(form.as_str())).map(|form| format!("{name}, as {form}"))
    })
}

/// All output that a person or program could read afterwards, by location.
#[derive(Default)]
struct Seen(BTreeMap<String, String>);

impl Seen {
    fn add(&mut self, place: &str, text: &str) {
        self.0.entry(place.to_owned()).or_default().push_str(text);
    }

    fn files(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                self.files(&path);
            } else {
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                self.add(&path.display().to_string(), &text);
            }
        }
    }

    /// Adds every config of the swarm: name, labels and data. Returns their number.
    fn store(&mut self, engine: &Engine) -> usize {
        let configs = engine.get("/configs");
        let configs = configs.as_array().unwrap();
        for config in configs {
            let data = config["Spec"]["Data"].as_str().unwrap_or_default();
            let data = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
            self.add(
                &format!("config {}", config["Spec"]["Name"]),
                &format!("{}{}", config["Spec"]["Labels"], String::from_utf8_lossy(&data)),
            );
        }
        configs.len()
    }

    fn verb(&mut self, program: &Program, args: &[&str]) -> Option<i32> {
        let said = program.run(args);
        self.add(&format!("what {args:?} said"), &format!("{}{}", said.out, said.err));
        said.code
    }

    /// Adds everything that other users of the machine can see of a process.
    fn process(&mut self, pid: i32) {
        for file in ["cmdline", "environ"] {
            let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            self.add(&format!("{file} of the console"), &String::from_utf8_lossy(&text));
        }
    }
}

/// Runs the verbs: a successful change, a failing one, one that is interrupted and rolled back, and a rollback.
fn verbs(seen: &mut Seen, program: &Program, hosts: &[String; 3]) {
    let pin = |at: usize, tag: &str| format!("{}={}/app:{tag}", ["a", "b", "c"][at], hosts[at]);
    for args in
        [&["status", "--json"][..], &["check", "shop"], &["pins", "shop", "--permanent"], &["pins", "shop", "--json"]]
    {
        seen.verb(program, args);
    }
    let (a2, b2, bad) = (pin(0, "2"), pin(1, "2"), pin(1, "bad"));
    seen.verb(program, &["plan", "shop", "--pin", &a2, "--pin", &b2, "--json"]);
    let quick = ["--settle", "0", "--ack", "--reason", "a test of secrets"];
    assert_eq!(
        seen.verb(program, &[&["apply", "shop", "--pin", &a2, "--pin", &b2], &quick[..]].concat()),
        Some(0),
        "{}",
        seen.0.values().next_back().unwrap()
    );
    assert_eq!(seen.verb(program, &[&["apply", "shop", "--pin", &bad, "--json"], &quick[..]].concat()), Some(1));
    let (a1, b1) = (pin(0, "1"), pin(1, "1"));
    assert_eq!(
        seen.verb(program, &[&["apply", "shop", "--pin", &a1, "--pin", &b1, "--step", "--json"], &quick[..]].concat()),
        Some(5)
    );
    let history = program.run(&["history", "--json"]).exit(0).json();
    let change = history["changes"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(seen.verb(program, &["resume", &change, "--roll-back", "--settle", "0"]), Some(0));
    assert_eq!(seen.verb(program, &["rollback", "shop", "--settle", "0", "--ack", "--json"]), Some(0));
    for args in
        [&["history"][..], &["history", "--json"], &["status"], &["inspect", &format!("{}/app:2", hosts[1]), "--json"]]
    {
        seen.verb(program, args);
    }
}

/// Runs the console: a login with a typed password, a plan with it, and every screen in between.
fn console(seen: &mut Seen, simulated: &Simulated, home: &Path) {
    let text = |sub: &str| home.join(sub).display().to_string();
    let environment = [
        ("DOCKER_HOST".to_owned(), format!("unix://{}", simulated.socket().display())),
        ("XDG_STATE_HOME".to_owned(), text("state")),
        ("XDG_CONFIG_HOME".to_owned(), text("config")),
        ("DOCKER_CONFIG".to_owned(), text("docker")),
        ("PINNACE_LOG".to_owned(), "trace".to_owned()),
    ];
    let program = Path::new(env!("CARGO_BIN_EXE_pinnace"));
    let mut terminal = Terminal::start(program, &[], &environment, (140, 45));
    let at = |seen: &mut Seen, terminal: &mut Terminal, keys: &str, what: &str| {
        terminal.press(keys);
        terminal.wait(what, Duration::from_secs(20), |text| text.contains(what));
        seen.add(&format!("the screen with {what:?}"), &terminal.text());
    };
    at(seen, &mut terminal, "", "shop");
    at(seen, &mut terminal, "/shop_c\rggG", "1 shown");
    at(seen, &mut terminal, "p", "[service.c]");
    terminal.press(&("\u{1b}[B".repeat(12) + "\u{1b}[A"));
    terminal.press("\u{1b}[H\u{1b}[3~\u{1b}[3~\u{1b}[F\u{7f}\u{7f}2\"");
    at(seen, &mut terminal, "", "app:2");
    at(seen, &mut terminal, "\u{1b}", "L log in");
    at(seen, &mut terminal, "L", "password");
    terminal.press("ops\t");
    for c in PLANTED[2].1.chars() {
        terminal.press(&c.to_string());
        seen.add("the screen with the form", &terminal.text());
    }
    at(seen, &mut terminal, "\r", "linux/amd64");
    seen.process(terminal.pid());
    at(seen, &mut terminal, "P", "plan up to date");
    at(seen, &mut terminal, "a", "Done.");
    at(seen, &mut terminal, "h", "a test of secrets");
    terminal.press("q");
}

#[test]
fn no_secret_is_written_anywhere() {
    let simulated = Simulated::start();
    let hosts = hosts(simulated.port);
    let program = Program::new(&simulated.socket()).with("PINNACE_LOG", "trace");
    let home = program.home().to_owned();
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("ops:{}", PLANTED[0].1));
    program.docker_config(&json!({"auths": {&hosts[0]: {"auth": auth}}, "credHelpers": {&hosts[1]: "planted"}}));
    let told = json!({"ServerURL": hosts[1], "Username": "ops", "Secret": PLANTED[1].1});
    let log = home.join("children");
    let script = format!(
        "{{ echo \"$0 $@\"; env; tr '\\0' ' ' < /proc/$PPID/cmdline; }} >> {}\ncat > /dev/null\necho '{told}'",
        log.display()
    );
    program.helper("planted", &script);
    let mut seen = Seen::default();
    verbs(&mut seen, &program, &hosts);
    console(&mut seen, &simulated, &home);
    seen.files(&home.join("state"));
    seen.files(&home.join("config"));
    seen.add("what children got", &fs::read_to_string(&log).unwrap_or_default());
    let configs = seen.store(&Engine::new(&simulated.socket()));
    // Checks that the search covered everything: all expected objects existed.
    assert!(configs >= 15, "records, slots and logs of five changes: {configs}");
    for place in ["pinnace.log", ".jsonl", "what children got", "the screen with the form"] {
        let text = seen.0.iter().find(|(name, _)| name.contains(place)).map(|(_, text)| text.len());
        assert!(text.is_some_and(|length| length > 100), "nothing in {place}: {:?}", seen.0.keys());
    }
    let spec: Value = Engine::new(&simulated.socket()).get("/services/shop_a");
    assert!(found(&spec.to_string()).is_some(), "what is planted is found where it is");
    assert!(found(&auth).is_some() && found(&format!("x{auth}")).is_some());
    let leaks: Vec<String> =
        seen.0.iter().filter_map(|(place, text)| Some(format!("{place}: {}", found(text)?))).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}
