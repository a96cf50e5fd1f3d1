//! A few hundred histories; millions run with `cargo run --release -p simulation -- --seeds 0..1000000`.

use simulation::{Plan, run, shrink};

/// Histories of each of two threads.
const EACH: u64 = 200;

#[test]
fn the_money_is_right_whatever_happens() {
    let run_some = |from: u64| move || (from..from + EACH).for_each(holds);
    let threads = [0, EACH].map(|from| std::thread::spawn(run_some(from)));
    for thread in threads {
        thread.join().expect("all histories end well");
    }
}

fn holds(seed: u64) {
    let plan = Plan::new(seed);
    if run(plan.clone(), false).violations.is_empty() {
        return;
    }
    let plan = shrink(&plan);
    panic!("{}", run(plan.clone(), true).story(&plan));
}

#[test]
fn a_seed_always_tells_the_same_history() {
    for seed in 0..20 {
        let tell = || run(Plan::new(seed), true).story_of_all();
        assert_eq!(tell(), tell(), "seed {seed}");
    }
}

#[test]
fn a_plain_conversion_costs_four_writes_and_few_reads() {
    let plan = Plan::plain();
    let orders = plan.orders.len() as u64;
    let outcome = run(plan, false);
    assert_eq!((outcome.violations.len(), outcome.counted), (0, orders));
    // Its key, its row, its claim, its outcome.
    assert_eq!(outcome.units.write, 4 * orders);
    // Its partition before and after it is recorded, and its row; its partition and a pointer for
    // status; the account item comes with each batch.
    assert!(outcome.units.read <= 5 * orders + 2 * outcome.calls, "{outcome:?}");
}
