// SPDX-License-Identifier: GPL-2.0

//! Runs the tool on objects that the compiler makes of small sources, with the options of the
//! kernel's build.

// Helper functions without `#[test]` fail by a panic, too.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::{
    env,
    fs,
    path::{
        Path,
        PathBuf, //
    },
    process::Command, //
};

/// A folder that is removed when the value is dropped.
struct Bench(PathBuf);

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The messages of the tool, and whether it accepted the objects.
struct Answer {
    content: bool,
    text: String,
}

impl Bench {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("rust-panic-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Compiles a source to an object, with additional options.
    fn compile_with(&self, name: &str, source: &str, options: &[&str]) -> PathBuf {
        let file = self.path(&format!("{name}.rs"));
        let object = self.path(&format!("{name}.o"));
        fs::write(&file, format!("#![no_std]\n{source}")).unwrap();
        let output = Command::new(env::var("RUSTC").unwrap_or("rustc".into()))
            .args(["--edition=2021", "--crate-type=rlib", "--crate-name", name])
            .args(["-Cpanic=abort", "-Copt-level=2", "-Coverflow-checks=on"])
            .args([
                "-Ccodegen-units=1",
                "-Csymbol-mangling-version=v0",
                "-Cdebuginfo=2",
            ])
            .args(["-Crelocation-model=static", "--emit=obj"])
            .args(options)
            .arg("-o")
            .args([&object, &file])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        object
    }

    fn compile(&self, name: &str, source: &str) -> PathBuf {
        self.compile_with(name, source, &[])
    }

    fn run(&self, args: &[&Path]) -> Answer {
        let output = Command::new(env!("CARGO_BIN_EXE_rust-panic"))
            .current_dir(&self.0)
            .args(args)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 1)), "exit code {code:?}: {text}");
        Answer {
            content: code == Some(0),
            text,
        }
    }

    /// Compiles a source and runs the tool on the object.
    fn check(&self, source: &str) -> Answer {
        let object = self.compile("sample", source);
        self.run(&[&object])
    }
}

impl Answer {
    /// Fails if the tool accepted the objects, or if one of the texts is not in its messages.
    fn says(&self, texts: &[&str]) {
        assert!(!self.content, "the tool accepted it: {}", self.text);
        for text in texts {
            assert!(self.text.contains(text), "no '{text}' in: {}", self.text);
        }
    }

    fn is_content(&self) {
        assert!(self.content && self.text.is_empty(), "{}", self.text);
    }
}

// The compiler emits a small function without `#[inline(never)]` only inside its callers.

/// The attributes that `#[may_panic]` expands to.
const MAY_PANIC: &str = "#[inline(never)] #[link_section = \".text.bpf_may_panic\"]";

