//! The simulator as a handle: its settings, and what it has stored.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use crate::calls::Call;
use crate::clicks::Click;
use crate::consent::Consent;
use crate::ledger::{Conversion, Unattributed};
use crate::page;
use crate::settings::Settings;
use crate::state::{Outcome, State};

/// The source of the simulator's time.
pub type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// The simulator; clones share everything.
#[derive(Clone)]
pub struct Simulator {
    state: Arc<Mutex<State>>,
    clock: Clock,
}

impl Simulator {
    /// A simulator with the system's clock.
    pub fn new(settings: Settings) -> Self {
        Self::with_clock(settings, Arc::new(OffsetDateTime::now_utc))
    }

    /// A simulator with a given clock: the same calls at the same times get the same answers.
    pub fn with_clock(settings: Settings, clock: Clock) -> Self {
        let state = Arc::new(Mutex::new(State::new(settings)));
        Self { state, clock }
    }

    /// The accepted conversions, in the order of arrival.
    pub fn conversions(&self) -> Vec<Conversion> {
        self.state().ledger.conversions().to_vec()
    }

    /// The rows that got no error at upload but came to nothing.
    pub fn unattributed(&self) -> Vec<Unattributed> {
        self.state().ledger.unattributed().to_vec()
    }

    /// Adds to the click history.
    pub fn declare_clicks(&self, clicks: impl IntoIterator<Item = Click>) {
        let mut state = self.state();
        clicks.into_iter().for_each(|click| state.clicks.declare(click));
    }

    /// The click history.
    pub fn clicks(&self) -> Vec<Click> {
        self.state().clicks.declared().to_vec()
    }

    /// The page for people, as it is now.
    pub(crate) fn page(&self) -> String {
        page::written(&self.state(), self.now())
    }

    /// Every call on Microsoft's paths, in the order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The settings as they are now.
    pub fn settings(&self) -> Settings {
        self.state().settings.clone()
    }

    /// Changes the settings. All fault rules start again, including those that were used up.
    pub fn update_settings(&self, change: impl FnOnce(&mut Settings)) {
        let mut state = self.state();
        let mut settings = state.settings.clone();
        change(&mut settings);
        state.change_settings(settings);
    }

    /// Restores the first settings and deletes everything that was stored, except issued tokens.
    pub fn reset(&self) {
        self.state().reset();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of the clock.
    pub(crate) fn now(&self) -> OffsetDateTime {
        (self.clock)()
    }

    /// Gives out a code for a consent.
    pub(crate) fn consent(&self, consent: Consent) -> String {
        self.state().tokens.code(consent)
    }

    /// Processes a call that arrives now.
    pub(crate) fn handle(&self, call: Call) -> Outcome {
        self.state().handle(call)
    }
}
