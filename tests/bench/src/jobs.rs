//! The jobs, and what they cost a contender. Everything is measured from outside its processes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use test_support::events::{click, purchase};
use test_support::rig::{KEY, World, until};
use tokio::time::sleep;

use crate::contender::Contender;
use crate::process::{self, Reading};

/// How long AWS takes for a request.
pub const LATENCY: Duration = Duration::from_millis(5);
/// How often a function is started.
const STARTS: usize = 7;
/// Requests with one event each.
const SINGLE: u32 = 500;
/// Events of an array: the most that the API takes.
const ARRAY: u32 = 500;
/// Rows of a batch of upload: the most that Microsoft takes.
const BATCH: u32 = 1_000;
/// How long a run of upload may take, and a batch of messages may be filled: until it is full.
const PATIENCE: Duration = Duration::from_secs(300);

/// The start of a function; medians.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// From the start of the process until it asks for work.
    pub wall: Duration,
    /// Processor time until then.
    pub cpu: Duration,
    /// Resident memory once it waits, in bytes.
    pub idle: u64,
}

/// A job of a function.
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// The first request after a start.
    pub first: Option<Duration>,
    /// A later request; the median.
    pub warm: Duration,
    /// Events of each request.
    pub events: u32,
    /// Processor time, of an event.
    pub cpu: Duration,
    /// The most memory that was resident, in bytes.
    pub peak: u64,
    /// Requests to DynamoDB, of an event.
    pub dynamodb: f64,
    /// Requests to SQS, of an event.
    pub sqs: f64,
    /// Read and write units, of an event.
    pub units: (f64, f64),
}

/// What a contender costs.
pub struct Figures {
    /// Of capture, enqueue and upload.
    pub starts: Vec<Start>,
    /// One click.
    pub capture: Job,
    /// One conversion a request.
    pub single: Job,
    /// [`ARRAY`] conversions a request.
    pub array: Job,
    /// [`BATCH`] conversions from the queue to Microsoft.
    pub upload: Job,
}

/// Lets a contender do all jobs, and checks that it did.
///
/// # Errors
/// It does not start, or does not do what it should.
pub async fn measure(contender: &Contender, rounds: u32) -> Result<Figures> {
    let world = world(contender).await?;
    let mut starts = Vec::new();
    for function in crate::contender::MEASURED {
        starts.push(start(&world, function).await?);
    }
    let capture = capture(&world).await?;
    let single = single(&world).await?;
    let (array, upload) = bulk(&world, rounds).await?;
    check(&world, SINGLE + ARRAY + rounds * BATCH).await?;
    world.stop().await;
    Ok(Figures { starts, capture, single, array, upload })
}

async fn world(contender: &Contender) -> Result<World> {
    let programs = contender.programs.clone();
    let world = World::with(|options| {
        // Only what is measured runs.
        (options.sweep_every, options.check_every) = (24 * PATIENCE, 24 * PATIENCE);
        options.batch_window = PATIENCE;
        options.function_timeout = PATIENCE.as_secs();
        options.hour = 3_600;
        options.programs = programs;
    })
    .await;
    if !contender.has_own_policies {
        let all = json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]);
        for function in crate::contender::MEASURED {
            let statements = serde_json::from_value(all.clone())?;
            world.stack.aws().restrict(&key_id(function), function.to_owned(), statements);
        }
    }
    Ok(world)
}

fn key_id(function: &str) -> String {
    format!("local-{function}")
}

async fn start(world: &World, name: &str) -> Result<Start> {
    let function = world.stack.function(name)?;
    let (mut walls, mut cpus, mut idles) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        function.kill().await;
        let begin = Instant::now();
        function.start().await?;
        walls.push(begin.elapsed());
        cpus.push(read(world, name)?.cpu);
        sleep(Duration::from_millis(200)).await;
        idles.push(read(world, name)?.resident);
    }
    Ok(Start { wall: median(walls), cpu: median(cpus), idle: median(idles) })
}

/// The figures of the one process of a function.
fn read(world: &World, name: &str) -> Result<Reading> {
    let processes = world.stack.function(name)?.processes();
    ensure!(processes.len() == 1, "{name} has {} processes", processes.len());
    process::read(processes[0])
}

/// The last run of a function, as Lambda would bill it.
fn last_run(world: &World, name: &str) -> Result<Duration> {
    world.stack.function(name)?.last_run().with_context(|| format!("{name} never ran"))
}

/// What a function used since a reading, of which `count` is the number of events.
fn used(world: &World, name: &str, before: Reading, count: u32) -> Result<Job> {
    let (now, aws) = (read(world, name)?, world.stack.aws());
    let calls = aws.calls_of(&key_id(name));
    let of = |service: &str| {
        let own = calls.iter().filter(|(target, _)| target.starts_with(service));
        own.map(|(_, calls)| *calls as f64).sum::<f64>() / f64::from(count)
    };
    let units = aws.units_of(&key_id(name));
    Ok(Job {
        cpu: now.cpu.saturating_sub(before.cpu) / count,
        peak: now.peak,
        dynamodb: of("DynamoDB"),
        sqs: of("AmazonSQS"),
        units: (units.read / f64::from(count), units.write / f64::from(count)),
        events: 1,
        ..Job::default()
    })
}

