//! Lines on standard error, written by a thread of their own: whoever runs the stack and doesn't
//! read its output must not hold up its functions, nor its end.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// Lines that wait for a slow reader; further ones are lost.
const CAPACITY: usize = 10_000;

enum Entry {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

static CONSOLE: OnceLock<SyncSender<Entry>> = OnceLock::new();

/// Shows a line.
pub fn say(line: impl Into<Vec<u8>>) {
    let mut line = line.into();
    if line.last() != Some(&b'\n') {
        line.push(b'\n');
    }
    send(Entry::Line(line));
}

/// Waits until what was said is written, but not for a reader that doesn't come.
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
    // Full or closed: there is nobody to tell.
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
