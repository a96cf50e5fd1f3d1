//! Makes sure that no function outlives the stack, not even when it is killed.

use std::process::Stdio;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Mutex;

/// Reads `add PID` and `del PID`. At the end of its input, which means that the stack is gone, it
/// kills the processes that are left.
const SCRIPT: &str = r#"
pids=" "
while read -r what pid; do
  case $what in
    add) pids="$pids$pid " ;;
    del) pids="${pids%% $pid *} ${pids#* $pid }" ;;
  esac
done
[ "$pids" = " " ] || kill -9 $pids 2>/dev/null
"#;

/// A small shell at the other end of a pipe. Without a shell the stack works as well: a function
/// whose runtime API is gone ends by itself with its next call.
#[derive(Clone)]
pub struct Guard(Option<Arc<Mutex<(Child, ChildStdin)>>>);

impl Guard {
    /// Starts the shell.
    pub fn start() -> Self {
        let mut command = Command::new("/bin/sh");
        // A group of its own: Ctrl-C reaches the stack, which then ends it by closing the pipe.
        command.args(["-c", SCRIPT]).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = command
            .spawn()
            .ok()
            .and_then(|mut child| child.stdin.take().map(|stdin| (child, stdin)));
        Self(started.map(|pair| Arc::new(Mutex::new(pair))))
    }

    pub(super) async fn add(&self, pid: u32) {
        self.write(format!("add {pid}\n")).await;
    }

    pub(super) async fn remove(&self, pid: u32) {
        self.write(format!("del {pid}\n")).await;
    }

    async fn write(&self, line: String) {
        if let Some(pair) = &self.0 {
            let _ = pair.lock().await.1.write_all(line.as_bytes()).await;
        }
    }
}
