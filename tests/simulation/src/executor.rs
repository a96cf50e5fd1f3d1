//! Tasks under virtual time. Nothing runs at the same time as anything else, time passes only when
//! nobody can go on, and the order depends on nothing but the timers: the same history every time.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

type Task = Pin<Box<dyn Future<Output = ()>>>;
type Ready = Arc<Mutex<VecDeque<usize>>>;

/// The tasks and the clock; times in milliseconds since 1970.
pub struct Executor {
    now: Cell<i64>,
    sequence: Cell<u64>,
    timers: RefCell<BinaryHeap<Reverse<Timer>>>,
    ready: Ready,
    tasks: RefCell<Vec<Option<Task>>>,
    wakers: RefCell<Vec<Waker>>,
    free: RefCell<Vec<usize>>,
    /// Polls so far: a history that never ends is stopped by them.
    pub polls: Cell<u64>,
}

struct Timer {
    at: i64,
    sequence: u64,
    waker: Waker,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}
impl Eq for Timer {}
impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

struct TaskWaker {
    task: usize,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if !ready.contains(&self.task) {
            ready.push_back(self.task);
        }
    }
}

impl Executor {
    /// No tasks yet, at `now`.
    #[must_use]
    pub fn new(now: i64) -> Self {
        Executor {
            now: Cell::new(now),
            sequence: Cell::new(0),
            timers: RefCell::default(),
            ready: Ready::default(),
            tasks: RefCell::default(),
            wakers: RefCell::default(),
            free: RefCell::default(),
            polls: Cell::new(0),
        }
    }

    /// Now.
    pub fn now(&self) -> i64 {
        self.now.get()
    }

    /// Adds a task.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let mut tasks = self.tasks.borrow_mut();
        let slot = self.free.borrow_mut().pop().unwrap_or(tasks.len());
        if slot == tasks.len() {
            tasks.push(None);
            let waker = TaskWaker { task: slot, ready: Arc::clone(&self.ready) };
            self.wakers.borrow_mut().push(Arc::new(waker).into());
        }
        tasks[slot] = Some(Box::pin(task));
        self.wakers.borrow()[slot].wake_by_ref();
    }

    /// Wakes `waker` at `at`.
    pub fn at(&self, at: i64, waker: &Waker) {
        let sequence = self.sequence.get();
        self.sequence.set(sequence + 1);
        self.timers.borrow_mut().push(Reverse(Timer { at, sequence, waker: waker.clone() }));
    }

    /// Runs until `done`, or until nothing is left to do, or `max_polls` are used up.
    pub fn run(&self, max_polls: u64, done: impl Fn() -> bool) {
        while !done() && self.polls.get() < max_polls {
            let next = self.ready.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match next {
                Some(task) => self.poll(task),
                None if self.pass_time() => {}
                None => return,
            }
        }
    }

    /// Drops all tasks: they hold the world that holds this.
    pub fn clear(&self) {
        let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
        drop(tasks);
        self.timers.borrow_mut().clear();
    }

    fn pass_time(&self) -> bool {
        let Some(Reverse(timer)) = self.timers.borrow_mut().pop() else { return false };
        self.now.set(timer.at.max(self.now.get()));
        timer.waker.wake();
        true
    }

    fn poll(&self, slot: usize) {
        let Some(mut task) = self.tasks.borrow_mut()[slot].take() else { return };
        self.polls.set(self.polls.get() + 1);
        let waker = self.wakers.borrow()[slot].clone();
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.tasks.borrow_mut()[slot] = Some(task);
        } else {
            self.free.borrow_mut().push(slot);
        }
    }
}

/// Waits until `at`.
pub struct Sleep<'a> {
    executor: &'a Executor,
    at: i64,
    set: bool,
}

impl<'a> Sleep<'a> {
    /// Until `at`; always gives way once.
    pub fn until(executor: &'a Executor, at: i64) -> Self {
        Sleep { executor, at, set: false }
    }
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.set && self.executor.now() >= self.at {
            return Poll::Ready(());
        }
        if !self.set {
            self.executor.at(self.at, cx.waker());
            self.set = true;
        }
        Poll::Pending
    }
}
