//! Bounds of commands, so that one entry's work is bounded.

/// Trades in one chunk.
pub const TRADES_PER_CHUNK_LIMIT: usize = 8_192;
/// Trades that one delivery step tries.
pub const DELIVERY_STEP_LIMIT: u32 = 8_192;
/// Trades that one command tries again or ends.
pub const HELD_TRADES_LIMIT: usize = 1_000;
/// Dates in the list of holidays.
pub const HOLIDAYS_LIMIT: usize = 400;
/// Longest time for top-ups: seven days.
pub const TOPUP_WINDOW_LIMIT_MS: i64 = 7 * 24 * 3_600 * 1_000;
