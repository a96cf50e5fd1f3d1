//! Takes a person out of the tables.
//!
//! The request notes the erasure first, so that the audit knows of it whatever becomes of the
//! request. With it is kept a list of what is left among clicks and ties ([`Trace`]): the request
//! works it off as far as its time goes, the audit does the rest. Rows are the audit's. A row adds
//! to the list where its own clicks are before it loses its names; a run that dies between two
//! steps is repeated without harm.

use std::collections::BTreeSet;

use tracklayer_core::id::RecordId;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::mapping::{Account, Mapping};
use tracklayer_core::reconcile::attribution::MAX_BROWSERS;
use tracklayer_core::reconcile::erasure::{Erasure, Person, Trace, erase};
use tracklayer_core::time::EventTime;

use crate::ports::{
    ClickTrace, ErasureItem, Erasures, LedgerError, Place, Progress, Rows, TieTrace, Traces,
};

/// Cookies that one erasure follows: whoever knows a session can add any number of them.
pub const MAX_COOKIES: usize = 25;
/// Visitors tied to a record that one erasure follows.
const MAX_VISITORS: usize = 200;
/// Pages of a cookie's clicks that are read to see whose they are.
const PAGES_READ: usize = 20;
/// How often a row is tried anew when another writer was faster.
const ROUNDS: usize = 8;

pub struct Eraser<'a, L, C> {
    pub ledger: &'a L,
    pub clicks: &'a C,
    /// Which says whether orders that browsers tied count.
    pub mapping: &'a Mapping,
    /// The time that erased rows and noted passes get.
    pub now: EventTime,
}

