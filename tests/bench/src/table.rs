//! The table of all figures, in Markdown.

use std::time::Duration;

use crate::contender::{Contender, MEASURED};
use crate::jobs::{Figures, Job, LATENCY};

/// Dollars, list prices of us-east-1, arm64, without free tiers. Requests and units: of a million.
const HTTP_API: f64 = 1.00;
const LAMBDA_REQUESTS: f64 = 0.20;
const LAMBDA_GB_SECOND: f64 = 0.000_013_333_4;
const SQS: f64 = 0.40;
const READ_UNITS: f64 = 0.125;
const WRITE_UNITS: f64 = 0.625;

/// Gigabytes of a function, as the template has them.
const SMALL: f64 = 0.25;
const UPLOAD: f64 = 0.5;

/// One column: a contender and its figures.
pub type Column = (Contender, Figures);

/// How a figure is computed and written.
type Figure<'a> = (String, Box<dyn Fn(&Column) -> f64 + 'a>, fn(f64) -> String);

/// Prints the figures of the functions, beside those of the yardstick if there are any.
pub fn print(functions: &Column, yardstick: Option<&Column>) {
    println!("| figure | {} | Python | Python ÷ functions |\n|---|---|---|---|", functions.0.name);
    for (name, value, text) in figures() {
        let own = value(functions);
        let (other, ratio) = match yardstick.map(&value) {
            Some(other) if own > 0.0 => (text(other), format!("{:.1}", other / own)),
            Some(other) => (text(other), "–".to_owned()),
            None => ("skipped".to_owned(), "–".to_owned()),
        };
        println!("| {name} | {} | {other} | {ratio} |", text(own));
    }
    println!(
        "\nRequests: with {} ms for each answer of AWS. Memory: resident. Dollars: of a million \
         events. List prices of us-east-1: HTTP API ${HTTP_API:.2}, Lambda ${LAMBDA_REQUESTS:.2} \
         and SQS ${SQS:.2} per million requests, read units ${READ_UNITS} and write units \
         ${WRITE_UNITS} per million, ${LAMBDA_GB_SECOND} per GB-second.",
        LATENCY.as_millis()
    );
}

fn figures<'a>() -> Vec<Figure<'a>> {
    let mut figures: Vec<Figure<'a>> = Vec::new();
    for (at, function) in MEASURED.into_iter().enumerate() {
        let mut add = |what: &str, value: Box<dyn Fn(&Column) -> f64 + 'a>, text| {
            figures.push((format!("`{function}`: {what}"), value, text));
        };
        add("start until ready", Box::new(move |it| seconds(it.1.starts[at].wall)), milliseconds);
        add("CPU of a start", Box::new(move |it| seconds(it.1.starts[at].cpu)), milliseconds);
        add("memory, idle", Box::new(move |it| it.1.starts[at].idle as f64), megabytes);
        add("zip", Box::new(move |it| it.0.deflated[function] as f64), megabytes);
    }
    for (name, job) in JOBS {
        let mut add = |what: &str, value: fn(&Job) -> f64, text| {
            let value: Box<dyn Fn(&Column) -> f64 + 'a> = Box::new(move |it| value(job(&it.1)));
            figures.push((format!("{name}: {what}"), value, text));
        };
        if ["a click", "a conversion"].contains(&name) {
            add("first request", |it| it.first.map_or(0.0, seconds), milliseconds);
        }
        add("warm request", |it| seconds(it.warm), milliseconds);
        add("CPU of an event", |it| seconds(it.cpu), microseconds);
        add("memory, peak", |it| it.peak as f64, megabytes);
        add("AWS calls of an event", |it| it.dynamodb + it.sqs, plain);
        add("read units of an event", |it| it.units.0, plain);
        add("write units of an event", |it| it.units.1, plain);
        add("dollars", dollars, cents);
    }
    figures
}

type Of = fn(&Figures) -> &Job;

const JOBS: [(&str, Of); 4] = [
    ("a click", |it| &it.capture),
    ("a conversion", |it| &it.single),
    ("array of 500", |it| &it.array),
    ("upload of 1,000", |it| &it.upload),
];

/// What a million events cost. Lambda bills whole milliseconds.
fn dollars(job: &Job) -> f64 {
    let is_upload = job.events == 1_000;
    let (memory, request) = if is_upload { (UPLOAD, 0.0) } else { (SMALL, HTTP_API) };
    let billed = (seconds(job.warm) * 1e3).ceil() / 1e3;
    let run = LAMBDA_REQUESTS + request + billed * memory * LAMBDA_GB_SECOND * 1e6;
    let units = job.units.0 * READ_UNITS + job.units.1 * WRITE_UNITS;
    run / f64::from(job.events) + units + job.sqs * SQS
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1e3)
}

fn microseconds(seconds: f64) -> String {
    format!("{:.0} µs", seconds * 1e6)
}

fn megabytes(bytes: f64) -> String {
    format!("{:.2} MB", bytes / 1e6)
}

fn plain(value: f64) -> String {
    format!("{value:.2}")
}

fn cents(dollars: f64) -> String {
    format!("${dollars:.2}")
}
