//! Cases about the target of a change, and about plans.

use super::super::{At, CASE, Case};

/// Cases about nodes and services first, then about plans.
pub(super) const ALL: &[Case] = &[
    // The target of the change.
    Case {
        code: "no-node-fits",
        group: "picky",
        world: "[[service]]\nname = 'picky'\nimage = 'r.example:5000/shop/web:1.31.0'\nconstraints = ['node.labels.disk==ssd']\n",
        pins: "image = 'r.example:5000/shop/web:1.32.0'\n",
        fine: "",
        ..CASE
    },
    Case {
        code: "node-not-ready",
        world: "[[fault]]\nkind = 'node'\nname = 'node-2'\nto = 'drain'\n",
        pins: "[node.n2]\nimage = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        fine: "[node.n1]\nimage = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        at: At::Plan,
        ..CASE
    },
    Case {
        code: "rollout-active",
        weight: "warning",
        group: "shop",
        before: &["meddle shop_web r.example:5000/pgedge/pgedge-postgres:bad", "wait 60"],
        pins: "[service.web]\nimage = 'r.example:5000/shop/web:1.32.0'\n",
        fine: "[service.bare]\nimage = 'r.example:5000/shop/web:1.32.0'\n",
        at: At::Plan,
        ..CASE
    },
    Case {
        code: "not-verified",
        weight: "warning",
        group: "shop",
        before: &[
            "apply shop --pin web=r.example:5000/shop/web:1.32.0 --ack --settle 0",
            "apply shop --pin web=r.example:5000/shop/web:1.33.0 --ack --settle 0",
            "down r.example:5000",
        ],
        at: At::Back,
        fine: "",
        ..CASE
    },
    Case {
        code: "will-run-again",
        weight: "warning",
        group: "once",
        world: "[[image]]\nref = 'r.example:5000/job:1'\nbehaviour = 'oneshot'\n[[service]]\nname = 'once'\nimage = 'r.example:5000/job:1'\n[service.spec.TaskTemplate.RestartPolicy]\nCondition = 'none'\n",
        pins: "image = 'r.example:5000/shop/web:1.32.0'\n",
        at: At::Plan,
        ..CASE
    },
    Case {
        code: "update-policy",
        weight: "warning",
        group: "wide",
        world: "[[service]]\nname = 'wide'\nimage = 'r.example:5000/shop/web:1.31.0'\nreplicas = 3\n[service.spec.UpdateConfig]\nParallelism = 0\n",
        pins: "image = 'r.example:5000/shop/web:1.32.0'\n",
        at: At::Plan,
        ..CASE
    },
    Case {
        code: "will-be-overwritten",
        weight: "info",
        group: "shop",
        pins: "[service.web]\nimage = 'r.example:5000/shop/web:1.32.0'\n",
        fine: "[service.bare]\nimage = 'r.example:5000/shop/web:1.32.0'\n",
        at: At::Plan,
        ..CASE
    },
    Case {
        code: "falls-back",
        weight: "info",
        before: &["apply storefront --pin r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1 --settle 0"],
        pins: "# cleared\n",
        fine: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        ..CASE
    },
    Case {
        code: "drifted",
        weight: "info",
        group: "lone",
        before: &[
            "apply lone --pin r.example:5000/ha/patroni-postgres:16-alpine-20260206 --settle 0",
            "meddle lone r.example:5000/ha/patroni-postgres:16",
            "wait 30",
        ],
        at: At::Images,
        fine: "",
        ..CASE
    },
    // The plan.
    Case {
        code: "nothing-to-do",
        weight: "info",
        pins: "# only words\n",
        fine: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        at: At::Plan,
        ..CASE
    },
    Case { code: "no-way-back", weight: "info", group: "lone", at: At::Back, fine: "", ..CASE },
    Case {
        code: "roles-unknown",
        weight: "info",
        pins: "image = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        fine: "[node.n1]\nimage = 'r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1'\n",
        at: At::Plan,
        ..CASE
    },
    Case {
        code: "failed-here",
        weight: "warning",
        before: &["apply storefront --pin n1=r.example:5000/pgedge/pgedge-postgres:bad --settle 0"],
        pins: "[node.n1]\nimage = 'r.example:5000/pgedge/pgedge-postgres:bad'\n",
        fine: "[node.n2]\nimage = 'r.example:5000/pgedge/pgedge-postgres:bad'\n",
        ..CASE
    },
    Case {
        code: "change-unfinished",
        before: &[
            "apply storefront --pin r.example:5000/pgedge/pgedge-postgres:17.9-spock5.0.6-custom-1 --settle 0 --step",
        ],
        pins: "image = 'r.example:5000/pgedge/pgedge-postgres:17.10-spock5.0.10-standard-1'\n",
        fine: "",
        at: At::Plan,
        ..CASE
    },
];