impl<L: Rows + Erasures, C: Traces> Eraser<'_, L, C> {
    /// Deletes the clicks and ties on the erasure's list while there is time. Answers with the
    /// erasure as it is then; what is left on the list is for the next run.
    ///
    /// # Errors
    /// If a table is unavailable.
    pub async fn delete_traces(
        &self, mut item: ErasureItem, has_time: &impl Fn() -> bool,
    ) -> Result<ErasureItem, LedgerError> {
        while has_time() {
            let Some(trace) = item.traces.first().cloned() else { break };
            item = match &trace {
                Trace::Record(record) => self.follow(item, &trace, record).await?,
                Trace::Session(id) => self.delete_session(item, &trace, id, has_time).await?,
                Trace::Cookie(id) => self.delete_cookie(item, &trace, id, has_time).await?,
                Trace::Ties(record) => self.delete_ties(item, &trace, record, has_time).await?,
            };
        }
        Ok(item)
    }

    /// Finds the visitors that are tied to `record`, and puts them on the list.
    async fn follow(
        &self, item: ErasureItem, trace: &Trace, record: &Person,
    ) -> Result<ErasureItem, LedgerError> {
        let visitors = self.visitors(&item, record).await?;
        let known = &item.erasure.references;
        let (again, mut more): (BTreeSet<_>, BTreeSet<_>) =
            visitors.into_iter().partition(|visitor| known.contains(visitor));
        let room = MAX_VISITORS.saturating_sub(known.len());
        let left = more.len().saturating_sub(room);
        more = more.into_iter().take(room).collect();
        let sessions = again.into_iter().chain(more.iter().cloned()).map(Trace::Session);
        // The rows of visitors to whom only a row's record leads are not the person's.
        let are_own = item.erasure.person == *record && !more.is_empty();
        let progress = Progress {
            of: Some(trace.clone()),
            found: sessions.chain([Trace::Ties(record.clone())]).collect(),
            references: if are_own { more } else { BTreeSet::new() },
            cookies_left: left,
            pass_after: are_own.then_some(self.now),
            ..Progress::default()
        };
        self.ledger.note_progress(&item.erasure, &progress).await?;
        self.ledger.trace_is_gone(&item.erasure, trace).await
    }

    /// The visitors that are the record's own: not those that browsers tied to an order, if they
    /// don't count or are too many. Nor while the order's ties are being deleted: of many strangers
    /// the last three would pass for the person.
    async fn visitors(
        &self, item: &ErasureItem, record: &Person,
    ) -> Result<BTreeSet<RecordId>, LedgerError> {
        let (mut visitors, browsers) = self.tied(record).await?;
        let believed = !matches!(record, Person::Order(_)) || {
            let settled = item.traces.contains(&Trace::Ties(record.clone()));
            let count = self.mapping.accounts().any(Account::browser_order_ties);
            count && !settled && browsers.len() <= MAX_BROWSERS
        };
        visitors.extend(browsers.into_iter().filter(|_| believed).flatten());
        Ok(visitors)
    }

    /// The visitors that were tied to `record` with a key, and by browsers; of the latter, which
    /// come last, not all if they are more than are followed.
    async fn tied(
        &self, record: &Person,
    ) -> Result<(BTreeSet<RecordId>, Vec<Option<RecordId>>), LedgerError> {
        let (mut keyed, mut browsers) = (BTreeSet::new(), Vec::new());
        let mut after = None;
        loop {
            let page = self.clicks.ties(record, after).await?;
            for TieTrace { reference, keyed: by_key, .. } in page.items {
                if by_key {
                    keyed.extend(reference);
                } else {
                    browsers.push(reference);
                }
            }
            after = page.next;
            if after.is_none() || browsers.len() > MAX_VISITORS {
                return Ok((keyed, browsers));
            }
        }
    }

    /// The clicks of a session, page by page; the cookies of a page before its clicks.
    async fn delete_session(
        &self, mut item: ErasureItem, trace: &Trace, session: &RecordId,
        has_time: &impl Fn() -> bool,
    ) -> Result<ErasureItem, LedgerError> {
        let mut left = BTreeSet::new();
        while has_time() {
            // From the start each time: what was read before is deleted.
            let page = self.clicks.clicks(session, item.erasure.asked_at, None).await?;
            item = self.note_cookies(item, session, &page.items, &mut left).await?;
            let places = page.items.into_iter().map(|click| click.place).collect();
            item = self.delete_clicks(item, places).await?;
            if page.next.is_none() {
                return self.ledger.trace_is_gone(&item.erasure, trace).await;
            }
        }
        Ok(item)
    }

    /// Notes the cookies with which these clicks came, oldest first. `left` are those that were
    /// left before.
    async fn note_cookies(
        &self, item: ErasureItem, session: &RecordId, clicks: &[ClickTrace],
        left: &mut BTreeSet<RecordId>,
    ) -> Result<ErasureItem, LedgerError> {
        let mut progress = Progress::default();
        for cookie in clicks.iter().filter_map(|click| click.cookie.as_ref()) {
            let known = cookie == session || item.cookies.contains(cookie);
            if known || progress.cookies.contains(cookie) || left.contains(cookie) {
                continue;
            }
            if item.cookies.len() + progress.cookies.len() < MAX_COOKIES {
                progress.cookies.insert(cookie.clone());
            } else {
                left.insert(cookie.clone());
                progress.cookies_left += 1;
            }
        }
        if progress == Progress::default() {
            return Ok(item);
        }
        if leads_to_rows(&item.erasure, session) {
            for cookie in &progress.cookies {
                if self.is_nobodys_session(cookie, item.erasure.asked_at).await? {
                    progress.references.insert(cookie.clone());
                    progress.pass_after = Some(self.now);
                }
            }
        }
        progress.found = progress.cookies.iter().cloned().map(Trace::Cookie).collect();
        self.ledger.note_progress(&item.erasure, &progress).await
    }

    /// Whether the clicks under a cookie's value all came with this cookie: somebody's session id
    /// may be the same, and rows of such a session are not the person's.
    async fn is_nobodys_session(
        &self, cookie: &RecordId, until: EventTime,
    ) -> Result<bool, LedgerError> {
        let (mut after, mut any) = (None, false);
        for _ in 0..PAGES_READ {
            let page = self.clicks.clicks(cookie, until, after).await?;
            any |= !page.items.is_empty();
            if page.items.iter().any(|click| click.cookie.as_ref() != Some(cookie)) {
                return Ok(false);
            }
            after = page.next;
            if after.is_none() {
                return Ok(any);
            }
        }
        Ok(false)
    }

    /// The clicks that a browser made without a session.
    async fn delete_cookie(
        &self, mut item: ErasureItem, trace: &Trace, cookie: &RecordId,
        has_time: &impl Fn() -> bool,
    ) -> Result<ErasureItem, LedgerError> {
        let mut after = None;
        while has_time() {
            let page = self.clicks.clicks(cookie, item.erasure.asked_at, after).await?;
            let own = page.items.into_iter().filter(|click| click.cookie.as_ref() == Some(cookie));
            item = self.delete_clicks(item, own.map(|click| click.place).collect()).await?;
            after = page.next;
            if after.is_none() {
                return self.ledger.trace_is_gone(&item.erasure, trace).await;
            }
        }
        Ok(item)
    }

    async fn delete_clicks(
        &self, item: ErasureItem, places: Vec<Place>,
    ) -> Result<ErasureItem, LedgerError> {
        let deleted = |clicks| Progress { clicks, ..Progress::default() };
        self.delete(item, places, deleted).await
    }

    /// The ties that were made before; a later one belongs to what the person does after asking.
    async fn delete_ties(
        &self, mut item: ErasureItem, trace: &Trace, record: &Person, has_time: &impl Fn() -> bool,
    ) -> Result<ErasureItem, LedgerError> {
        let mut after = None;
        while has_time() {
            let page = self.clicks.ties(record, after).await?;
            let before = page.items.into_iter().filter(|tie| tie.made_at <= item.erasure.asked_at);
            let places: Vec<Place> = before.map(|tie| tie.place).collect();
            let deleted = |ties| Progress { ties, ..Progress::default() };
            item = self.delete(item, places, deleted).await?;
            after = page.next;
            if after.is_none() {
                return self.ledger.trace_is_gone(&item.erasure, trace).await;
            }
        }
        Ok(item)
    }

    async fn delete(
        &self, item: ErasureItem, places: Vec<Place>, deleted: impl Fn(usize) -> Progress,
    ) -> Result<ErasureItem, LedgerError> {
        match self.clicks.delete_traces(places).await? {
            0 => Ok(item),
            count => self.ledger.note_progress(&item.erasure, &deleted(count)).await,
        }
    }

    /// Erases `row`, if any of the erasures means it. Answers whether there was something to erase.
    ///
    /// # Errors
    /// If the ledger is unavailable, or other writers are always faster.
    pub async fn erase_row(
        &self, erasures: &[&Erasure], mut row: Row,
    ) -> Result<bool, LedgerError> {
        for _ in 0..ROUNDS {
            let meaning: Vec<_> = erasures.iter().filter(|it| it.means(&row)).collect();
            let Some(after) = erase(&row, self.now).filter(|_| !meaning.is_empty()) else {
                return Ok(false);
            };
            for erasure in meaning {
                note_row(self.ledger, erasure, &row).await?;
            }
            if self.ledger.change(&row, &after).await? {
                return Ok(true);
            }
            let key = &row.key;
            let siblings = self.ledger.partition(&key.source, &key.event_id, self.now).await?;
            match siblings.row(&row.key) {
                Some(current) => row = current.clone(),
                None => return Ok(false),
            }
        }
        Err(LedgerError::Conflict)
    }
}

