//! A way to the internet, or to AWS services without it: what is missing, and the steps that build it. Pure.
//!
//! Source: docs/internet.md. Whether there is such a way is judged in [`crate::diagnostics::internet`].

mod build;
mod endpoints;
mod range;

pub use build::{Building, connection, draft, draft_for};
pub use range::free_block;

pub use crate::diagnostics::internet::names::is_global_only;
pub use crate::diagnostics::internet::{Answer, Scene, Traveller, Wish, nat_can_lead_out};
use crate::diagnostics::{Check, internet};
use crate::escape::word;

/// Asks everything, and names remedies that will be accepted.
pub fn check(scene: &Scene, wish: &Wish) -> Answer {
    let mut answer = internet::check(scene, wish);
    keep_accepted(scene, wish, &mut answer.checks);
    answer
}

/// Puts what has to be done first in the place of an `internet setup` that would refuse to build.
fn keep_accepted(scene: &Scene, wish: &Wish, checks: &mut [Check]) {
    let Some(traveller) = Traveller::of_function(&scene.function, wish.port) else {
        return;
    };
    let whole = format!("autoconnect internet setup {}", traveller.option);
    let of_service = |service: &String| (format!("{whole} --service {}", word(service)), vec![service.clone()]);
    let mut commands: Vec<(String, Vec<String>)> = wish.services.iter().map(of_service).collect();
    commands.push((whole.clone(), Vec::new()));
    for (command, services) in commands {
        let is_printed = |remedy: &String| remedy.lines().any(|line| line == command);
        if !checks.iter().filter_map(|check| check.remedy.as_ref()).any(is_printed) {
            continue;
        }
        let wish = Wish {
            services,
            ..wish.clone()
        };
        let Err(refusal) = draft(scene, &wish) else { continue };
        for remedy in checks.iter_mut().filter_map(|check| check.remedy.as_mut()) {
            let instead = |line: &str| {
                if line == command {
                    refusal.hint()
                } else {
                    line.to_owned()
                }
            };
            *remedy = remedy.lines().map(instead).collect::<Vec<_>>().join("\n");
        }
    }
}
