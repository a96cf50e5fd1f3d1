//! States and reasons: what a caller sees, why it is so, and what helps.

use pages::{check, code, table};
use serde_json::json;
use tracklayer_core::{
    ledger::{
        correction::CorrectionRefusal,
        observed::RefusalReason,
        orphan::{Orphan, StoredOrphan},
        wait::WaitReason,
    },
    reconcile::state::{State, state_of_orphan},
};

/// Why it is so, and what helps.
type Why = (&'static str, &'static str);

/// A word that a later version wrote, of each of the three kinds.
const NEWER: Why = (
    "A newer version of this software has written a word that this one does not know.",
    "Deploy the newer version again.",
);

lines! {
    /// The states of a row.
    STATES: State => &'static str {
        Queued: "It is on its way to Microsoft.",
        Waiting: "It waits for something; `reason` says for what, `due` when it is looked at again.",
        Accepted: "Microsoft has taken the original.",
        Restated: "Microsoft has taken a newer value.",
        Retracted: "Microsoft has taken it back; it counts no more.",
        Refused: "Something of it will not reach Microsoft unless somebody acts; `reason` says why.",
        Dead: "The queue gave up after 12 tries in three hours.",
    }
}

lines! {
    /// Why a row waits.
    WAITS: WaitReason => Why {
        NoClick: (
            "No click of this person is known, and the goal takes no hashes or there are none.",
            "Nothing: the click is looked for six times within 90 days, and the sale is sent when it is found. Most buyers have clicked no ad. If it is more frequent than that, check that pages send the id that events name, and that times are not mere dates: a click later than the sale does not count.",
        ),
        AmbiguousClick: (
            "Browsers of more than three visitors tied the order.",
            "Tie the order with an ingest key, or send `sessionId` or `msclkid` with the event.",
        ),
        TimeInFuture: ("The sale lies a little ahead.", "Nothing; it is sent at `due`."),
        GoalTooRecent: (
            "The goal is younger than two hours, and Microsoft takes nothing for it yet.",
            "Nothing; it is sent at `due`.",
        ),
        GoalHeld: (
            "The last check found fault with the goal.",
            "Do what `findings` say. Rows are sent by themselves once a check passes.",
        ),
        AccountHeld: (
            "Two checks in a row could not use the account, or another account of the mapping has the same ad account.",
            "Do what `findings` say ([consent](README.md#consent), access, numbers). Rows are sent by themselves once a check passes.",
        ),
        OriginalMissing: (
            "The event that the correction names has not come.",
            "Send the original, unless it was denied or is older than this system. Without it the correction ends on the 14th day.",
        ),
        SettleDelay: (
            "Microsoft must show the original before it can be corrected.",
            "Nothing; it is sent at `due`.",
        ),
        BetweenAdjustments: (
            "The last correction must have arrived before the next is sent.",
            "Nothing; it is sent at `due`.",
        ),
        RepeatAfterUnknown: (
            "Microsoft did not answer a correction.",
            "Nothing; it is sent again at `due`.",
        ),
        ClickTooYoung: (
            "Microsoft wants an hour between click and upload. Such a row shows as `queued`.",
            "Nothing.",
        ),
        AttemptRunning: (
            "Another run has claimed the original and may be sending it. Such a row shows as `queued`.",
            "Nothing; it is decided again when the claim is ten minutes old.",
        ),
        Other: NEWER,
    }
}

lines! {
    /// Why a correction has no effect at Microsoft.
    CORRECTIONS: CorrectionRefusal => Why {
        AfterRetraction: (
            "The conversion was taken back before; Microsoft takes nothing after that.",
            "Send the sale as a new event.",
        ),
        TooOldForMicrosoft: (
            "It came later than 90 days after the conversion or its click.",
            "Nothing can be done at Microsoft; the ledger keeps the money.",
        ),
        CurrencyMismatch: (
            "It is in another currency than the original.",
            "Send it again under another id, in the original's currency.",
        ),
        AccountMismatch: (
            "It names another account than the original's.",
            "Send it again under another id, without `account`.",
        ),
        IdentityErased: (
            "The person was erased, and with it what names the conversion to Microsoft.",
            "Nothing; it changes `netValue`, but is not sent to Microsoft.",
        ),
        TooManyCorrections: (
            "It came before its original, which has 50 corrections by now.",
            "Send what the sale is worth now as one `newValue` before a sale has 50 corrections; after that, correct it at Microsoft.",
        ),
        Other: NEWER,
    }
}

/// Why a row is refused. The match makes the compiler ask for a line per reason.
fn why(reason: &RefusalReason) -> Why {
    match reason {
        RefusalReason::Microsoft { .. } => (
            "Microsoft refused it, with this code.",
            "Look the code up [below](#errors-of-microsoft): its class says whether a repair and a redrive help.",
        ),
        RefusalReason::Unmatched => (
            "Nobody was recognised within 90 days of the conversion: no click, and no hashes that the goal takes.",
            "Nothing: most buyers have clicked no ad. It is counted in `Unmatched`, not in `Refused`, and leaves no dead-letter message.",
        ),
        RefusalReason::Expired => (
            "The conversion grew older than 90 days before Microsoft had it.",
            "Nothing: Microsoft takes it no more. It leaves no dead-letter message.",
        ),
        RefusalReason::TooOldForMicrosoft => (
            "A correction could not be sent within 90 days of the conversion and its click.",
            "Nothing can be done at Microsoft; the ledger keeps the money. It leaves no dead-letter message.",
        ),
        RefusalReason::AcceptedElsewhere => (
            "Another environment or ad account has taken it.",
            "Correct MicrosoftEnvironment or account_id; what was taken there stays there.",
        ),
        RefusalReason::MayAlreadyCount => (
            "It is not sent any more – it is too old, a later attempt was refused, or its person withdrew consent or was erased –, and an earlier attempt had no answer: Microsoft may have it.",
            "Look `lastAttempt` up at Microsoft. If a later attempt was refused, a redrive sends the same row, which Microsoft ignores if it has it.",
        ),
        RefusalReason::IdentityErased => {
            ("The person was erased or withdrew consent.", "Nothing more is sent, by intention.")
        }
        RefusalReason::Other => NEWER,
    }
}

/// Corrections whose original has not come are no row: their state has a word of its own.
const NEVER_CAME: Why = (
    "The event that it corrects did not come within 14 days.",
    "Send the original, unless it was denied or is older than this system; it still takes the correction.",
);

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

/// One of each; the compiler can't see that none is left out, so `why` stands beside it.
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
fn all() -> Vec<(&'static str, String, Why)> {
    let mut all: Vec<(&'static str, String, Why)> = Vec::new();
    all.extend(WAITS.iter().map(|(reason, why)| ("waiting", reason.as_str().to_owned(), *why)));
    all.extend(refusals().iter().map(|reason| ("refused", word(reason), why(reason))));
    all.push(("refused", never_came(), NEVER_CAME));
    all.extend(CORRECTIONS.iter().map(|(it, why)| ("correction", it.as_str().to_owned(), *why)));
    all
}

#[test]
fn states() {
    let line = |(state, text): &(State, &str)| [code(state.as_str()), (*text).to_owned()];
    check("functions/README.md", "states", &table(["state", "meaning"], STATES.iter().map(line)));
}

#[test]
fn what_helps() {
    let line = |(of, reason, (why, helps)): (&str, String, Why)| {
        [format!("{of}: {}", code(reason)), why.to_owned(), helps.to_owned()]
    };
    let text = table(["you see", "why", "what helps"], all().into_iter().map(line));
    check("infra/TROUBLESHOOTING.md", "reasons of rows", &text);
}
