//! HTTP servers on loopback that are stopped together.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::console::say;

/// How long open requests may continue once the servers are stopped.
const GRACE: Duration = Duration::from_secs(1);

/// The servers; dropping it ends them.
pub(crate) struct Servers {
    stop: watch::Sender<bool>,
    running: JoinSet<()>,
}

impl Servers {
    pub(crate) fn new() -> Self {
        Self { stop: watch::Sender::new(false), running: JoinSet::new() }
    }

    pub(crate) fn serve(&mut self, listener: TcpListener, router: axum::Router) {
        let mut stop = self.stop.subscribe();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = axum::serve(listener, service).with_graceful_shutdown(async move {
            // An error means that the sender was dropped, which stops the server as well.
            let _ = stop.wait_for(|stop| *stop).await;
        });
        self.running.spawn(async move {
            if let Err(error) = server.await {
                say(format!("a server ended: {error}"));
            }
        });
    }

    pub(crate) async fn stop(&mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.running.join_next().await.is_some() {} };
        if timeout(GRACE, ended).await.is_err() {
            self.running.abort_all();
        }
    }
}

/// Binds a port of 127.0.0.1 and returns its address; `option` is named if that fails.
pub(crate) async fn bind(port: u16, option: &str) -> Result<(TcpListener, String)> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    let listener = listener
        .with_context(|| format!("port {port} can't be used, another is set with {option}"))?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}
