//! The calls to Microsoft: claim, send, read the answer, write it down before the next call.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use tracklayer_core::{
    note::{Mark, Note},
    observed::Kind,
    payload::{
        APPLY_ADJUSTMENTS, APPLY_CONVERSIONS, ApplyAdjustments, ApplyConversions,
        OfflineConversion, OfflineConversionAdjustment,
    },
    plan::{Call, Item, Operation, calls},
    reply::{Reply, read_apply},
    verdict::{Trouble, Verdict, verdict},
};
use tracklayer_edge::{clock, microsoft::Answer, secrets::Secret};

use crate::{
    account::{Account, Accounts},
    batch::{Fate, Work},
    handler::{Deadline, Upload},
    prepare::Load,
    report::{CallLine, Report},
};

/// How long an account pauses after it was throttled, in seconds. Microsoft counts calls in a
/// sliding minute (learn.microsoft.com/advertising/guides/services-protocol).
const PAUSE: i64 = 60;

/// What a call's end means for the account's other calls.
enum Then {
    GoOn,
    /// Send these instead, first.
    Instead(Vec<Call<Load>>),
    /// The rest shares this fate.
    Stop(Fate),
}

impl Upload {
    /// Sends everything, account by account; one account's trouble leaves the others alone.
    pub async fn send(
        &self,
        works: &mut [Work],
        items: Vec<Item<Load>>,
        accounts: &Accounts,
        deadline: Deadline,
        report: &mut Report,
    ) {
        let mut queue: VecDeque<Call<Load>> = calls(items).into();
        let mut stopped: Vec<(tracklayer_core::id::AccountName, Fate)> = Vec::new();
        while let Some(call) = queue.pop_front() {
            let Some(account) = accounts.get(&call.account) else { continue };
            if let Some((_, fate)) = stopped.iter().find(|(name, _)| *name == account.name) {
                set_fate(works, &call.rows, *fate);
                continue;
            }
            match self.send_call(works, &call, account, accounts, deadline, report).await {
                Then::GoOn => {}
                Then::Instead(halves) => {
                    halves.into_iter().rev().for_each(|half| queue.push_front(half))
                }
                Then::Stop(fate) => {
                    set_fate(works, &call.rows, fate);
                    stopped.push((account.name.clone(), fate));
                }
            }
        }
    }

    async fn send_call(
        &self,
        works: &mut [Work],
        call: &Call<Load>,
        account: &Account,
        accounts: &Accounts,
        deadline: Deadline,
        report: &mut Report,
    ) -> Then {
        if let Some(seconds) = Upload::pause(account) {
            return Then::Stop(Fate::Later(seconds));
        }
        let token = match self.token(account).await {
            Ok(token) => token,
            Err(error) => {
                report.auth_failed(account, &error);
                return Then::Stop(Fate::HandBack);
            }
        };
        let Some(timeout) = deadline.for_call() else {
            tracing::warn!(account = account.name.as_str(), "no time left for a call");
            return Then::Stop(Fate::HandBack);
        };
        let rows = self.claim(works, call, accounts).await;
        if rows.is_empty() {
            return Then::GoOn;
        }
        let call = Call { rows, ..call.clone() };
        let verdict = self.exchange(works, &call, account, token, timeout, deadline, report).await;
        self.conclude(works, call, account, accounts, verdict, report).await
    }

    /// Claims adjustments; originals need none. Answers with the rows that may be sent.
    async fn claim(&self, works: &mut [Work], call: &Call<Load>, accounts: &Accounts) -> Vec<Load> {
        if call.operation == Operation::Conversions {
            return call.rows.clone();
        }
        let note = |load: &Load| {
            let (adjustment, time) = load.adjustment.clone()?;
            Some((load.index, Note::Claimed(adjustment, time)))
        };
        let notes: Vec<_> = call.rows.iter().filter_map(note).collect();
        let written = self.note(works, notes, accounts).await;
        call.rows
            .iter()
            .zip(written)
            .filter(|(_, won)| *won)
            .map(|(load, _)| load.clone())
            .collect()
    }

    /// One call, and a second one with a new token if the first one's was refused.
    #[expect(clippy::too_many_arguments, reason = "one place, each of them needed")]
    async fn exchange(
        &self,
        works: &[Work],
        call: &Call<Load>,
        account: &Account,
        token: Secret,
        timeout: Duration,
        deadline: Deadline,
        report: &mut Report,
    ) -> Verdict {
        let first = self.post(works, call, account, &token, timeout, report).await;
        let refused = matches!(&first, Verdict::HandBack(Trouble::Token, _));
        if !refused {
            return first;
        }
        let (Ok(token), Some(timeout)) = (self.new_token(account).await, deadline.for_call())
        else {
            return first;
        };
        self.post(works, call, account, &token, timeout, report).await
    }

