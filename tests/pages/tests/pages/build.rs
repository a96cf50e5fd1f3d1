//! How functions are built for a deployment: what the manifest leaves open, cargo-lambda decides.

use pages::read;

/// The lines of a section of the workspace's manifest.
fn section(name: &str) -> String {
    let manifest = read("Cargo.toml");
    let (_, rest) = manifest.split_once(&format!("[{name}]\n")).expect("the section");
    rest.split("\n[").next().unwrap_or_default().to_owned()
}

#[test]
fn a_deployed_function_survives_a_panic() {
    let profile = section("profile.release");
    for setting in ["panic = \"unwind\"", "lto = \"fat\"", "codegen-units = 1", "strip = true"] {
        assert!(profile.lines().any(|line| line == setting), "{setting}: {profile}");
    }
}

#[test]
fn a_deployed_function_has_no_features_of_tools_and_tests() {
    let line = "default-members = [\"functions/*\"]";
    assert!(section("workspace").lines().any(|it| it == line));
}