/// Writes that `row` has lost its person, as it is `after` that, for another reason than an erasure:
/// consent was taken back. Erasures that mean it name it all the same, since the audit does not
/// recognise it any more. Answers whether it is written: not if another writer was faster.
///
/// # Errors
/// If the ledger is unavailable.
pub async fn end_row<L: Rows + Erasures>(
    ledger: &L, row: &Row, after: &Row, now: EventTime,
) -> Result<bool, LedgerError> {
    for item in ledger.erasures(now).await?.iter().filter(|item| item.erasure.means(row)) {
        note_row(ledger, &item.erasure, row).await?;
    }
    ledger.change(row, after).await
}

/// Names the row in the erasure. Before the row loses its person: then it is not found any more, and
/// doesn't say where its clicks are.
async fn note_row(ledger: &impl Erasures, erasure: &Erasure, row: &Row) -> Result<(), LedgerError> {
    let traces = Trace::in_facts(&row.facts).collect();
    ledger.note_row(erasure, &row.key, &traces).await
}

/// Whether the rows of the browsers of `session` are the person's: not if only a row leads to it.
fn leads_to_rows(erasure: &Erasure, session: &RecordId) -> bool {
    let own = matches!(&erasure.person, Person::Session(id) if id == session);
    own || erasure.references.contains(session)
}
