//! Reads `infra/template.yaml`: YAML with its tags → plain JSON (`intrinsics`) → the typed
//! [`Plan`] (`resources`).

mod intrinsics;
mod plan;
mod resources;

pub use intrinsics::Place;
pub use plan::{
    Cors, EventSource, FunctionPlan, Plan, QueuePlan, RotationPlan, RoutePlan, SchedulePlan,
    SecretPlan, TablePlan,
};

use std::collections::BTreeMap;

/// Reads a template for one place (endpoint, region, account) with some parameters set.
///
/// # Errors
/// Not YAML, an intrinsic or resource that this reader doesn't know (named), or something missing.
pub fn read(
    text: &str, place: &Place, parameters: &BTreeMap<String, String>,
) -> anyhow::Result<Plan> {
    let resolved = intrinsics::resolve(text, place, parameters)?;
    resources::plan(&resolved, place)
}

#[cfg(test)]
mod tests;
