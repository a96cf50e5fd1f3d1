//! What goes wrong.

use super::{Draw, HOUR, MINUTE, START};
use crate::random::Random;

/// How often things go wrong, in cases of 10,000.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// A run dies at a step.
    pub crash: u32,
    /// A step takes seconds.
    pub slow: u32,
    /// A run is frozen for minutes.
    pub freeze: u32,
    /// A request to AWS is not carried out.
    pub not_done: u32,
    /// A request to AWS is carried out, its answer is lost.
    pub done_unheard: u32,
    /// A request to AWS is carried out twice by a client that retries.
    pub done_twice: u32,
    /// A row of a batched read is not processed.
    pub unprocessed: u32,
    /// A message is delivered while somebody else has it.
    pub duplicate: u32,
    /// A message vanishes.
    pub vanished: u32,
    /// A deletion of a message is lost.
    pub undeleted: u32,
    /// No connection to Microsoft.
    pub unreachable: u32,
    /// A request to Microsoft gets lost.
    pub request_lost: u32,
    /// Microsoft's answer gets lost, or can't be read.
    pub answer_lost: u32,
    /// An answer takes so long that little of the run is left, or none.
    pub answer_slow: u32,
    /// A request reaches Microsoft after its sender gave up.
    pub request_late: u32,
    /// Too many calls.
    pub throttled: u32,
    /// The access token is refused.
    pub token_refused: u32,
    /// A row is refused, only this time.
    pub row_refused: u32,
    /// A call is refused because of a row that is fine the next time.
    pub poison: u32,
    /// Clocks of runs are wrong by up to this many seconds.
    pub skew: i64,
    /// Two sweeps at the same time.
    pub overlap: u32,
}

/// What happens to the goal "Purchase".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoalTrouble {
    /// Nothing.
    None,
    /// The mapping's name is wrong from the start; it is corrected at this second.
    Typo {
        /// When the mapping is corrected.
        fixed: i64,
    },
    /// It is renamed at Microsoft, and the mapping follows.
    Renamed {
        /// When.
        at: i64,
        /// When the mapping is changed.
        fixed: i64,
    },
    /// It is renamed at Microsoft by mistake, for a while.
    RenamedBack {
        /// When.
        at: i64,
        /// Until when.
        fixed: i64,
    },
    /// A new goal takes its place; the old one is deleted.
    Replaced {
        /// When.
        at: i64,
        /// When the mapping is changed.
        fixed: i64,
    },
}

/// A time of trouble.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// With what.
    pub of: OutageOf,
    /// From this second.
    pub from: i64,
    /// Until this second.
    pub until: i64,
}

/// What is in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageOf {
    /// Microsoft answers 503.
    Microsoft,
    /// Microsoft carries everything out and answers 504.
    MicrosoftAnswers,
    /// Microsoft answers that it is called too often.
    Rate,
    /// The account's consent ends, then is given again in a new version of the secret.
    Consent,
    /// The user has no access to the account (106).
    Access,
    /// DynamoDB.
    Ledger,
    /// Its table of clicks.
    Clicks,
    /// The queue takes no messages.
    Queue,
}

impl Draw<'_> {
    /// Each kind of fault is often absent: a rare mixture finds what all of them at once hide.
    fn rate(&mut self, share: u32, rates: &[u32]) -> u32 {
        if self.random.chance(share) { self.random.pick(rates) } else { 0 }
    }

    pub(super) fn faults(&mut self) -> Faults {
        if self.random.chance(600) {
            return Faults::default();
        }
        Faults {
            crash: self.rate(6_000, &[20, 100, 400, 1_500]),
            slow: self.rate(4_000, &[100, 500]),
            freeze: self.rate(3_000, &[20, 100]),
            not_done: self.rate(4_000, &[50, 300, 1_000]),
            done_unheard: self.rate(4_000, &[50, 300, 1_000]),
            done_twice: self.rate(4_000, &[50, 300, 1_000]),
            unprocessed: self.rate(2_000, &[100, 1_000]),
            duplicate: self.rate(5_000, &[300, 1_500, 4_000]),
            vanished: self.rate(1_500, &[300, 2_000]),
            undeleted: self.rate(4_000, &[300, 1_500]),
            unreachable: self.rate(2_000, &[500, 2_000]),
            request_lost: self.rate(3_000, &[500, 2_500]),
            answer_lost: self.rate(5_000, &[500, 2_500, 5_000]),
            answer_slow: 0,
            request_late: self.rate(5_000, &[500, 2_500]),
            throttled: self.rate(3_000, &[500, 3_000]),
            token_refused: self.rate(2_000, &[500, 3_000]),
            row_refused: self.rate(3_000, &[300, 2_000]),
            poison: self.rate(2_000, &[300, 1_500]),
            skew: self.random.pick(&[0, 0, 2, 5]),
            overlap: self.rate(4_000, &[2_000, 8_000]),
        }
    }

    pub(super) fn goal(&mut self) -> GoalTrouble {
        let at = START + self.random.between(0, self.span);
        let fixed = at + self.random.between(MINUTE, 20 * HOUR);
        match self.random.below(12) {
            0 => GoalTrouble::Typo { fixed },
            1 => GoalTrouble::Renamed { at, fixed },
            2 => GoalTrouble::RenamedBack { at, fixed },
            3 => GoalTrouble::Replaced { at, fixed },
            _ => GoalTrouble::None,
        }
    }

    pub(super) fn outages(&mut self) -> Vec<Outage> {
        let mut outages = Vec::new();
        while self.random.chance(3_500) {
            let of = self.random.pick(&[
                OutageOf::Microsoft,
                OutageOf::MicrosoftAnswers,
                OutageOf::Consent,
                OutageOf::Access,
                OutageOf::Ledger,
                OutageOf::Queue,
            ]);
            let from = START + self.random.between(0, 2 * self.span);
            let long = self.random.pick(&[5 * MINUTE, HOUR, 5 * HOUR]);
            outages.push(Outage { of, from, until: from + self.random.between(1, long) });
        }
        outages
    }

    pub(super) fn redrives(&mut self) -> Vec<i64> {
        let mut times = Vec::new();
        while self.random.chance(4_000) {
            times.push(START + self.random.between(HOUR, 2 * self.span + 5 * HOUR));
        }
        times
    }
}

/// Clicks that can't be read for a while, in which rows are looked at.
pub(super) fn clicks(span: i64, outages: &mut Vec<Outage>, random: &mut Random) {
    if random.chance(2_500) {
        let from = START + random.between(0, 2 * span);
        let until = from + random.between(MINUTE, 8 * HOUR);
        outages.push(Outage { of: OutageOf::Clicks, from, until });
    }
}

/// More of the kinds that came later: answers that take their time, and outages of many hours.
pub(super) fn more(span: i64, faults: &mut Faults, outages: &mut Vec<Outage>, random: &mut Random) {
    if random.chance(2_500) {
        faults.answer_slow = random.pick(&[300, 2_000, 5_000]);
    }
    if random.chance(1_500) {
        let of = random.pick(&[OutageOf::Microsoft, OutageOf::MicrosoftAnswers, OutageOf::Ledger]);
        let from = START + random.between(0, span);
        outages.push(Outage { of, from, until: from + random.between(2 * HOUR, 20 * HOUR) });
    }
}
