// SPDX-License-Identifier: GPL-2.0

//! Interprets the names of functions: the crate, the kind of panic, and the kind of entry point.
//!
//! This module does not read objects, and does not know which function calls which.

/// A kind of panic: the event, and the code to write instead.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) what: &'static str,
    pub(crate) instead: &'static str,
}

/// The functions of the core crate that panic, by their paths; `*` matches any text.
static KINDS: &[(&str, Kind)] = &[
    (
        "core::panicking::panic_const::panic_const_add_overflow",
        Kind {
            what: "an addition can overflow",
            instead: "`a.checked_add(b).ok_or(EOVERFLOW)?`, `a.saturating_add(b)`, or \
                      `a.wrapping_add(b)` where it may wrap",
        },
    ),
    (
        "core::panicking::panic_const::panic_const_sub_overflow",
        Kind {
            what: "a subtraction can overflow",
            instead: "`a.checked_sub(b).ok_or(EOVERFLOW)?`, `a.saturating_sub(b)`, or \
                      `a.wrapping_sub(b)` where it may wrap",
        },
    ),
    (
        "core::panicking::panic_const::panic_const_mul_overflow",
        Kind {
            what: "a multiplication can overflow",
            instead: "`a.checked_mul(b).ok_or(EOVERFLOW)?`, `a.saturating_mul(b)`, or \
                      `a.wrapping_mul(b)` where it may wrap",
        },
    ),
    (
        "core::panicking::panic_const::panic_const_neg_overflow",
        Kind {
            what: "a negation can overflow",
            instead: "`a.checked_neg().ok_or(EOVERFLOW)?`, or `a.wrapping_neg()`",
        },
    ),
    (
        "core::panicking::panic_const::panic_const_shl_overflow",
        Kind {
            what: "a shift can be by more bits than the type has",
            instead: "`a.checked_shl(n).ok_or(EINVAL)?`, or `a.wrapping_shl(n)`",
        },
    ),
    (
        "core::panicking::panic_const::panic_const_shr_overflow",
        Kind {
            what: "a shift can be by more bits than the type has",
            instead: "`a.checked_shr(n).ok_or(EINVAL)?`, or `a.wrapping_shr(n)`",
        },
    ),
    (
        "core::panicking::panic_const::panic_const_div_by_zero",
        Kind {
            what: "a division can be by zero",
            instead: "`a.checked_div(b).ok_or(EINVAL)?`",
        },
    ),
    (
        "core::panicking::panic_const::panic_const_div_overflow",
        Kind {
            what: "a division can overflow (`MIN / -1`)",
            instead: "`a.checked_div(b).ok_or(EOVERFLOW)?`",
        },
    ),
    (
        "core::panicking::panic_const::panic_const_rem_by_zero",
        Kind {
            what: "the divisor of a remainder can be zero",
            instead: "`a.checked_rem(b).ok_or(EINVAL)?`",
        },
    ),
    (
        "core::panicking::panic_const::panic_const_rem_overflow",
        Kind {
            what: "a remainder can overflow (`MIN % -1`)",
            instead: "`a.checked_rem(b).ok_or(EOVERFLOW)?`",
        },
    ),
    (
        "core::panicking::panic_bounds_check",
        Kind {
            what: "an index can be out of bounds",
            instead: "`array.get(index).ok_or(EINVAL)?`, `get_mut`, or an iterator",
        },
    ),
    (
        "core::slice::index::*",
        Kind {
            what: "a range can be out of bounds",
            instead: "`slice.get(from..to).ok_or(EINVAL)?`, `get_mut`, or `split_at_checked`",
        },
    ),
    (
        "core::str::slice_error_fail*",
        Kind {
            what: "a range of a string can be out of bounds, or in the middle of a character",
            instead: "`text.get(from..to).ok_or(EINVAL)?`, or work on `as_bytes()`",
        },
    ),
    (
        "core::option::unwrap_failed",
        Kind {
            what: "`unwrap()` can be called on `None`",
            instead: "`option.ok_or(EINVAL)?`, `let Some(value) = option else { ... }`, or \
                      `unwrap_or(...)`",
        },
    ),
    (
        "core::option::expect_failed",
        Kind {
            what: "`expect()` can be called on `None`",
            instead: "`option.ok_or(EINVAL)?`, or `let Some(value) = option else { ... }`",
        },
    ),
    (
        "core::result::unwrap_failed",
        Kind {
            what: "`unwrap()` or `expect()` can be called on an `Err`",
            instead: "`result?`, or `let Ok(value) = result else { ... }`",
        },
    ),
    (
        "*::len_mismatch_fail*",
        Kind {
            what: "`copy_from_slice()` can get slices of different lengths",
            instead:
                "`zip` over both, or compare the lengths and return an error; the compiler knows \
                      that slices from `get(..n)` with the same `n` are equally long",
        },
    ),
    (
        "core::cell::panic_already*",
        Kind {
            what: "a `RefCell` can already be borrowed",
            instead: "`cell.try_borrow_mut()`, or `Cell`",
        },
    ),
    (
        "core::panicking::assert_failed*",
        Kind {
            what: "`assert_eq!` or `assert_ne!` can fail",
            instead: "`if a != b { return Err(EINVAL); }`, or `build_assert!` if the compiler can \
                      evaluate it",
        },
    ),
    (
        "core::panicking::panic*",
        Kind {
            what:
                "`panic!`, `assert!`, `unreachable!` or `todo!` can be reached, or a function that \
                   has one of them",
            instead: "an error (`return Err(EINVAL)`), `warn_on!` for a report, or \
                      `build_assert!` if the compiler can evaluate it",
        },
    ),
    (
        "core::panicking::unreachable_display*",
        Kind {
            what: "`unreachable!` can be reached",
            instead: "an error (`return Err(EINVAL)`)",
        },
    ),
];

