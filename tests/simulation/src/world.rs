//! Everything that a history's actors share, and the invocations in which functions run.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use tracklayer_core::ledger::observed::Environment;
use tracklayer_core::ledger::row::RowKey;
use tracklayer_core::mapping::Mapping;
use tracklayer_core::reconcile::decide::Policy;
use tracklayer_core::time::EventTime;

use crate::clicks::ClickTable;
use crate::executor::{Executor, Sleep};
use crate::microsoft::Microsoft;
use crate::oracle::Violation;
use crate::plan::{Faults, GoalTrouble, OutageOf, Plan, START};
use crate::queue::Queue;
use crate::random::Random;
use crate::table::Table;

/// The waits that the functions are shipped with.
#[must_use]
pub fn policy() -> Policy {
    Policy { settle_delay: 12 * 3_600, run_margin: 900, min_click_age: 3_600, hour: 3_600 }
}

/// What a history's actors share.
pub struct World {
    /// Tasks and time.
    pub executor: Executor,
    /// What was planned.
    pub plan: Plan,
    /// The ledger.
    pub table: RefCell<Table>,
    /// The queue and its dead letters.
    pub queue: RefCell<Queue>,
    /// Microsoft.
    pub microsoft: RefCell<Microsoft>,
    /// The mapping of the functions started from now on.
    pub mapping: RefCell<Mapping>,
    /// The version of the account's secret.
    pub secret: Cell<u32>,
    /// No more faults.
    pub calm: Cell<bool>,
    /// The history is over.
    pub over: Cell<bool>,
    /// Invocations that run.
    pub running: Cell<usize>,
    /// Posts that are not answered yet.
    pub posting: Cell<usize>,
    /// What must not happen and did.
    pub violations: RefCell<Vec<Violation>>,
    /// The captured clicks.
    pub clicks: RefCell<ClickTable>,
    /// Calls that were sent, by the person and second of their rows.
    pub sent: RefCell<BTreeMap<String, u32>>,
    /// What was counted and measured, each with its second.
    pub measures: RefCell<Vec<Measure>>,
    sending: RefCell<Vec<Waker>>,
    random: RefCell<Random>,
    trace: Option<RefCell<Vec<Line>>>,
    invocations: Cell<u32>,
}

/// A value of a metric.
#[derive(Clone, Debug)]
pub struct Measure {
    /// Seconds since 1970.
    pub at: i64,
    /// Its name.
    pub metric: &'static str,
    /// The account, or the queue by its name in the template.
    pub of: String,
    /// Its value.
    pub value: f64,
}

/// One line of the history.
#[derive(Clone, Debug)]
pub struct Line {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The rows it is about; none: it is about all.
    pub about: Vec<String>,
    /// What happened.
    pub text: String,
}

impl World {
    /// A world at the start of `plan`.
    #[must_use]
    pub fn new(plan: Plan, traced: bool) -> Rc<Self> {
        let mapping = match plan.goal {
            GoalTrouble::Typo { .. } => plan.setting.mapping("Purchse"),
            _ => plan.setting.mapping("Purchase"),
        };
        Rc::new(World {
            executor: Executor::new(START * 1_000),
            table: RefCell::default(),
            queue: RefCell::default(),
            microsoft: RefCell::new(Microsoft::new(plan.goal_in_key, &plan.setting, &plan.clicked)),
            mapping: RefCell::new(mapping),
            secret: Cell::new(1),
            calm: Cell::new(false),
            over: Cell::new(false),
            running: Cell::new(0),
            posting: Cell::new(0),
            violations: RefCell::default(),
            clicks: RefCell::default(),
            sent: RefCell::default(),
            measures: RefCell::default(),
            sending: RefCell::default(),
            random: RefCell::new(Random::new(plan.seed ^ 0x5eed)),
            trace: traced.then(RefCell::default),
            invocations: Cell::new(0),
            plan,
        })
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.executor.now()
    }

    /// The true time.
    pub fn now(&self) -> EventTime {
        EventTime::from_epoch(self.now_ms() / 1_000)
    }