#[test]
fn each_kind_of_panic_is_reported() {
    let bench = Bench::new("kinds");
    for (code, text) in [
        (
            "(a: u32, b: u32) -> u32 { a + b }",
            "an addition can overflow",
        ),
        (
            "(a: u32, b: u32) -> u32 { a - b }",
            "a subtraction can overflow",
        ),
        (
            "(a: u32, b: u32) -> u32 { a * b }",
            "a multiplication can overflow",
        ),
        ("(a: i32) -> i32 { -a }", "a negation can overflow"),
        (
            "(a: u32, b: u32) -> u32 { a << b }",
            "a shift can be by more bits",
        ),
        (
            "(a: u32, b: u32) -> u32 { a >> b }",
            "a shift can be by more bits",
        ),
        (
            "(a: u32, b: u32) -> u32 { a / b }",
            "a division can be by zero",
        ),
        (
            "(a: i32, b: i32) -> i32 { a / b }",
            "a division can overflow",
        ),
        (
            "(a: u32, b: u32) -> u32 { a % b }",
            "the divisor of a remainder can be zero",
        ),
        (
            "(a: &[u8], b: usize) -> u8 { a[b] }",
            "an index can be out of bounds",
        ),
        (
            "(a: &[u8], b: usize) -> &[u8] { &a[b..] }",
            "a range can be out of bounds",
        ),
        (
            "(a: &str, b: usize) -> &str { &a[b..] }",
            "a range of a string can be out of bounds",
        ),
        (
            "(a: Option<u32>) -> u32 { a.unwrap() }",
            "`unwrap()` can be called on `None`",
        ),
        (
            "(a: Option<u32>) -> u32 { a.expect(\"\") }",
            "`expect()` can be called on `None`",
        ),
        (
            "(a: Result<u32, u8>) -> u32 { a.unwrap() }",
            "can be called on an `Err`",
        ),
        (
            "(a: &mut [u8], b: &[u8]) { a.copy_from_slice(b) }",
            "`copy_from_slice()` can get slices",
        ),
        (
            "(a: &core::cell::RefCell<u8>) { *a.borrow_mut() = 1 }",
            "a `RefCell` can already be borrowed",
        ),
        (
            "(a: u32) { assert_eq!(a, 1) }",
            "`assert_eq!` or `assert_ne!` can fail",
        ),
        ("(a: u32) { assert!(a == 1) }", "`panic!`, `assert!`"),
        (
            "(a: &[u32]) -> u32 { a.iter().sum() }",
            "the sum or product of an iterator",
        ),
    ] {
        let answer = bench.check(&format!("\n#[inline(never)] pub fn sample{code}"));
        answer.says(&[
            "sample.rs:3: error: sample::sample: ",
            text,
            "\n    write: ",
        ]);
        assert!(
            answer.text.contains(" to stop the kernel. "),
            "{}",
            answer.text
        );
    }
}

#[test]
fn functions_that_cannot_panic_are_accepted() {
    let bench = Bench::new("content");
    for code in [
        "(a: u32, b: u32) -> Option<u32> { a.checked_add(b) }",
        "(a: u32, b: u32) -> u32 { if b == 0 { 0 } else { a / b } }",
        "(a: &[u8; 256], b: u8) -> u8 { a[usize::from(b)] }",
        "(a: &mut [u8], b: &[u8]) { if a.len() == b.len() { a.copy_from_slice(b) } }",
        "(a: &[u8]) -> Option<&str> { core::str::from_utf8(a).ok() }",
        "(a: &mut dyn core::fmt::Write, b: u32) { let _ = write!(a, \"{b:>5} {:?}\", Some(b)); }",
    ] {
        bench
            .check(&format!("#[inline(never)] pub fn sample{code}"))
            .is_content();
    }
}

#[test]
fn panics_are_reported_once_and_in_order_of_lines() {
    let bench = Bench::new("all");
    let answer = bench.check(
        "#[inline(never)] pub fn b(a: u32) -> u32 {
            (a + 1) *
                3
        }
        #[inline(never)] pub fn a(a: &[u32]) -> u32 { a[1] + a[2] }",
    );
    let lines: Vec<&str> = answer
        .text
        .lines()
        .filter(|line| line.contains("error: "))
        .collect();
    assert_eq!(
        lines,
        [
            "sample.rs:3: error: sample::b: a multiplication can overflow",
            "sample.rs:3: error: sample::b: an addition can overflow",
            "sample.rs:6: error: sample::a: an addition can overflow",
            "sample.rs:6: error: sample::a: an index can be out of bounds",
        ]
        .map(String::from)
    );
    answer.says(&["rust-panic: ", ": 4 ways to stop the kernel"]);
}

#[test]
fn report_names_the_entry_points() {
    let bench = Bench::new("entry");
    let answer = bench.check(
        "#[inline(never)] fn deep(a: u32) -> u32 { a + 1 }
        #[inline(never)] fn helper(a: u32) -> u32 { deep(a) ^ 1 }
        #[no_mangle] pub extern \"C\" fn bpf_first(a: u32) -> u32 { helper(a) ^ 2 }
        #[no_mangle] pub extern \"C\" fn bpf_iter_x_next(a: u32) -> u32 { deep(a) }",
    );
    answer.says(&[
        "sample.rs:2: error: sample::deep: an addition can overflow\n    \
         reached from: `next` of iterator `x`, kfunc `bpf_first`\n",
        ": a way to stop",
    ]);
}

