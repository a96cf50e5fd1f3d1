//! Conversions may begin to go somewhere else: to another environment, or another ad account.

use super::Case;
use crate::{microsoft::Counted, setting::place};

impl Case<'_> {
    /// What counts where the row's money is: in the place that took it, as far as the row knows.
    ///
    /// While conversions begin to go somewhere else, an original may be taken in both places: if
    /// nobody could know that the first has it when it was sent to the second.
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
        let (first, second) = if first.at <= second.at { (first, second) } else { (second, first) };
        if !self.was_in_doubt(first, second) {
            return Err(format!("in two places: {here:?} {there:?}"));
        }
        admit("in two places: in doubt in the first while conversions began to go to the second");
        Ok(here)
    }

    /// Whether the run that brought the first could not write so before the other's run began.
    fn was_in_doubt(&self, first: &Counted, second: &Counted) -> bool {
        let runs = self.world.runs.borrow();
        let unheard = self.world.unheard.borrow();
        let overlap = match (runs.get(&first.by), runs.get(&second.by)) {
            (Some((_, ended)), Some((began, _))) => began <= ended,
            _ => true,
        };
        overlap
            || self.world.is_untold(&first.by)
            || unheard.contains(&(first.by.clone(), self.person.clone()))
    }

    /// Whether conversions go somewhere else since this row was accepted.
    pub(super) fn is_left_behind(&self) -> bool {
        let second = self.world.now_ms() / 1_000;
        let now = self.world.plan.setting.place(self.row.account.as_str(), second);
        let accepted = self.row.observed.accepted.as_ref();
        accepted.is_some_and(|it| place(it.by.environment, &it.by.account_id) != now)
    }
}
