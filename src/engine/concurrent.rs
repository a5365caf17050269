//! Runs many futures concurrently, up to a limit.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Runs all futures, at most `limit` of them at a time. Their results are in the futures' order.
pub async fn bounded<F: Future>(limit: usize, futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut waiting = futures.into_iter().enumerate();
    let mut running: Vec<(usize, Pin<Box<F>>)> = Vec::new();
    let mut results: Vec<(usize, F::Output)> = Vec::new();
    poll_fn(|context| {
        loop {
            while running.len() < limit.max(1)
                && let Some((place, future)) = waiting.next()
            {
                running.push((place, Box::pin(future)));
            }
            let before = results.len();
            running.retain_mut(|(place, future)| match future.as_mut().poll(context) {
                Poll::Ready(result) => {
                    results.push((*place, result));
                    false
                }
                Poll::Pending => true,
            });
            match (running.is_empty(), results.len() > before) {
                (true, false) => return Poll::Ready(()),
                (false, false) => return Poll::Pending,
                // There is room for the next ones.
                (_, true) => {}
            }
        }
    })
    .await;
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::bounded;

    #[tokio::test(start_paused = true)]
    async fn results_keep_their_order_and_the_limit_holds() {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let one = |n: u64| {
            let (running, most) = (&running, &most);
            async move {
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                tokio::time::sleep(Duration::from_secs(20 - n)).await;
                running.set(running.get() - 1);
                n
            }
        };
        let results = bounded(4, (0..20).map(one)).await;
        assert_eq!(results, (0..20).collect::<Vec<_>>());
        assert_eq!(most.get(), 4);
        assert!(bounded(4, Vec::<std::future::Ready<()>>::new()).await.is_empty());
    }
}