#[test]
fn functions_called_through_pointers_are_checked() {
    let bench = Bench::new("pointers");
    bench
        .check(
            "pub trait T { fn f(&self, a: u32) -> u32; }
            struct S;
            impl T for S { fn f(&self, a: u32) -> u32 { a + 1 } }
            #[inline(never)] pub fn get() -> &'static dyn T { &S }",
        )
        .says(&["sample.rs:4: error: <sample::S as sample::T>::f: an addition can overflow"]);
    bench
        .check("pub static TABLE: [fn(Option<u8>) -> u8; 1] = [Option::unwrap];")
        .says(&["`unwrap()` can be called on `None`"]);
    bench
        .check(
            "#[inline(never)] pub fn get() -> fn(Option<u8>) -> u8 {
                Option::unwrap
            }",
        )
        .says(&["error: sample::get: `unwrap()` can be called on `None`"]);
}

#[test]
fn panic_in_code_of_another_crate_belongs_to_its_caller() {
    let bench = Bench::new("foreign");
    let source = "fn middle(a: &mut [u64], index: usize) {
            a.select_nth_unstable(index);
        }";
    bench
        .check(&format!("#[inline(never)] pub {source}"))
        .says(&["sample.rs:3: error: sample::middle: ", "\n    in: `"]);
    bench
        .check(&format!("{MAY_PANIC} pub {source}"))
        .is_content();
}

#[test]
fn panics_in_a_may_panic_function_are_not_reported() {
    let bench = Bench::new("may");
    bench
        .check(&format!(
            "{MAY_PANIC} pub fn f(a: u32) -> u32 {{ a + 1 }}
            pub fn g(a: u32) -> u32 {{ f(a) }}"
        ))
        .is_content();
    // A closure is part of the function.
    bench
        .check(&format!(
            "{MAY_PANIC} pub fn f(a: &mut dyn FnMut(&dyn Fn(u32) -> u32)) {{ a(&|b| b + 1) }}"
        ))
        .is_content();
    // A called function is not part of it.
    bench
        .check(&format!(
            "#[inline(never)] pub fn g(a: u32) -> u32 {{ a + 1 }}
            {MAY_PANIC} pub fn f(a: u32) -> u32 {{ g(a) }}"
        ))
        .says(&[
            "error: sample::g: an addition can overflow",
            ": a way to stop",
        ]);
}

#[test]
fn calls_are_followed_into_other_objects() {
    let bench = Bench::new("with");
    let sample = bench.compile(
        "sample",
        "extern \"C\" { fn other(a: u32) -> u32; }
        #[inline(never)] pub fn sample(a: u32) -> u32 {
            unsafe { other(a) ^ 1 }
        }",
    );
    let other = |code: &str| {
        bench.compile(
            "other",
            &format!(
                "#[inline(never)] fn deep(a: u32) -> u32 {{ {code} }}
                #[no_mangle] pub extern \"C\" fn other(a: u32) -> u32 {{ deep(a) ^ 1 }}"
            ),
        )
    };
    bench.run(&[&sample]).is_content();
    let option = Path::new("--with");
    bench
        .run(&[option, &other("a + 1"), &sample])
        .says(&["sample.rs:4: error: sample::sample: this calls `other`, which can panic"]);
    bench.run(&[option, &other("a ^ 1"), &sample]).is_content();
}

#[test]
fn kfunc_that_waits_for_a_spinlock_is_reported() {
    let bench = Bench::new("wait");
    let lock = "extern \"C\" { fn rust_helper_spin_lock(); }";
    bench
        .check(&format!(
            "{lock}
            #[inline(never)] fn lock() {{ unsafe {{ rust_helper_spin_lock() }} }}
            #[no_mangle] pub extern \"C\" fn init_module() {{ lock() }}"
        ))
        .is_content();
    bench
        .check(&format!(
            "{lock}
            #[inline(never)] fn lock(a: u32) -> u32 {{
                unsafe {{ rust_helper_spin_lock() }}
                a ^ 1
            }}
            #[no_mangle] pub extern \"C\" fn init_module() -> u32 {{ lock(1) ^ 1 }}
            {MAY_PANIC} #[no_mangle] pub extern \"C\" fn bpf_x(a: u32) -> u32 {{ lock(a) ^ 2 }}"
        ))
        .says(&[
            "sample.rs:4: error: sample::lock: a kfunc waits for a spinlock",
            "reached from: init of the module, kfunc `bpf_x`",
            "write: `bpf::ResSpinLock`",
        ]);
}

