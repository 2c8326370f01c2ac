use serde_json::json;

use super::*;
use crate::swarm::GroupKey;

/// The objects of one group: each change has a slot, a record of a given size and a log of 100 bytes.
struct StoreSample {
    stored: Vec<StoredConfig>,
    group: GroupKey,
}

impl StoreSample {
    fn new(group: &str) -> Self {
        Self { stored: Vec::new(), group: GroupKey::parse(group).unwrap() }
    }

    fn put(&mut self, name: &str, labels: &BTreeMap<String, String>, bytes: usize, data: &[u8]) {
        let mut one = StoredConfig::read(&format!("{}:{name}", self.group.name), 1, None, name, labels, data).unwrap();
        one.bytes = bytes;
        self.stored.push(one);
    }

    fn record(&mut self, change: &str, kind: &str, parent: u64, v: u32, bytes: usize, services: &[&str]) {
        let unit = |name: &&str| {
            json!({"service": name, "service_id": name, "member": "m", "node": "", "action": "new",
                "from": {"image": "a", "digest": null}, "to": {"image": "b", "digest": null}, "reasons": [], "rest": ""})
        };
        let units: Vec<_> = services.iter().map(unit).collect();
        let plan = json!({"v": 1, "id": "", "created": "", "group": self.group.to_string(), "parent": parent,
            "kind": kind, "units": units, "findings": []});
        let data = json!({"v": v, "change": change, "plan": plan}).to_string();
        self.put(&format!("{RECORD}{change}"), &BTreeMap::new(), bytes, data.as_bytes());
    }

    fn change(&mut self, seq: u64, state: &str, letters: &str, v: u32, bytes: usize) {
        let change = format!("{}-{seq}", self.group.name);
        let labels = [("pinnace.v", v.to_string()), ("pinnace.change", change.clone())];
        let labels = labels.into_iter().chain([("pinnace.state", state.into()), ("pinnace.units", letters.into())]);
        let labels = labels.map(|(key, value)| (key.to_owned(), value)).collect();
        self.put(&format!("{SLOT}{}.{seq}", self.group.hash()), &labels, 100, b"{}");
        self.record(&change, "pin", seq - 1, v, bytes, &["one", "two"][..letters.len().min(2)]);
        self.put(&format!("{LOG}{change}.o"), &BTreeMap::new(), 100, b"{}");
    }

    /// Returns the numbers of the changes that are removed, and the names of the other objects that are.
    fn gone(&self) -> (Vec<u64>, Vec<String>) {
        gone(&self.stored)
    }
}

fn gone(stored: &[StoredConfig]) -> (Vec<u64>, Vec<String>) {
    let (mut numbers, mut others) = (Vec::new(), Vec::new());
    for chain in doomed(stored) {
        let (group, _) = chain[0].split_once(':').unwrap();
        let names: Vec<&str> = chain.iter().map(|id| id.split_once(':').unwrap().1).collect();
        match names[0].strip_prefix(SLOT).and_then(|name| name.rsplit_once('.')) {
            Some((_, seq)) => {
                let others = [format!("{RECORD}{group}-{seq}"), format!("{LOG}{group}-{seq}.o")];
                assert_eq!(names[1..], others, "slot first");
                numbers.push(seq.parse().unwrap());
            }
            None => others.extend(names.into_iter().map(str::to_owned)),
        }
    }
    (numbers, others)
}

/// Returns a hundred failed changes of a group; `but` gives the exceptions as (number, state, letters).
fn hundred(but: &[(u64, &str, &str)]) -> StoreSample {
    let mut shelf = StoreSample::new("stack/shop");
    for seq in 1..=100 {
        let other = but.iter().find(|(at, ..)| *at == seq);
        let (_, state, letters) = other.copied().unwrap_or((seq, "failed", "U-"));
        shelf.change(seq, state, letters, 1, 1000);
    }
    shelf
}

#[test]
fn fifty_of_a_group_stay() {
    assert_eq!(hundred(&[]).gone(), ((1..=50).collect(), vec![]));
    let mut few = StoreSample::new("stack/shop");
    (1..=50).for_each(|seq| few.change(seq, "failed", "U", 1, 1000));
    assert_eq!(few.gone(), (vec![], vec![]));
}

