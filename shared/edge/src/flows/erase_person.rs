//! Takes a person out of the tables.
//!
//! The request notes the erasure first, so that the audit knows of it whatever becomes of the
//! request. With it is kept a list of what is left among clicks and ties ([`Trace`]): the request
//! works it off as far as its time goes, every run of sweep goes on with it. Rows are the audit's.
//! A row adds to the list where its own clicks are before it loses its names; a run that dies
//! between two steps is repeated without harm.

use std::collections::BTreeSet;

use tokio::sync::OnceCell;
use tracklayer_core::id::RecordId;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::mapping::{Account, Mapping};
use tracklayer_core::reconcile::attribution::{MAX_BROWSERS, TieKind};
use tracklayer_core::reconcile::erasure::{Erasure, Person, Trace, erase};
use tracklayer_core::time::EventTime;

use super::originals;
use crate::ports::{
    ClickTrace, ErasureItem, Erasures, LedgerError, Place, Rows, Telemetry, Traces,
};

/// Cookies that one erasure follows: whoever knows a session can add any number of them.
pub const MAX_COOKIES: usize = 25;
/// Visitors tied to a record that one erasure follows.
const MAX_VISITORS: usize = 200;
/// Pages of a cookie's clicks that are read to see whose they are.
const PAGES_READ: usize = 20;
/// Rows that one erasure names; an item takes 400 KB. More are erased, but not named.
const MAX_LISTED: usize = 1_000;
/// How often something is tried anew when another writer was faster.
const ROUNDS: usize = 8;

pub struct Eraser<'a, L, C, T> {
    pub ledger: &'a L,
    pub clicks: &'a C,
    /// Which says whether orders that browsers tied count.
    pub mapping: &'a Mapping,
    pub telemetry: &'a T,
    /// The time that erased rows and noted passes get.
    pub now: EventTime,
}