    /// Waits.
    pub fn sleep(&self, ms: i64) -> Sleep<'_> {
        Sleep::until(&self.executor, self.now_ms() + ms)
    }

    /// Waits until this second.
    pub fn sleep_until(&self, second: i64) -> Sleep<'_> {
        Sleep::until(&self.executor, second * 1_000)
    }

    /// A call with these rows is being sent.
    pub fn is_sending(&self, persons: impl IntoIterator<Item = String>) {
        for person in persons {
            *self.sent.borrow_mut().entry(person).or_default() += 1;
        }
        self.sending.borrow_mut().drain(..).for_each(Waker::wake);
    }

    /// Waits until a call with one of these rows is sent, but not beyond `end`.
    pub async fn wait_for_call(&self, persons: impl Fn() -> Vec<String>, end: i64) {
        let count = || {
            let sent = self.sent.borrow();
            persons().iter().filter_map(|person| sent.get(person)).sum::<u32>()
        };
        let before = count();
        let mut end = pin!(Sleep::until(&self.executor, end));
        poll_fn(|cx| {
            if count() != before || end.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            self.sending.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Chance.
    pub fn random(&self) -> std::cell::RefMut<'_, Random> {
        self.random.borrow_mut()
    }

    /// Whether this goes wrong now.
    pub fn fault(&self, rate: impl Fn(&Faults) -> u32) -> bool {
        !self.calm.get() && self.random().chance(rate(&self.plan.faults))
    }

    /// Whether this is in trouble now.
    pub fn is_out(&self, of: OutageOf) -> bool {
        let second = self.now_ms() / 1_000;
        let at = |outage: &crate::plan::Outage| outage.from <= second && second < outage.until;
        !self.calm.get() && self.plan.outages.iter().any(|outage| outage.of == of && at(outage))
    }

    /// Adds a line about these rows to the history; none: about all.
    pub fn tell<T: Display>(
        &self, about: impl IntoIterator<Item = T>, text: impl FnOnce() -> String,
    ) {
        if let Some(trace) = &self.trace {
            let about = about.into_iter().map(|row| row.to_string()).collect();
            trace.borrow_mut().push(Line { at: self.now_ms(), about, text: text() });
        }
    }

    /// Adds a line about everything.
    pub fn announce(&self, text: impl FnOnce() -> String) {
        self.tell(std::iter::empty::<&str>(), text);
    }

    /// The history so far.
    pub fn lines(&self) -> Vec<Line> {
        self.trace.as_ref().map(|trace| trace.borrow().clone()).unwrap_or_default()
    }

    /// Whether functions run whenever they are scheduled. Not while the end is waited for.
    pub fn runs_always(&self) -> bool {
        self.plan.setting.all_runs && !self.calm.get()
    }

    /// A metric of an account, or of a queue, has this value now; kept where everything that is
    /// scheduled runs.
    pub fn measured(&self, metric: &'static str, of: &str, value: f64) {
        if self.runs_always() {
            let measure = Measure { at: self.now_ms() / 1_000, metric, of: of.to_owned(), value };
            self.measures.borrow_mut().push(measure);
        }
    }

    /// Something that must not happen did.
    pub fn violated(&self, rule: &'static str, row: impl Display, what: impl Into<String>) {
        let violation = Violation { rule, row: row.to_string(), what: what.into() };
        self.tell([row.to_string()], || format!("!! {rule}: {}", violation.what));
        self.violations.borrow_mut().push(violation);
    }
}

/// What a run has heard of an original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It was taken.
    Taken,
    /// It may have been taken.
    Perhaps,
    /// Its click is later than the conversion.
    ClickRefused,
}

/// One invocation of a function: it can die at every step.
pub struct Invocation {
    /// The world it runs in.
    pub world: Rc<World>,
    /// For the trace: `upload#12`.
    pub name: String,
    /// How wrong its clock is, in milliseconds.
    pub skew: i64,
    /// Which of Microsoft's worlds it was deployed for.
    pub environment: Environment,
    /// When it began, in milliseconds since 1970.
    pub began: i64,
    /// The rows it is about.
    pub about: RefCell<Vec<String>>,
    /// It died.
    pub dead: Cell<bool>,
    /// Whether a request to AWS failed: what it learned may be lost.
    pub hampered: Cell<bool>,
    /// Originals, by person and second, that were taken for all it has heard, or perhaps.
    pub heard: RefCell<Vec<(String, Heard)>>,
    /// Rows that it has made due at their next look for a click, and has not signalled.
    pub looks: RefCell<BTreeSet<RowKey>>,
    /// How long it stood still.
    frozen: Cell<i64>,
}

