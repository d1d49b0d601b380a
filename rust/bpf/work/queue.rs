// SPDX-License-Identifier: GPL-2.0

//! Queues of works.
//!
//! A [`Queue`] is a list without a lock, and a thread of the kernel's workqueue that takes the list
//! and runs its works. A program may start a work in any context. In an NMI, and where interrupts
//! are off, the program may have interrupted the workqueue itself, so an interrupt (`irq_work`)
//! wakes the thread then.
//!
//! This module does not define what a work is, nor how its result reaches the program: see
//! [`work`](crate::work).
//!
//! C headers: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h),
//! [`include/linux/irq_work.h`](srctree/include/linux/irq_work.h)

use crate::{
    header::Header,
    helpers::{
        rust_bpf_helper_kick,
        rust_bpf_helper_kick_init,
        rust_bpf_helper_must_defer,
        rust_bpf_helper_object_put,
        rust_bpf_helper_work_begins,
        rust_bpf_helper_work_ends,
        rust_bpf_helper_work_queue,
        rust_bpf_helper_works_begin,
        rust_bpf_helper_works_end,
        Kick, //
    },
    object::Object,
    work::Work,
    BtfType, //
};
use core::{
    ffi::c_void,
    marker::PhantomData,
    mem::{
        offset_of,
        MaybeUninit, //
    },
    ptr::NonNull, //
};
use kernel::{
    container_of,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed,
            Release, //
        }, //
    },
    types::Opaque,
    workqueue, //
};

/// The largest number of works that a queue can have.
const MAX: u32 = 1 << 16;

/// The part of a queue that does not depend on the type of its works.
///
/// # Invariants
///
/// `last` is null, or points to the [`Header`] of the work that was started last and that the
/// thread has not taken. The field `next` of the header's `rcu` points to the header of the work
/// before, or is null. The queue owns a reference to each of these works, and has counted each of
/// them with `rust_bpf_helper_work_begins()`.
#[pin_data]
#[derive(BtfType)]
#[btf(object, name = "rust_bpf_queue")]
struct Inner {
    last: Atomic<*mut Header>,
    /// The number of works that have not ended.
    length: Atomic<u32>,
    limit: u32,
    refused: Atomic<u64>,
    #[pin]
    kick: Opaque<Kick>,
    #[pin]
    work: workqueue::Work<Object<Inner>>,
}

// SAFETY: The fields that change are atomic, or belong to the workqueue and to the irq_work, whose
// functions can be called on all CPUs.
unsafe impl Send for Inner {}

// SAFETY: As for `Send`.
unsafe impl Sync for Inner {}

impl Inner {
    /// Creates a queue. Not generic and not inlined: the workqueue calls code of the module in which
    /// `Work::new()` is compiled, and that must be this one, which stays loaded longer than any
    /// module with works.
    #[inline(never)]
    fn make(limit: u32) -> Result<ARef<Object<Self>>> {
        if limit > MAX {
            return Err(EINVAL);
        }
        // INVARIANT: The list is empty.
        Object::pin_init(pin_init!(Self {
            last: Atomic::new(core::ptr::null_mut()),
            length: Atomic::new(0),
            limit,
            refused: Atomic::new(0),
            kick <- Opaque::ffi_init(|slot: *mut Kick| {
                // SAFETY: `slot` is valid for writes.
                unsafe { rust_bpf_helper_kick_init(slot.cast(), Self::kicked) };
            }),
            work <- kernel::new_work!("rust_bpf_queue"),
        }))
    }

    /// Counts a work. Returns false if the queue is full.
    #[inline]
    fn reserve(&self) -> bool {
        // The count does not overflow: each CPU adds at most one per context.
        if self.length.fetch_add(1, Relaxed) < self.limit {
            return true;
        }
        self.length.fetch_sub(1, Relaxed);
        self.refused.fetch_add(1, Relaxed);
        false
    }

    /// Adds a work to the list, and makes the thread run.
    ///
    /// # Safety
    ///
    /// `header` must be the header of a work of this queue, whose `rcu` no other code uses. The
    /// caller must own a reference to the work, and the count of `rust_bpf_helper_work_begins()`.
    /// The queue takes over both.
    unsafe fn add(queue: &ARef<Object<Self>>, header: NonNull<Header>) {
        // SAFETY: The object of the caller is valid.
        let next = unsafe { header.as_ref() }.rcu().cast::<*mut Header>();
        let mut last = queue.last.load(Relaxed);
        loop {
            // SAFETY: The caller lets the queue use `rcu`, which begins with the field `next`.
            unsafe { next.write(last) };
            // INVARIANT: `next` points to the work before.
            match queue.last.cmpxchg(last, header.as_ptr(), Full) {
                Ok(_) => break,
                Err(other) => last = other,
            }
        }
        // Otherwise, the thread has not taken the works before, and takes this one, too.
        if last.is_null() {
            Self::kick(queue.clone());
        }
    }

