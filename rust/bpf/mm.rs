// SPDX-License-Identifier: GPL-2.0

//! Virtual memory areas and address spaces as arguments of kfuncs.
//!
//! `T` in [`Trusted<'_, T>`](crate::Trusted) is [`Vma`] or [`Mm`].
//!
//! This module takes no lock of an address space, and does not read memory of user space.
//!
//! C header: [`include/linux/mm_types.h`](srctree/include/linux/mm_types.h)

use crate::kernel_type;

kernel_type! {
    /// An area of virtual memory. Another thread can change the area meanwhile, unless the program
    /// holds a lock of the address space.
    ///
    /// C: `struct vm_area_struct`.
    pub struct Vma: vm_area_struct {
        /// The address of the first byte.
        pub vm_start: usize = __bindgen_anon_1.__bindgen_anon_1.vm_start,
        /// The address after the last byte.
        pub vm_end: usize = __bindgen_anon_1.__bindgen_anon_1.vm_end,
        /// The flags: `VM_*`.
        pub vm_flags: usize = __bindgen_anon_2.vm_flags,
        /// The offset of the area in its file, in pages.
        pub vm_pgoff: usize,
    }
}

kernel_type! {
    /// An address space.
    ///
    /// C: `struct mm_struct`.
    pub struct Mm: mm_struct {}
}
