//! One call, from its headers to its answer. All of it happens under one lock, so that calls take
//! effect in the order of their arrival.

use crate::calls::Call;
use crate::clicks::Clicks;
use crate::errors::ApiFault;
use crate::fault_rule::{Fault, ThrottleAnswer};
use crate::faults::{Faults, Plan};
use crate::ledger::Ledger;
use crate::limits::{API_REVISIONS, MAX_BODY};
use crate::oauth::{Standing, Tokens};
use crate::reply::{FaultStyle, Reply};
use crate::scene::Scene;
use crate::settings::{Account, Settings};
use crate::{adjustments, conversions, customers, goals, report};

const API: &str = "/CampaignManagement/v13/";
const CUSTOMERS: &str = "/CustomerManagement/v13/";
const TOKEN: &str = "/oauth2/v2.0/token";
/// The public developer token of Microsoft's sandbox, which the simulator stands in for as well.
const SANDBOX: &str = "BBD37VB98";

pub(crate) struct State {
    initial: Settings,
    pub(crate) settings: Settings,
    faults: Faults,
    pub(crate) tokens: Tokens,
    pub(crate) ledger: Ledger,
    pub(crate) clicks: Clicks,
    pub(crate) calls: Vec<Call>,
    answered: u64,
}

/// How a call is answered.
pub(crate) struct Outcome {
    /// Delay before the answer.
    pub(crate) wait: std::time::Duration,
    /// None: the connection is closed without an answer.
    pub(crate) reply: Option<Reply>,
    pub(crate) tracking_id: String,
}

