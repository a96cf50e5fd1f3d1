//! What states and reasons mean, and what helps: for the pages, and for the tool of operators.

use crate::ledger::correction::CorrectionRefusal;
use crate::ledger::observed::RefusalReason;
use crate::ledger::wait::WaitReason;
use crate::reconcile::state::State;

/// Why something is as it is, and what a person can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Why it is so.
    pub meaning: &'static str,
    /// What helps.
    pub cure: &'static str,
}

const fn advice(meaning: &'static str, cure: &'static str) -> Advice {
    Advice { meaning, cure }
}

/// A word that a later version wrote, of each of the three kinds.
const NEWER: Advice = advice(
    "A newer version of this software has written a word that this one does not know.",
    "Deploy the newer version again.",
);

/// Corrections whose original has not come are no row: their state has a word of its own,
/// `original_never_came`.
pub const NEVER_CAME: Advice = advice(
    "The event that it corrects did not come within 14 days.",
    "Send the original, unless it was denied or is older than this system; it still takes the correction.",
);

impl State {
    /// What a row in this state is.
    pub fn meaning(self) -> &'static str {
        match self {
            State::Queued => "It is on its way to Microsoft.",
            State::Waiting => {
                "It waits for something; `reason` says for what, `due` when it is looked at again."
            }
            State::Accepted => "Microsoft has taken the original.",
            State::Restated => "Microsoft has taken a newer value.",
            State::Retracted => "Microsoft has taken it back; it counts no more.",
            State::Refused => {
                "Something of it will not reach Microsoft unless somebody acts; `reason` says why."
            }
            State::Dead => "The queue gave up after 12 tries in three hours.",
        }
    }
}

impl WaitReason {
    /// Why a row waits for this, and what helps.
    pub fn advice(self) -> Advice {
        match self {
            WaitReason::NoClick => advice(
                "No click of this person is known, and the goal takes no hashes or there are none.",
                "Nothing: the click is looked for six times within 90 days, and the sale is sent when it is found. Most buyers have clicked no ad. If it is more frequent than that, check that pages send the id that events name, and that times are not mere dates: a click later than the sale does not count.",
            ),
            WaitReason::AmbiguousClick => advice(
                "Browsers of more than three visitors tied the order.",
                "Tie the order with an ingest key, or send `sessionId` or `msclkid` with the event.",
            ),
            WaitReason::TimeInFuture => {
                advice("The sale lies a little ahead.", "Nothing; it is sent at `due`.")
            }
            WaitReason::GoalTooRecent => advice(
                "The goal is younger than two hours, and Microsoft takes nothing for it yet.",
                "Nothing; it is sent at `due`.",
            ),
            WaitReason::GoalHeld => advice(
                "The last check found fault with the goal.",
                "Do what `findings` say. Rows are sent by themselves once a check passes.",
            ),
            WaitReason::AccountHeld => advice(
                "Two checks in a row could not use the account, or another account of the mapping has the same ad account.",
                "Do what `findings` say ([consent](README.md#consent), access, numbers). Rows are sent by themselves once a check passes.",
            ),
            WaitReason::OriginalMissing => advice(
                "The event that the correction names has not come.",
                "Send the original, unless it was denied or is older than this system. Without it the correction ends on the 14th day.",
            ),
            WaitReason::SettleDelay => advice(
                "Microsoft must show the original before it can be corrected.",
                "Nothing; it is sent at `due`.",
            ),
            WaitReason::BetweenAdjustments => advice(
                "The last correction must have arrived before the next is sent.",
                "Nothing; it is sent at `due`.",
            ),
            WaitReason::RepeatAfterUnknown => advice(
                "Microsoft did not answer a correction.",
                "Nothing; it is sent again at `due`.",
            ),
            WaitReason::ClickTooYoung => advice(
                "Microsoft wants an hour between click and upload. Such a row shows as `queued`.",
                "Nothing.",
            ),
            WaitReason::AttemptRunning => advice(
                "Another run has claimed the original and may be sending it. Such a row shows as `queued`.",
                "Nothing; it is decided again when the claim is ten minutes old.",
            ),
            WaitReason::Other => NEWER,
        }
    }
}

impl CorrectionRefusal {
    /// Why a correction has no effect at Microsoft, and what helps.
    pub fn advice(self) -> Advice {
        match self {
            CorrectionRefusal::AfterRetraction => advice(
                "The conversion was taken back before; Microsoft takes nothing after that.",
                "Send the sale as a new event.",
            ),
            CorrectionRefusal::TooOldForMicrosoft => advice(
                "It came later than 90 days after the conversion or its click.",
                "Nothing can be done at Microsoft; the ledger keeps the money.",
            ),
            CorrectionRefusal::CurrencyMismatch => advice(
                "It is in another currency than the original.",
                "Send it again under another id, in the original's currency.",
            ),
            CorrectionRefusal::AccountMismatch => advice(
                "It names another account than the original's.",
                "Send it again under another id, without `account`.",
            ),
            CorrectionRefusal::IdentityErased => advice(
                "The person was erased, and with it what names the conversion to Microsoft.",
                "Nothing; it changes `netValue`, but is not sent to Microsoft.",
            ),
            CorrectionRefusal::TooManyCorrections => advice(
                "It came before its original, which has 50 corrections by now.",
                "Send what the sale is worth now as one `newValue` before a sale has 50 corrections; after that, correct it at Microsoft.",
            ),
            CorrectionRefusal::Other => NEWER,
        }
    }
}

impl RefusalReason {
    /// Why a row is refused, and what helps. [`crate::microsoft::errors`] says what Microsoft's own
    /// codes mean.
    pub fn advice(&self) -> Advice {
        match self {
            RefusalReason::Microsoft { .. } => advice(
                "Microsoft refused it, with this code.",
                "Look the code up [below](#errors-of-microsoft): its class says whether a repair and a redrive help.",
            ),
            RefusalReason::Unmatched => advice(
                "Nobody was recognised within 90 days of the conversion: no click, and no hashes that the goal takes.",
                "Nothing: most buyers have clicked no ad. It is counted in `Unmatched`, not in `Refused`, and leaves no dead-letter message.",
            ),
            RefusalReason::Expired => advice(
                "The conversion grew older than 90 days before Microsoft had it.",
                "Nothing: Microsoft takes it no more. It leaves no dead-letter message.",
            ),
            RefusalReason::TooOldForMicrosoft => advice(
                "A correction could not be sent within 90 days of the conversion and its click.",
                "Nothing can be done at Microsoft; the ledger keeps the money. It leaves no dead-letter message.",
            ),
            RefusalReason::AcceptedElsewhere => advice(
                "Another environment or ad account has taken it.",
                "Correct MicrosoftEnvironment or account_id; what was taken there stays there.",
            ),
            RefusalReason::MayAlreadyCount => advice(
                "It is not sent any more – it is too old, a later attempt was refused, or its person withdrew consent or was erased –, and an earlier attempt had no answer: Microsoft may have it.",
                "Look `lastAttempt` up at Microsoft. If a later attempt was refused, a redrive sends the same row, which Microsoft ignores if it has it.",
            ),
            RefusalReason::IdentityErased => advice(
                "The person was erased or withdrew consent.",
                "Nothing more is sent, by intention.",
            ),
            RefusalReason::Other => NEWER,
        }
    }
}