    /// Makes the thread run.
    fn kick(queue: ARef<Object<Self>>) {
        // SAFETY: The function may be called in any context.
        if !unsafe { rust_bpf_helper_must_defer() } {
            return Self::enqueue(queue);
        }
        let queue = ARef::into_raw(queue);
        // SAFETY: `queue` is a reference to a valid object, whose memory is not freed before the
        // interrupt that runs `kicked()` ends: RCU callbacks free objects.
        if !unsafe { rust_bpf_helper_kick(queue.as_ref().kick.get().cast()) } {
            // The interrupt that is pending makes the thread run.
            // SAFETY: `queue` comes from `ARef::into_raw()`.
            drop(unsafe { ARef::from_raw(queue) });
        }
    }

    /// Makes the thread run. The context must not be an NMI, and interrupts must have been on when
    /// the program began.
    fn enqueue(queue: ARef<Object<Self>>) {
        // SAFETY: The workqueue is valid as long as the crate is loaded.
        let threads = unsafe { workqueue::Queue::from_raw(rust_bpf_helper_work_queue().cast()) };
        // If the work is pending already, it sees the new list.
        drop(threads.enqueue(queue));
    }

    /// The function that the interrupt calls.
    ///
    /// # Safety
    ///
    /// `kick` must be the field of an `Inner` in an object, and own a reference to the object.
    unsafe extern "C" fn kicked(kick: *mut c_void) {
        let kick = Opaque::cast_from(kick.cast::<Kick>());
        // SAFETY: The caller passes the field of an `Inner`, with which an object begins.
        let queue = unsafe { container_of!(kick, Self, kick) };
        // SAFETY: The caller passes the reference.
        let queue = unsafe { ARef::from_raw(NonNull::new_unchecked(queue.cast_mut().cast())) };
        Self::enqueue(queue);
    }

    /// Takes all works from the list. Returns the oldest one, from which `next` leads to the newer
    /// ones.
    fn take_all(&self) -> *mut Header {
        let mut newest = self.last.xchg(core::ptr::null_mut(), Full);
        let mut oldest = core::ptr::null_mut();
        while let Some(header) = NonNull::new(newest) {
            // SAFETY: By the type invariants, the header is valid, and the queue uses its `rcu`.
            let next = unsafe { header.as_ref() }.rcu().cast::<*mut Header>();
            // SAFETY: As above.
            newest = unsafe { next.read() };
            // SAFETY: As above.
            unsafe { next.write(oldest) };
            oldest = header.as_ptr();
        }
        oldest
    }

    /// Runs all works of the list, the oldest first.
    fn run_all(&self) {
        let mut oldest = self.take_all();
        while let Some(header) = NonNull::new(oldest) {
            // SAFETY: By the type invariants, the header is valid, and the queue uses its `rcu`.
            oldest = unsafe { *header.as_ref().rcu().cast::<*mut Header>() };
            // SAFETY: The header is valid until the reference of the queue is released.
            let reclaim = unsafe { header.as_ref() }.reclaim();
            if let Some(run) = reclaim.run() {
                let mut user = MaybeUninit::uninit();
                // SAFETY: `user` is valid until the function that is called last.
                unsafe { rust_bpf_helper_works_begin(user.as_mut_ptr()) };
                // SAFETY: The header is that of a work of the type with this function. The count
                // that ends below keeps the module with the function loaded.
                unsafe { run(Header::object(header).as_ptr()) };
                // SAFETY: `user` is that of above.
                unsafe { rust_bpf_helper_works_end(user.as_mut_ptr()) };
            }
            self.length.fetch_sub(1, Release);
            // SAFETY: By the type invariants, the queue owns a reference, which ends here, and a
            // count, which ends after that.
            unsafe {
                rust_bpf_helper_object_put(header.as_ptr());
                rust_bpf_helper_work_ends(reclaim);
            }
        }
    }
}

