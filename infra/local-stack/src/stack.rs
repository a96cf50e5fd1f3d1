//! Puts everything together, starts and stops it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use local_aws::Aws;
use microsoft_simulator::Simulator;
use serde_json::Value as Json;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::options::Options;
use crate::queue::LocalQueue;
use crate::rest::Rest;
use crate::runtime::{Function, FunctionSpec, Guard};
use crate::serve::{Servers, bind};
use crate::shop::{self, Shop};
use crate::template::{EventSource, FunctionPlan, Place, Plan, SchedulePlan};
use crate::{access, accounts, build, gateway, invoke, poller, schedule, setup, template};

/// Region of everything local.
pub const REGION: &str = "eu-west-1";
/// Account of everything local.
pub const ACCOUNT: &str = "000000000000";
/// The name under which CloudFormation describes it.
pub const STACK_NAME: &str = "tracklayer";
/// Most environments of a function without an event source; further invocations wait.
const REQUEST_CONCURRENCY: usize = 8;
/// Limit for ending the functions, well within the five seconds that a stop may take.
const STOP_LIMIT: Duration = Duration::from_secs(3);
const HOUR: Duration = Duration::from_secs(3_600);

/// The running system. Dropping it ends its processes; [`Stack::stop`] also waits for their end.
pub struct Stack {
    api_url: String,
    aws_url: String,
    microsoft_url: String,
    shop_url: String,
    aws: Aws,
    simulator: Option<Simulator>,
    functions: BTreeMap<String, Function>,
    servers: Servers,
    /// Pollers and schedules; dropping the set aborts them.
    jobs: JoinSet<()>,
}

impl Stack {
    /// Builds the functions, creates what the template declares and starts everything.
    ///
    /// # Errors
    /// A port is in use, a build fails, or the template or the mapping can't be read.
    pub async fn start(options: Options) -> Result<Self> {
        let (api, api_url) = bind(options.port, "--port").await?;
        let (aws_listener, aws_url) = bind(options.aws_port, "--aws-port").await?;
        let mut servers = Servers::new();
        let (shop, shop_url) = bind(options.shop_port, "--shop-port").await?;
        let accounts = accounts::accounts(options.mapping.as_deref())?;
        let (simulator, microsoft_url) = microsoft(&options, &accounts, &mut servers).await?;
        let plan = read_plan(&options, &accounts, &aws_url, &microsoft_url, &shop_url)?;

        let settings = local_aws::Settings {
            region: REGION.to_owned(),
            account: ACCOUNT.to_owned(),
            url: aws_url.clone(),
        };
        let aws = Aws::open(options.data.as_deref(), settings).await.context("the local AWS")?;
        setup::create(&aws, &plan, &accounts).await?;
        aws.describe_stack(described(&plan, &api_url));
        access::restrict(&aws, &plan, &accounts)?;
        servers.serve(aws_listener, aws.router());

        let functions = functions(&plan, &options, &aws_url).await?;
        invoke::connect(&aws, &plan, &functions).await?;
        let jobs = jobs(&plan, &options, &functions, &aws)?;
        let router = gateway::router(routes(&plan, &functions)?, plan.cors.clone(), ACCOUNT);
        servers.serve(api, router.clone());
        let pages = Shop {
            api: router,
            api_url: api_url.clone(),
            microsoft_url: microsoft_url.clone(),
            key: accounts::LOCAL_KEY.to_owned(),
        };
        servers.serve(shop, shop::router(pages));
        Ok(Self {
            api_url,
            aws_url,
            microsoft_url,
            shop_url,
            aws,
            simulator,
            functions,
            servers,
            jobs,
        })
    }

    /// Address of the HTTP API.
    pub fn api_url(&self) -> &str {
        &self.api_url
    }

    /// Endpoint of DynamoDB, SQS, Secrets Manager and Lambda's Invoke.
    pub fn aws_url(&self) -> &str {
        &self.aws_url
    }

    /// Address of the simulator, or of the Microsoft that is used instead.
    pub fn simulator_url(&self) -> &str {
        &self.microsoft_url
    }

    /// Address of the shop.
    pub fn shop_url(&self) -> &str {
        &self.shop_url
    }