async fn capture(world: &World) -> Result<Job> {
    let land = async |number: u32| {
        let url = format!("https://shop.example/shoes?msclkid={}", click(number));
        let landing = json!({
            "msclkid": click(number), "sessionId": format!("s-{number}"), "landingUrl": url,
        });
        let answer = world.capture(&landing).await;
        ensure!(answer.status == 204, "capture: {answer:?}");
        last_run(world, "capture")
    };
    world.stack.aws().set_delay(LATENCY);
    let first = Some(land(0).await?);
    let before = begin(world, "capture")?;
    let mut runs = Vec::new();
    for number in 1..=SINGLE {
        runs.push(land(number).await?);
    }
    let clicks = items(world, "Clicks").await?;
    ensure!(clicks > u64::from(SINGLE), "{clicks} clicks");
    let job = used(world, "capture", before, SINGLE)?;
    Ok(Job { first, warm: median(runs), ..job })
}

/// Counts from zero; answers with the figures of the process now.
fn begin(world: &World, name: &str) -> Result<Reading> {
    world.stack.aws().measure();
    read(world, name)
}

fn sale(number: u32) -> Value {
    purchase(&format!("sale-{number}"), &click(number), &json!(129.95))
}

async fn single(world: &World) -> Result<Job> {
    let post = async |number: u32| {
        let answer = world.enqueue(KEY, sale(number).to_string()).await;
        ensure!(answer.status == 202, "enqueue: {answer:?}");
        last_run(world, "enqueue")
    };
    let first = Some(post(0).await?);
    let before = begin(world, "enqueue")?;
    let mut runs = Vec::new();
    for number in 1..SINGLE {
        runs.push(post(number).await?);
    }
    let job = used(world, "enqueue", before, SINGLE - 1)?;
    Ok(Job { first, warm: median(runs), ..job })
}

/// Arrays, two of which make up a batch. The first one fills up the batch of the single events, and
/// makes both functions warm.
async fn bulk(world: &World, rounds: u32) -> Result<(Job, Job)> {
    let post = async |first: u32| {
        let events: Vec<Value> = (first..first + ARRAY).map(sale).collect();
        let answer = world.enqueue(KEY, json!(events).to_string()).await;
        ensure!(answer.status == 200, "enqueue: {answer:?}");
        last_run(world, "enqueue")
    };
    post(SINGLE).await?;
    world.until_drained().await;
    let (enqueue, upload) = (begin(world, "enqueue")?, begin(world, "upload")?);
    let (mut posts, mut uploads) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        posts.push(post(round * BATCH).await?);
        posts.push(post(round * BATCH + ARRAY).await?);
        world.until_drained().await;
        uploads.push(last_run(world, "upload")?);
    }
    let array = used(world, "enqueue", enqueue, rounds * BATCH)?;
    let job = used(world, "upload", upload, rounds * BATCH)?;
    // The event source receives and deletes ten messages a request.
    let upload = Job { warm: median(uploads), events: BATCH, sqs: job.sqs + 0.2, ..job };
    Ok((Job { warm: median(posts), events: ARRAY, ..array }, upload))
}

/// The work that every contender must have done: each conversion is at Microsoft with its value,
/// sent in full batches, and its row and its claim are in the table.
async fn check(world: &World, count: u32) -> Result<()> {
    let conversions = until("all at Microsoft", || async {
        let conversions = world.conversions().await;
        if conversions.len() >= count as usize { Ok(conversions) } else { Err(conversions.len()) }
    })
    .await;
    let is_right = |it: &&Value| it["value"].as_f64() == Some(129.95) && it["goal"] == "Purchase";
    let right = conversions.iter().filter(is_right).count();
    ensure!(right == count as usize, "{right} of {count} conversions, such as {}", conversions[0]);
    let calls = world.microsoft().calls();
    let batches: Vec<usize> = calls.iter().filter_map(|call| call.rows).collect();
    ensure!(batches.iter().all(|rows| *rows == BATCH as usize), "batches of {batches:?}");
    let items = items(world, "Conversions").await?;
    ensure!(items >= u64::from(2 * count), "{items} items for {count} conversions");
    Ok(())
}

async fn items(world: &World, table: &str) -> Result<u64> {
    let (mut count, mut from) = (0, Value::Null);
    loop {
        let mut request = json!({"TableName": table, "Select": "COUNT"});
        if !from.is_null() {
            request["ExclusiveStartKey"] = from;
        }
        let page = world.aws("DynamoDB_20120810.Scan", request).await;
        count += page["Count"].as_u64().context("a count")?;
        from = page["LastEvaluatedKey"].clone();
        if from.is_null() {
            return Ok(count);
        }
    }
}

fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}