impl workqueue::WorkItem for Object<Inner> {
    type Pointer = ARef<Self>;

    fn run(this: ARef<Self>) {
        this.run_all();
    }
}

// SAFETY: An object begins with its value, so `work` is at the same offset in both.
unsafe impl workqueue::HasWork<Object<Inner>> for Object<Inner> {
    unsafe fn raw_get_work(ptr: *mut Self) -> *mut workqueue::Work<Object<Inner>> {
        // SAFETY: The caller passes a valid object.
        unsafe { ptr.byte_add(offset_of!(Inner, work)) }.cast()
    }

    unsafe fn work_container_of(ptr: *mut workqueue::Work<Object<Inner>>) -> *mut Self {
        // SAFETY: The caller passes the field of an object.
        unsafe { ptr.byte_sub(offset_of!(Inner, work)) }.cast()
    }
}

/// A queue of works of one type: a thread runs the works one after the other.
///
/// When the queue is dropped, the works that it has started go on.
pub struct Queue<T> {
    inner: ARef<Object<Inner>>,
    _works: PhantomData<fn() -> T>,
}

impl<T: Work> Queue<T> {
    /// Creates a queue in which at most `limit` works have not ended.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the limit is more than 65536.
    /// - [`ENOMEM`].
    ///
    /// # Context
    ///
    /// Any.
    pub fn new(limit: u32) -> Result<Self> {
        Ok(Self {
            inner: Inner::make(limit)?,
            _works: PhantomData,
        })
    }

    /// Creates a work and adds it to the queue. Returns a reference to the work.
    ///
    /// The work ends, with or without the reference.
    ///
    /// # Errors
    ///
    /// - [`EAGAIN`]: the queue is full.
    /// - [`ENODEV`]: the module that contains the type is unloaded.
    /// - [`ENOMEM`], as for [`Object::new`].
    /// - The errors of `init`.
    ///
    /// # Context
    ///
    /// Any context that `init` allows, NMI included.
    pub fn start<E>(&self, init: impl PinInit<T, E>) -> Result<ARef<Object<T>>>
    where
        Error: From<E>,
    {
        if !self.inner.reserve() {
            return Err(EAGAIN);
        }
        self.start_reserved(init).inspect_err(|_| {
            self.inner.length.fetch_sub(1, Relaxed);
        })
    }

    /// Starts a work that is counted in `length`.
    fn start_reserved<E>(&self, init: impl PinInit<T, E>) -> Result<ARef<Object<T>>>
    where
        Error: From<E>,
    {
        let work = Object::pin_init(init)?;
        // SAFETY: The function may be called in any context. The count is given to the queue.
        if !unsafe { rust_bpf_helper_work_begins(T::reclaim()) } {
            return Err(ENODEV);
        }
        let object = ARef::into_raw(work.clone());
        // SAFETY: The object is valid, so its header is. The object is new, so no code uses its
        // `rcu`: only the release of the last reference and this queue do. The queue takes over the
        // reference that `clone` added.
        unsafe {
            let header = NonNull::new_unchecked(&raw mut (*object.as_ptr()).header);
            Inner::add(&self.inner, header);
        }
        Ok(work)
    }

    /// Returns the number of works that have not ended.
    pub fn len(&self) -> u32 {
        self.inner.length.load(Acquire)
    }

    /// Returns whether all works have ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how often [`start`](Self::start) has failed because the queue was full.
    pub fn refused(&self) -> u64 {
        self.inner.refused.load(Relaxed)
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_work_queue)]
mod tests {
    use super::*;
    use crate::{
        lock::ResSpinLock,
        work::{
            Running,
            Status, //
        }, //
    };
    use kernel::time::{
        delay::fsleep,
        Delta, //
    };

    /// The digits of the works that have run.
    static DIGITS: Atomic<u32> = Atomic::new(0);

    #[pin_data]
    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_work")]
    struct Digit {
        digit: u32,
        milliseconds: i64,
        #[pin]
        status: Status,
    }

    impl Work for Digit {
        fn run(self: &Object<Self>, running: &Running) {
            let _ = self.status.finish(running, || {
                fsleep(Delta::from_millis(self.milliseconds));
                let digits = DIGITS.load(Relaxed);
                DIGITS.store(digits.wrapping_mul(10).wrapping_add(self.digit), Relaxed);
                Ok(self.digit)
            });
        }
    }

