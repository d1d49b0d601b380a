// SPDX-License-Identifier: GPL-2.0

//! Files, inodes, dentries and credentials as arguments of kfuncs.
//!
//! `T` in [`Trusted<'_, T>`](crate::Trusted) is [`File`], [`Credential`], [`Inode`] or [`Dentry`].
//! For the first two, the fields come from the abstractions of the kernel crate.
//!
//! This module does not read or write files, does not resolve paths, and gives no names: the name
//! of a dentry can change at any time. A program has kfuncs of the kernel for that
//! (`bpf_path_d_path()`, `bpf_dynptr_from_file()`).
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/dcache.h`](srctree/include/linux/dcache.h),
//! [`include/linux/cred.h`](srctree/include/linux/cred.h)

use crate::{
    kernel_type,
    kernel_type::{
        KernelType,
        RcuType,
        Trusted, //
    }, //
};
use kernel::{
    cred::Credential,
    fs::{
        File,
        LocalFile, //
    },
    task::Kuid, //
};

kernel_type! {
    /// The fields of a file that code can read without a reference.
    pub struct FileFields: file {
        /// The mode: `FMODE_*`.
        pub f_mode: u32,
        /// The position in bytes. Another thread can change the position meanwhile.
        pub f_pos: i64,
    }
}

impl FileFields {
    /// Returns the file as the type of the kernel crate. The caller must not let the reference out:
    /// safe code could make an `ARef` of it.
    fn file(&self) -> &LocalFile {
        // SAFETY: `LocalFile` is a transparent wrapper of `struct file`, whose memory is allocated.
        // The callers below use only methods that do not need a count.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }

    /// Returns the flags of `open()`; see [`kernel::fs::file::flags`].
    pub fn flags(&self) -> u32 {
        self.file().flags()
    }

    /// Returns the effective user id of the task that opened the file.
    pub fn euid(&self) -> Kuid {
        // The kernel sets the credentials before anyone sees the file, keeps them as long as the
        // file, and frees them after a grace period.
        self.file().cred().euid()
    }
}

// SAFETY: `FileFields` describes `struct file` to `scripts/rust-btf`.
unsafe impl KernelType for File {
    const BTF: &'static str = <FileFields as KernelType>::BTF;
    type Fields = FileFields;
}

// SAFETY: The one RCU pointer of the verifier is `exe_file` of `struct mm_struct`. The kernel's cache
// of files keeps the memory of a file a `struct file` until a grace period has passed
// (`SLAB_TYPESAFE_BY_RCU`), and frees the credentials of the file after a grace period.
unsafe impl RcuType for File {}

impl<'a> From<&'a File> for Trusted<'a, File> {
    fn from(file: &'a File) -> Self {
        // SAFETY: The reference keeps the file for `'a`.
        unsafe { Trusted::from_raw(core::ptr::from_ref(file).cast()) }
    }
}

kernel_type! {
    /// The fields of credentials that code can read without a reference.
    pub struct CredFields: cred {
        /// The security bits: `SECBIT_*`.
        pub securebits: u32,
        /// The capabilities that are effective, a bit for each.
        pub cap_effective: u64 = cap_effective.val,
    }
}

impl CredFields {
    /// Returns the effective user id.
    pub fn euid(&self) -> Kuid {
        // SAFETY: `Credential` is a transparent wrapper of `struct cred`, whose memory is
        // allocated. The method does not need a count.
        let cred: &Credential = unsafe { &*core::ptr::from_ref(self).cast() };
        cred.euid()
    }
}

// SAFETY: `CredFields` describes `struct cred` to `scripts/rust-btf`.
unsafe impl KernelType for Credential {
    const BTF: &'static str = <CredFields as KernelType>::BTF;
    type Fields = CredFields;
}

impl<'a> From<&'a Credential> for Trusted<'a, Credential> {
    fn from(cred: &'a Credential) -> Self {
        // SAFETY: The reference keeps the credentials for `'a`.
        unsafe { Trusted::from_raw(core::ptr::from_ref(cred).cast()) }
    }
}

kernel_type! {
    /// An inode.
    ///
    /// C: `struct inode`.
    pub struct Inode: inode {
        /// The number of the inode in its file system.
        pub i_ino: u64,
        /// The type and the permissions: `S_IF*` and `S_I*`.
        pub i_mode: u16,
        /// The size in bytes. Another CPU can change the size meanwhile.
        pub i_size: i64,
        /// The owner, in the initial user namespace.
        pub i_uid: u32 = i_uid.val,
        /// The group, in the initial user namespace.
        pub i_gid: u32 = i_gid.val,
        /// The device number, if the inode is a device.
        pub i_rdev: u32,
        /// The generation, which NFS uses.
        pub i_generation: u32,
    }
}

kernel_type! {
    /// An entry of the cache of directory entries.
    ///
    /// C: `struct dentry`.
    pub struct Dentry: dentry {
        /// The flags: `DCACHE_*`.
        pub d_flags: u32,
    }
}