    async fn post(
        &self,
        works: &[Work],
        call: &Call<Load>,
        account: &Account,
        token: &Secret,
        timeout: Duration,
        report: &mut Report,
    ) -> Verdict {
        let start = Instant::now();
        let answer = self.transmit(works, call, account, token, timeout).await;
        let duration = start.elapsed();
        let (reply, tracking_id, sent) = match answer {
            Answer::Http { status, body, tracking_id } => {
                (read_apply(status, &body, call.rows.len()), tracking_id, true)
            }
            Answer::Lost(why) => {
                tracing::warn!(account = account.name.as_str(), why, "no answer from Microsoft");
                (Reply::Unknown("no answer"), None, true)
            }
            Answer::NotSent(why) => {
                tracing::warn!(account = account.name.as_str(), why, "Microsoft can't be reached");
                (Reply::Unknown("not sent"), None, false)
            }
        };
        let kinds: Vec<Kind> = call.rows.iter().map(Load::kind).collect();
        report.call(&CallLine {
            account,
            call,
            works,
            reply: &reply,
            tracking_id: tracking_id.as_deref(),
            duration,
        });
        let to = account.destination().cloned();
        let mark = to.map(|to| Mark { to, tracking_id });
        match &mark {
            Some(mark) if sent => verdict(reply, &kinds, mark, clock::now(), &self.policy),
            _ => Verdict::Notes(Vec::new()),
        }
    }

    async fn transmit(
        &self,
        works: &[Work],
        call: &Call<Load>,
        account: &Account,
        token: &Secret,
        timeout: Duration,
    ) -> Answer {
        let facts = |load: &Load| works[load.index].row.as_ref().and_then(|row| row.facts.as_ref());
        let secret = &account.secret.value;
        match call.operation {
            Operation::Conversions => {
                let rows = call.rows.iter().filter_map(facts).map(OfflineConversion::new).collect();
                let body = ApplyConversions { offline_conversions: rows };
                self.microsoft.post(APPLY_CONVERSIONS, &body, token, secret, timeout).await
            }
            Operation::Adjustments => {
                let row = |load| {
                    let (adjustment, time): &(_, _) = Load::adjustment(load)?;
                    Some(OfflineConversionAdjustment::new(facts(load)?, adjustment, *time))
                };
                let rows = call.rows.iter().filter_map(row).collect();
                let body = ApplyAdjustments { offline_conversion_adjustments: rows };
                self.microsoft.post(APPLY_ADJUSTMENTS, &body, token, secret, timeout).await
            }
        }
    }

    async fn conclude(
        &self,
        works: &mut [Work],
        call: Call<Load>,
        account: &Account,
        accounts: &Accounts,
        verdict: Verdict,
        report: &mut Report,
    ) -> Then {
        match verdict {
            Verdict::Notes(notes) => {
                let indices = call.rows.iter().map(|load| load.index);
                self.settle(works, indices.zip(notes).collect(), accounts, report).await;
                Then::GoOn
            }
            Verdict::Halve(_) => Then::Instead(halves(call)),
            Verdict::HandBack(Trouble::Throttled, _) => {
                report.count(&account.name, "Throttled");
                let until = clock::now().plus_seconds(PAUSE);
                if let Err(error) = self.ledger.pause(&account.name, until).await {
                    tracing::warn!(account = account.name.as_str(), %error, "pause not noted");
                }
                Then::Stop(Fate::Later(PAUSE))
            }
            Verdict::HandBack(Trouble::Token | Trouble::Account, error) => {
                report.refused_account(account, &error);
                Then::Stop(Fate::HandBack)
            }
            Verdict::HandBack(Trouble::Unfamiliar, error) => {
                report.refused_account(account, &error);
                Then::GoOn
            }
        }
    }

    /// Writes what was learned; a row whose note could not be written comes again.
    async fn settle(
        &self,
        works: &mut [Work],
        notes: Vec<(usize, Note)>,
        accounts: &Accounts,
        report: &mut Report,
    ) {
        let written = self.note(works, notes.clone(), accounts).await;
        for ((index, note), written) in notes.into_iter().zip(written) {
            let work = &mut works[index];
            work.fate = match note {
                _ if !written => Fate::HandBack,
                Note::Failed(..) => Fate::Refused,
                Note::Unknown(Kind::Apply, _) => Fate::HandBack,
                _ => Fate::Done,
            };
            report.noted(work, &note);
        }
    }
}

impl Load {
    /// What is sent.
    pub fn kind(&self) -> Kind {
        self.adjustment.as_ref().map_or(Kind::Apply, |(adjustment, _)| adjustment.kind())
    }

    fn adjustment(
        load: &Load,
    ) -> Option<&(tracklayer_core::decide::Adjustment, tracklayer_core::time::EventTime)> {
        load.adjustment.as_ref()
    }
}

fn halves(mut call: Call<Load>) -> Vec<Call<Load>> {
    let second = call.rows.split_off(call.rows.len() / 2);
    let second = Call { rows: second, ..call.clone() };
    vec![call, second]
}

fn set_fate(works: &mut [Work], rows: &[Load], fate: Fate) {
    for load in rows {
        works[load.index].fate = fate;
    }
}