impl State {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            initial: settings.clone(),
            faults: Faults::new(&settings.faults),
            settings,
            tokens: Tokens::default(),
            ledger: Ledger::default(),
            clicks: Clicks::default(),
            calls: Vec::new(),
            answered: 0,
        }
    }

    /// Restores the first settings and deletes everything that was stored. Tokens stay valid, because
    /// clients do not learn about a reset.
    pub(crate) fn reset(&mut self) {
        self.change_settings(self.initial.clone());
        self.ledger = Ledger::default();
        self.clicks = Clicks::default();
        self.calls.clear();
    }

    /// All fault rules start again, including those that were used up.
    pub(crate) fn change_settings(&mut self, settings: Settings) {
        if settings.oauth.refresh_token != self.settings.oauth.refresh_token {
            self.tokens.new_consent();
        }
        self.faults = Faults::new(&settings.faults);
        self.settings = settings;
    }

    /// Logs a call, lets the fault rules act, and answers.
    pub(crate) fn handle(&mut self, mut call: Call) -> Outcome {
        self.answered += 1;
        call.tracking_id = format!("00000000-0000-4000-8000-{:012x}", self.answered);
        let plan = self.faults.plan(&call);
        if plan.expire_tokens {
            self.tokens.expire_all(call.at);
        }
        let (reply, hold) = self.decide(&plan, &call);
        call.status = reply.as_ref().map(|reply| reply.status);
        let tracking_id = call.tracking_id.clone();
        self.calls.push(call);
        Outcome { wait: plan.latency + hold, reply, tracking_id }
    }

    fn decide(&mut self, plan: &Plan, call: &Call) -> (Option<Reply>, std::time::Duration) {
        let at_once = std::time::Duration::ZERO;
        let Some(fault) = &plan.decided else {
            return (Some(self.process(plan, call)), at_once);
        };
        let accepts = match fault {
            Fault::Status { after_accepting, .. } => *after_accepting,
            Fault::DropConnection { after_accepting } => *after_accepting,
            Fault::Throttle { .. } => false,
            _ => true,
        };
        let real = accepts.then(|| self.process(plan, call));
        let style = self.style(call);
        match fault {
            Fault::Throttle { answer, .. } => (Some(throttled(style, *answer)), at_once),
            Fault::Status { status, body, .. } => (Some(style.forced(*status, body)), at_once),
            Fault::DropConnection { .. } => (None, at_once),
            Fault::TimeoutAfterAccepting { milliseconds } => {
                (None, std::time::Duration::from_millis(*milliseconds))
            }
            _ => (real, at_once),
        }
    }

    fn style<'a>(&self, call: &'a Call) -> FaultStyle<'a> {
        FaultStyle { form: self.settings.fault_form, tracking_id: &call.tracking_id }
    }

    fn process(&mut self, plan: &Plan, call: &Call) -> Reply {
        let operation = call.path.strip_prefix(API);
        let customers = call.path.strip_prefix(CUSTOMERS);
        if !call.path.ends_with(TOKEN) && operation.or(customers).is_none() {
            return Reply::html(404);
        }
        if call.method != "POST" {
            return Reply::empty(405);
        }
        if call.body.len() > MAX_BODY {
            return Reply::html(413);
        }
        let answer = match (operation, customers) {
            (Some(operation), _) => self.operate(plan, call, operation),
            (None, Some(operation)) => self
                .check_headers(call)
                .and_then(|()| customers::answer(&self.settings, operation, call.body.as_bytes())),
            (None, None) => {
                let form = call.body.as_bytes();
                Ok(self.tokens.answer(&self.settings.oauth, form, call.at))
            }
        };
        answer.unwrap_or_else(|fault| {
            self.ledger.refusals.call(call, &fault);
            self.style(call).ad_api_fault(&fault)
        })
    }

    fn operate(&mut self, plan: &Plan, call: &Call, operation: &str) -> Result<Reply, ApiFault> {
        self.check_headers(call)?;
        let account = account(&self.settings, call)?;
        let body = call.body.as_bytes();
        let (settings, clicks) = (&self.settings, &self.clicks);
        let scene = Scene { settings, account, clicks, plan, now: call.at };
        let errors = match operation {
            "OfflineConversions/Apply" => conversions::apply(&scene, body, &mut self.ledger)?,
            "OfflineConversionAdjustments/Apply" => {
                adjustments::apply(&scene, body, &mut self.ledger)?
            }
            "ConversionGoals/QueryByIds" => return goals::query(account, body),
            "OfflineConversionReport/QueryByGoalIds" => {
                return report::query(&scene, body, &self.ledger);
            }
            "AccountProperties/Query" => return goals::properties(account, body),
            _ => return Ok(Reply::html(404)),
        };
        Ok(Reply::partial_errors(&errors))
    }

    fn check_headers(&self, call: &Call) -> Result<(), ApiFault> {
        let authorization = call.header("authorization").unwrap_or_default();
        let bearer = authorization.strip_prefix("Bearer ").unwrap_or_default();
        match self.tokens.standing(bearer, call.at) {
            Standing::Valid => {}
            Standing::Expired => return Err(ApiFault::new(401, 109)),
            Standing::Unknown => return Err(ApiFault::new(401, 105)),
        }
        let developer_token = call.header("developertoken").unwrap_or_default();
        if ![self.settings.developer_token.as_str(), SANDBOX].contains(&developer_token) {
            return Err(ApiFault::because(401, 105, "DeveloperToken"));
        }
        let content_type = call.header("content-type").unwrap_or_default();
        if !content_type.starts_with("application/json") {
            return Err(ApiFault::because(400, 116, "Content-Type"));
        }
        if call.header("api-revision").is_some_and(|date| !API_REVISIONS.contains(&date)) {
            return Err(ApiFault::because(400, 4410, "Api-Revision"));
        }
        Ok(())
    }
}

fn throttled(style: FaultStyle<'_>, answer: ThrottleAnswer) -> Reply {
    let status = match answer {
        ThrottleAnswer::Http429 => 429,
        ThrottleAnswer::Fault117 => 400,
    };
    style.ad_api_fault(&ApiFault::new(status, 117))
}

/// The account that the two headers name.
fn account<'a>(settings: &'a Settings, call: &Call) -> Result<&'a Account, ApiFault> {
    let missing = |code| move || ApiFault::new(400, code);
    let customer = call.header("customerid").ok_or_else(missing(1029))?;
    let account = call.header("customeraccountid").ok_or_else(missing(1009))?;
    let of_account = |known: &&Account| known.account_id == account;
    let found = settings.accounts.iter().find(of_account).ok_or_else(missing(1102))?;
    if found.customer_id == customer { Ok(found) } else { Err(ApiFault::new(403, 106)) }
}
