//! Files that a system is started with.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tracklayer_core::mapping::Mapping;

/// The mapping for tests with what `change` does to it, in a file of this name.
pub fn mapping(name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut mapping: Value = serde_json::from_str(Mapping::SAMPLE).expect("JSON");
    change(&mut mapping);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mapping-{name}.json"));
    std::fs::write(&path, mapping.to_string()).expect("written");
    path
}

/// A folder of the test's own, removed with this value.
pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}
