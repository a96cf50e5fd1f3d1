//! States and reasons: what a caller sees, why it is so, and what helps.

use pages::{check, code, table};
use serde_json::json;
use tracklayer_core::ledger::correction::CorrectionRefusal;
use tracklayer_core::ledger::observed::RefusalReason;
use tracklayer_core::ledger::orphan::{Orphan, StoredOrphan};
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::reconcile::advice::{Advice, NEVER_CAME};
use tracklayer_core::reconcile::state::{State, state_of_orphan};

lines! {
    /// The states of a row.
    STATES: State => () {
        Queued: (),
        Waiting: (),
        Accepted: (),
        Restated: (),
        Retracted: (),
        Refused: (),
        Dead: (),
    }
}

lines! {
    /// Why a row waits.
    WAITS: WaitReason => () {
        NoClick: (),
        AmbiguousClick: (),
        TimeInFuture: (),
        GoalTooRecent: (),
        GoalHeld: (),
        AccountHeld: (),
        OriginalMissing: (),
        SettleDelay: (),
        BetweenAdjustments: (),
        RepeatAfterUnknown: (),
        ClickTooYoung: (),
        AttemptRunning: (),
        Other: (),
    }
}

lines! {
    /// Why a correction has no effect at Microsoft.
    CORRECTIONS: CorrectionRefusal => () {
        AfterRetraction: (),
        TooOldForMicrosoft: (),
        CurrencyMismatch: (),
        AccountMismatch: (),
        IdentityErased: (),
        TooManyCorrections: (),
        Other: (),
    }
}

/// The word for it, from the code that answers with it.
fn never_came() -> String {
    let stored = json!({"pk": "event shop 4711", "sk": "~orphan", "v": 1,
        "corrections": [{"source": "shop", "eventId": "r", "occurredAtMs": 1, "recordedAt": 1}],
        "revision": 1, "recordedAt": 1, "ttl": 2});
    let stored: StoredOrphan = serde_json::from_value(stored).expect("a stored orphan");
    let ended = Orphan::try_from(stored).expect("an orphan that nobody looks for any more");
    let (state, reason) = state_of_orphan(&ended);
    assert_eq!(state, State::Refused);
    reason.to_owned()
}

/// One of each; the compiler can't see that none is left out.
fn refusals() -> Vec<RefusalReason> {
    use RefusalReason as R;
    vec![
        R::Microsoft { code: None, symbol: None },
        R::Unmatched,
        R::Expired,
        R::TooOldForMicrosoft,
        R::AcceptedElsewhere,
        R::MayAlreadyCount,
        R::IdentityErased,
        R::Other,
    ]
}

/// The word that `status` shows.
fn word(reason: &RefusalReason) -> String {
    match reason {
        RefusalReason::Microsoft { .. } => "microsoft <code> <ErrorCode>".to_owned(),
        other => other.to_string(),
    }
}

/// State and reason, with why and what helps.
fn all() -> Vec<(&'static str, String, Advice)> {
    let mut all: Vec<(&'static str, String, Advice)> = Vec::new();
    let name = |word: &str| word.to_owned();
    all.extend(WAITS.iter().map(|(it, ())| ("waiting", name(it.as_str()), it.advice())));
    all.extend(refusals().iter().map(|it| ("refused", word(it), it.advice())));
    all.push(("refused", never_came(), NEVER_CAME));
    all.extend(CORRECTIONS.iter().map(|(it, ())| ("correction", name(it.as_str()), it.advice())));
    all
}

#[test]
fn states() {
    let line = |(state, ()): &(State, ())| [code(state.as_str()), state.meaning().to_owned()];
    check("functions/README.md", "states", &table(["state", "meaning"], STATES.iter().map(line)));
}

#[test]
fn what_helps() {
    let line = |(of, reason, advice): (&str, String, Advice)| {
        let row = format!("{of}: {}", code(reason));
        [row, advice.meaning.to_owned(), advice.cure.to_owned()]
    };
    let text = table(["you see", "why", "what helps"], all().into_iter().map(line));
    check("infra/TROUBLESHOOTING.md", "reasons of rows", &text);
}
