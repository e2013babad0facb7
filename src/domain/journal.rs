//! The journal of a webhook: what has become of it, entry by entry, in the order in which it was committed.
//!
//! Laws: an entry is written in the transaction that makes it true; what is told to anyone, and the history
//! that is shown, come of these entries and of nothing else.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    reason::{Reason, RenewalOutcome, Step, StepOutcome},
    report,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// When, on our clock.
    pub(crate) at: Timestamp,
    pub(crate) renewal: Option<InRenewal>,
    #[serde(flatten)]
    pub(crate) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InRenewal {
    pub(crate) id: i64,
    pub(crate) reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum What {
    Began,
    StepBegan {
        /// Its number within the renewal.
        number: u32,
        step: Step,
    },
    StepEnded {
        number: u32,
        step: Step,
        began_at: Timestamp,
        outcome: StepOutcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// The end of what a program or a server wrote.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<String>,
    },
    Rotated {
        version: u64,
        /// The first 8 hex digits of its SHA-256.
        fingerprint: String,
    },
    Ended {
        outcome: RenewalOutcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
}

/// The renewals that a journal tells of, newest first. What it tells of a renewal whose beginning it does not
/// have is left out.
pub(crate) fn history(journal: &[Entry]) -> Vec<report::Renewal> {
    let mut renewals: Vec<report::Renewal> = Vec::new();
    for Entry { at, renewal, what } in journal {
        let Some(InRenewal { id, reason }) = *renewal else { continue };
        if *what == What::Began {
            renewals.push(report::Renewal {
                id,
                reason: reason.to_string(),
                started_at: *at,
                ..Default::default()
            });
            continue;
        }
        let Some(renewal) = renewals.iter_mut().rev().find(|renewal| renewal.id == id) else { continue };
        match what {
            What::StepBegan { step, .. } => renewal.steps.push(report::StepRecord {
                step: step.to_string(),
                started_at: *at,
                ..Default::default()
            }),
            What::StepEnded { number, outcome, error, output, .. } => {
                let step = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
                if let Some(step) = step.and_then(|at| renewal.steps.get_mut(at)) {
                    step.finished_at = Some(*at);
                    step.outcome = Some(outcome.to_string());
                    step.error.clone_from(error);
                    step.output.clone_from(output);
                }
            }
            What::Ended { outcome, .. } => {
                renewal.finished_at = Some(*at);
                renewal.outcome = Some(outcome.to_string());
            }
            What::Began | What::Rotated { .. } => {}
        }
    }
    renewals.reverse();
    renewals
}
