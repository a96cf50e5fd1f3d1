//! One process of a function: started with the environment of Lambda and nothing of this machine's,
//! its output shown with the function's name in front, killed with its owner.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use local_aws::LOG_TAIL;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::{FunctionSpec, Guard, access_key_id};
use crate::console::say;

/// Variables of this machine that a process inherits: to find programs, and to debug.
const PASSED_ON: [&str; 5] = ["PATH", "HOME", "RUST_BACKTRACE", "RUST_LOG", "LLVM_PROFILE_FILE"];

/// The last bytes of a process's output.
#[derive(Clone, Default)]
pub(super) struct Tail(Arc<Mutex<Vec<u8>>>);

impl Tail {
    /// Empties it and returns what it held.
    pub(super) fn drain(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, line: &[u8]) {
        let mut tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(line);
        let excess = tail.len().saturating_sub(LOG_TAIL);
        tail.drain(..excess);
    }
}

pub(super) struct Process {
    pub(super) tail: Tail,
    pub(super) id: Option<u32>,
    kill: Arc<Notify>,
    /// How the process ended, once it has.
    ended: watch::Receiver<Option<String>>,
}

impl Process {
    pub(super) async fn start(
        spec: &FunctionSpec, runtime_api: &str, guard: &Guard,
    ) -> std::io::Result<Self> {
        let mut child = command(spec, runtime_api).spawn()?;
        let id = child.id();
        if let Some(pid) = id {
            guard.add(pid).await;
        }
        let tail = Tail::default();
        show(spec, child.stdout.take(), &tail);
        show(spec, child.stderr.take(), &tail);
        let (kill, (sender, ended)) = (Arc::new(Notify::new()), watch::channel(None));
        tokio::spawn(watch_over(child, kill.clone(), sender, guard.clone()));
        Ok(Self { tail, id, kill, ended })
    }

    pub(super) fn is_alive(&self) -> bool {
        self.ended.borrow().is_none()
    }

    /// Waits until the process has ended and returns how it ended.
    pub(super) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        let how = ended.wait_for(Option::is_some).await.map(|how| how.clone());
        how.ok().flatten().unwrap_or_else(|| "nobody watched it".to_owned())
    }

    /// Kills the process without waiting; [`Process::ended`] waits until it is gone.
    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Owns the child, so that it is killed when the async runtime shuts down.
async fn watch_over(
    mut child: Child, kill: Arc<Notify>, ended: watch::Sender<Option<String>>, guard: Guard,
) {
    let pid = child.id();
    let status = tokio::select! {
        status = child.wait() => status,
        () = kill.notified() => {
            let _ = child.start_kill();
            child.wait().await
        }
    };
    let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    ended.send_replace(Some(how));
    if let Some(pid) = pid {
        guard.remove(pid).await;
    }
}

fn command(spec: &FunctionSpec, runtime_api: &str) -> Command {
    let mut command = Command::new(&spec.program);
    command.env_clear();
    command.envs(PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.envs(reserved(spec, runtime_api)).envs(&spec.env);
    // A group of its own: Ctrl-C in a terminal reaches the stack alone, which then stops its
    // functions.
    command.process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
fn reserved(spec: &FunctionSpec, runtime_api: &str) -> Vec<(&'static str, String)> {
    let root = spec.program.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    vec![
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", spec.name.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", spec.memory.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", spec.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("local/[$LATEST]{}", Uuid::new_v4().simple())),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ("AWS_LAMBDA_LOG_LEVEL", "INFO".to_owned()),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned()),
        ("AWS_REGION", spec.region.clone()),
        ("AWS_DEFAULT_REGION", spec.region.clone()),
        ("AWS_ACCESS_KEY_ID", access_key_id(&spec.name)),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_SESSION_TOKEN", "local".to_owned()),
        ("LAMBDA_TASK_ROOT", root),
        ("_HANDLER", "bootstrap".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ]
}

/// Whether a line holds metrics that are all zero. Functions that run every few seconds would fill
/// the screen with them.
fn is_idle_metric(line: &[u8]) -> bool {
    let Ok(line) = serde_json::from_slice::<serde_json::Value>(line) else { return false };
    let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array();
    metrics.is_some_and(|metrics| {
        let value =
            |metric: &serde_json::Value| line[metric["Name"].as_str().unwrap_or("")].as_f64();
        metrics.iter().all(|metric| value(metric) == Some(0.0))
    })
}

/// Copies lines to standard error, to the tail, and to where they are kept.
fn show(spec: &FunctionSpec, stream: Option<impl AsyncRead + Unpin + Send + 'static>, tail: &Tail) {
    let (name, lines, tail) = (spec.name.clone(), spec.lines.clone(), tail.clone());
    let (Some(stream), prefix) = (stream, format!("[{name}] ")) else {
        return;
    };
    tokio::spawn(async move {
        let mut reader = BufReader::new(stream);
        let mut line = prefix.clone().into_bytes();
        while reader.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
            tail.add(&line[prefix.len()..]);
            if let Some(lines) = &lines {
                let text = String::from_utf8_lossy(&line[prefix.len()..]).into_owned();
                lines.lock().unwrap_or_else(PoisonError::into_inner).push((name.clone(), text));
            }
            if !is_idle_metric(&line[prefix.len()..]) {
                say(line.as_slice());
            }
            line.truncate(prefix.len());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::is_idle_metric;

    #[test]
    fn metrics_of_an_idle_system_are_not_shown() {
        let line = |value| {
            format!(
                r#"{{"_aws":{{"CloudWatchMetrics":[{{"Metrics":[{{"Name":"Due"}}]}}]}},"Due":{value}}}"#
            )
        };
        assert!(is_idle_metric(line("0.0").as_bytes()));
        assert!(!is_idle_metric(line("1.0").as_bytes()));
        assert!(!is_idle_metric(br#"{"level":"INFO","Due":0}"#));
        assert!(!is_idle_metric(b"plain text"));
    }
}