/// The kind of a function that can panic but has no entry in [`KINDS`].
pub(crate) static OTHER: Kind = Kind {
    what: "this can panic",
    instead: "a function that returns an `Option` or a `Result`, or a check before the call from \
              which the compiler sees that the panic is impossible",
};

/// The sum of an iterator, whose addition is in the core crate.
static SUM: Kind = Kind {
    what: "the sum or product of an iterator can overflow",
    instead: "`fold(0, |sum, x| sum.wrapping_add(x))`, or `try_fold()` with `checked_add`",
};

/// Not a panic: a kfunc must not wait for a spinlock.
static SPINLOCK: Kind = Kind {
    what: "a kfunc waits for a spinlock, which the code that the program interrupted may hold",
    instead: "`bpf::ResSpinLock`, which returns an error where a spinlock would wait for ever",
};

/// Not a panic: a kfunc must not get a guard that turns preemption or interrupts off, because safe
/// code can forget a guard.
static GUARD: Kind = Kind {
    what: "a kfunc turns preemption or interrupts off, and they stay off if it forgets the guard",
    instead: "`bpf::ResSpinLock`, whose `with()` turns them on again",
};

/// Not a panic: the same for an RCU read-side critical section.
static RCU: Kind = Kind {
    what:
        "a kfunc enters an RCU read-side critical section, and stays in it if it forgets the guard",
    instead: "`bpf::with_rcu(|rcu| ...)`, which has no guard, or a parameter `rcu: &rcu::Guard`; \
              either goes with `try_access_with_guard()`",
};

/// Not a panic: a kfunc must not read a clock with `ktime_get()` or a similar function, which
/// repeat the read until no update of the clock is in progress.
static CLOCK: Kind = Kind {
    what: "a kfunc waits for the update of a clock, and an NMI may have interrupted the update",
    instead: "a parameter for the time: the program calls `bpf_ktime_get_ns()`",
};

/// Not a panic: the same for locks that do not turn preemption off.
static HELD: Kind = Kind {
    what: "a kfunc takes a lock with a guard, and keeps the lock if it forgets the guard",
    instead: "a work (`bpf::work`), which a thread runs later; for the memory of a process, \
              `bpf::mm::VmaWalk`",
};

/// Not a panic: the kernel crate assumes that the current task has a table of open files.
static FILES: Kind = Kind {
    what: "a kfunc looks at the open files of the task, and a task that exits has none",
    instead: "a parameter for the file, which the program gets from the kernel",
};