    fn digit(digit: u32, milliseconds: i64) -> impl PinInit<Digit> {
        pin_init!(Digit {
            digit,
            milliseconds,
            status <- Status::new(),
        })
    }

    /// Waits until no work is left, and returns the digits.
    fn digits(queue: &Queue<Digit>) -> u32 {
        for _ in 0..1000 {
            if queue.is_empty() {
                break;
            }
            fsleep(Delta::from_millis(1));
        }
        DIGITS.load(Relaxed)
    }

    fn queue(limit: u32) -> Result<Queue<Digit>> {
        DIGITS.store(0, Relaxed);
        Queue::new(limit)
    }

    #[test]
    fn works_run_in_the_order_of_their_start() -> Result {
        let queue = queue(9)?;
        for number in 1..9 {
            drop(queue.start(digit(number, if number == 1 { 20 } else { 0 }))?);
        }
        let last = queue.start(digit(9, 0))?;
        assert_eq!(last.status.poll(), Err(crate::compat::EINPROGRESS));
        assert_eq!(last.status.wait(1000), Ok(9));
        assert_eq!(digits(&queue), 123_456_789);
        assert_eq!(queue.refused(), 0);
        Ok(())
    }

    #[test]
    fn a_work_starts_with_interrupts_off() -> Result {
        static LOCK: ResSpinLock<()> = ResSpinLock::new(());

        let queue = queue(2)?;
        let works = LOCK.with(|()| (queue.start(digit(1, 0)), queue.start(digit(2, 0))))?;
        assert_eq!(works.0?.status.wait(1000), Ok(1));
        assert_eq!(works.1?.status.wait(1000), Ok(2));
        assert_eq!(digits(&queue), 12);
        Ok(())
    }

    #[test]
    fn a_full_queue_refuses_a_work() -> Result {
        let queue = queue(2)?;
        let slow = queue.start(digit(1, 50))?;
        drop(queue.start(digit(2, 0))?);
        assert_eq!(queue.start(digit(3, 0)).err(), Some(EAGAIN));
        assert_eq!((queue.len(), queue.refused()), (2, 1));
        assert_eq!(slow.status.wait(1000), Ok(1));
        assert_eq!(digits(&queue), 12);
        drop(queue.start(digit(4, 0))?);
        assert_eq!(digits(&queue), 124);
        assert_eq!(
            super::Queue::<Digit>::new(0)?.start(digit(1, 0)).err(),
            Some(EAGAIN)
        );
        Ok(())
    }

    #[test]
    fn a_work_that_is_not_initialized_takes_no_room() -> Result {
        let queue = queue(1)?;
        let failing = try_pin_init!(Digit {
            digit: Err(ENOENT)?,
            milliseconds: 0,
            status <- Status::new(),
        }? Error);
        assert_eq!(queue.start(failing).err(), Some(ENOENT));
        assert!(queue.is_empty());
        drop(queue.start(digit(5, 0))?);
        assert_eq!(digits(&queue), 5);
        Ok(())
    }

    #[test]
    fn a_queue_has_a_largest_limit() -> Result {
        drop(queue(MAX)?);
        for limit in [MAX + 1, u32::MAX] {
            assert_eq!(queue(limit).err(), Some(EINVAL));
        }
        Ok(())
    }

    #[pin_data]
    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_waiting")]
    struct Waiting {
        on: ARef<Object<Digit>>,
        #[pin]
        status: Status,
    }

    impl Work for Waiting {
        fn run(self: &Object<Self>, running: &Running) {
            let _ = self.status.finish(running, || self.on.status.wait(1000));
        }
    }

    #[test]
    fn a_work_cannot_wait_for_a_work() -> Result {
        let queue = queue(1)?;
        let on = queue.start(digit(1, 20))?;
        let other = on.clone();
        let waiting = super::Queue::new(1)?.start(pin_init!(Waiting {
            on: other,
            status <- Status::new(),
        }))?;
        assert_eq!(waiting.status.wait(1000), Err(EDEADLK));
        assert_eq!(on.status.wait(1000), Ok(1));
        Ok(())
    }

    #[test]
    fn works_end_without_their_queue() -> Result {
        let queue = queue(2)?;
        let first = queue.start(digit(1, 20))?;
        let second = queue.start(digit(2, 0))?;
        drop(queue);
        assert_eq!(first.status.wait(1000), Ok(1));
        assert_eq!(second.status.wait(1000), Ok(2));
        Ok(())
    }
}