    /// The simulator, unless another Microsoft is used.
    pub fn simulator(&self) -> Option<&Simulator> {
        self.simulator.as_ref()
    }

    /// The local AWS.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Kills the processes of a function to simulate a crash. Its next invocation starts a new one.
    ///
    /// # Errors
    /// There is no such function.
    pub async fn kill_function(&self, name: &str) -> Result<()> {
        self.function(name)?.kill().await;
        Ok(())
    }

    /// Invokes a function.
    ///
    /// # Errors
    /// There is no such function, it fails, or its answer is not JSON.
    pub async fn invoke(&self, name: &str, event: &Json) -> Result<Json> {
        let reply = self.function(name)?.invoke(event.to_string()).await?;
        serde_json::from_slice(&reply).context("the answer is not JSON")
    }

    /// Ends everything and leaves no process.
    pub async fn stop(mut self) {
        self.jobs.abort_all();
        let functions = std::mem::take(&mut self.functions);
        let mut ending: JoinSet<()> = JoinSet::new();
        for function in functions.into_values() {
            ending.spawn(async move { function.stop().await });
        }
        let _ = timeout(STOP_LIMIT, ending.join_all()).await;
        self.servers.stop().await;
    }

    /// The function of that name.
    ///
    /// # Errors
    /// There is no such function.
    pub fn function(&self, name: &str) -> Result<&Function> {
        self.functions.get(name).with_context(|| format!("there is no function {name}"))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.functions.values().for_each(Function::abort);
    }
}

async fn microsoft(
    options: &Options, accounts: &[accounts::LocalAccount], servers: &mut Servers,
) -> Result<(Option<Simulator>, String)> {
    if let Some(url) = &options.microsoft_url {
        return Ok((None, url.trim_end_matches('/').to_owned()));
    }
    let (listener, url) = bind(options.simulator_port, "--simulator-port").await?;
    let accounts = accounts.iter().map(accounts::LocalAccount::simulated).collect();
    let simulator =
        Simulator::new(microsoft_simulator::Settings { accounts, ..Default::default() });
    servers.serve(listener, simulator.router());
    Ok((Some(simulator), url))
}

fn read_plan(
    options: &Options, accounts: &[accounts::LocalAccount], aws_url: &str, microsoft_url: &str,
    shop_url: &str,
) -> Result<Plan> {
    let (path, text) = build::template()?;
    let place = Place {
        region: REGION.to_owned(),
        account: ACCOUNT.to_owned(),
        aws_url: aws_url.to_owned(),
    };
    let mut parameters = parameters(options, microsoft_url, shop_url)?;
    if let Some(second) = accounts.iter().find(|account| account.name != "main") {
        parameters.entry("SecondAccount".to_owned()).or_insert_with(|| second.name.clone());
    }
    template::read(&text, &place, &parameters).with_context(|| path.display().to_string())
}

/// Everything that differs from a deployment and has a parameter in the template goes through it.
fn parameters(
    options: &Options, microsoft_url: &str, shop_url: &str,
) -> Result<BTreeMap<String, String>> {
    let shop_as_localhost = shop_url.replace("127.0.0.1", "localhost");
    let mut parameters = BTreeMap::from([
        ("AllowedOrigins".to_owned(), format!("{shop_url},{shop_as_localhost}")),
        ("SettleDelaySeconds".to_owned(), options.settle_delay.to_string()),
        ("MinClickAgeSeconds".to_owned(), options.min_click_age.to_string()),
        ("HourSeconds".to_owned(), options.hour.to_string()),
        ("RunMarginSeconds".to_owned(), (options.function_timeout * 3).div_ceil(2).to_string()),
        ("UploadTimeoutSeconds".to_owned(), options.function_timeout.to_string()),
        ("MicrosoftApiUrl".to_owned(), microsoft_url.to_owned()),
        ("MicrosoftTokenUrl".to_owned(), format!("{microsoft_url}/common/oauth2/v2.0/token")),
    ]);
    if let Some(path) = &options.mapping {
        let path = std::path::absolute(path)?;
        parameters.insert("MappingPath".to_owned(), path.display().to_string());
    }
    parameters.extend(options.parameters.iter().cloned());
    Ok(parameters)
}