/// The C functions with which a kfunc could stop the kernel, without the prefix of the kernel's
/// helpers for Rust; `*` matches any text.
static STOPPING: &[(&str, &Kind)] = &[
    ("spin_lock", &SPINLOCK),
    ("spin_lock_irq_disable", &SPINLOCK),
    ("_raw_spin_lock*", &SPINLOCK),
    ("_raw_read_lock*", &SPINLOCK),
    ("_raw_write_lock*", &SPINLOCK),
    ("xa_lock", &SPINLOCK),
    ("mtree_alloc_*", &SPINLOCK),
    ("mtree_erase", &SPINLOCK),
    ("mtree_insert*", &SPINLOCK),
    ("mtree_store*", &SPINLOCK),
    ("spin_trylock", &GUARD),
    ("spin_trylock_irq_disable", &GUARD),
    ("_raw_spin_trylock*", &GUARD),
    ("_raw_read_trylock*", &GUARD),
    ("_raw_write_trylock*", &GUARD),
    ("xa_trylock", &GUARD),
    ("local_interrupt_disable", &GUARD),
    // What is left of it if helpers are inlined.
    ("_local_interrupt_save_state", &GUARD),
    ("rcu_read_lock", &RCU),
    ("__rcu_read_lock", &RCU),
    ("srcu_read_lock*", &HELD),
    ("__srcu_read_lock*", &HELD),
    ("drm_dev_enter", &HELD),
    ("lock_vma_under_rcu", &HELD),
    ("mmap_read_lock", &HELD),
    ("mmap_read_trylock", &HELD),
    ("fget", &FILES),
    ("get_unused_fd_flags", &FILES),
    ("fd_install", &FILES),
    ("put_unused_fd", &FILES),
];

/// The kind of stop in the function with this symbol, if a kfunc could stop the kernel with it.
pub(crate) fn stops(symbol: &str) -> Option<&'static Kind> {
    let helper = symbol.strip_prefix("rust_helper_").unwrap_or(symbol);
    if helper.starts_with("ktime_get") && !helper.contains("_fast")
        || path(symbol).ends_with(" as kernel::time::ClockSource>::ktime_get")
    {
        return Some(&CLOCK);
    }
    STOPPING
        .iter()
        .find_map(|(pattern, kind)| matches(pattern, helper).then_some(*kind))
}

/// Whether this is a kind of stop, and not a kind of panic.
pub(crate) fn is_stop(kind: &Kind) -> bool {
    [&SPINLOCK, &GUARD, &RCU, &HELD, &FILES, &CLOCK].contains(&kind)
}

/// Whether BPF calls the function: a kfunc, a helper of a prologue or an epilogue, or the function
/// that drops the value of an object, which runs in an RCU callback.
pub(crate) fn is_called_by_bpf(symbol: &str) -> bool {
    symbol.starts_with("bpf_") || is_helper(symbol) || is_drop_value(symbol)
}

/// Whether this is the destructor of references in maps.
pub(crate) fn is_dtor(symbol: &str) -> bool {
    symbol.starts_with("bpf_dtor_")
}

/// Whether this is the name of a helper of a prologue or an epilogue. Other functions may have such
/// a name.
pub(crate) fn is_helper(symbol: &str) -> bool {
    path(symbol).ends_with("::helper")
}

/// Whether this function drops the value of an object, in an RCU callback.
pub(crate) fn is_drop_value(symbol: &str) -> bool {
    let path = path(symbol);
    path.starts_with("<bpf::object::Object<") && path.ends_with(">>::drop_value")
}

/// The name and the method of the iterator that a kfunc belongs to.
pub(crate) fn iterator(symbol: &str) -> Option<(&str, &str)> {
    let (name, method) = symbol.strip_prefix("bpf_iter_")?.rsplit_once('_')?;
    matches!(method, "new" | "next" | "destroy").then_some((name, method))
}

/// The type that a function drops, if it is the compiler's function for the drop of the type.
pub(crate) fn dropped(path: &str) -> Option<&str> {
    let ty = path.strip_prefix("core::ptr::drop_in_place::<");
    ty.or_else(|| path.strip_prefix("core::ptr::drop_glue::<"))?
        .strip_suffix('>')
}

/// What precedes the name of a traceable function in the symbol of the function behind its stub.
const BEHIND_STUB: &str = "__bpf_entry_";

