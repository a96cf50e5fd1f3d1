//! Prepares the snippet for browsers: without its comment lines and needless blanks, compressed once.

use std::{env, fs, io, path::Path};

use sha2::{Digest as _, Sha256};

const SOURCE: &str = "web/ms-attribution.js";

#[expect(clippy::disallowed_methods, reason = "a variable of Cargo, which has no edge")]
fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={SOURCE}");
    let source = fs::read_to_string(SOURCE)?;
    let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//");
    let lines: Vec<&str> = source.lines().map(str::trim).filter(is_code).collect();
    let text = without_blanks(&lines.join("\n")) + "\n";

    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let write = |name: &str, content: &[u8]| fs::write(Path::new(&out).join(name), content);
    write("snippet.js", text.as_bytes())?;
    write("snippet.js.gz", &gzip(text.as_bytes())?)?;
    write("snippet.js.br", &brotli(text.as_bytes())?)?;
    write("snippet.hash", hash(text.as_bytes()).as_bytes())
}

/// Leaves out the blanks that no word needs, outside of texts in `"` or `` ` ``, and the ends of
/// lines that can't end a statement, or end it with a semicolon.
///
/// It knows no more of JavaScript: the snippet has no blank or quote in a regular expression, no
/// escaped quote, and nothing like `a + +b`. The tests in a browser run what comes out of it.
fn without_blanks(text: &str) -> String {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "_$".contains(c));
    let (mut short, mut quote) = (String::new(), None);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let last = short.chars().next_back();
        if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && matches!(c, '"' | '`') {
            quote = Some(c);
        }
        let is_needed = match c {
            ' ' => is_word(last) && is_word(rest.peek().copied()),
            '\n' => !last.is_some_and(|last| "{(,;=>|?:".contains(last)),
            _ => true,
        };
        if quote.is_some() || is_needed {
            short.push(c);
        }
    }
    short
}

fn gzip(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressed = Vec::new();
    let options = zopfli::Options::default();
    zopfli::compress(options, zopfli::Format::Gzip, text, &mut compressed)?;
    Ok(compressed)
}

fn brotli(mut text: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressed = Vec::new();
    // The defaults are the best quality and the largest window.
    let parameters = brotli::enc::BrotliEncoderParams::default();
    brotli::BrotliCompress(&mut text, &mut compressed, &parameters)?;
    Ok(compressed)
}

/// The first 16 hex digits of the SHA-256.
fn hash(text: &[u8]) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