/// The longest that a run stands still, in milliseconds. With the function's timeout and the longest
/// a request is on its way it stays below the policy's `run_margin`.
const MAX_FREEZE: i64 = 8 * 60 * 1_000;
/// Of a run of enqueue: with its timeout it stays below the minute after which an order without a row
/// is taken over.
const MAX_FREEZE_OF_ENQUEUE: i64 = 25 * 1_000;

impl Invocation {
    /// A new one.
    #[must_use]
    pub fn new(world: &Rc<World>, function: &str) -> Rc<Self> {
        let number = world.invocations.get() + 1;
        world.invocations.set(number);
        let skew = if world.calm.get() { 0 } else { world.plan.faults.skew };
        Rc::new(Invocation {
            world: Rc::clone(world),
            name: format!("{function}#{number}"),
            skew: world.random().between(-skew, skew) * 1_000,
            environment: world.plan.setting.environment(world.now_ms() / 1_000),
            began: world.now_ms(),
            about: RefCell::default(),
            dead: Cell::new(false),
            hampered: Cell::new(false),
            heard: RefCell::default(),
            looks: RefCell::default(),
            frozen: Cell::new(0),
        })
    }

    /// Gives way to others: here it may die, be slow or stand still.
    pub async fn step(&self) {
        let world = &self.world;
        if world.fault(|faults| faults.crash) {
            self.die("dies").await;
        }
        let mut ms = world.random().between(1, 30);
        if world.fault(|faults| faults.slow) {
            ms += world.random().between(100, 5_000);
        }
        if self.frozen.get() == 0 && world.fault(|faults| faults.freeze) {
            let is_enqueue = self.name.starts_with("enqueue");
            let longest = if is_enqueue { MAX_FREEZE_OF_ENQUEUE } else { MAX_FREEZE };
            let freeze = world.random().between(10_000, longest);
            self.frozen.set(freeze);
            ms += freeze;
            self.tell(|| format!("stands still for {} s", freeze / 1_000));
        }
        world.sleep(ms).await;
    }

    async fn die(&self, how: &str) {
        self.dead.set(true);
        self.tell(|| how.to_owned());
        std::future::pending::<()>().await;
    }

    /// Adds a line about its rows to the history; runs without rows are not worth one.
    fn tell(&self, what: impl FnOnce() -> String) {
        let about = self.about.borrow().clone();
        if !about.is_empty() {
            self.world.tell(about, || format!("{} {}", self.name, what()));
        }
    }

    /// Runs `function` for at most `timeout` milliseconds of its own time; `None` if it died.
    pub async fn run<T>(&self, timeout: i64, function: impl Future<Output = T>) -> Option<T> {
        let world = &self.world;
        world.running.set(world.running.get() + 1);
        let started = world.now_ms();
        let mut function = pin!(function);
        let mut end = pin!(world.sleep(timeout));
        let outcome = poll_fn(|cx| {
            if let Poll::Ready(outcome) = function.as_mut().poll(cx) {
                return Poll::Ready(Some(outcome));
            }
            if self.dead.get() {
                return Poll::Ready(None);
            }
            if end.as_mut().poll(cx).is_ready() {
                if world.now_ms() >= started + timeout + self.frozen.get() {
                    self.dead.set(true);
                    self.tell(|| "is ended by its timeout".to_owned());
                    return Poll::Ready(None);
                }
                let rest = started + timeout + self.frozen.get() - world.now_ms();
                end.set(world.sleep(rest));
                let _ = end.as_mut().poll(cx);
            }
            Poll::Pending
        })
        .await;
        world.running.set(world.running.get() - 1);
        outcome
    }
}