/// The stack as CloudFormation describes it, but for the address of the API.
fn described(plan: &Plan, api_url: &str) -> local_aws::StackDescription {
    let mut outputs = plan.outputs.clone();
    outputs.insert("ApiUrl".to_owned(), api_url.to_owned());
    local_aws::StackDescription {
        name: STACK_NAME.to_owned(),
        parameters: plan.parameters.clone(),
        outputs,
    }
}

async fn functions(
    plan: &Plan, options: &Options, aws_url: &str,
) -> Result<BTreeMap<String, Function>> {
    let programs = programs(plan, options).await?;
    let guard = Guard::start();
    let started = plan.functions.iter().map(|function| {
        let program =
            programs.get(&function.name).with_context(|| format!("no binary {}", function.name))?;
        let concurrency = plan.event_sources.iter().find(|source| source.function == function.name);
        let concurrency = concurrency.map_or(REQUEST_CONCURRENCY, |source| source.concurrency);
        let spec = spec(function, program.clone(), concurrency, aws_url, options);
        Ok((function.name.clone(), Function::new(spec, guard.clone())))
    });
    started.collect()
}

/// Where the function's programs are, once all are built.
async fn programs(plan: &Plan, options: &Options) -> Result<BTreeMap<String, PathBuf>> {
    let mut programs = options.programs.clone();
    let names = plan.functions.iter().map(|function| function.name.clone());
    let missing: Vec<String> = names.filter(|name| !programs.contains_key(name)).collect();
    if !missing.is_empty() {
        programs.extend(build::build(&missing, options.release).await?);
    }
    Ok(programs)
}

fn spec(
    plan: &FunctionPlan, program: PathBuf, concurrency: usize, aws_url: &str, options: &Options,
) -> FunctionSpec {
    let mut env = plan.env.clone();
    env.insert("AWS_ENDPOINT_URL".to_owned(), aws_url.to_owned());
    FunctionSpec {
        name: plan.name.clone(),
        program,
        env,
        timeout: plan.timeout,
        memory: plan.memory,
        region: REGION.to_owned(),
        account: ACCOUNT.to_owned(),
        concurrency,
        lines: options.lines.clone(),
    }
}

fn routes(plan: &Plan, functions: &BTreeMap<String, Function>) -> Result<Vec<gateway::Route>> {
    let routes = plan.routes.iter().map(|route| {
        let function = functions.get(&route.function).context("a route without a function")?;
        Ok(gateway::Route::new(&route.method, &route.path, function.clone()))
    });
    routes.collect()
}

fn jobs(
    plan: &Plan, options: &Options, functions: &BTreeMap<String, Function>, aws: &Aws,
) -> Result<JoinSet<()>> {
    let mut jobs = JoinSet::new();
    for source in &plan.event_sources {
        let function =
            functions.get(&source.function).context("an event source without a function")?;
        let queue = LocalQueue { aws: aws.clone(), name: source.queue.clone() };
        jobs.spawn(poller::run(queue, function.clone(), poller_settings(source, options)));
    }
    for schedule in &plan.schedules {
        let function =
            functions.get(&schedule.function).context("a schedule without a function")?;
        // What runs hourly asks Microsoft, who changes without a trace here.
        let hour = Duration::from_secs(options.hour);
        let rest = (schedule.every < HOUR).then(|| Rest::new(aws.clone(), plan, hour));
        let (region, account) = (REGION.to_owned(), ACCOUNT.to_owned());
        let every = period(schedule, options);
        jobs.spawn(schedule::run(function.clone(), every, rest, region, account));
    }
    Ok(jobs)
}

/// The period of a schedule here, depending on how often the template runs it.
fn period(schedule: &SchedulePlan, options: &Options) -> Duration {
    if schedule.every < HOUR { options.sweep_every } else { options.check_every }
}

fn poller_settings(source: &EventSource, options: &Options) -> poller::Settings {
    poller::Settings {
        batch_size: source.batch_size,
        window: options.batch_window,
        reports_failures: source.reports_failures,
        concurrency: source.concurrency,
        retry_base: options.retry_base,
        arn: source.arn.clone(),
        region: REGION.to_owned(),
    }
}
