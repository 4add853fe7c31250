//! What runs in a simulation. Outputs depend on inputs and on the answers of the service only, never on timing, so
//! that a run without faults tells what every other one has to give.

use std::sync::Arc;

use ferrovia_dsl::compile::{Links, Options, compile};
use ferrovia_dsl::plan::Plan;
use ferrovia_expr::{Value, value};
use ferrovia_runtime::Definitions;

/// One kind of workflow in the mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Steps,
    Loop,
    Fork,
    Retry,
    Sleep,
    Parent,
    Listen,
    Once,
    Spin,
    Month,
}

impl Kind {
    pub(crate) const ALL: [Kind; 10] = [
        Kind::Steps,
        Kind::Loop,
        Kind::Fork,
        Kind::Retry,
        Kind::Sleep,
        Kind::Parent,
        Kind::Listen,
        Kind::Once,
        Kind::Spin,
        Kind::Month,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Steps => "steps",
            Kind::Loop => "loop",
            Kind::Fork => "fork",
            Kind::Retry => "retry",
            Kind::Sleep => "sleep",
            Kind::Parent => "parent",
            Kind::Listen => "listen",
            Kind::Once => "once",
            Kind::Spin => "spin",
            Kind::Month => "month",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Kind::Steps => include_str!("../workloads/steps.yaml"),
            Kind::Loop => include_str!("../workloads/loop.yaml"),
            Kind::Fork => include_str!("../workloads/fork.yaml"),
            Kind::Retry => include_str!("../workloads/retry.yaml"),
            Kind::Sleep => include_str!("../workloads/sleep.yaml"),
            Kind::Parent => include_str!("../workloads/parent.yaml"),
            Kind::Listen => include_str!("../workloads/listen.yaml"),
            Kind::Once => include_str!("../workloads/once.yaml"),
            Kind::Spin => include_str!("../workloads/spin.yaml"),
            Kind::Month => include_str!("../workloads/month.yaml"),
        }
    }

    /// The event that a run of this kind waits for.
    pub(crate) fn event(self, number: u64) -> Option<Value> {
        (self == Kind::Listen).then(|| {
            value!({
                "id": format!("event-{number}"),
                "source": "/sim",
                "type": "sim.paid",
                "data": {"order": number as i64, "amount": (number % 100) as i64}
            })
        })
    }
}

/// The input of the run with a number.
pub(crate) fn input(number: u64) -> Value {
    value!({ "order": number as i64, "n": (number % 7) as i64 })
}

/// All workflows, compiled.
pub(crate) struct Workload {
    pub(crate) definitions: Definitions,
    plans: Vec<(Kind, Arc<Plan>)>,
}

impl Workload {
    pub(crate) fn new() -> Workload {
        let mut definitions = Definitions::default();
        let plans: Vec<_> = Kind::ALL
            .iter()
            .map(|kind| (*kind, plan(kind.text())))
            .collect();
        for (_, plan) in &plans {
            definitions.add(plan.clone());
        }
        Workload { definitions, plans }
    }

    pub(crate) fn plan(&self, kind: Kind) -> &Arc<Plan> {
        let found = self.plans.iter().find(|(known, _)| *known == kind);
        found
            .map(|(_, plan)| plan)
            .expect("every kind was compiled")
    }
}

fn plan(text: &str) -> Arc<Plan> {
    let root = ferrovia_dsl::source::parse(text).expect("a workload is valid");
    let compiled = compile(text, &root, &Links::default(), Options::default());
    Arc::new(
        compiled
            .unwrap_or_else(|findings| panic!("a workload compiles: {findings:#?}"))
            .plan,
    )
}
