//! Lines on standard error, written by a thread of their own: a reader that is slow, or that does not
//! read at all, must delay neither the functions nor the end of the stack.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// Most lines that wait for a slow reader; further ones are lost.
const CAPACITY: usize = 10_000;

enum Entry {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

static CONSOLE: OnceLock<SyncSender<Entry>> = OnceLock::new();

static MUTED: AtomicBool = AtomicBool::new(false);

/// Shows no further line.
pub fn mute() {
    MUTED.store(true, Ordering::Relaxed);
}

/// Shows a line.
pub fn say(line: impl Into<Vec<u8>>) {
    if MUTED.load(Ordering::Relaxed) {
        return;
    }
    let mut line = line.into();
    if line.last() != Some(&b'\n') {
        line.push(b'\n');
    }
    send(Entry::Line(line));
}

/// Waits until all earlier lines are written, but not for ever if nobody reads them.
pub fn flush() {
    let (done, written) = sync_channel(1);
    send(Entry::Flush(done));
    let _ = written.recv_timeout(Duration::from_millis(300));
}

fn send(entry: Entry) {
    let console = CONSOLE.get_or_init(|| {
        let (sender, receiver) = sync_channel(CAPACITY);
        std::thread::spawn(|| write(receiver));
        sender
    });
    // A line that can't be queued is lost.
    let (Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) =
        console.try_send(entry);
}

fn write(entries: Receiver<Entry>) {
    for entry in entries {
        let _ = match entry {
            Entry::Line(line) => std::io::stderr().write_all(&line),
            Entry::Flush(done) => done.send(()).map_err(std::io::Error::other),
        };
    }
}
