//! Deliberate mistakes: the ports make them, the oracle must find them.

/// Deliberate mistakes, to see that they are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Writes don't look at the desired revision.
    OneRevision,
    /// Errors are taken by their position in the answer, not by their index.
    ByPosition,
    /// Every key is free.
    NoKeyClaim,
    /// Every order is free.
    NoOrderClaim,
    /// Whoever finds an order without a row takes it over, whoever was faster.
    OrderTakenAnyhow,
    /// Corrections under the id of another notice are not moved to the order's row.
    NoticeCorrectionsLeft,
    /// A row whose number came too late takes over what came with it.
    LateNumberJoins,
    /// What another notice knows is not added to the order's row.
    NoticeUnread,
    /// Adjustments are not spaced.
    NoSpacing,
    /// An accepted Apply is not written when observed state has moved.
    AcceptedDropped,
    /// Apply carries the net.
    FoldedFirstValue,
    /// Adjustments are sent without a claim.
    NoClaim,
    /// No answer counts as accepted.
    LostIsAccepted,
    /// Adjustments follow at once.
    NoSettleDelay,
    /// A due that is set is not written.
    NoDue,
    /// An unknown outcome is noted as not taken.
    UnknownIsNotTaken,
    /// What is known not to have been taken is noted as taken.
    NotTakenIsTaken,
    /// Originals are sent without a claim.
    ApplyUnclaimed,
    /// A claim of an original that may still be on its way keeps nobody away.
    ClaimIgnored,
    /// A claim of an adjustment does not keep its message in the queue.
    SharedDeleted,
    /// A row that waits can still be claimed by a run whose message has ended.
    WaitUnseen,
    /// A message that has ended with a wait is as good as a new one.
    LeftOverSent,
    /// The click is looked for anew although the original was claimed before.
    IdentityChanged,
    /// Clicks that were deleted are still credited.
    ClickGoneUnseen,
    /// A click that Microsoft refused is credited again.
    RefusedClickAgain,
    /// A sale whose click was first seen after it keeps its own time.
    EarlierThanClick,
    /// The click's time does not count for the last useful moment of a correction.
    ClickAgeIgnored,
    /// Nobody takes corrections that came before their original.
    OrphanForgotten,
    /// Corrections occur in whole seconds.
    MillisecondsDropped,
    /// A look for a click that failed, or was not signalled, is left to the next one.
    LookLost,
    /// What the queue gives up is not marked in the ledger.
    DeadUnwritten,
    /// Corrections leave the orphan, and the row does not get them.
    CorrectionLost,
    /// What a full row has no room for waits on under its id.
    TooManyWaiting,
    /// A claimed Retract is forgotten.
    RetractForgotten,
    /// Rows of a goal that a check holds are sent.
    HoldIgnored,
    /// Rows that a check held are not released when one passes.
    HeldForgotten,
    /// Only goals of today's mapping are released.
    OldNameForgotten,
    /// All accounts have the credentials of the first.
    OneAccount,
    /// A row that was accepted elsewhere passes for accepted here.
    ElsewhereIsHere,
    /// Where an original was sent that has no answer is forgotten.
    SentToForgotten,
    /// A row that was accepted elsewhere passes for never accepted.
    ElsewhereForgotten,
    /// Persons are taken out of no row.
    EndUnwritten,
    /// A row that loses its person is not named in the erasures that mean it.
    EndUnnamed,
    /// Upload does not see that a row has ended.
    EndUnseen,
}
