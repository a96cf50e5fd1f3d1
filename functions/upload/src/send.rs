//! The calls to Microsoft: claim, send, read the answer, write it down before the next call.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;
use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::observed::Kind;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::microsoft::payload::{
    APPLY_ADJUSTMENTS, APPLY_CONVERSIONS, ApplyAdjustments, ApplyConversions, OfflineConversion,
    OfflineConversionAdjustment,
};
use tracklayer_core::microsoft::reply::{MicrosoftError, Reply, read_apply};
use tracklayer_core::reconcile::calls::{Call, Care, Item, Operation, calls, groups};
use tracklayer_core::reconcile::note::{CallRef, Note};
use tracklayer_core::reconcile::verdict::{Sent, Trouble, Verdict, verdict};
use tracklayer_edge::flows::sign_in::Session;
use tracklayer_edge::ports::{
    AccountItems as _, Answer, Clock as _, Microsoft as _, Ports, Secrets as _,
};

use crate::{accounts::destination, batch::Disposition, decide::Load, log::CallLine, run::Run};

/// How long an account pauses after it was throttled, in seconds. Microsoft counts calls in a
/// sliding minute (learn.microsoft.com/advertising/guides/services-protocol).
const PAUSE: i64 = 60;

/// From this receive on a paused account's message waits for the queue's own visibility timeout: a
/// pause of a minute must not use up twelve receives in twelve minutes.
const PATIENT_RECEIVES: u32 = 2;

/// What a call's end means for the account's other calls.
#[derive(Clone, Copy)]
enum Then {
    Answered,
    /// It failed as a whole, perhaps because of one of its rows.
    Failed,
    /// Nothing else of the account is sent in this run.
    Stop(Disposition),
}

/// How far the careful calls of one account are.
#[derive(Default)]
struct Careful {
    care: Care,
    /// Nothing else of the account is sent in this run.
    stopped: Option<Disposition>,
}

impl Careful {
    fn next_rows(&self) -> Option<usize> {
        self.care.next_rows().filter(|_| self.stopped.is_none())
    }
}

