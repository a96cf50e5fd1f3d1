//! The calls to Microsoft: claim, send, read the answer, write it down before the next call.

use std::{collections::VecDeque, time::Duration};

use tracklayer_core::{
    id::AccountName,
    ledger::observed::Kind,
    microsoft::{
        errors::ErrorClass,
        payload::{
            APPLY_ADJUSTMENTS, APPLY_CONVERSIONS, ApplyAdjustments, ApplyConversions,
            OfflineConversion, OfflineConversionAdjustment,
        },
        reply::{MicrosoftError, Reply, read_apply},
    },
    reconcile::{
        calls::{Call, Item, Operation, calls},
        decide::Adjustment,
        note::{CallRef, Note},
        verdict::{Trouble, Verdict, is_baffling, verdict},
    },
    time::EventTime,
};
use tracklayer_edge::ports::{
    AccountItems as _, Answer, Clock as _, Microsoft as _, Ports, Secret, Secrets as _,
};

use crate::{account::Account, batch::Fate, prepare::Load, report::CallLine, run::Run};

/// How long an account pauses after it was throttled, in seconds. Microsoft counts calls in a
/// sliding minute (learn.microsoft.com/advertising/guides/services-protocol).
const PAUSE: i64 = 60;

/// More calls in a row than this that are refused whole are not the fault of one row: halving a
/// thousand rows comes to one that goes, whichever spoils them, in twelve calls.
const IN_A_ROW: u32 = 15;

/// A call to be sent. The halves of one that was refused as a whole are claimed already: nothing of
/// it was taken, and a second claim would break the distance between two.
struct Next {
    call: Call<Load>,
    claimed: bool,
}

/// What a call's end means for the account's other calls.
enum Then {
    GoOn,
    /// Send these instead, first.
    Instead([Call<Load>; 2]),
    /// The rest shares this fate.
    Stop(Fate),
}

