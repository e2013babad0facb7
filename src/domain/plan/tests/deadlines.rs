//! What is shown of a webhook changes only when something happens to it, or when its time comes.

use proptest::prelude::*;

use super::{
    model::{histories, states},
    *,
};

#[test]
fn a_look_that_comes_in_time_is_not_planned_again() {
    for (planned, until, in_time) in [
        (Some(1_200), Some(1_200), true),
        (Some(1_199), Some(1_200), true),
        (Some(1_195), Some(1_200), false),
        (Some(1_201), Some(1_200), false),
        (Some(1_099), Some(1_100), true),
        (Some(1_099), Some(1_101), false),
        (Some(1_200), Some(1_100), false),
        (None, Some(1_200), false),
        (Some(1_200), None, false),
        (None, None, true),
    ] {
        let is = is_in_time(planned.map(at), until.map(at), now(1_100));
        assert_eq!(is, in_time, "planned for {planned:?}, wanted at {until:?}");
    }
}

proptest! {
    /// Those who show webhooks look again at these moments and at no other.
    #[test]
    fn what_is_shown_holds_until_its_time_comes(history in histories(), after in -100..3_000_i64, share in 0.0..1.0) {
        for state in states(history) {
            let rotated_at = state.registration.as_ref().map_or(0, |registration| registration.at.as_second());
            let start = (rotated_at + after).max(0);
            let shown = |second| {
                let plan = plan(&state, &policy(), now(second));
                (reported_state(&state, &plan, None), delivers(&state, now(second)))
            };
            let Action::Wait { until, .. } = plan(&state, &policy(), now(start)) else { continue };
            let deadline = until.into_iter().chain(next_end(&state, now(start))).min();
            let last = deadline.map_or(i64::from(u32::MAX), |deadline| deadline.as_second() - 1);
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any second will do")]
            let later = start + ((last - start).max(0) as f64 * share) as i64;
            prop_assert_eq!(shown(start), shown(later), "{} and {} of {:?}", start, later, state);
        }
    }
}
