//! Why a renewal runs, which steps it has, and how each of them ended: the words of the contract.

use super::words::words;

words! {
    Reason("reason of a renewal") {
        /// Protime has no such webhook and never had.
        Created = "created",
        /// Its planned time came.
        Expiring = "expiring",
        /// `validUntil` has passed.
        Expired = "expired",
        /// Protime disabled it before `validUntil`: deliveries failed too often.
        Disabled = "disabled",
        /// It was there and is gone.
        Missing = "missing",
        /// It exists and we have no key.
        UnknownKey = "unknown_key",
        /// Someone else sent the pair again.
        ForeignRotation = "foreign_rotation",
        /// The configured external references differ from those last sent.
        ReferencesChanged = "references_changed",
        /// A POST whose outcome is not known.
        Interrupted = "interrupted",
        Manual = "manual",
    }
}

words! {
    /// A step of the renewal procedure, in their order.
    Step("step of a renewal") {
        Resync = "resync",
        /// The pair is sent; the old key dies with it.
        Post = "post",
        /// The new key becomes current, in one transaction.
        Rotate = "rotate",
        HandOff = "hand_off",
        /// The resync runs once more, for what changed meanwhile.
        CatchUp = "catch_up",
    }
}

words! {
    StepOutcome("outcome of a step") {
        Succeeded = "succeeded",
        /// It had no effect that is unknown.
        Failed = "failed",
        /// Whether it had its effect is not known.
        Unknown = "unknown",
        Skipped = "skipped",
    }
}

words! {
    RenewalOutcome("outcome of a renewal") {
        Succeeded = "succeeded",
        /// A later renewal took over what it could not finish.
        Failed = "failed",
        /// The outcome of its POST was never known; an `interrupted` renewal follows.
        Interrupted = "interrupted",
        /// Protime renews the webhook only after its end, until which it delivers as before.
        Postponed = "postponed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_serialises_as_itself() {
        for reason in [
            Reason::Created,
            Reason::Expiring,
            Reason::Expired,
            Reason::Disabled,
            Reason::Missing,
            Reason::UnknownKey,
            Reason::ForeignRotation,
            Reason::ReferencesChanged,
            Reason::Interrupted,
            Reason::Manual,
        ] {
            assert_eq!(reason.as_str().parse(), Ok(reason));
            assert_eq!(serde_json::to_value(reason).expect("a word"), reason.as_str());
        }
        assert!("postponed".parse::<Step>().is_err());
        assert_eq!(serde_json::to_value(Step::HandOff).expect("a word"), "hand_off");
    }
}