/// Whether this is the symbol of a function that only a stub calls (`#[traceable]`).
pub(crate) fn is_behind_stub(symbol: &str) -> bool {
    symbol.starts_with(BEHIND_STUB)
}

/// The demangled path of a symbol, without hashes. `#[traceable]` gives the author's function
/// another name; the path has the name in the source.
pub(crate) fn path(symbol: &str) -> String {
    let symbol = symbol.strip_prefix(BEHIND_STUB).unwrap_or(symbol);
    format!("{:#}", rustc_demangle::demangle(symbol)).replacen("::__bpf_traced_", "::", 1)
}

/// A path without the generic arguments of functions.
pub(crate) fn short(path: &str) -> String {
    let mut short = String::new();
    let mut rest = path;
    while let Some((begin, end)) = rest.split_once("::<") {
        short.push_str(begin);
        let mut depth = 1;
        let mut before = ' ';
        let close = end.find(|c| {
            match c {
                '<' => depth += 1,
                '>' if before != '-' => depth -= 1,
                _ => {}
            }
            before = c;
            depth == 0
        });
        rest = close.and_then(|close| end.get(close..)).unwrap_or_default();
        rest = rest.strip_prefix('>').unwrap_or(rest);
    }
    short.push_str(rest);
    short
}

/// The kind of a panic that is in this function, if the function determines the kind.
pub(crate) fn kind_in(function: &str) -> Option<&'static Kind> {
    function
        .contains("core::iter::traits::accum::")
        .then_some(&SUM)
}

/// The kind of panic that a function of the core crate causes.
pub(crate) fn kind(symbol: &str) -> Option<&'static Kind> {
    if crate_name(symbol).as_deref() != Some("core") {
        return None;
    }
    let path = path(symbol);
    KINDS
        .iter()
        .find_map(|(pattern, kind)| matches(pattern, &path).then_some(kind))
}

/// Whether a path matches the pattern, in which `*` matches any text.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Describes a function that is called from outside of its object.
pub(crate) fn entry(symbol: &str) -> String {
    let path = short(&path(symbol));
    if !symbol.starts_with("_R") {
        return match iterator(symbol) {
            Some((name, method)) => format!("`{method}` of iterator `{name}`"),
            None if is_dtor(symbol) => "destructor of references in maps".into(),
            None if symbol.starts_with("bpf_") => format!("kfunc `{symbol}`"),
            None if symbol == "init_module" || symbol.ends_with("_init") => {
                "init of the module".into()
            }
            None if symbol == "cleanup_module" || symbol.ends_with("_exit") => {
                "exit of the module".into()
            }
            None => format!("`{symbol}`"),
        };
    }
    if let Some(function) = path.strip_suffix("::helper") {
        return format!("helper `{function}`");
    }
    if let Some(method) = path
        .strip_prefix("<bpf::struct_ops::slot::Ops<")
        .and_then(|path| path.rsplit_once(">::"))
    {
        return format!("default body of `{}`", method.1);
    }
    if let Some(ty) = path
        .strip_prefix("<bpf::object::Object<")
        .and_then(|path| path.strip_suffix(">>::drop_value"))
    {
        return format!("RCU callback that drops an object of `{ty}`");
    }
    if let Some(ty) = path
        .strip_prefix('<')
        .and_then(|path| path.strip_suffix(" as core::ops::drop::Drop>::drop"))
    {
        return format!("destructor of `{ty}`");
    }
    format!("`{path}`")
}

