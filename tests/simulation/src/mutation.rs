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
    /// Adjustments are not spaced.
    NoSpacing,
    /// An accepted Apply is not written when observed state has moved.
    AcceptedDropped,
    /// Apply carries the net.
    FoldedFirstValue,
    /// Claims are not written.
    NoClaim,
    /// No answer counts as accepted.
    LostIsAccepted,
    /// Adjustments follow at once.
    NoSettleDelay,
    /// A due that is set is not written.
    NoDue,
    /// The mark of an unknown outcome is not written.
    UnknownUnmarked,
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
    /// A row that was accepted elsewhere passes for never accepted.
    ElsewhereForgotten,
    /// Marks of withdrawals are not seen, and clicks that were withdrawn are.
    WithdrawalUnseen,
    /// Persons are taken out of no row.
    EndUnwritten,
    /// Upload does not see that a row has ended.
    EndUnseen,
}
