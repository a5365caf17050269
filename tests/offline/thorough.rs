//! How much is explored.

/// Takes the bounds for the level that the environment asks for, or the last ones below it. Level 0 is what `cargo test`
/// explores, in a few minutes; `AUTOCONNECT_THOROUGH=1` is what `.ci/run` explores besides; `AUTOCONNECT_THOROUGH=2` takes hours.
pub fn thoroughly<T, const LEVELS: usize>(by_level: [T; LEVELS]) -> T {
    let level = match std::env::var("AUTOCONNECT_THOROUGH").as_deref() {
        Err(_) | Ok("" | "0") => 0,
        Ok("1") => 1,
        Ok("2") => 2,
        Ok(other) => panic!("AUTOCONNECT_THOROUGH is 0, 1 or 2, and not {other:?}"),
    };
    by_level
        .into_iter()
        .take(level + 1)
        .next_back()
        .expect("bounds for level 0")
}
