//! What the tests share: the function of `examples/echo.rs`, and an HTTP client of a few lines.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use local_stack::runtime::{Function, FunctionSpec, Guard};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Built by `cargo test`, beside this test's own folder.
fn echo_program() -> PathBuf {
    let test = std::env::current_exe().expect("this test's path");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("target/<profile>/deps");
    let program = profile.join("examples/echo");
    assert!(
        program.exists(),
        "examples/echo is built by `cargo test` without --test, or by `cargo build --examples`"
    );
    program
}

pub(crate) fn spec() -> FunctionSpec {
    FunctionSpec {
        name: "echo".to_owned(),
        program: echo_program(),
        env: BTreeMap::from([("TRACKLAYER_X".to_owned(), "1".to_owned())]),
        timeout: Duration::from_secs(20),
        memory: 256,
        region: "eu-west-1".to_owned(),
        account: "000000000000".to_owned(),
        concurrency: 2,
        lines: None,
    }
}

pub(crate) fn echo() -> Function {
    Function::new(spec(), Guard::start())
}

pub(crate) fn echo_with_timeout(timeout: Duration) -> Function {
    Function::new(FunctionSpec { timeout, ..spec() }, Guard::start())
}

/// An answer: status, head in lower case, body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Sends one request whose head ends with `headers`, each line ended by `\r\n`.
pub(crate) async fn request(address: &str, line: &str, headers: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    // The server may answer and close before it has read a body that is too large.
    let _ = stream.write_all(body).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}
