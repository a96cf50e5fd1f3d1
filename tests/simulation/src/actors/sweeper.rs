//! The schedule of sweep: every five minutes. Runs that would find nothing are left out.

use std::rc::Rc;

use sweep::{Sweep, span::Span};
use tracklayer_core::time::EventTime;
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::ports::AuditState;

use crate::ports::{Port, Simulated};
use crate::world::{Invocation, World, policy};

const EVERY: i64 = 5 * 60 * 1_000;
const TIMEOUT: i64 = 300_000;
/// Hours between audits.
pub const AUDIT: i64 = 168;

/// Starts the schedule.
pub fn start(world: &Rc<World>) {
    let world = Rc::clone(world);
    let spawner = Rc::clone(&world);
    spawner.executor.spawn(async move {
        while !world.over.get() {
            world.sleep(EVERY - world.now_ms() % EVERY).await;
            let second = world.now_ms() / 1_000;
            let due = world.table.borrow().next_due().is_some_and(|due| due <= second + 5);
            let releasable = world.table.borrow().is_releasable();
            let erasing = world.table.borrow().is_erasing(world.now());
            let audit = erasing || is_audit_due(&world.table.borrow().audit(), second);
            world.queue.borrow().measure(&world);
            if !due && !audit && !releasable && !world.runs_always() {
                continue;
            }
            run(&world);
            if world.fault(|faults| faults.overlap) {
                run(&world);
            }
        }
    });
}

fn is_audit_due(state: &AuditState, second: i64) -> bool {
    let over = |at: EventTime| at.epoch() + AUDIT * 3_600 <= second;
    state.started_at.is_some() || state.finished_at.is_none_or(over)
}

fn run(world: &Rc<World>) {
    let world = Rc::clone(world);
    let spawner = Rc::clone(&world);
    spawner.executor.spawn(async move {
        let invocation = Invocation::new(&world, "sweep");
        let port = Port(Rc::clone(&invocation));
        let sweep: Sweep<Simulated> = Sweep {
            policy: policy(),
            mapping: world.mapping.borrow().clone(),
            ledger: port.clone(),
            clicks: port.clone(),
            queue: port.clone(),
            clock: port.clone(),
            telemetry: port,
        };
        let end = u64::try_from(world.now_ms() + invocation.skew + TIMEOUT).unwrap_or(0);
        let span = Span::new(Deadline::at_epoch_ms(end, &sweep.clock), &sweep.clock);
        if invocation.run(TIMEOUT, sweep.handle(&span, AUDIT)).await.is_some() {
            crate::oracle::check_looks(&world, &invocation);
        }
    });
}