impl<P: Ports> Run<'_, P> {
    /// Sends everything, account by account; one account's trouble leaves the others alone. Which
    /// one is first changes from run to run: one that gives no answer takes the others' time.
    pub async fn send(&mut self, items: Vec<Item<Load>>) {
        let mut calls = calls(items);
        self.order(&mut calls);
        let mut stopped: Vec<(AccountName, Disposition)> = Vec::new();
        for call in calls {
            let known = stopped.iter().find(|(name, _)| *name == call.account);
            if let Some((_, disposition)) = known {
                self.set_all_aside(&call.rows, *disposition);
            } else if let Then::Stop(disposition) = self.send_call(&call).await {
                stopped.push((call.account.clone(), disposition));
            }
        }
    }

    /// Sends rows that were tried often: in calls of one row at first, in an order that changes with
    /// each try.
    pub async fn send_carefully(&mut self, items: Vec<Item<Load>>) {
        let mut progress: BTreeMap<AccountName, Careful> = BTreeMap::new();
        let mut groups = groups(items);
        self.order(&mut groups);
        for group in groups {
            let progress = progress.entry(group.account.clone()).or_default();
            self.send_group(group, progress).await;
        }
    }

    fn order(&self, calls: &mut [Call<Load>]) {
        let round = self.upload.clock.now().epoch();
        calls.sort_by_cached_key(|call| (turn(&call.account, round), call.operation));
    }

    async fn send_group(&mut self, group: Call<Load>, progress: &mut Careful) {
        let Call { account, operation, mut rows } = group;
        rows.sort_by_cached_key(|load| {
            let work = &self.works[load.index];
            let tries = work.row.as_ref().map_or(0, |row| row.observed.tries);
            work.key.shuffled(work.receives() + tries)
        });
        let mut rows = VecDeque::from(rows);
        while let Some(many) = progress.next_rows().filter(|_| !rows.is_empty()) {
            let part = rows.drain(..many.min(rows.len())).collect();
            let call = Call { account: account.clone(), operation, rows: part };
            match self.send_call(&call).await {
                Then::Answered => progress.care.answered(),
                Then::Failed => progress.care.failed(),
                Then::Stop(disposition) => progress.stopped = Some(disposition),
            }
        }
        self.set_all_aside(rows.make_contiguous(), progress.stopped.unwrap_or(Disposition::Return));
    }

    async fn send_call(&mut self, call: &Call<Load>) -> Then {
        let session = match self.prepare(call).await {
            Ok(session) => session,
            Err(disposition) => {
                self.set_all_aside(&call.rows, disposition);
                return Then::Stop(disposition);
            }
        };
        let rows = self.claim(&call.rows).await;
        if rows.is_empty() {
            return Then::Answered;
        }
        let call = Call { rows, account: call.account.clone(), operation: call.operation };
        // Claiming may have taken its time.
        let Some(timeout) = self.time_for_call(&call.account) else {
            self.take_back(&call, &session).await;
            return Then::Stop(Disposition::Return);
        };
        let mut session = session;
        let Some(verdict) = self.exchange(&call, &mut session, timeout).await else {
            self.report.count_many(&call.account, "Unknown", call.rows.len());
            self.take_back(&call, &session).await;
            return Then::Stop(Disposition::Return);
        };
        self.conclude(&call, verdict).await
    }

    /// Signs in for the call; otherwise says what becomes of its rows.
    async fn prepare(&mut self, call: &Call<Load>) -> Result<Session, Disposition> {
        let account = self.accounts.get(&call.account).cloned().ok_or(Disposition::Return)?;
        if let Some(seconds) = account.pause(self.upload.clock.now()) {
            return Err(Disposition::Defer(seconds));
        }
        // A token is fetched only where there is time for the call that needs it.
        self.time_for_call(&account.name).ok_or(Disposition::Return)?;
        let secret = account.secret.clone();
        let signed_in =
            self.sign_in().sign_in(&account.name, secret, account.refused_version()).await;
        let session = signed_in.map_err(|error| {
            self.report.auth_failed(&account.name, &error);
            Disposition::Return
        })?;
        self.time_for_call(&account.name).ok_or(Disposition::Return)?;
        Ok(session)
    }

    /// How long a call may take, while there is time for one.
    fn time_for_call(&self, account: &AccountName) -> Option<Duration> {
        let timeout = self.time.for_call(&self.upload.clock);
        if timeout.is_none() {
            tracing::warn!(account = account.as_str(), "no time left for a call");
        }
        timeout
    }

    /// Claims the rows; nothing is sent that is not claimed. Answers with those that may be sent.
    async fn claim(&mut self, rows: &[Load]) -> Vec<Load> {
        let notes: Vec<_> = rows.iter().map(|load| (load.index, load.claim())).collect();
        let written = self.note(&notes).await;
        let (mut won, mut lost) = (Vec::new(), Vec::new());
        for (load, written) in rows.iter().zip(written) {
            let side = if written { &mut won } else { &mut lost };
            side.push(load.clone());
        }
        self.set_all_aside(&lost, Disposition::Return);
        won
    }

    /// Nothing of the call has left this machine: its claims are taken back.
    async fn take_back(&mut self, call: &Call<Load>, session: &Session) {
        let mark = self.call_ref(session, None);
        let note = |load: &Load| (load.index, Note::NotTaken(load.kind(), mark.clone(), None));
        self.settle(call.rows.iter().map(note).collect()).await;
    }

    fn call_ref(&self, session: &Session, tracking_id: Option<String>) -> CallRef {
        CallRef { to: destination(self.upload.environment, &session.secret.value), tracking_id }
    }

    /// One call, and a second one with a new token if the first one's was refused. `None`: Microsoft
    /// could not be reached.
    async fn exchange(
        &mut self, call: &Call<Load>, session: &mut Session, timeout: Duration,
    ) -> Option<Verdict> {
        let first = self.post(call, session, timeout).await?;
        // Of what may have been taken, a second answer would take the first one's claim back.
        let untaken = first.notes.iter().all(|note| matches!(note, Note::NotTaken(..)));
        let refused = untaken && matches!(first.trouble, Some((Trouble::Token, _)));
        if !refused || session.is_renewed || self.time_for_call(&call.account).is_none() {
            return Some(first);
        }
        if let Err(error) = self.sign_in().renew(session).await {
            self.report.auth_failed(&call.account, &error);
            return Some(first);
        }
        let Some(timeout) = self.time_for_call(&call.account) else { return Some(first) };
        self.post(call, session, timeout).await.or(Some(first))
    }

    async fn post(
        &mut self, call: &Call<Load>, session: &Session, timeout: Duration,
    ) -> Option<Verdict> {
        let upload = self.upload;
        // All of the call's rows or nothing: what Microsoft calls `Index` is a place in this list.
        let rows: Vec<(&Load, &Row)> = call
            .rows
            .iter()
            .map(|load| Some((load, self.works[load.index].row.as_ref()?)))
            .collect::<Option<_>>()?;
        let payload = Payload::of(call.operation, &rows)?;
        let sent: Vec<Sent> = rows.iter().map(|(load, row)| Sent::of(row, load.kind())).collect();
        let start = upload.clock.monotonic();
        let (token, secret) = (&session.token, &session.secret.value);
        let path = payload.path();
        let answer = upload.microsoft.post(path, &payload, token, secret, timeout).await;
        let duration = upload.clock.monotonic().saturating_sub(start);
        let (reply, tracking_id, left) = read(answer, &call.account, rows.len());
        let line = CallLine {
            call,
            works: self.works,
            reply: &reply,
            tracking_id: tracking_id.as_deref(),
            duration,
        };
        self.report.call(&line, &upload.telemetry);
        let mark = self.call_ref(session, tracking_id);
        left.then(|| verdict(reply, &sent, &mark, upload.clock.now(), &upload.policy))
    }

    async fn conclude(&mut self, call: &Call<Load>, verdict: Verdict) -> Then {
        let Verdict { notes, trouble, answered } = verdict;
        self.report.trouble_of_rows(&call.account, &notes);
        let indices = call.rows.iter().map(|load| load.index);
        self.settle(indices.zip(notes).collect()).await;
        match trouble {
            Some((trouble, error)) => {
                let disposition = self.stop(trouble, &error, &call.account).await;
                self.set_all_aside(&call.rows, disposition);
                Then::Stop(disposition)
            }
            None if answered => Then::Answered,
            None => Then::Failed,
        }
    }

    /// What a refusal of the whole call means for the account's other calls.
    async fn stop(
        &mut self, trouble: Trouble, error: &MicrosoftError, account: &AccountName,
    ) -> Disposition {
        if trouble == Trouble::Throttled {
            self.report.count(account, "Throttled");
            let until = self.upload.clock.now().plus_seconds(PAUSE);
            if let Err(error) = self.upload.ledger.pause(account, until).await {
                tracing::warn!(account = account.as_str(), %error, "pause not noted");
            }
            return Disposition::Defer(PAUSE);
        }
        self.report.refused_account(account, error);
        // The secret may be what a person repairs: the next run reads it anew.
        self.upload.secrets.forget(account).await;
        Disposition::Return
    }

    /// Rows that are not sent, or not settled, in this run.
    fn set_all_aside(&mut self, rows: &[Load], disposition: Disposition) {
        for load in rows {
            let patient = self.works[load.index].receives() <= PATIENT_RECEIVES;
            let disposition = match disposition {
                Disposition::Defer(_) if !patient => Disposition::Return,
                other => other,
            };
            self.set_aside(load.index, disposition);
        }
    }

    /// Writes what was learned; the message of a row whose note could not be written is returned.
    async fn settle(&mut self, notes: Vec<(usize, Note)>) {
        let written = self.note(&notes).await;
        for ((index, note), written) in notes.into_iter().zip(written) {
            match note {
                _ if !written => self.set_aside(index, Disposition::Return),
                Note::Failed(..) => self.works[index].disposition = Disposition::DeadLetter,
                // It is sent without that click at once.
                Note::ClickRefused(..) => self.set_aside(index, Disposition::Defer(0)),
                Note::Unknown(Kind::Apply, ..) | Note::NotTaken(Kind::Apply, ..) => {
                    self.set_aside(index, Disposition::Return);
                }
                _ => self.works[index].disposition = Disposition::Done,
            }
            self.report.noted(&self.works[index], &note);
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Payload<'a> {
    Conversions(ApplyConversions<'a>),
    Adjustments(ApplyAdjustments<'a>),
}

impl<'a> Payload<'a> {
    /// One entry for each of `rows`, in their order; `None` if one of them can't be sent so.
    fn of(operation: Operation, rows: &[(&'a Load, &'a Row)]) -> Option<Self> {
        Some(match operation {
            Operation::Conversions => Payload::Conversions(ApplyConversions {
                offline_conversions: rows
                    .iter()
                    .map(|(_, row)| OfflineConversion::new(&row.facts))
                    .collect(),
            }),
            Operation::Adjustments => {
                let adjustment = |(load, row): &(&'a Load, &'a Row)| {
                    let (adjustment, time) = load.adjustment.as_ref()?;
                    Some(OfflineConversionAdjustment::new(&row.facts, adjustment, *time))
                };
                let all = rows.iter().map(adjustment).collect::<Option<_>>()?;
                Payload::Adjustments(ApplyAdjustments { offline_conversion_adjustments: all })
            }
        })
    }

    fn path(&self) -> &'static str {
        match self {
            Payload::Conversions(_) => APPLY_CONVERSIONS,
            Payload::Adjustments(_) => APPLY_ADJUSTMENTS,
        }
    }
}

/// A place in an order of accounts that changes with each run.
fn turn(account: &AccountName, round: i64) -> u64 {
    let bytes = account.as_str().bytes().map(u64::from);
    let round = round.unsigned_abs();
    bytes.fold(round, |hash, byte| (hash ^ byte).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 7
}

/// What an answer says, Microsoft's mark, and whether anything has left this machine.
fn read(answer: Answer, account: &AccountName, rows: usize) -> (Reply, Option<String>, bool) {
    let account = account.as_str();
    match answer {
        Answer::Http { status, body, tracking_id } => {
            (read_apply(status, &body, rows), tracking_id, true)
        }
        Answer::Lost(why) => {
            tracing::warn!(account, why, "no answer from Microsoft");
            (Reply::Unknown("no answer", None), None, true)
        }
        Answer::NotSent(why) => {
            tracing::warn!(account, why, "Microsoft can't be reached");
            (Reply::Unknown("not sent", None), None, false)
        }
    }
}
