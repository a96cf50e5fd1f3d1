//! The calls to Microsoft: claim, send, read the answer, write it down before the next call.

use std::collections::BTreeMap;
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
use tracklayer_core::reconcile::calls::Care;
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

/// Rows of one account that are sent at once.
pub struct Call {
    pub account: AccountName,
    /// All of them originals, or all of them corrections.
    pub rows: Vec<Load>,
}

impl<P: Ports> Run<'_, P> {
    /// Sends rows that were tried often, in an order that changes with each try.
    pub async fn send_carefully(&mut self, mut loads: Vec<Load>) {
        loads.sort_by_cached_key(|load| {
            let work = &self.works[load.index];
            let tries = work.row.as_ref().map_or(0, |row| row.observed.tries);
            work.key.shuffled(work.receives() + tries)
        });
        self.send(loads, Care::full).await;
    }

    /// Sends everything, account by account; one account's trouble leaves the others alone. Which
    /// one is first changes from run to run: one that gives no answer takes the others' time. `care`
    /// is told how many rows the account has.
    pub async fn send(&mut self, loads: Vec<Load>, care: impl Fn(usize) -> Care) {
        let mut accounts: BTreeMap<AccountName, Vec<Load>> = BTreeMap::new();
        for load in loads {
            accounts.entry(load.account.clone()).or_default().push(load);
        }
        let round = self.upload.clock.now().epoch();
        let mut accounts: Vec<_> = accounts.into_iter().collect();
        accounts.sort_by_cached_key(|(account, _)| turn(account, round));
        for (account, loads) in accounts {
            let care = care(loads.len());
            self.send_account(&account, loads, care).await;
        }
    }

    /// Sends the originals, then the corrections.
    async fn send_account(&mut self, account: &AccountName, loads: Vec<Load>, mut care: Care) {
        let (originals, corrections): (Vec<_>, Vec<_>) =
            loads.into_iter().partition(|load| load.adjustment.is_none());
        let mut stopped = None;
        for mut loads in [originals, corrections] {
            while stopped.is_none() {
                let Some(rows) = care.next_call(&mut loads) else { break };
                match self.send_call(Call { account: account.clone(), rows }).await {
                    Then::Answered => care.answered(),
                    Then::Failed => care.failed(),
                    Then::Stop(disposition) => stopped = Some(disposition),
                }
            }
            self.set_all_aside(&loads, stopped.unwrap_or(Disposition::Return));
        }
    }

    async fn send_call(&mut self, mut call: Call) -> Then {
        let mut session = match self.prepare(&call).await {
            Ok(session) => session,
            Err(disposition) => {
                self.set_all_aside(&call.rows, disposition);
                return Then::Stop(disposition);
            }
        };
        call.rows = self.claim(call.rows).await;
        if call.rows.is_empty() {
            return Then::Answered;
        }
        // Claiming may have taken its time.
        let Some(timeout) = self.time_for_call(&call.account) else {
            self.take_back(&call, &session).await;
            return Then::Stop(Disposition::Return);
        };
        let Some(verdict) = self.exchange(&call, &mut session, timeout).await else {
            self.report.count_many(&call.account, "Unknown", call.rows.len());
            self.take_back(&call, &session).await;
            return Then::Stop(Disposition::Return);
        };
        self.conclude(&call, verdict).await
    }

    /// Signs in for the call; otherwise says what becomes of its rows.
    async fn prepare(&mut self, call: &Call) -> Result<Session, Disposition> {
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
            self.report.account_trouble(&account.name, error.to_string());
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
    async fn claim(&mut self, rows: Vec<Load>) -> Vec<Load> {
        let notes: Vec<_> = rows.iter().map(|load| (load.index, load.claim())).collect();
        let written = self.note(&notes).await;
        let (won, lost): (Vec<_>, Vec<_>) =
            rows.into_iter().zip(written).partition(|(_, written)| *written);
        let loads = |side: Vec<(Load, bool)>| side.into_iter().map(|(load, _)| load).collect();
        let lost: Vec<Load> = loads(lost);
        self.set_all_aside(&lost, Disposition::Return);
        loads(won)
    }

    /// Nothing of the call has left this machine: its claims are taken back.
    async fn take_back(&mut self, call: &Call, session: &Session) {
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
        &mut self, call: &Call, session: &mut Session, timeout: Duration,
    ) -> Option<Verdict> {
        let first = self.post(call, session, timeout).await?;
        // Of what may have been taken, a second answer would take the first one's claim back.
        let untaken = first.notes.iter().all(|note| matches!(note, Note::NotTaken(..)));
        let refused = untaken && matches!(first.trouble, Some((Trouble::Token, _)));
        if !refused || session.is_renewed || self.time_for_call(&call.account).is_none() {
            return Some(first);
        }
        if let Err(error) = self.sign_in().renew(session).await {
            self.report.account_trouble(&call.account, error.to_string());
            return Some(first);
        }
        let Some(timeout) = self.time_for_call(&call.account) else { return Some(first) };
        self.post(call, session, timeout).await.or(Some(first))
    }

    async fn post(&mut self, call: &Call, session: &Session, timeout: Duration) -> Option<Verdict> {
        let upload = self.upload;
        // All of the call's rows or nothing: what Microsoft calls `Index` is a place in this list.
        let rows: Vec<(&Load, &Row)> = call
            .rows
            .iter()
            .map(|load| Some((load, self.works[load.index].row.as_ref()?)))
            .collect::<Option<_>>()?;
        let payload = Payload::of(&rows)?;
        let sent: Vec<Sent> = rows.iter().map(|(load, row)| Sent::of(row, load.kind())).collect();
        let start = upload.clock.monotonic();
        let (token, secret) = (&session.token, &session.secret.value);
        let path = payload.path();
        let answer = upload.microsoft.post(path, &payload, token, secret, timeout).await;
        let duration = upload.clock.monotonic().saturating_sub(start);
        let (reply, tracking_id, left) = read(answer, &call.account, rows.len());
        let line = CallLine {
            call,
            path,
            works: self.works,
            reply: &reply,
            tracking_id: tracking_id.as_deref(),
            duration,
        };
        self.report.call(&line, &upload.telemetry);
        let mark = self.call_ref(session, tracking_id);
        left.then(|| verdict(reply, &sent, &mark, upload.clock.now(), &upload.policy))
    }

    async fn conclude(&mut self, call: &Call, verdict: Verdict) -> Then {
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
            self.report.noted(&self.works[index], &note, self.upload.clock.now());
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
    /// One entry for each of `rows`, in their order; `None` if they can't be sent together.
    fn of(rows: &[(&'a Load, &'a Row)]) -> Option<Self> {
        if rows.iter().all(|(load, _)| load.adjustment.is_none()) {
            let conversions = rows.iter().map(|(_, row)| OfflineConversion::new(&row.facts));
            let offline_conversions = conversions.collect();
            return Some(Payload::Conversions(ApplyConversions { offline_conversions }));
        }
        let adjustment = |(load, row): &(&'a Load, &'a Row)| {
            let (adjustment, time) = load.adjustment.as_ref()?;
            Some(OfflineConversionAdjustment::new(&row.facts, adjustment, *time))
        };
        let offline_conversion_adjustments = rows.iter().map(adjustment).collect::<Option<_>>()?;
        Some(Payload::Adjustments(ApplyAdjustments { offline_conversion_adjustments }))
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
