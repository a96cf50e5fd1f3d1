//! The functions' ports, in memory: everything that can go wrong goes wrong here.

mod clicks;
mod erasures;
mod items;
mod ledger;
mod microsoft;
mod mistakes;
mod others;

use std::{rc::Rc, time::Duration};

use tracklayer_edge::ports::{Clock, Ports};

use crate::mutation::Mutation;
use crate::world::{Invocation, World};

/// The simulated implementations.
pub struct Simulated;

impl Ports for Simulated {
    type Clock = Port;
    type Ledger = Port;
    type Queue = Port;
    type Clicks = Port;
    type Keys = Port;
    type Secrets = Port;
    type Auth = Port;
    type Microsoft = Port;
    type Telemetry = Port;
}

/// All ports of one invocation.
#[derive(Clone)]
pub struct Port(pub Rc<Invocation>);

/// A request that failed; it may have been carried out.
pub struct Lost;

impl Port {
    fn world(&self) -> &Rc<World> {
        &self.0.world
    }

    fn mutated(&self, mutation: Mutation) -> bool {
        self.world().plan.mutation == Some(mutation)
    }

    /// One request to AWS: on its way there and back the run gives way to others and may die; the
    /// request may not be carried out, or its answer may get lost, or its client may repeat it.
    async fn request<T>(&self, out: bool, effect: impl Fn(&World) -> T) -> Result<T, Lost> {
        self.0.step().await;
        let world = self.world();
        if out || world.fault(|faults| faults.not_done) {
            self.0.hampered.set(true);
            self.0.step().await;
            return Err(Lost);
        }
        let mut answer = effect(world);
        if world.fault(|faults| faults.done_twice) {
            self.0.hampered.set(true);
            answer = effect(world);
        }
        let lost = world.fault(|faults| faults.done_unheard);
        self.0.step().await;
        if lost {
            self.0.hampered.set(true);
            return Err(Lost);
        }
        Ok(answer)
    }
}

impl Clock for Port {
    fn now_ms(&self) -> i64 {
        self.world().now_ms() + self.0.skew
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.world().now_ms()).unwrap_or(0))
    }
}