/// A guard can be forgotten. The kernel calls the init function, which is another matter.
#[test]
fn kfunc_that_gets_a_guard_is_reported() {
    let bench = Bench::new("guard");
    let lock = "extern \"C\" { fn rust_helper_local_interrupt_disable(); }
        #[inline(never)] fn off() { unsafe { rust_helper_local_interrupt_disable() } }";
    bench
        .check(&format!(
            "{lock} #[no_mangle] pub extern \"C\" fn init_module() {{ off() }}"
        ))
        .is_content();
    bench
        .check(&format!(
            "{lock} {MAY_PANIC} #[no_mangle] pub extern \"C\" fn bpf_x() {{ off() }}"
        ))
        .says(&[
            "sample.rs:3: error: sample::off: a kfunc turns preemption or interrupts off",
            "reached from: kfunc `bpf_x`",
        ]);
}

/// A list of kfuncs with their flags, as `kfunc_set!` writes it. Without `flags` of the list, it is
/// no list of kfuncs.
fn list(flags: u32, kfuncs: &[(&str, u32)]) -> String {
    let entries = kfuncs.iter().map(|(name, flags)| {
        let id = format!("__BTF_ID__func__{name}__1x0");
        format!("\\n.local {id}\\n{id}:\\n.zero 4\\n.long {flags}")
    });
    let entries = entries.collect::<Vec<_>>().concat();
    format!(
        "core::arch::global_asm!(\".pushsection .BTF_ids,\\\"a\\\"\\n.balign 4\\n\
         .local __BTF_ID__set8__list{flags}\\n__BTF_ID__set8__list{flags}:\\n.zero 4\\n.long {flags}\
         {entries}\\n\
         .size __BTF_ID__set8__list{flags}, .-__BTF_ID__set8__list{flags}\\n.popsection\");\n"
    )
}

/// The flag of kfuncs that may sleep.
const SLEEPABLE: u32 = 1 << 5;

#[test]
fn sleep_in_a_kfunc_that_is_not_sleepable_is_reported() {
    let bench = Bench::new("sleep");
    let source = "extern \"C\" { fn rust_helper_mutex_lock(); }
        #[inline(never)] fn lock(a: u32) -> u32 {
            unsafe { rust_helper_mutex_lock() }
            a ^ 1
        }
        #[no_mangle] pub extern \"C\" fn init_module() -> u32 { lock(1) ^ 1 }
        #[no_mangle] pub extern \"C\" fn bpf_x(a: u32) -> u32 { lock(a) ^ 2 }
        #[no_mangle] pub extern \"C\" fn bpf_y(a: u32) -> u32 { lock(a) ^ 3 }
        ";
    for other in [
        list(1, &[("bpf_x", SLEEPABLE), ("bpf_y", SLEEPABLE | 2)]),
        // The functions of the second list are not kfuncs.
        list(1, &[("bpf_x", SLEEPABLE)]) + &list(0, &[("bpf_y", 0)]),
        String::new(),
    ] {
        bench.check(&format!("{source}{other}")).is_content();
    }
    let kfuncs = list(1, &[("bpf_x", SLEEPABLE), ("bpf_y", !SLEEPABLE)]);
    bench.check(&format!("{source}{kfuncs}")).says(&[
        "sample.rs:4: error: sample::lock: this calls `rust_helper_mutex_lock`, which may sleep \
         (`mutex_lock`), but the kfunc is not `sleepable`\n    \
         reached from: kfunc `bpf_y`\n    \
         write: `#[kfunc(sleepable)]`, so that only programs that may sleep call it; or \
         `bpf::ResSpinLock`",
        ": a way to stop",
    ]);
}