/// The name of the crate that defines a function; [`None`] for a symbol that is not mangled.
///
/// In a mangled name (v0) it is the first crate: the path of an `impl` comes before its type. The
/// name of a provided method of a trait has a type and then the trait, and the crate is that of the
/// trait. In the legacy mangling, which the core crate of the compiler has, it is the first part.
pub(crate) fn crate_name(symbol: &str) -> Option<String> {
    if let Some(path) = symbol.strip_prefix("_ZN") {
        let digits = path.bytes().take_while(u8::is_ascii_digit).count();
        let (length, name) = path.split_at_checked(digits)?;
        return name.get(..length.parse().ok()?).map(String::from);
    }
    let mut rest = symbol.strip_prefix("_R")?;
    let mut outer = rest;
    loop {
        // Skip generic arguments and nested items, such as closures.
        outer = match outer.as_bytes() {
            [b'I', ..] => outer.get(1..)?,
            [b'N', _, ..] => outer.get(2..)?,
            [b'Y', ..] => {
                let path = path(symbol);
                let (name, _) = trait_path(&path)?.split_once("::")?;
                return Some(name.into());
            }
            _ => break,
        };
    }
    loop {
        // `C`, an optional disambiguator `s<base 62>_`, the length, an optional `_`, the name.
        let begin = rest.find('C')?;
        rest = rest.get(begin.checked_add(1)?..)?;
        let mut name = rest;
        if let Some(disambiguator) = name.strip_prefix('s') {
            match disambiguator.split_once('_') {
                Some((digits, after)) if digits.bytes().all(|c| c.is_ascii_alphanumeric()) => {
                    name = after;
                }
                _ => continue,
            }
        }
        let digits = name.bytes().take_while(u8::is_ascii_digit).count();
        let (length, name) = name.split_at_checked(digits)?;
        let Ok(length) = length.parse() else { continue };
        let name = name.strip_prefix('_').unwrap_or(name);
        return name.get(..length).map(String::from);
    }
}