impl<L: Rows + Erasures, C: Traces, T: Telemetry> Eraser<'_, L, C, T> {
    /// Notes that an erasure is asked for, before anything is done.
    pub async fn begin(&self, asked: Erasure) -> Result<ErasureItem, LedgerError> {
        for _ in 0..ROUNDS {
            let mut item = match self.ledger.erasure(&asked, asked.asked_at).await? {
                Some(known) => known,
                None => ErasureItem::new(asked.clone()),
            };
            item.ask_again(&asked);
            if self.ledger.save_erasure(&mut item).await? {
                return Ok(item);
            }
        }
        Err(LedgerError::Conflict)
    }

    /// Deletes the clicks and ties on the erasure's list while there is time, and keeps `item` up to
    /// date; what is left on the list is for the next run.
    pub async fn delete_traces(
        &self, item: &mut ErasureItem, has_time: &impl Fn() -> bool,
    ) -> Result<(), LedgerError> {
        let left = item.cookies_left;
        while has_time() {
            let Some(trace) = item.traces.first().cloned() else { break };
            let is_done = match &trace {
                Trace::Record(record) => self.follow(item, &trace, record).await.map(|()| true)?,
                _ => self.delete_pages(item, &trace, has_time).await?,
            };
            if is_done {
                let gone = |item: &mut ErasureItem| {
                    item.traces.remove(&trace);
                };
                self.note(item, gone).await?;
            }
        }
        if item.cookies_left > left {
            tracing::warn!("an erasure does not follow all cookies: they are too many");
            self.telemetry.stuck(1);
        }
        Ok(())
    }

    /// Finds the visitors that are tied to `record`, and puts them on the list.
    async fn follow(
        &self, item: &mut ErasureItem, trace: &Trace, record: &Person,
    ) -> Result<(), LedgerError> {
        let visitors = self.visitors(item, record).await?;
        let known = &item.erasure.references;
        let (again, mut more): (BTreeSet<_>, BTreeSet<_>) =
            visitors.into_iter().partition(|visitor| known.contains(visitor));
        let room = MAX_VISITORS.saturating_sub(known.len());
        let left = more.len().saturating_sub(room);
        more = more.into_iter().take(room).collect();
        self.note(item, |item| {
            if !item.traces.remove(trace) {
                return; // Somebody else did it.
            }
            item.traces.insert(Trace::Ties(record.clone()));
            item.traces.extend(again.union(&more).cloned().map(Trace::Session));
            item.cookies_left += left;
            // The rows of visitors to whom only a row's record leads are not the person's.
            if item.erasure.person == *record && !more.is_empty() {
                item.erasure.references.extend(more.iter().cloned());
                item.begin_anew(self.now);
            }
        })
        .await
    }

    async fn note(
        &self, item: &mut ErasureItem, change: impl Fn(&mut ErasureItem),
    ) -> Result<(), LedgerError> {
        update(self.ledger, item, self.now, change).await
    }

    /// The visitors that are the record's own: not those that browsers tied to an order, if they
    /// don't count or are too many. Nor while the order's ties are being deleted: of many strangers
    /// the last three would pass for the person.
    async fn visitors(
        &self, item: &ErasureItem, record: &Person,
    ) -> Result<BTreeSet<RecordId>, LedgerError> {
        let (mut visitors, browsers) = self.tied(record).await?;
        let believed = !matches!(record, Person::Record(TieKind::Order, _)) || {
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
            for tie in page.items {
                if tie.keyed {
                    keyed.extend(tie.reference);
                } else {
                    browsers.push(tie.reference);
                }
            }
            after = page.next;
            if after.is_none() || browsers.len() > MAX_VISITORS {
                return Ok((keyed, browsers));
            }
        }
    }

    /// Deletes what `trace` stands for; answers whether the time was enough.
    async fn delete_pages(
        &self, item: &mut ErasureItem, trace: &Trace, has_time: &impl Fn() -> bool,
    ) -> Result<bool, LedgerError> {
        let (mut after, mut left) = (None, BTreeSet::new());
        while has_time() {
            let (places, next) = self.page(item, trace, after, &mut left).await?;
            let count = self.clicks.delete_traces(places).await?;
            if count > 0 {
                let are_ties = matches!(trace, Trace::Ties(_));
                let counted = |item: &mut ErasureItem| {
                    *(if are_ties { &mut item.ties } else { &mut item.clicks }) += count;
                };
                self.note(item, counted).await?;
            }
            after = next;
            if after.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// One page of what has to go, and where the next one begins. The cookies of a session's clicks
    /// are noted before these go; `left` are those that were too many.
    async fn page(
        &self, item: &mut ErasureItem, trace: &Trace, after: Option<Place>,
        left: &mut BTreeSet<RecordId>,
    ) -> Result<(Vec<Place>, Option<Place>), LedgerError> {
        let asked_at = item.erasure.asked_at;
        Ok(match trace {
            Trace::Session(session) => {
                let page = self.clicks.clicks(session, asked_at, after).await?;
                self.note_cookies(item, session, &page.items, left).await?;
                (page.items.into_iter().map(|click| click.place).collect(), page.next)
            }
            // The clicks that a browser made without a session.
            Trace::Cookie(cookie) => {
                let mut page = self.clicks.clicks(cookie, asked_at, after).await?;
                page.items.retain(|click| click.cookie.as_ref() == Some(cookie));
                (page.items.into_iter().map(|click| click.place).collect(), page.next)
            }
            // A later tie belongs to what the person does after asking.
            Trace::Record(record) | Trace::Ties(record) => {
                let mut page = self.clicks.ties(record, after).await?;
                page.items.retain(|tie| tie.made_at <= asked_at);
                (page.items.into_iter().map(|tie| tie.place).collect(), page.next)
            }
        })
    }

    /// Notes the cookies with which these clicks came, oldest first.
    async fn note_cookies(
        &self, item: &mut ErasureItem, session: &RecordId, clicks: &[ClickTrace],
        left: &mut BTreeSet<RecordId>,
    ) -> Result<(), LedgerError> {
        let (mut cookies, mut references, mut too_many) = (BTreeSet::new(), Vec::new(), 0);
        for cookie in clicks.iter().filter_map(|click| click.cookie.as_ref()) {
            let known = cookie == session || item.cookies.contains(cookie);
            if known || cookies.contains(cookie) || left.contains(cookie) {
                continue;
            }
            if item.cookies.len() + cookies.len() < MAX_COOKIES {
                cookies.insert(cookie.clone());
            } else {
                left.insert(cookie.clone());
                too_many += 1;
            }
        }
        if leads_to_rows(&item.erasure, session) {
            for cookie in &cookies {
                if self.is_nobodys_session(cookie, item.erasure.asked_at).await? {
                    references.push(cookie.clone());
                }
            }
        }
        self.note(item, |item| {
            item.traces.extend(cookies.iter().cloned().map(Trace::Cookie));
            item.cookies.extend(cookies.iter().cloned());
            item.cookies_left += too_many;
            if !references.is_empty() {
                item.erasure.references.extend(references.iter().cloned());
                item.begin_anew(self.now);
            }
        })
        .await
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

    /// Erases `row` for those of the erasures that mean it.
    pub async fn erase_row(
        &self, erasures: &[&ErasureItem], mut row: Row,
    ) -> Result<(), LedgerError> {
        for _ in 0..ROUNDS {
            let is_meant = erasures.iter().any(|item| item.erasure.means(&row));
            let Some(after) = erase(&row, self.now).filter(|_| is_meant) else { return Ok(()) };
            note_row(self.ledger, erasures.iter().copied(), &row, self.now).await?;
            if self.ledger.change(&row, &after).await? {
                return Ok(());
            }
            match originals::row(self.ledger, &row.key, self.now).await? {
                Some(current) => row = current,
                None => return Ok(()),
            }
        }
        Err(LedgerError::Conflict)
    }
}

/// The erasures, as a run or request reads them: once, and only if a row of it ends.
pub type KnownErasures = OnceCell<Vec<ErasureItem>>;

/// Writes that `row` has lost its person, as it is `after` that, for another reason than an erasure:
/// consent was taken back. Erasures that mean it name it all the same, since the audit does not
/// recognise it any more. Answers whether it is written: not if another writer was faster.
pub async fn end_row<L: Rows + Erasures>(
    ledger: &L, known: &KnownErasures, row: &Row, after: &Row, now: EventTime,
) -> Result<bool, LedgerError> {
    let read = async || Ok::<_, LedgerError>(ledger.erasures(now).await?.0);
    let erasures = known.get_or_try_init(read).await?;
    note_row(ledger, erasures.iter(), row, now).await?;
    ledger.change(row, after).await
}

/// Names the row in the erasures that mean it. Before the row loses its person: then it is not found
/// any more, and doesn't say where its clicks are.
async fn note_row<'a>(
    ledger: &impl Erasures, erasures: impl Iterator<Item = &'a ErasureItem>, row: &Row,
    now: EventTime,
) -> Result<(), LedgerError> {
    for item in erasures.filter(|item| item.erasure.means(row)) {
        let named = |item: &mut ErasureItem| {
            item.traces.extend(Trace::in_facts(&row.facts));
            if item.rows.len() < MAX_LISTED {
                item.rows.insert(row.key.clone());
            } else {
                tracing::warn!(most = MAX_LISTED, "more rows of one person than an erasure names");
            }
        };
        update(ledger, &mut item.clone(), now, named).await?;
    }
    Ok(())
}

/// Changes an erasure, anew if another writer was faster; `item` is as it is then.
pub async fn update(
    ledger: &impl Erasures, item: &mut ErasureItem, now: EventTime,
    change: impl Fn(&mut ErasureItem),
) -> Result<(), LedgerError> {
    for _ in 0..ROUNDS {
        let mut next = item.clone();
        change(&mut next);
        if next == *item {
            return Ok(());
        }
        if ledger.save_erasure(&mut next).await? {
            *item = next;
            return Ok(());
        }
        let forgotten = || LedgerError::Unreadable("an erasure".to_owned());
        *item = ledger.erasure(&item.erasure, now).await?.ok_or_else(forgotten)?;
    }
    Err(LedgerError::Conflict)
}

/// Whether the rows of the browsers of `session` are the person's: not if only a row leads to it.
fn leads_to_rows(erasure: &Erasure, session: &RecordId) -> bool {
    let own = matches!(&erasure.person, Person::Session(id) if id == session);
    own || erasure.references.contains(session)
}