#[test]
fn sleep_in_code_that_is_no_kfunc_is_reported() {
    let bench = Bench::new("sleepless");
    for (function, entry) in [
        (
            "#[no_mangle] pub extern \"C\" fn bpf_dtor_x() {",
            "destructor of references in maps",
        ),
        (
            "pub static NAME: unsafe extern \"C\" fn() = { unsafe extern \"C\" fn helper() {",
            "helper `sample::NAME`",
        ),
    ] {
        let end = if function.contains("static") {
            "} helper };"
        } else {
            "}"
        };
        bench
            .check(&format!(
                "extern \"C\" {{ fn msleep(); }} {function}\nunsafe {{ msleep() }} {end}"
            ))
            .says(&[
                "sample.rs:3: error: ",
                "this calls `msleep`, which may sleep, but the caller must not sleep\n",
                entry,
                "write: a work (`bpf::work`)",
            ]);
    }
}

#[test]
fn sleep_is_followed_by_calls_into_other_objects() {
    let bench = Bench::new("sleepers");
    let kfuncs = list(1, &[("bpf_x", 0)]);
    let other = bench.compile(
        "other",
        "extern \"C\" { fn msleep(); fn queue(work: unsafe extern \"C\" fn()); }
        #[inline(never)] fn deep(a: u32) -> u32 { unsafe { msleep() } a ^ 1 }
        #[no_mangle] pub extern \"C\" fn sleeps(a: u32) -> u32 { deep(a) ^ 2 }
        // It does not sleep: the work does, later.
        #[no_mangle] pub extern \"C\" fn starts() { unsafe { queue(work) } }
        unsafe extern \"C\" fn work() { msleep() }
        // It sleeps in a call through a pointer: the tool knows the name.
        #[no_mangle] pub extern \"C\" fn hid_hw_open(f: extern \"C\" fn()) { f() }",
    );
    let sample = |code: &str| {
        bench.compile(
            "sample",
            &format!(
                "extern \"C\" {{ fn sleeps(a: u32) -> u32; fn starts(); fn work();
                    fn hid_hw_open(); }}
                #[no_mangle] pub unsafe extern \"C\" fn bpf_x(a: u32) -> u32 {{
                    {code}
                }}
                {kfuncs}"
            ),
        )
    };
    for option in ["--with", "--checked"] {
        let run = |sample: &Path| bench.run(&[Path::new(option), &other, sample]);
        run(&sample("sleeps(a)")).says(&[
            "sample.rs:5: error: bpf_x: this calls `sleeps`, which may sleep (`msleep`), but",
        ]);
        run(&sample("hid_hw_open(); a")).says(&["this calls `hid_hw_open`, which may sleep, but"]);
        run(&sample("starts(); a")).is_content();
        // A function of this name is local there.
        run(&sample("work(); a")).is_content();
    }
    bench.run(&[&sample("sleeps(a)")]).is_content();
}

#[test]
fn panics_of_checked_objects_are_not_reported() {
    let bench = Bench::new("checked");
    let other = bench.compile(
        "other",
        "#[no_mangle] pub extern \"C\" fn other(a: u32) -> u32 { a + 1 }",
    );
    let sample = bench.compile(
        "sample",
        "extern \"C\" { fn other(a: u32) -> u32; }
        #[inline(never)] pub fn sample(a: u32) -> u32 { unsafe { other(a) ^ 1 } }",
    );
    bench
        .run(&[Path::new("--checked"), &other, &sample])
        .is_content();
}

#[test]
fn allocation_that_may_sleep_is_reported() {
    let bench = Bench::new("alloc");
    let kfuncs = list(1, &[("bpf_x", 0)]);
    let sample = |flags: &str| {
        bench.check(&format!(
            "extern \"C\" {{
                fn rust_helper_krealloc_node_align(
                    p: *const u8, size: usize, align: usize, flags: u32, nid: i32,
                ) -> *mut u8;
            }}
            #[no_mangle] pub unsafe extern \"C\" fn bpf_x(a: u32) -> *mut u8 {{
                rust_helper_krealloc_node_align(core::ptr::null(), 8, 8, {flags}, -1)
            }}
            {kfuncs}"
        ))
    };
    // `GFP_KERNEL`, `GFP_ATOMIC`, and flags that only the caller knows.
    sample("0xcc0").says(&["sample.rs:8: error: bpf_x: ", "may sleep (`GFP_KERNEL`)"]);
    sample("0x820").is_content();
    sample("a").is_content();
}