/// The part of `<type as trait>::method` that begins with the trait.
pub(crate) fn trait_path(path: &str) -> Option<&str> {
    let mut depth = 0;
    let mut before = ' ';
    for (index, c) in path.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            ' ' if depth == 1 => {
                let rest = path.get(index..).and_then(|rest| rest.strip_prefix(" as "));
                if rest.is_some() {
                    return rest;
                }
            }
            _ => {}
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crate_name_is_the_crate_that_defines_the_function() {
        for (symbol, name) in [
            ("_RNvNtNtCs2lKf6AS60Zg_4core5slice6memchr7memrchr", Some("core")),
            (
                "_RNvMs4_NtCsccXijx82W8p_3bpf6objectINtB5_6ObjectNtCs97lCYlNOXNR_8registry7CounterE\
                 4freeBL_",
                Some("bpf"),
            ),
            (
                "_RNvXCs97lCYlNOXNR_8registryNtB2_7CounterNtNtNtCs2lKf6AS60Zg_4core3ops4drop4Drop\
                 4drop",
                Some("registry"),
            ),
            (
                "_RINvYNtCs97lCYlNOXNR_8registry7CounterNtNtNtNtCs2lKf6AS60Zg_4core4iter6traits8iterator\
                 8Iterator5countE",
                Some("core"),
            ),
            ("_RNvC3std4main", Some("std")),
            ("_ZN4core6option13unwrap_failed17hdb37e1c3a19d96e4E", Some("core")),
            ("bpf_counter_open", None),
            ("_RNv", None),
            ("_RC", None),
        ] {
            assert_eq!(crate_name(symbol).as_deref(), name, "{symbol}");
        }
    }

    #[test]
    fn path_of_a_traceable_function_is_the_path_in_the_source() {
        for (symbol, expected) in [
            // The function behind the stub, and the author's body.
            ("__bpf_entry_hello_all", "hello_all"),
            (
                "_RNvCs1_5hello22___bpf_traced_hello_all",
                "hello::hello_all",
            ),
        ] {
            assert_eq!(path(symbol), expected);
        }
    }

    #[test]
    fn short_path_has_no_generic_arguments_of_functions() {
        for (path, expected) in [
            ("a::b", "a::b"),
            ("a::b::<u32, a::c::<u8>>::{closure#0}", "a::b::{closure#0}"),
            (
                "<a::V<u8> as b::C<u8>>::d::<fn() -> u8>",
                "<a::V<u8> as b::C<u8>>::d",
            ),
            ("a::<u8", "a"),
        ] {
            assert_eq!(short(path), expected);
        }
    }

    #[test]
    fn star_in_a_pattern_matches_any_text() {
        for (pattern, path, expected) in [
            ("a::b", "a::b", true),
            ("a::b", "a::bc", false),
            ("a::*", "a::b::c", true),
            ("a::*", "b::a::c", false),
            ("<a<*>>::b", "<a<u8>>::b", true),
            ("<a<*>>::b", "<a<u8>>::c", false),
            ("*::a::b*", "x::y::a::b", true),
            ("*::a::b*", "a::b", false),
            ("*a*b*", "xbxa", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn entry_describes_a_function_called_from_outside() {
        for (symbol, expected) in [
            ("bpf_counter_open", "kfunc `bpf_counter_open`"),
            ("bpf_iter_counter_next", "`next` of iterator `counter`"),
            ("bpf_iter_counter_more", "kfunc `bpf_iter_counter_more`"),
            (
                "bpf_dtor_samples_registry_registry_bpf_counter",
                "destructor of references in maps",
            ),
            ("init_module", "init of the module"),
            ("__registry_exit", "exit of the module"),
            ("memcpy", "`memcpy`"),
            (
                "_RNvMs4_NtCsccXijx82W8p_3bpf6objectINtB5_6ObjectNtCs97lCYlNOXNR_8registry7C\
                 ounterE10drop_valueBL_",
                "RCU callback that drops an object of `registry::Counter`",
            ),
            (
                "_RNvXCs97lCYlNOXNR_8registryNtB2_7CounterNtNtNtCs2lKf6AS60Zg_4core3ops4drop4Drop\
                 4drop",
                "destructor of `registry::Counter`",
            ),
        ] {
            assert_eq!(entry(symbol), expected);
        }
    }

    #[test]
    fn drop_of_a_type_has_the_type() {
        for (path, expected) in [
            ("core::ptr::drop_in_place::<a::B<c::D>>", Some("a::B<c::D>")),
            ("core::ptr::drop_in_place", None),
            ("<a::B as core::ops::drop::Drop>::drop", None),
        ] {
            assert_eq!(dropped(path), expected, "{path}");
        }
    }

    #[test]
    fn spinlocks_guards_and_ktime_get_stop() {
        for (symbol, expected) in [
            ("rust_helper_spin_lock", Some(&SPINLOCK)),
            ("rust_helper_spin_lock_irq_disable", Some(&SPINLOCK)),
            ("_raw_spin_lock_irqsave", Some(&SPINLOCK)),
            ("rust_helper_xa_lock", Some(&SPINLOCK)),
            ("rust_helper_xa_trylock", Some(&GUARD)),
            ("rust_helper_spin_trylock", Some(&GUARD)),
            ("rust_helper_local_interrupt_disable", Some(&GUARD)),
            ("rust_helper_local_interrupt_enable", None),
            ("rust_helper___spin_lock_init", None),
            ("rust_bpf_helper_res_spin_lock", None),
            ("_raw_spin_trylock", Some(&GUARD)),
            ("rust_helper_rcu_read_lock", Some(&RCU)),
            ("rust_bpf_helper_rcu_read_lock", None),
            ("rust_helper_mmap_read_lock", Some(&HELD)),
            ("rust_bpf_helper_lock_vma", None),
            ("mtree_insert_range", Some(&SPINLOCK)),
            ("mtree_load", None),
            ("fget", Some(&FILES)),
            ("ktime_get", Some(&CLOCK)),
            ("rust_helper_ktime_get_real", Some(&CLOCK)),
            (
                "_RNvXNtCsb5MLIFMWygY_6kernel4timeNtB2_9MonotonicNtB2_11ClockSource9ktime_get",
                Some(&CLOCK),
            ),
            ("ktime_get_mono_fast_ns", None),
        ] {
            assert!(stops(symbol) == expected, "{symbol}");
        }
    }

    #[test]
    fn only_panic_functions_of_the_core_crate_have_a_kind() {
        let add = "_RNvNtNtCs2lKf6AS60Zg_4core9panicking11panic_const24panic_const_add_overflow";
        assert_eq!(kind(add).unwrap().what, "an addition can overflow");
        let panic = "_RNvNtCs2lKf6AS60Zg_4core9panicking9panic_fmt";
        assert!(kind(panic).unwrap().what.starts_with("`panic!`"));
        assert_eq!(
            kind("_RNvNtNtCs2lKf6AS60Zg_4core5slice6memchr7memrchr"),
            None
        );
        // A function of another crate with the same path.
        assert_eq!(
            kind("_RNvNtCs97lCYlNOXNR_8registry9panicking9panic_fmt"),
            None
        );
        assert_eq!(kind("bpf_counter_open"), None);
    }
}
