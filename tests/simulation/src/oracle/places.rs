//! Conversions may begin to go somewhere else: to another environment, or another ad account.

use super::case::Case;
use crate::{microsoft::Counted, setting::place};

impl Case<'_> {
    /// What counts where the row's money is: in the place that took it, as far as the row knows.
    ///
    /// An original whose first attempt has no answer is sent again, to wherever conversions go then:
    /// if that has changed meanwhile, both may have it. Nothing else counts in two places.
    pub(super) fn settle_places(
        &self,
        counted: Vec<Counted>,
        admit: &mut impl FnMut(&'static str),
    ) -> Result<Vec<Counted>, String> {
        let known = self.row.observed.accepted.as_ref();
        let known = known.map(|accepted| place(accepted.by.environment, &accepted.by.account_id));
        let known = known.or_else(|| counted.last().map(|last| last.place.clone()));
        let (here, there): (Vec<_>, Vec<_>) =
            counted.into_iter().partition(|counted| Some(&counted.place) == known.as_ref());
        let (Some(first), Some(second)) = (here.first(), there.first()) else { return Ok(here) };
        let second = if first.at <= second.at { second } else { first };
        if !self.was_in_doubt(second) {
            return Err(format!("in two places: {here:?} {there:?}"));
        }
        admit("in two places: in doubt in the first when conversions began to go to the second");
        Ok(here)
    }

    /// Whether an earlier attempt had no known outcome when this one was claimed.
    fn was_in_doubt(&self, counted: &Counted) -> bool {
        let table = self.world.table.borrow();
        let attempts = table.attempts.get(&self.row.key).into_iter().flatten();
        attempts.filter(|attempt| attempt.by == counted.by).any(|attempt| attempt.in_doubt)
    }

    /// Whether conversions go somewhere else since this row was accepted.
    pub(super) fn is_left_behind(&self) -> bool {
        let second = self.world.now_ms() / 1_000;
        let now = self.world.plan.setting.place(self.row.account.as_str(), second);
        let accepted = self.row.observed.accepted.as_ref();
        accepted.is_some_and(|it| place(it.by.environment, &it.by.account_id) != now)
    }
}
