//! Waiting and eventual consistency: the only place where the program polls.
//!
//! Behind this module's small interface is the `backoff` crate, which is no longer maintained
//! (deny.toml says so): to change it is to change this file.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use tokio::time::Instant;

use crate::cloud::Pace;

/// The pauses between looks: growing, jittered, and bounded by the run's deadline.
#[derive(Debug)]
pub struct Pauses {
    backoff: ExponentialBackoff,
    deadline: Instant,
    longest: Duration,
}

impl Pauses {
    /// Pauses at this pace until the deadline.
    pub fn until(deadline: Instant, pace: Pace) -> Self {
        let backoff = ExponentialBackoff {
            current_interval: pace.first,
            initial_interval: pace.first,
            randomization_factor: 0.3,
            multiplier: 1.5,
            max_interval: pace.longest,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Self {
            backoff,
            deadline,
            longest: pace.longest,
        }
    }

    /// Pauses once. False at the deadline, when there is no sense in looking again.
    pub async fn pause(&mut self) -> bool {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let next = self.backoff.next_backoff().unwrap_or(self.longest).min(self.longest);
        tokio::time::sleep(next.min(left)).await;
        true
    }
}

/// A time of a tenth more or less, so that many schedules do not all ask at once.
pub fn jittered(time: Duration) -> Duration {
    // The standard library draws the keys of its hash tables at random, and hands them out.
    let random = RandomState::new().hash_one(0_u8);
    #[expect(clippy::cast_precision_loss, reason = "of a random number the first digits do")]
    let share = random as f64 / u64::MAX as f64;
    time.mul_f64(0.9 + 0.2 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(10),
    };

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_end_at_the_deadline() {
        let start = Instant::now();
        let mut pauses = Pauses::until(start + Duration::from_mins(1), PACE);
        let mut count = 0;
        while pauses.pause().await {
            count += 1;
        }
        let elapsed = start.elapsed();
        assert!((6..30).contains(&count), "{count} pauses");
        // The timer's resolution is a millisecond.
        assert!(
            elapsed >= Duration::from_mins(1) && elapsed < Duration::from_millis(60_100),
            "{elapsed:?}"
        );
    }

    #[test]
    fn jitter_is_a_tenth() {
        let times: Vec<Duration> = (0..100).map(|_| jittered(Duration::from_secs(100))).collect();
        assert!(
            times.iter().all(|time| (90.0..=110.0).contains(&time.as_secs_f64())),
            "{times:?}"
        );
        assert!(times.iter().max() > times.iter().min());
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_no_pause_after_the_deadline() {
        let mut pauses = Pauses::until(Instant::now(), PACE);
        assert!(!pauses.pause().await);
    }
}
