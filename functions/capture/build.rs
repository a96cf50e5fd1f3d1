//! Prepares the snippet for browsers: minified, and compressed once.

use std::{env, fs, io, path::Path};

use oxc_allocator::Allocator;
use oxc_codegen::{Codegen, CodegenOptions};
use oxc_compat::EngineTargets;
use oxc_minifier::{CompressOptions, Minifier, MinifierOptions};
use oxc_parser::Parser;
use oxc_span::SourceType;
use sha2::{Digest as _, Sha256};

const SOURCE: &str = "web/ms-attribution.js";

#[expect(clippy::disallowed_methods, reason = "a variable of Cargo, which has no edge")]
fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={SOURCE}");
    let source = fs::read_to_string(SOURCE)?;
    let text = minified(&source)?;

    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let write = |name: &str, content: &[u8]| fs::write(Path::new(&out).join(name), content);
    write("snippet.js", text.as_bytes())?;
    write("snippet.js.gz", &gzip(text.as_bytes())?)?;
    write("snippet.js.br", &brotli(text.as_bytes())?)?;
    write("snippet.hash", hash(text.as_bytes()).as_bytes())
}

/// The same script with short names and nothing that a browser doesn't need.
fn minified(source: &str) -> io::Result<String> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, source, SourceType::cjs()).parse();
    if let Some(problem) = parsed.diagnostics.first() {
        return Err(io::Error::other(format!("{SOURCE}: {problem}")));
    }
    let mut program = parsed.program;
    // What the source itself asks of browsers, and nothing newer.
    let target = EngineTargets::from_target("es2019").map_err(io::Error::other)?;
    let compress = Some(CompressOptions { target, ..CompressOptions::smallest() });
    let options = MinifierOptions { compress, ..MinifierOptions::default() };
    let scoping = Minifier::new(options).minify(&allocator, &mut program).scoping;
    let codegen = Codegen::new().with_options(CodegenOptions::minify()).with_scoping(scoping);
    Ok(codegen.build(&program).code)
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