#[test]
fn function_with_two_names_is_found_by_both() {
    let bench = Bench::new("alias");
    let two_names = "core::arch::global_asm!(
            \".globl bpf_two\", \".type bpf_two, @function\", \".set bpf_two, bpf_one\"
        );
        #[no_mangle] pub extern \"C\" fn bpf_one(a: u32) -> u32 { a + 1 }";
    let two = bench.compile("two", two_names);
    bench
        .run(&[&two])
        .says(&["reached from: kfunc `bpf_one`, kfunc `bpf_two`"]);
    let sample = bench.compile(
        "sample",
        "extern \"C\" { fn bpf_two(a: u32) -> u32; }
        #[inline(never)] pub fn sample(a: u32) -> u32 { unsafe { bpf_two(a) ^ 1 } }",
    );
    bench
        .run(&[Path::new("--with"), &two, &sample])
        .says(&["this calls `bpf_two`, which can panic"]);
}

#[test]
fn object_linked_from_several_is_checked() {
    let bench = Bench::new("linked");
    let one = bench.compile(
        "one",
        "#[inline(never)] pub fn one(a: u32) -> u32 { a + 1 }",
    );
    let two = bench.compile(
        "two",
        &format!("{MAY_PANIC} pub fn two(a: u32) -> u32 {{ a - 1 }}"),
    );
    let three = bench.compile(
        "three",
        "#[inline(never)] pub fn three(a: u32) -> u32 { a * 3 }",
    );
    let linked = bench.path("linked.o");
    let status = Command::new("ld")
        .args(["-r", "-o"])
        .args([&linked, &one, &two, &three])
        .status()
        .unwrap();
    assert!(status.success());
    bench.run(&[&linked]).says(&[
        "one.rs:2: error: one::one: an addition can overflow",
        "three.rs:2: error: three::three: a multiplication can overflow",
        ": 2 ways to stop",
    ]);
}

#[test]
fn panic_without_debug_information_has_no_line() {
    let bench = Bench::new("nodebug");
    let object = bench.compile_with(
        "sample",
        "#[inline(never)] pub fn f(a: u32) -> u32 { a + 1 }",
        &["-Cdebuginfo=0"],
    );
    bench
        .run(&[&object])
        .says(&["?: error: sample::f: an addition can overflow"]);
}

#[test]
fn files_that_are_no_objects_are_errors() {
    let bench = Bench::new("files");
    let object = bench.compile(
        "sample",
        "#[inline(never)] pub fn f(a: u32) -> u32 { a ^ 1 }",
    );
    let missing = bench.path("missing.o");
    bench.run(&[&missing]).says(&["cannot read", "missing.o"]);
    let text = bench.path("text.o");
    fs::write(&text, "text").unwrap();
    bench.run(&[&text]).says(&["text.o: no valid ELF file"]);
    bench
        .run(&[Path::new("/proc/self/exe")])
        .says(&["not a relocatable object; give a .o file"]);

    let mut other = fs::read(&object).unwrap();
    other[18] = 243; // RISC-V
    let machine = bench.path("machine.o");
    fs::write(&machine, other).unwrap();
    bench.run(&[&machine]).says(&["only x86-64 and arm64 are"]);
}

#[test]
fn damaged_objects_do_not_crash_the_tool() {
    let bench = Bench::new("damaged");
    let object = bench.compile(
        "sample",
        "#[inline(never)] pub fn f(a: &[u8]) -> u8 { a[1] }",
    );
    let whole = fs::read(&object).unwrap();
    let damaged = bench.path("damaged.o");
    for part in 0..40 {
        fs::write(&damaged, &whole[..whole.len() * part / 40]).unwrap();
        bench.run(&[&damaged]);
        let mut changed = whole.clone();
        for byte in changed.iter_mut().skip(part * 7 + 64).step_by(97) {
            *byte ^= 0x55;
        }
        fs::write(&damaged, &changed).unwrap();
        bench.run(&[&damaged]);
    }
}
