//! What ministack, an emulator that shares no code with moto, can judge.

use crate::peer::second_peer;
use crate::shared::{account, scenarios};
use crate::shared_scenarios::run_all;

#[test]
fn each_scenario_ends_the_same() {
    let mut document = account();
    document.msk_clusters.clear();
    for scenario in scenarios() {
        let name = scenario.name;
        let ended = std::panic::catch_unwind(|| run_all(&[scenario], &document, second_peer()));
        if let Err(e) = ended { drop(e); eprintln!("FAILED {name}"); }
    }
    panic!("{}", second_peer().complaints());
}
