//! Serves the stand-in alone: `cargo run -p local-aws --example serve -- 9401 [data folder]`.

use local_aws::{Aws, Settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().unwrap_or_else(|| "9401".to_owned()).parse()?;
    let data = arguments.next();
    let aws = Aws::open(data.as_deref().map(std::path::Path::new), Settings::default()).await?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("local AWS stand-in, for development only: http://{}", listener.local_addr()?);
    axum::serve(listener, aws.router()).await?;
    Ok(())
}
