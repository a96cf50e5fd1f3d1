//! Erasures, as the ledger keeps them.

use std::collections::BTreeSet;

use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::reconcile::erasure::{Erasure, Trace};
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::{ErasureItem, Progress};

use super::Table;

/// For how many periods of the audit a done erasure is applied to rows that come.
const KEPT_PERIODS: i64 = 2;

/// An erasure, until it is forgotten.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The erasure.
    pub item: ErasureItem,
    /// When it is forgotten, so that the person's name goes.
    pub until: Option<EventTime>,
}

impl Kept {
    fn begin_anew(&mut self, after: EventTime) {
        (self.item.pass_after, self.item.done_at, self.until) = (after, None, None);
    }
}

impl Table {
    /// Notes that an erasure is asked for.
    pub fn begin_erasure(&mut self, erasure: &Erasure) -> ErasureItem {
        let asked_at = erasure.asked_at;
        self.erasures.retain(|kept| kept.until.is_none_or(|until| until > asked_at));
        if let Some(kept) = self.kept(erasure) {
            if !kept.item.covers(erasure) {
                kept.begin_anew(asked_at);
            }
            let traces = kept.item.all_traces();
            kept.item.traces.extend(traces);
            let known = &mut kept.item.erasure;
            known.asked_at = known.asked_at.max(asked_at);
            known.scope.clone_from(&erasure.scope);
            return kept.item.clone();
        }
        let item = ErasureItem {
            erasure: erasure.clone(),
            pass_after: asked_at,
            done_at: None,
            traces: Trace::of(erasure.person.clone()).into_iter().collect(),
            cookies: BTreeSet::new(),
            cookies_left: 0,
            clicks: 0,
            ties: 0,
            rows: BTreeSet::new(),
        };
        self.erasures.push(Kept { item: item.clone(), until: None });
        item
    }

    /// All erasures that are not forgotten.
    pub fn erasures(&self, now: EventTime) -> Vec<ErasureItem> {
        let known = self.erasures.iter().filter(|kept| kept.until.is_none_or(|until| until > now));
        known.map(|kept| kept.item.clone()).collect()
    }

    /// Notes how far one is; `None` if it is forgotten.
    pub fn note_progress(&mut self, of: &Erasure, progress: &Progress) -> Option<ErasureItem> {
        let kept = self.kept(of)?;
        if progress.of.as_ref().is_some_and(|trace| !kept.item.traces.contains(trace)) {
            return Some(kept.item.clone());
        }
        if let Some(after) = progress.pass_after {
            kept.begin_anew(after);
        }
        let item = &mut kept.item;
        item.traces.extend(progress.found.iter().cloned());
        item.erasure.references.extend(progress.references.iter().cloned());
        item.cookies.extend(progress.cookies.iter().cloned());
        item.cookies_left += progress.cookies_left;
        item.clicks += progress.clicks;
        item.ties += progress.ties;
        Some(item.clone())
    }

    /// Takes a trace from the list; `None` if the erasure is forgotten.
    pub fn trace_is_gone(&mut self, of: &Erasure, trace: &Trace) -> Option<ErasureItem> {
        let kept = self.kept(of)?;
        kept.item.traces.remove(trace);
        Some(kept.item.clone())
    }

    /// Notes a row that it was found in.
    pub fn note_row(&mut self, of: &Erasure, row: &RowKey, traces: &BTreeSet<Trace>) {
        if let Some(kept) = self.kept(of) {
            kept.item.rows.insert(row.clone());
            kept.item.traces.extend(traces.iter().cloned());
        }
    }

    /// Notes that all rows have been looked at, unless it began anew since.
    pub fn erasure_done(&mut self, item: &ErasureItem, now: EventTime, period: i64) -> bool {
        let kept = self.kept(&item.erasure);
        let Some(kept) = kept.filter(|kept| kept.item.pass_after == item.pass_after) else {
            return false;
        };
        kept.item.done_at = Some(now);
        kept.until = Some(now.plus_seconds(KEPT_PERIODS * period));
        true
    }

    /// Whether an erasure is not through.
    pub fn is_erasing(&self) -> bool {
        self.erasures.iter().any(|kept| kept.item.is_pending())
    }

    fn kept(&mut self, erasure: &Erasure) -> Option<&mut Kept> {
        let is = |kept: &&mut Kept| {
            let known = &kept.item.erasure;
            (&known.person, &known.by) == (&erasure.person, &erasure.by)
        };
        self.erasures.iter_mut().find(is)
    }
}
