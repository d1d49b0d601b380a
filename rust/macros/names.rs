// SPDX-License-Identifier: GPL-2.0

//! Names of symbols and of types in BTF.

/// `QuotaLeft` as `quota_left`, the way C names a struct.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && lower {
            snake.push('_');
        }
        lower = !c.is_ascii_uppercase();
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// A number made of a name (FNV-1a), with an end that no index can continue.
///
/// `resolve_btfids` cuts off what follows the last two underscores of a symbol in `.BTF_ids`; it
/// must be unique in the object.
pub(crate) fn unique(name: &str) -> String {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash}x")
}

/// The path of the module that is being compiled, as part of a symbol. Two of one path, in two
/// trees, have one name as well, and are not loaded together.
pub(crate) fn module() -> String {
    let module = std::env::var("RUST_MODFILE").unwrap_or_default();
    module
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}