#[test]
fn what_is_needed_stays() {
    for (but, stays, why) in [
        (vec![(3, "running", "p-")], vec![3], "not over"),
        (vec![(3, "detached", "d-")], vec![3], "not over"),
        (vec![(3, "done", "--")], vec![3], "its pins are in force"),
        (vec![(3, "done", "--"), (7, "done", "--")], vec![7], "a newer one's are"),
        (vec![(3, "left", "d-")], vec![3], "the last good run of one"),
        (vec![(3, "left", "d-"), (7, "left", "-d")], vec![3, 7], "and of the other"),
        (vec![(3, "left", "d-"), (90, "left", "d-")], vec![], "it ran well later"),
        (vec![(3, "undone", "U-"), (7, "left", "f-")], vec![], "nothing ran well"),
    ] {
        let (gone, _) = hundred(&but).gone();
        let wanted: Vec<u64> = (1..=100).filter(|seq| !stays.contains(seq)).take(50).collect();
        assert_eq!(gone, wanted, "{why}: {but:?}");
    }
}

#[test]
fn what_a_newer_pinnace_wrote_stays() {
    let mut shelf = StoreSample::new("stack/shop");
    (1..=60).for_each(|seq| shelf.change(seq, "failed", "U", if seq == 4 { 2 } else { 1 }, 1000));
    assert_eq!(shelf.gone().0, [1, 2, 3, 5, 6, 7, 8, 9, 10, 11]);
    let mut unread = StoreSample::new("stack/shop");
    (1..=60).for_each(|seq| unread.change(seq, "failed", "U", 1, 1000));
    for one in &mut unread.stored {
        if let JournalContent::Record { change, record } = &mut one.part
            && change == "shop-2"
        {
            *record = None;
        }
    }
    assert!(!unread.gone().0.contains(&2), "what it did is not known");
}

#[test]
fn four_megabytes_in_all() {
    let mut big = StoreSample::new("stack/big");
    (1..=30).for_each(|seq| big.change(seq, "failed", "U", 1, 150_000));
    assert_eq!(big.gone().0, [1, 2, 3, 4]);
    let mut small = StoreSample::new("stack/small");
    (1..=30).for_each(|seq| small.change(seq, "failed", "U", 1, 1000));
    let both: Vec<StoredConfig> = small.stored.iter().chain(&big.stored).cloned().collect();
    assert_eq!(gone(&both).0, [1, 2, 3, 4], "of the group that takes the most");
    let mut huge = StoreSample::new("stack/huge");
    (1..=22).for_each(|seq| huge.change(seq, "failed", "U", 1, 800_000));
    assert_eq!(huge.gone().0, [1, 2], "the newest twenty stay, whatever they take");
}

#[test]
fn a_record_without_a_slot_goes_once_it_cannot_be_claimed() {
    let mut shelf = StoreSample::new("stack/shop");
    shelf.record("first", "pin", 0, 1, 10, &[]);
    assert_eq!(shelf.gone(), (vec![], vec![]), "its claim may still be made");
    (1..=3).for_each(|seq| shelf.change(seq, "done", "d", 1, 10));
    for (change, parent, v) in [("late", 2, 1), ("next", 3, 1), ("ahead", 4, 1), ("newer", 1, 2)] {
        shelf.record(change, "pin", parent, v, 10, &[]);
    }
    shelf.put(&format!("{LOG}lost.o"), &BTreeMap::new(), 10, b"{}");
    let wanted = ["pinnace.r.first", "pinnace.r.late", "pinnace.l.lost.o"];
    assert_eq!(shelf.gone(), (vec![], wanted.map(str::to_owned).to_vec()));
}

#[test]
fn of_what_was_seen_each_services_newest_stays() {
    let mut shelf = StoreSample::new("stack/shop");
    shelf.change(1, "done", "d", 1, 10);
    for at in 10..70 {
        let services: &[&str] = if at == 12 { &["rare", "web"] } else { &["web"] };
        shelf.record(&format!("s{at}"), "seen", 0, 1, 10, services);
    }
    let wanted: Vec<String> = (10..21).filter(|at| *at != 12).map(|at| format!("{RECORD}s{at}")).collect();
    assert_eq!(shelf.gone(), (vec![], wanted));
}
