//! The laws against random histories: a webhook, its tenant and its receiver in memory, and all that may
//! happen to them.
//!
//! The model does what the plan says in the way that the store records it. Any step may fail, be cut off, or take
//! effect without anyone knowing; lists may lag behind and tell ends in whole minutes; someone else may renew the
//! webhook, Protime may disable or lose it, a key sink may take a key late, the process may die, our clock may be
//! set, other references may be configured. Then the faults end, and what the laws promise must be true: every
//! change reached the receiver, and the key that we have is the one that Protime signs with. What may never happen
//! is checked all along.

mod sinks;
mod world;

use proptest::prelude::*;

use sinks::SINKS;
use world::{Manner, World};

use crate::domain::state::WebhookState;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    /// Nothing, for some seconds.
    Pass(u16),
    /// The daemon tries a sink that lacks the key; if the flag is set, the sink takes it.
    Deliver(usize, bool),
    Poll,
    /// The daemon does what its plan says, and it succeeds.
    Step,
    /// It does, and it fails without effect.
    Fail,
    /// It does, and dies before it knows what became of it; if the flag is set, it had its effect.
    Crash(bool),
    /// A POST whose outcome stayed unknown is processed now.
    Late,
    /// Someone else POSTs the pair.
    Foreign,
    /// Protime disables the webhook; the receiver had been refusing for as long as retries take.
    Disable,
    Lose,
    Manual,
    /// Our clock is set: from now on it is so many seconds ahead of Protime's.
    Clock(i32),
    /// A reload brings these external references.
    References(u8),
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..600_u16).prop_map(Event::Pass),
        1 => (600..5_000_u16).prop_map(Event::Pass),
        4 => (0..SINKS, any::<bool>()).prop_map(|(sink, takes)| Event::Deliver(sink, takes)),
        3 => Just(Event::Poll),
        8 => Just(Event::Step),
        2 => Just(Event::Fail),
        2 => any::<bool>().prop_map(Event::Crash),
        1 => Just(Event::Late),
        1 => Just(Event::Foreign),
        1 => Just(Event::Disable),
        1 => Just(Event::Lose),
        1 => Just(Event::Manual),
        1 => prop_oneof![Just(0), -10..10, -100_000..100_000].prop_map(Event::Clock),
        1 => (0..3_u8).prop_map(Event::References),
    ]
}

pub(crate) fn histories() -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec(events(), 0..120)
}

/// Every state that a webhook has in such a history.
pub(crate) fn states(history: Vec<Event>) -> Vec<WebhookState> {
    let mut world = World::new(false, Manner { unit: 1, lag: 0, resyncs: true });
    for event in history {
        world.happen(event);
    }
    world.committed
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(600),
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_lost_and_the_key_is_right_once_the_faults_end(
        proceed: bool,
        manner in prop_oneof![
            3 => Just(Manner { unit: 1, lag: 0, resyncs: true }),
            1 => Just(Manner { unit: 60, lag: 0, resyncs: true }),
            1 => Just(Manner { unit: 1, lag: 50, resyncs: true }),
            1 => Just(Manner { unit: 1, lag: 0, resyncs: false }),
        ],
        history in histories(),
    ) {
        let mut world = World::new(proceed, manner);
        for event in history {
            world.happen(event);
        }
        world.calm_down();
        if manner.resyncs {
            prop_assert_eq!(&world.missing, &Vec::<i64>::new(), "changes that never reached the receiver");
        }
        let key = world.subscription.as_ref().map(|it| it.key);
        prop_assert!(key.is_some());
        prop_assert_eq!(world.current, key, "the key that is current");
        prop_assert_eq!(world.sinks, [key; SINKS], "the key that each sink has");
        prop_assert_eq!(world.stored.owed, None);
        let references = world.subscription.map(|it| it.references);
        prop_assert_eq!(references, Some(world.references), "the references that were configured");
    }
}