impl<P: Ports> Run<'_, P> {
    /// Sends everything, account by account; one account's trouble leaves the others alone.
    pub async fn send(&mut self, items: Vec<Item<Load>>) {
        let accounts = self.accounts;
        let mut first = calls(items);
        // One that gives no answer takes the time of those behind it.
        first.sort_by_key(|call| self.is_in_trouble(&call.account));
        let first = first.into_iter().map(|call| Next { call, claimed: false });
        let mut queue: VecDeque<Next> = first.collect();
        let mut stopped: Vec<(AccountName, Fate)> = Vec::new();
        while let Some(next) = queue.pop_front() {
            let call = &next.call;
            let Some(account) = accounts.get(&call.account) else { continue };
            if let Some((_, fate)) = stopped.iter().find(|(name, _)| *name == account.name) {
                self.set_fate(&call.rows, *fate);
                continue;
            }
            match self.send_call(&next, account).await {
                Then::GoOn => {}
                Then::Instead(halves) => {
                    let halves = halves.into_iter().map(|call| Next { call, claimed: true });
                    halves.rev().for_each(|half| queue.push_front(half));
                }
                Then::Stop(fate) => {
                    self.set_fate(&call.rows, fate);
                    stopped.push((account.name.clone(), fate));
                }
            }
        }
    }

    fn is_in_trouble(&self, account: &AccountName) -> bool {
        let (now, hour) = (self.upload.clock.now(), self.upload.policy.hour);
        self.accounts.get(account).is_some_and(|account| account.was_in_trouble(now, hour))
    }

    async fn send_call(&mut self, next: &Next, account: &Account) -> Then {
        let upload = self.upload;
        if let Some(seconds) = account.pause(upload.clock.now()) {
            return Then::Stop(Fate::Later(seconds));
        }
        // A token is fetched only where there is time for the call that needs it.
        if self.time_for_call(account).is_none() {
            return Then::Stop(Fate::HandBack);
        }
        let token = match upload.token(account).await {
            Ok(token) => token,
            Err(error) => {
                self.report.auth_failed(account, &error);
                upload.note_trouble(&account.name).await;
                return Then::Stop(Fate::HandBack);
            }
        };
        if self.time_for_call(account).is_none() {
            return Then::Stop(Fate::HandBack);
        }
        let rows = if next.claimed { next.call.rows.clone() } else { self.claim(&next.call).await };
        if rows.is_empty() {
            return Then::GoOn;
        }
        let call = Call { rows, ..next.call.clone() };
        // Claiming may have taken its time.
        let Some(timeout) = self.time_for_call(account) else {
            return Then::Stop(Fate::HandBack);
        };
        match self.exchange(&call, account, &token, timeout).await {
            Some(verdict) => self.conclude(call, account, verdict).await,
            None => {
                // Nothing was carried out, so nothing is noted in the rows; but it must ring.
                self.report.count_many(&account.name, "Unknown", call.rows.len());
                upload.note_trouble(&account.name).await;
                Then::Stop(Fate::HandBack)
            }
        }
    }

    /// How long a call may take, while there is time for one.
    fn time_for_call(&self, account: &Account) -> Option<Duration> {
        let timeout = self.deadline.for_call(&self.upload.clock);
        if timeout.is_none() {
            tracing::warn!(account = account.name.as_str(), "no time left for a call");
        }
        timeout
    }

    /// Claims adjustments; originals need none. Answers with the rows that may be sent.
    async fn claim(&mut self, call: &Call<Load>) -> Vec<Load> {
        if call.operation == Operation::Conversions {
            return call.rows.clone();
        }
        let note = |load: &Load| {
            let (adjustment, time) = load.adjustment.clone()?;
            Some((load.index, Note::Claimed(adjustment, time)))
        };
        let notes: Vec<_> = call.rows.iter().filter_map(note).collect();
        let written = self.note(notes).await;
        let won = call.rows.iter().zip(written).filter(|(_, won)| *won);
        won.map(|(load, _)| load.clone()).collect()
    }

    /// One call, and a second one with a new token if the first one's was refused. `None`: Microsoft
    /// could not be reached.
    async fn exchange(
        &mut self,
        call: &Call<Load>,
        account: &Account,
        token: &Secret,
        timeout: Duration,
    ) -> Option<Verdict> {
        let first = self.post(call, account, token, timeout).await?;
        if !matches!(&first, Verdict::HandBack(Trouble::Token, ..)) {
            return Some(first);
        }
        let upload = self.upload;
        if self.time_for_call(account).is_none() {
            return Some(first);
        }
        let token = match upload.new_token(account).await {
            Ok(token) => token,
            Err(error) => {
                self.report.auth_failed(account, &error);
                return Some(first);
            }
        };
        let Some(timeout) = self.time_for_call(account) else { return Some(first) };
        self.post(call, account, &token, timeout).await.or(Some(first))
    }

    async fn post(
        &mut self,
        call: &Call<Load>,
        account: &Account,
        token: &Secret,
        timeout: Duration,
    ) -> Option<Verdict> {
        let upload = self.upload;
        let start = upload.clock.monotonic();
        let answer = self.transmit(call, account, token, timeout).await;
        let duration = upload.clock.monotonic().saturating_sub(start);
        if let Answer::Lost(_) = answer {
            upload.note_trouble(&account.name).await;
        }
        let (reply, tracking_id, sent) = read(answer, account, call.rows.len());
        let kinds: Vec<Kind> = call.rows.iter().map(Load::kind).collect();
        let line = CallLine {
            account,
            call,
            works: self.works,
            reply: &reply,
            tracking_id: tracking_id.as_deref(),
            duration,
        };
        self.report.call(&line, &upload.telemetry);
        self.count_refusal(account, call.rows.len(), &reply);
        let rows = call.rows.iter().filter_map(|load| self.works[load.index].row.as_ref());
        let baffling = rows.into_iter().any(is_baffling);
        let mark = CallRef { to: account.destination()?.clone(), tracking_id };
        let now = upload.clock.now();
        sent.then(|| verdict(reply, &kinds, baffling, &mark, now, &upload.policy))
    }

    /// Counts calls in a row that Microsoft refused whole. One that it read, whatever it made of its
    /// rows, ends the count; so does one row that is refused alone for a reason that is known.
    fn count_refusal(&mut self, account: &Account, rows: usize, reply: &Reply) {
        let understood = match reply {
            Reply::Rows(_) => true,
            Reply::Fault(error) => rows == 1 && error.class != ErrorClass::Unknown,
            Reply::Unknown(..) => false,
        };
        let count = self.refused_whole.entry(account.name.clone()).or_default();
        *count = if understood { 0 } else { *count + 1 };
    }

    /// Which half goes first changes from try to try: what lies behind a row that nobody
    /// understands is reached from the other side.
    fn is_odd(&self, call: &Call<Load>) -> bool {
        let Some(load) = call.rows.first() else { return false };
        let work = &self.works[load.index];
        match load.kind() {
            Kind::Apply => work.receives() % 2 == 1,
            _ => work.row.as_ref().is_some_and(|row| row.observed.attempts % 2 == 1),
        }
    }

    fn refused_whole(&self, account: &Account) -> u32 {
        self.refused_whole.get(&account.name).copied().unwrap_or_default()
    }

    async fn transmit(
        &self,
        call: &Call<Load>,
        account: &Account,
        token: &Secret,
        timeout: Duration,
    ) -> Answer {
        let microsoft = &self.upload.microsoft;
        let facts =
            |load: &Load| self.works[load.index].row.as_ref().and_then(|row| row.facts.as_ref());
        let secret = &account.secret.value;
        match call.operation {
            Operation::Conversions => {
                let rows = call.rows.iter().filter_map(facts).map(OfflineConversion::new).collect();
                let body = ApplyConversions { offline_conversions: rows };
                microsoft.post(APPLY_CONVERSIONS, &body, token, secret, timeout).await
            }
            Operation::Adjustments => {
                let row = |load| {
                    let (adjustment, time): &(_, _) = Load::adjustment(load)?;
                    Some(OfflineConversionAdjustment::new(facts(load)?, adjustment, *time))
                };
                let rows = call.rows.iter().filter_map(row).collect();
                let body = ApplyAdjustments { offline_conversion_adjustments: rows };
                microsoft.post(APPLY_ADJUSTMENTS, &body, token, secret, timeout).await
            }
        }
    }

    async fn conclude(&mut self, call: Call<Load>, account: &Account, verdict: Verdict) -> Then {
        match verdict {
            Verdict::Notes(notes) => {
                self.report.trouble_of_rows(account, &notes);
                let indices = call.rows.iter().map(|load| load.index);
                self.settle(indices.zip(notes).collect()).await;
                Then::GoOn
            }
            Verdict::Halve(error, notes) if self.refused_whole(account) > IN_A_ROW => {
                let indices = call.rows.iter().map(|load| load.index);
                self.settle(indices.zip(notes).collect()).await;
                self.stop(Trouble::Account, &error, account).await
            }
            Verdict::Halve(error, notes) => {
                if notes.iter().any(|note| matches!(note, Note::Unknown(..))) {
                    // It is kept, should a half not come to be sent.
                    let indices = call.rows.iter().map(|load| load.index);
                    self.settle(indices.zip(notes).collect()).await;
                }
                let turned = error.class == ErrorClass::Unknown && self.is_odd(&call);
                Then::Instead(halves(call, turned))
            }
            Verdict::HandBack(trouble, error, notes) => {
                let indices = call.rows.iter().map(|load| load.index);
                self.settle(indices.zip(notes).collect()).await;
                self.stop(trouble, &error, account).await
            }
        }
    }

    /// What a refusal of the whole call means for the account's other calls.
    async fn stop(&mut self, trouble: Trouble, error: &MicrosoftError, account: &Account) -> Then {
        match trouble {
            Trouble::Throttled => {
                self.report.count(&account.name, "Throttled");
                let until = self.upload.clock.now().plus_seconds(PAUSE);
                if let Err(error) = self.upload.ledger.pause(&account.name, until).await {
                    tracing::warn!(account = account.name.as_str(), %error, "pause not noted");
                }
                Then::Stop(Fate::Later(PAUSE))
            }
            Trouble::Token | Trouble::Account => {
                self.report.refused_account(account, error);
                // The secret may be what a person repairs: the next run reads it anew.
                self.upload.secrets.forget(&account.name).await;
                Then::Stop(Fate::HandBack)
            }
            Trouble::Unfamiliar => Then::GoOn,
        }
    }

    /// A row whose correction was claimed has a `due` and needs no message. A message that has been
    /// put off for half of its receives waits longer: a pause of a minute costs a receive each time,
    /// and twelve of them would be over in as many minutes.
    fn set_fate(&mut self, rows: &[Load], fate: Fate) {
        let half = self.upload.max_receives / 2;
        for load in rows {
            let work = &mut self.works[load.index];
            if work.fate == Fate::Done {
                continue;
            }
            let tired = matches!(fate, Fate::Later(_)) && work.receives() > half;
            work.fate = if tired { Fate::HandBack } else { fate };
        }
    }

    /// Writes what was learned; a row whose note could not be written comes again.
    async fn settle(&mut self, notes: Vec<(usize, Note)>) {
        let written = self.note(notes.clone()).await;
        for ((index, note), written) in notes.into_iter().zip(written) {
            let work = &mut self.works[index];
            work.fate = match note {
                _ if !written => Fate::HandBack,
                Note::Failed(..) => Fate::Refused,
                Note::Unknown(Kind::Apply, ..) | Note::HandedBack(Kind::Apply, ..) => {
                    Fate::HandBack
                }
                _ => Fate::Done,
            };
            self.report.noted(work, &note);
        }
    }
}

/// What an answer says, Microsoft's mark, and whether anything can have been carried out.
fn read(answer: Answer, account: &Account, rows: usize) -> (Reply, Option<String>, bool) {
    let account = account.name.as_str();
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

impl Load {
    /// What is sent.
    pub fn kind(&self) -> Kind {
        self.adjustment.as_ref().map_or(Kind::Apply, |(adjustment, _)| adjustment.kind())
    }

    fn adjustment(load: &Load) -> Option<&(Adjustment, EventTime)> {
        load.adjustment.as_ref()
    }
}

fn halves(mut call: Call<Load>, turned: bool) -> [Call<Load>; 2] {
    let second = call.rows.split_off(call.rows.len() / 2);
    let second = Call { rows: second, ..call.clone() };
    if turned { [second, call] } else { [call, second] }
}
