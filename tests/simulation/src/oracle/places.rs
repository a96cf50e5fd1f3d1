//! Conversions may begin to go somewhere else: to another environment, or another ad account.

use super::case::Case;
use crate::setting::place;

impl Case<'_> {
    /// Whether conversions have begun to go somewhere else.
    pub(super) fn has_moved(&self) -> bool {
        let second = self.world.now_ms() / 1_000;
        self.world.plan.setting.moves.is_some_and(|moves| moves.at <= second)
    }

    /// Whether conversions go somewhere else since this row was accepted.
    pub(super) fn is_left_behind(&self) -> bool {
        let second = self.world.now_ms() / 1_000;
        let now = self.world.plan.setting.place(self.row.account.as_str(), second);
        let accepted = self.row.observed.accepted.as_ref();
        accepted.is_some_and(|it| place(it.by.environment, &it.by.account_id) != now)
    }
}
