//! A website on one port and, on another one and so of another origin, what its pages call.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get};
use serde_json::Value;
use test_support::rig::until;
use tokio::net::TcpListener;

/// What was posted to capture, and how.
#[derive(Clone, Debug)]
pub struct Post {
    pub body: Value,
    pub headers: HeaderMap,
}

/// A page: what its pieces are.
#[derive(Clone, Default)]
pub struct Page {
    /// A script that runs before the snippet does; `{api}` is what comes before
    /// `/ms-attribution.js`.
    pub before: String,
    /// Attributes of the snippet's element.
    pub attributes: String,
    /// What is in its body; `{api}` as well.
    pub body: String,
    /// Its policy lets scripts run by the nonce `n` alone, and no text become a script.
    pub is_by_nonce: bool,
}

/// What both servers know.
struct Shared {
    /// Every address has this page, unless `others` has one.
    page: Page,
    others: Mutex<BTreeMap<String, Page>>,
    /// What comes before `/ms-attribution.js`.
    api: Mutex<String>,
    posts: Mutex<Vec<Post>>,
    forms: Mutex<Vec<String>>,
    /// What a post is answered with, and after how many milliseconds.
    status: AtomicU16,
    delay: AtomicU64,
    /// The snippet's own delay, unless its address has a query.
    script_delay: AtomicU64,
}

/// A website; its servers end with the test's runtime.
pub struct Site {
    pub port: u16,
    shared: Arc<Shared>,
}

async fn serve(router: Router) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

impl Site {
    /// A site with this page at every address. Until `call` names another API, posts come here.
    pub async fn start(page: Page) -> Site {
        let shared = Arc::new(Shared {
            page,
            others: Mutex::default(),
            api: Mutex::default(),
            posts: Mutex::default(),
            forms: Mutex::default(),
            status: AtomicU16::new(204),
            delay: AtomicU64::new(0),
            script_delay: AtomicU64::new(0),
        });
        let api = Router::new()
            .route("/ms-attribution.js", get(script))
            .route("/ms-attribution", any(record))
            .with_state(shared.clone());
        let api = format!("http://127.0.0.1:{}", serve(api).await);
        *shared.api.lock().expect("no panic") = api;
        let pages = Router::new()
            .route("/before.js", get(before))
            .route("/cart.js", get(r#"{"token":"c-1?key=secret"}"#))
            .route("/favicon.ico", get(StatusCode::NO_CONTENT))
            .fallback(show)
            .with_state(shared.clone());
        Site { port: serve(pages).await, shared }
    }

    /// A site whose snippet has these attributes.
    pub async fn with(attributes: &str) -> Site {
        Site::start(Page { attributes: attributes.to_owned(), ..Page::default() }).await
    }

    /// Has the pages call another API.
    pub fn call(&self, api: &str) {
        *self.shared.api.lock().expect("no panic") = format!("{api}/api/tracklayer");
    }

    /// Gives one address another page.
    pub fn put(&self, path: &str, page: Page) {
        self.shared.others.lock().expect("no panic").insert(path.to_owned(), page);
    }

    /// What posts are answered with from now on.
    pub fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::Relaxed);
    }

    /// How long posts wait for their answer from now on.
    pub fn delay(&self, time: Duration) {
        self.shared.delay.store(time.as_millis() as u64, Ordering::Relaxed);
    }

    /// How long the snippet waits from now on, unless its address has a query.
    pub fn delay_script(&self, time: Duration) {
        self.shared.script_delay.store(time.as_millis() as u64, Ordering::Relaxed);
    }

    /// An address of the site, on the site of its API.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The same page as part of another site than its API.
    pub fn elsewhere(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// The same page at another host.
    pub fn at(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port)
    }

    /// What was posted.
    pub fn posts(&self) -> Vec<Post> {
        self.shared.posts.lock().expect("no panic").clone()
    }

    /// The bodies of forms that were sent.
    pub fn forms(&self) -> Vec<String> {
        self.shared.forms.lock().expect("no panic").clone()
    }

    /// Waits for a form; 0 is the first that was sent.
    pub async fn until_form(&self, number: usize) -> String {
        until("a form", || async { self.forms().get(number).cloned().ok_or("no form") }).await
    }

    /// Waits until so many posts have come; more are a failure.
    pub async fn until_posts(&self, count: usize) -> Vec<Value> {
        until(&format!("{count} posts"), || async {
            let posts = self.posts();
            if posts.len() >= count { Ok(()) } else { Err(posts) }
        })
        .await;
        // The page hears of it as well: what it has no answer to is sent again by the next one.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let bodies: Vec<Value> = self.posts().into_iter().map(|post| post.body).collect();
        assert_eq!(bodies.len(), count, "{bodies:#?}");
        bodies
    }
}

fn javascript(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/javascript")], text).into_response()
}

async fn script(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    if uri.query().is_none() {
        let delay = shared.script_delay.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    javascript(capture::SNIPPET.to_owned())
}

/// The page at the address that the browser comes from, if it is known.
async fn before(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let from = headers.get(header::REFERER).and_then(|value| value.to_str().ok());
    let path = from.and_then(|from| from.parse::<Uri>().ok()).map(|uri| uri.path().to_owned());
    let before = shared.page_at(path.as_deref().unwrap_or_default()).before;
    javascript(before.replace("{api}", &shared.api.lock().expect("no panic")))
}

async fn show(
    State(shared): State<Arc<Shared>>, method: Method, uri: Uri, body: String,
) -> Response {
    if method == Method::POST {
        shared.forms.lock().expect("no panic").push(body);
    }
    let api = shared.api.lock().expect("no panic").clone();
    let page = shared.page_at(uri.path());
    let html = format!(
        r#"<!doctype html><meta charset="utf-8"><title>A page</title>
           <script nonce="n" src="/before.js"></script>
           <script async src="{api}/ms-attribution.js" {}></script>{}"#,
        page.attributes,
        page.body.replace("{api}", &api)
    );
    // As strict as a policy gets for a page with scripts.
    let origin = api.split('/').take(3).collect::<Vec<_>>().join("/");
    let scripts = match page.is_by_nonce {
        true => "'nonce-n' 'strict-dynamic'; require-trusted-types-for 'script'; base-uri 'none'",
        false => &*format!("'self' {origin} 'inline-speculation-rules'"),
    };
    let policy = format!(
        "default-src 'self'; script-src {scripts}; connect-src 'self' {origin}; form-action 'self'"
    );
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response()
}

impl Shared {
    fn page_at(&self, path: &str) -> Page {
        let others = self.others.lock().expect("no panic");
        others.get(path).unwrap_or(&self.page).clone()
    }
}

/// In the place of capture. A request that needs a preflight would be answered 405.
async fn record(
    State(shared): State<Arc<Shared>>, method: Method, headers: HeaderMap, body: String,
) -> Response {
    if method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let origin = headers.get(header::ORIGIN).cloned().expect("an origin");
    let body = serde_json::from_str(&body).expect("JSON");
    shared.posts.lock().expect("no panic").push(Post { body, headers });
    tokio::time::sleep(Duration::from_millis(shared.delay.load(Ordering::Relaxed))).await;
    let status = StatusCode::from_u16(shared.status.load(Ordering::Relaxed)).expect("a status");
    let mut response = status.into_response();
    let allowed = response.headers_mut();
    allowed.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    allowed.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true".parse().expect("a value"));
    response
}
